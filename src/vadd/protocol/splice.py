"""Where in a clip the foreign sound is heard, when it is not everywhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.manifest import read_spans
from vadd.timeline import Span

__all__ = ["SHORTEST", "Splice"]

#: No foreign span is shorter, and at least as much of the clip keeps its own sound; seconds.
SHORTEST = Fraction(1)
#: Own sound between two spans that are drawn, at least; seconds.
_BETWEEN = Fraction(1, 2)
#: Drawn spans begin and end at multiples of this; seconds.
_STEP = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Splice:
    """What becomes foreign: a number of spans drawn for each trial, or the same spans in all.

    Attributes:
        seconds: Length of the clips, above 0.
        count: How many spans are drawn; 0: ``spans`` are given.
        spans: In order and apart.
    """

    seconds: Fraction
    count: int = 0
    spans: tuple[Span, ...] = ()

    @classmethod
    def parse(cls, text: str, seconds: Fraction) -> Splice:
        """Read ``2``, a number of spans, or ``2-5;7-9``, spans in seconds.

        Args:
            text: As the user wrote it.
            seconds: Length of the clips.

        Raises:
            UsageError: If it is neither, or does not fit into clips of this length.
        """
        room = f"clips of {float(seconds):g} s"
        if text.isascii() and text.isdecimal():
            count = int(text) if len(text) < 6 else 10**6
            if not count:
                raise UsageError("a splice has one span at least")
            if _slack(count, seconds) < 0:
                raise UsageError(
                    f"{room} have no room for {count} spans of {SHORTEST} s, and {SHORTEST} s of their own"
                )
            return cls(seconds, count)
        try:
            spans = read_spans(text, "the splice")
        except ProtocolError as error:
            raise UsageError(str(error)) from error
        if not spans:
            raise UsageError("a splice has one span at least")
        for span in spans:
            if span.duration < SHORTEST:
                raise UsageError(f"a foreign span lasts {SHORTEST} s at least, not {float(span.duration):g}")
        if spans[-1].end > seconds:
            raise UsageError(f"{room} have no second {float(spans[-1].end):g}")
        if sum((span.duration for span in spans), Fraction(0)) > seconds - SHORTEST:
            raise UsageError(f"{room} of which less than {SHORTEST} s keeps its sound are not spliced")
        return cls(seconds, spans=spans)

    def draw(self, seed: int, name: str) -> tuple[Span, ...]:
        """The spans of one trial.

        How much of the clip is foreign is uniform between what it must and what it may be; it is cut at
        random into the spans, and the rest into what lies between them.

        Args:
            seed: Of the draw.
            name: What belongs to the trial alone.
        """
        if not self.count:
            return self.spans
        slack = int(_slack(self.count, self.seconds) / _STEP)
        foreign = _number(seed, f"{name}\nforeign", slack)
        reserve = max(Fraction(0), SHORTEST - (self.count - 1) * _BETWEEN)
        start = _STEP * _number(seed, f"{name}\nbefore", int(reserve / _STEP))
        more = self._parts(seed, f"{name}\nspans", foreign, self.count)
        own = self._parts(seed, f"{name}\nbetween", slack - foreign, self.count + 1)
        spans = []
        for at in range(self.count):
            start += _STEP * own[at] + (_BETWEEN if at else 0)
            spans.append(Span(start, start + SHORTEST + _STEP * more[at]))
            start = spans[-1].end
        return tuple(spans)

    @staticmethod
    def _parts(seed: int, what: str, whole: int, count: int) -> list[int]:
        """A whole number cut at random into so many, which may be 0."""
        cuts = sorted(_number(seed, f"{what} {at}", whole) for at in range(count - 1))
        return [cut - last for last, cut in pairwise([0, *cuts, whole])]


def _slack(count: int, seconds: Fraction) -> Fraction:
    """What is left of a clip when the shortest lengths of ``count`` spans are taken off; below 0: no room."""
    return seconds - count * SHORTEST - max(SHORTEST, (count - 1) * _BETWEEN)


def _number(seed: int, what: str, most: int) -> int:
    """A whole number from 0 to ``most``."""
    digest = hashlib.sha256(f"{seed}\nsplice\n{what}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % (most + 1)
