"""Splices that keep off joins, and whose sound they get: trials made of joined clips.

Each joined clip is shown twice: as it is, and with one foreign sound in one span or more. A span neither
begins nor ends near a join, where both streams change anyway; it may cover joins or lie within a piece. The
foreign sound is of no class, kind and place that occurs in the joined clip.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vadd.errors import UsageError
from vadd.protocol.join import Joined, Stock, lot, number
from vadd.protocol.manifest import Entry, Party, entry
from vadd.timeline import Span

__all__ = ["Apart", "Spliced", "foreign", "spans_of", "spliced"]

#: Drawn spans begin and end at multiples of this; seconds.
_STEP = Fraction(1, 100)
#: What the manifest calls the class of a joined clip: it has several.
LABEL = "joined"


@dataclass(frozen=True, slots=True)
class Apart:
    """How splices lie in joined clips.

    Attributes:
        fewest: Spans of a clip, at least 1.
        most_spans: Spans of a clip, where there is room.
        least: Seconds of a span.
        most: Seconds of a span.
        away: Seconds between an edge of a span and a join, an end of the clip, or another span, at least.

    Raises:
        UsageError: If they make no sense.
    """

    fewest: int = 1
    most_spans: int = 2
    least: Fraction = Fraction(4)
    most: Fraction = Fraction(15)
    away: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not 1 <= self.fewest <= self.most_spans <= 100:
            raise UsageError(f"a clip is not spliced {self.fewest} to {self.most_spans} times")
        if not 1 <= self.least <= self.most:
            raise UsageError(
                f"a foreign span lasts 1 s at least: not {float(self.least):g} to {float(self.most):g}"
            )
        if self.away <= 0:
            raise UsageError(f"a splice {float(self.away):g} s away from a join does not keep off it")


@dataclass(frozen=True, slots=True)
class Spliced:
    """The trials of joined clips.

    Attributes:
        entries: Two for each clip that could be spliced.
        without_room: Names of those in which no span keeps off the joins.
        without_donor: Names of those that no sound is foreign to.
    """

    entries: tuple[Entry, ...]
    without_room: tuple[str, ...]
    without_donor: tuple[str, ...]


def spliced(
    clips: Sequence[Joined], donors: Sequence[Stock], seed: int, apart: Apart,
    near: Collection[frozenset[str]] = (),
) -> Spliced:  # fmt: skip
    """Make the trials.

    Args:
        clips: The joined clips.
        donors: Whose sounds may be lent; each is lent about as often as the others.
        seed: Of everything that is drawn.
        apart: How the splices lie.
        near: Pairs of classes, or kinds, of which neither is foreign to the other.
    """
    lent: Counter[str] = Counter()
    of_label: Counter[str] = Counter()
    entries: list[Entry] = []
    without_room, without_donor = [], []
    for clip in sorted(clips, key=lambda clip: lot(seed, "splice", clip.name)):
        spans = spans_of(clip, seed, apart)
        if not spans:
            without_room.append(clip.name)
            continue
        fitting = [donor for donor in donors if foreign(donor, clip, near)]
        if not fitting:
            without_donor.append(clip.name)
            continue
        drawn = {each.name: lot(seed, f"donor {clip.name}", each.name) for each in fitting}
        donor = min(fitting, key=lambda each: (lent[each.name], of_label[each.label], drawn[each.name]))
        lent[donor.name] += 1
        of_label[donor.label] += 1
        picture = Party(clip.name, LABEL, LABEL, "", clip.name)
        sound = Party(donor.name, donor.label, donor.kind, donor.city, donor.location)
        entries.append(entry(picture, picture, seed, manipulated=False))
        entries.append(entry(picture, sound, seed, manipulated=True, spans=spans))
    return Spliced(tuple(entries), tuple(sorted(without_room)), tuple(sorted(without_donor)))


def foreign(donor: Stock, clip: Joined, near: Collection[frozenset[str]] = ()) -> bool:
    """Whether a sound is of no class, kind or place of a joined clip's pieces, and near to none of them."""
    for piece in clip.pieces:
        source = piece.source
        if donor.name == source.name or donor.place == source.place:
            return False
        for one in {donor.label, donor.kind}:
            for other in {source.label, source.kind}:
                if one == other or frozenset((one, other)) in near:
                    return False
    return True


def spans_of(clip: Joined, seed: int, apart: Apart) -> tuple[Span, ...]:
    """Where the foreign sound is heard in a clip; empty if there is room for no span.

    How many spans there are is drawn first, then the length of each, then its place among all at which it
    keeps off the joins, the ends and the other spans; of a length without any the next shorter is tried. At
    most half of a clip is foreign.
    """
    count = apart.fewest + number(seed, f"count {clip.name}", apart.most_spans - apart.fewest)
    edges = _edges(clip, apart.away)
    found: list[Span] = []
    for at in range(count):
        taken = sum((span.duration for span in found), Fraction(0))
        most = min(apart.most, clip.seconds / 2 - taken)
        span = _placed(edges, found, apart, most, seed, f"{clip.name} {at}")
        if span is None:
            break
        found.append(span)
    return tuple(sorted(found)) if len(found) >= apart.fewest else ()


def _edges(clip: Joined, away: Fraction) -> NDArray[np.bool_]:
    """At which multiples of the step a span may begin or end: no nearer to a join or an end than ``away``."""
    edges = np.ones(int(clip.seconds / _STEP) + 1, np.bool_)
    for time in (Fraction(0), *clip.joins, clip.seconds):
        # Exactly as far away as is asked for is allowed.
        first, last = math.floor((time - away) / _STEP) + 1, math.ceil((time + away) / _STEP)
        edges[max(0, first) : last] = False
    return edges


def _placed(
    edges: NDArray[np.bool_], found: Sequence[Span], apart: Apart, most: Fraction, seed: int, what: str
) -> Span | None:
    """A span that is drawn, or ``None`` if none fits."""
    steps = math.floor((most - apart.least) / _STEP)
    if steps < 0:
        return None
    drawn = number(seed, f"length {what}", steps)
    # The lengths below the drawn one, and then those above: a clip with room for any span gets one.
    for more in [*range(drawn, -1, -1), *range(drawn + 1, steps + 1)]:
        size = math.ceil(apart.least / _STEP) + more
        if size >= len(edges):
            continue
        free = edges[:-size] & edges[size:]
        for span in found:
            first = math.floor((span.start - apart.away) / _STEP) - size + 1
            free[max(0, first) : math.ceil((span.end + apart.away) / _STEP)] = False
        starts = np.flatnonzero(free)
        if len(starts):
            start = int(starts[number(seed, f"start {what}", len(starts) - 1)])
            return Span(start * _STEP, (start + size) * _STEP)
    return None
