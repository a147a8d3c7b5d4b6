"""The lanes of the page's figure: marks on one common time axis, placed in percent of its width.

Percentages (and heights in pixels) let the figure fit a phone and a printed page without a script and
without text that shrinks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vadd.detect.verdict import Concept, Exhibit, SpanFinding, Verdict
from vadd.report.columns import Column, mute_runs
from vadd.report.image import jpeg_uri, spectrogram_uri
from vadd.report.text import printable
from vadd.report.words import contribution, short_reason, telling
from vadd.timeline import Span, clock

__all__ = [
    "Axis",
    "Bar",
    "Cell",
    "Mark",
    "Picture",
    "Row",
    "Weight",
    "bars",
    "cuts",
    "flags",
    "mutes",
    "rows",
    "spectrogram",
    "strip",
    "weights",
]

#: Most thumbnails side by side: with more, nothing is recognised in them.
MAX_THUMBNAILS = 12
MAX_ROWS = 6
#: A span of seconds in an hour would be thinner than a hair; it is drawn at least this wide (percent).
_MIN_WIDTH = 0.5
#: Cuts nearer to each other than this (percent of the axis) are drawn as one, and more than so many not at
#: all: they would be one grey band.
_CUT_GAP, _MAX_CUTS = 0.25, 120
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the axis: left edge and width in percent, and what to say of it."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar(Mark):
    """A column of the score track: mean and peak score 0-1, and whether the mean is over the threshold."""

    mean: float
    peak: float
    over: bool


@dataclass(frozen=True, slots=True)
class Picture(Mark):
    """A picture as a ``data:`` address; ``text`` is what to read instead of it."""

    uri: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a heat row: left edge and width in percent, strength 0-1."""

    x: float
    width: float
    strength: float


