"""A long video minute by minute."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction

from vadd.detect.verdict import Verdict
from vadd.report.columns import Column, gather, speaks, step_for
from vadd.report.words import NAMED

__all__ = ["LONG", "Minute", "minutes", "minutes_for"]

#: Seconds from which on an overview says more than the seconds themselves.
LONG = 180

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute, or several that are told as one.

    Attributes:
        column: What was found in its seconds, with no more concepts than are named.
        speaking: Share of its seconds that say something, 0-1.
        flagged: Seconds of it that lie in flagged spans.
    """

    column: Column
    speaking: float
    flagged: Fraction


def minutes(verdict: Verdict, step: int = 1) -> tuple[Minute, ...]:
    """The seconds of a verdict gathered by minute.

    Args:
        verdict: Any verdict; one without seconds has no minutes.
        step: How many minutes to tell as one, at least 1.

    Returns:
        In order, counted from 0; the last may be shorter.
    """
    seconds = verdict.seconds
    width = step * _MINUTE
    count = math.ceil(len(seconds) / width)
    flagged: defaultdict[int, Fraction] = defaultdict(Fraction)
    for found in verdict.spans:
        # A last second may be longer than one: what reaches beyond its minute still counts to it.
        for at in range(int(found.span.start // width), min(count, int(found.span.end // width) + 1)):
            end = found.span.end if at == count - 1 else min(found.span.end, Fraction((at + 1) * width))
            flagged[at] += max(Fraction(0), end - max(found.span.start, Fraction(at * width)))
    result = []
    for at, first in enumerate(range(0, len(seconds), width)):  # the grid's seconds start at whole seconds
        group = seconds[first : first + width]
        column = gather(group)
        result.append(
            Minute(
                replace(column, picture=column.picture[:NAMED], sound=column.sound[:NAMED]),
                sum(map(speaks, group)) / len(group),
                flagged[at],
            )
        )
    return tuple(result)


def minutes_for(verdict: Verdict, limit: int) -> tuple[int, tuple[Minute, ...]]:
    """An overview of at most ``limit`` rows, and how many minutes each of them is."""
    step = step_for(math.ceil(len(verdict.seconds) / _MINUTE), limit)
    return step, minutes(verdict, step)
