"""Seconds gathered into at most so many columns, so that a clip and an hour are equally readable."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vadd.detect.verdict import Concept, Reason, SecondFinding
from vadd.media.levels import SILENCE
from vadd.timeline import Span

__all__ = ["Column", "MuteRun", "columns", "gather", "mute_runs", "speaks", "step_for"]

#: Widths that people count time in.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Column:
    """One or more consecutive seconds.

    Attributes:
        span: From the start of the first to the end of the last second.
        score: Weighted mean score of the seconds that say something, 0-1; ``None`` if none does.
        peak: Highest score of a second that says something, 0-1; ``None`` if none does.
        mute: The commonest reason for saying nothing if every second is mute, else ``None``.
        picture: Mean picture concepts, most probable first.
        sound: Mean sound concepts, most probable first.
        level: RMS of the sound in dBFS; ``None`` without sound or for digital silence.
    """

    span: Span
    score: float | None
    peak: float | None
    mute: Reason | None
    picture: tuple[Concept, ...]
    sound: tuple[Concept, ...]
    level: float | None


@dataclass(frozen=True, slots=True)
class MuteRun:
    """Consecutive seconds that say nothing for the same reason."""

    span: Span
    reason: Reason


def step_for(seconds: int, limit: int) -> int:
    """The smallest usual step, in seconds, that lays ``seconds`` out in at most ``limit`` columns."""
    for step in _STEPS:
        if math.ceil(seconds / step) <= limit:
            return step
    return math.ceil(seconds / limit)


def columns(seconds: Sequence[SecondFinding], limit: int) -> tuple[Column, ...]:
    """Gather seconds into at most ``limit`` columns of equal numbers of seconds.

    Args:
        seconds: One finding a second, in order.
        limit: Most columns, at least 1.

    Returns:
        The columns in order; the last may hold fewer seconds.
    """
    step = step_for(len(seconds), limit)
    return tuple(gather(seconds[i : i + step]) for i in range(0, len(seconds), step))


def mute_runs(seconds: Sequence[SecondFinding]) -> tuple[MuteRun, ...]:
    """The stretches that say nothing, with the reason of each, in order."""
    runs: list[MuteRun] = []
    for second in seconds:
        if second.mute is None:
            continue
        last = runs[-1] if runs else None
        if last and last.reason is second.mute and last.span.end == second.span.start:
            runs[-1] = MuteRun(Span(last.span.start, second.span.end), last.reason)
        else:
            runs.append(MuteRun(second.span, second.mute))
    return tuple(runs)


def speaks(second: SecondFinding) -> bool:
    """Whether a second says something and so counts."""
    return second.mute is None and second.score is not None and second.weight > 0


def gather(group: Sequence[SecondFinding]) -> Column:
    """Consecutive seconds, at least one, as one column."""
    speaking = [(s.score, s.weight) for s in group if s.score is not None and speaks(s)]
    mutes = Counter(s.mute for s in group if s.mute is not None)
    all_mute = mutes.total() == len(group)
    return Column(
        span=Span(group[0].span.start, group[-1].span.end),
        score=sum(s * w for s, w in speaking) / sum(w for _, w in speaking) if speaking else None,
        peak=max((s for s, _ in speaking), default=None),
        mute=mutes.most_common(1)[0][0] if all_mute else None,
        picture=_mean(s.picture for s in group),
        sound=_mean(s.sound for s in group),
        level=_level(s.level for s in group),
    )


def _mean(lists: Iterable[tuple[Concept, ...]]) -> tuple[Concept, ...]:
    """Mean probability of each concept over the seconds that have any concepts at all."""
    sums: defaultdict[str, float] = defaultdict(float)
    count = 0
    for concepts in lists:
        count += bool(concepts)
        for concept in concepts:
            sums[concept.name] += concept.probability
    means = (Concept(name, total / count) for name, total in sums.items())
    return tuple(sorted(means, key=lambda c: (-c.probability, c.name)))


def _level(levels: Iterable[float | None]) -> float | None:
    """The RMS level of several seconds together: powers are averaged, not decibels."""
    known = [level for level in levels if level is not None]
    if all(level <= SILENCE for level in known):
        return None
    return 10 * math.log10(sum(10 ** (level / 10) for level in known) / len(known))