@dataclass(frozen=True, slots=True)
class Row:
    """A concept over time, with its mean share 0-1 over the clip."""

    name: str
    share: float
    cells: tuple[Cell, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Weight:
    """A contribution as a bar to either side of the middle.

    Attributes:
        name: The concept and its side.
        text: The effect, with its sign.
        against: Whether it speaks against a common origin.
        x: Left edge in percent.
        width: In percent, at most 50.
    """

    name: str
    text: str
    against: bool
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Axis:
    """The common axis from 0 to ``duration`` (more than 0)."""

    duration: Fraction

    def at(self, time: Fraction) -> float:
        """A time as percent of the width."""
        return round(float(min(time, self.duration) / self.duration) * 100, 3)

    def extent(self, span: Span) -> tuple[float, float]:
        """Left edge and width of a span in percent."""
        left = self.at(span.start)
        return left, round(self.at(span.end) - left, 3)

    def ticks(self, limit: int = 8) -> tuple[tuple[float, str], ...]:
        """Round times with their places; at most ``limit`` and one more for the start."""
        step = next((s for s in _TICKS if self.duration / s <= limit), math.ceil(self.duration / limit))
        times = (Fraction(i * step) for i in range(int(self.duration / step) + 1))
        # A label at the right edge would be cut off.
        return tuple((self.at(t), clock(t)) for t in times if t == 0 or self.at(t) <= 97)


def bars(columns: Sequence[Column], axis: Axis, threshold: float | None) -> tuple[Bar, ...]:
    """The score track; columns without a score are left out."""
    found = []
    for column in columns:
        if column.score is None or column.peak is None:
            continue
        over = threshold is not None and column.score >= threshold
        text = f"{column.span}: score {column.score:.2f}"
        found.append(Bar(*axis.extent(column.span), text, column.score, column.peak, over))
    return tuple(found)


def flags(verdict: Verdict, axis: Axis) -> tuple[Mark, ...]:
    """The flagged spans."""
    marks = []
    for found in verdict.spans:
        x, width = axis.extent(found.span)
        width = max(width, _MIN_WIDTH)
        marks.append(Mark(min(x, 100 - width), width, f"{found.span} does not fit"))
    return tuple(marks)


def cuts(verdict: Verdict, axis: Axis) -> tuple[float, ...]:
    """Where one shot ends and the next begins, in percent; nothing if there are too many to be told apart."""
    places: list[float] = []
    for shot in verdict.shots[1:]:
        place = axis.at(shot.span.start)
        if not places or place - places[-1] >= _CUT_GAP:
            places.append(place)
    return tuple(places) if len(places) <= _MAX_CUTS else ()


def weights(found: SpanFinding) -> tuple[Weight, ...]:
    """The contributions of a stretch, the greatest of them half as wide as the lane."""
    told = telling(found)
    greatest = max((abs(each.effect) for each in told), default=1.0)
    bars = []
    for each in told:
        width = round(50 * abs(each.effect) / greatest, 2)
        against = each.effect > 0
        x = 50.0 if against else round(50 - width, 2)
        bars.append(Weight(contribution(each), f"{each.effect:+.2f}", against, x, width))
    return tuple(bars)


def mutes(verdict: Verdict, axis: Axis) -> tuple[Mark, ...]:
    """The stretches that say nothing, and why."""
    return tuple(
        Mark(*axis.extent(run.span), f"{run.span}: {short_reason(run.reason)}")
        for run in mute_runs(verdict.seconds)
    )


def rows(columns: Sequence[Column], sides: Sequence[tuple[Concept, ...]], axis: Axis) -> tuple[Row, ...]:
    """The strongest concepts of one side, a heat row each.

    Args:
        columns: The columns, for their spans.
        sides: That side's concepts of each column.
        axis: The common axis.

    Returns:
        At most :data:`MAX_ROWS`, strongest over the whole clip first. A concept that leads a column takes
        precedence over one that never does, so that a short change of scene is not averaged away.
    """
    shares = [{c.name: c.probability for c in concepts} for concepts in sides]
    totals: dict[str, float] = {}
    for column, share in zip(columns, shares, strict=True):
        for name, value in share.items():
            totals[name] = totals.get(name, 0.0) + value * float(column.span.duration / axis.duration)
    leaders = {concepts[0].name for concepts in sides if concepts}
    kept = sorted(totals, key=lambda n: (n not in leaders, -totals[n], n))[:MAX_ROWS]
    found = []
    for name in sorted(kept, key=lambda n: (-totals[n], n)):
        cells = tuple(
            Cell(*axis.extent(column.span), round(min(1.0, share[name]), 3))
            for column, share in zip(columns, shares, strict=True)
            if share.get(name, 0) >= 0.02
        )
        peak = max(range(len(shares)), key=lambda i: shares[i].get(name, 0.0))
        text = f"{printable(name)}, strongest at {columns[peak].span}"
        found.append(Row(printable(name), totals[name], cells, text))
    return tuple(found)


def strip(exhibit: Exhibit, axis: Axis) -> tuple[Picture, ...]:
    """Thumbnails in equal slots of the axis, each the one nearest to its slot's middle."""
    shots = exhibit.thumbnails
    count = min(MAX_THUMBNAILS, len(shots))
    found = []
    for i in range(count):
        middle = axis.duration * (2 * i + 1) / (2 * count)
        time, data = min(shots, key=lambda shot: (abs(shot[0] - middle), shot[0]))
        x = round(100 * i / count, 3)
        found.append(Picture(x, round(100 / count, 3), f"Frame at {clock(time)}", jpeg_uri(data)))
    return tuple(found)


def spectrogram(exhibit: Exhibit, axis: Axis) -> Picture | None:
    """The spectrogram where it belongs on the axis, cut at the axis' end; ``None`` if there is none."""
    energies = exhibit.spectrogram
    if energies is None:
        return None
    fitting = energies[: math.ceil(float(axis.duration) * exhibit.columns_per_second)]
    if 0 in fitting.shape:
        return None
    width = 100 * len(fitting) / exhibit.columns_per_second / float(axis.duration)
    text = "Spectrogram of the sound, low pitch at the bottom, louder is brighter"
    return Picture(0.0, round(min(100.0, width), 3), text, spectrogram_uri(fitting))
