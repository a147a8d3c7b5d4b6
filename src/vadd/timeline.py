"""Time as a type: exact seconds, spans, and the one-second grid that both streams are laid on.

Times are :class:`fractions.Fraction` seconds of presentation time, counted from the earlier start of
the two streams in use, so that second ``i`` of the picture and second ``i`` of the sound are what a
viewer sees and hears together.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Span", "grid", "grid_length"]

#: A last, partial second is a second of its own from this length on (design: the one-second grid).
MIN_TAIL = Fraction(1, 2)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open interval ``[start, end)`` of presentation time.

    Args:
        start: Seconds, at least 0.
        end: Seconds, greater than ``start``.

    Raises:
        ValueError: If the interval is empty, reversed or starts before 0.
    """

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if self.start < 0 or self.end <= self.start:
            raise ValueError(f"not a span: [{self.start}, {self.end})")

    @property
    def duration(self) -> Fraction:
        """Length in seconds, greater than 0."""
        return self.end - self.start

    def intersection(self, other: Span) -> Span | None:
        """The part that both spans cover, or ``None`` when they do not overlap."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{clock(self.start)}-{clock(self.end)}"


def clock(time: Fraction) -> str:
    """A time for people: ``m:ss``, ``h:mm:ss`` from an hour on, with tenths only where they matter."""
    tenths = round(time * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{text}.{tenth}" if tenth else text


def grid_length(duration: Fraction) -> int:
    """How many grid seconds a stretch of ``duration`` seconds has.

    A last, partial second counts from 0.5 s on; anything longer than nothing has at least one.
    """
    if duration <= 0:
        return 0
    whole = duration.numerator // duration.denominator
    return max(1, whole + (1 if duration - whole >= MIN_TAIL else 0))


def grid(duration: Fraction) -> tuple[Span, ...]:
    """The one-second spans of a clip of ``duration`` seconds; the last may be shorter or longer.

    A tail under half a second belongs to the last full second's span.
    """
    n = grid_length(duration)
    return tuple(Span(Fraction(i), Fraction(i + 1) if i + 1 < n else duration) for i in range(n))
