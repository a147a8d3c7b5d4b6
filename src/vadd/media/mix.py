"""The sound of a clip to be written: one level and peak for all, as long as the picture, foreign in spans.

Everything here is done to every sound, a clip's own too, so that having been through it tells nothing.
Sound is read again each time it is needed, to learn how loud it is and to be written, so that memory stays
flat.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.info import AudioStream, MediaInfo
from vadd.media.limits import Limits
from vadd.media.loudness import CEILING, STRETCH, Histogram, make_up, shaped
from vadd.media.mux import RATE
from vadd.media.sound import SoundReader
from vadd.timeline import Span

__all__ = ["FADE", "MOST_GAIN", "NEAR", "Mix", "Source"]

#: dB that a recording is made louder or quieter at most: beyond that there is nothing but its noise.
MOST_GAIN = 40.0
#: Seconds of a crossfade, within the span.
FADE = Fraction(1, 50)
#: Seconds of its end that a sound too short is continued from.
_TAIL = 30
#: Share of the picture's length that a sound must have.
_ENOUGH = Fraction(1, 2)
#: Times that the ceiling is moved at most, for what a codec adds.
_MOST_AIM = 2.0
#: Decibels from the ceiling that a peak may be off.
NEAR = 0.1
_BLOCK = 16_384  # samples, about a third of a second

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """A sound in its file.

    Attributes:
        path: The file.
        stream: Its audio stream.
        zero: Presentation time at which the picture of that file begins, or else the sound, seconds.
    """

    path: Path
    stream: AudioStream
    zero: Fraction

    @classmethod
    def of(cls, path: Path, info: MediaInfo) -> Source:
        """The sound of a file that was probed.

        Raises:
            MediaError: ``unreadable`` if it has none.
        """
        if info.audio is None:
            raise MediaError("unreadable", f"{path.name}: there is no sound in it")
        return cls(path, info.audio, (info.video or info.audio).start)


class Mix:
    """The sound of one clip.

    Args:
        sound: What is heard, all of the time or in ``spans``.
        own: What is heard outside of them; ``None`` without spans.
        spans: In order and apart; empty: everywhere.
        length: Seconds of the picture.
        limits: Bounds on the files.
        progress: Called with the seconds of a sound that were measured.

    Attributes:
        total: Samples at :data:`vadd.media.mux.RATE`.
        level: dBFS of the RMS of what comes out; lower than all others where a sound is too quiet.
        filled: Seconds at the end that a sound lacked and that were made from what is before.

    Raises:
        MediaError: If a sound cannot be read, or is much too short.
    """

    def __init__(
        self,
        sound: Source,
        own: Source | None,
        spans: Sequence[Span],
        length: Fraction,
        limits: Limits,
        progress: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.total = max(1, round(length * RATE))
        self._weight = _Weight(spans, self.total) if own is not None else None
        self._sources = [sound] if own is None else [sound, own]
        self._limits, self._progress = limits, progress
        self.filled = 0.0
        heard = Histogram()
        self._gains = []
        for at, source in enumerate(self._sources):
            whole, part = self._measured(source, foreign=at == 0)
            # As loud as each would be in a clip of its own, where the curve bends it as well.
            gain = make_up(whole, -MOST_GAIN, MOST_GAIN) if whole.peak > 0 else 0.0
            self._gains.append(gain)
            heard.merge(part, gain)
        self._heard = heard
        self._tried: list[tuple[float, float]] = []  # how far off in dB, and the ceiling
        self._settle(CEILING)

    def aim(self, peak: float) -> bool:
        """Correct the height of the largest sample, once it is known what became of it.

        A codec adds to a peak, and to a flat one more: up to some decibels, which again tells recordings
        apart.

        Args:
            peak: Largest sample that a player gets of what this gave.

        Returns:
            Whether it is worth to look again.
        """
        wanted = min(CEILING, STRETCH * self._peak)
        if not peak > 0 < wanted:
            return False
        off = 20 * math.log10(peak / wanted)
        self._tried.append((abs(off), self._ceiling))
        ceiling = self._ceiling * wanted / peak
        self._settle(min(max(ceiling, CEILING / _MOST_AIM), CEILING * _MOST_AIM))
        return abs(off) > NEAR

    def keep(self) -> None:
        """Go back to what came nearest of all that was aimed: a codec need not follow in small steps."""
        if self._tried:
            self._settle(min(self._tried)[1])

    def _settle(self, ceiling: float) -> None:
        """Find the gain that brings what is heard to the level, with its peak at ``ceiling``."""
        self._ceiling = ceiling
        self._more = make_up(self._heard, -MOST_GAIN, MOST_GAIN - max(self._gains), self._ceiling)
        self.level = self._heard.level(self._more, self._ceiling)
        self._peak = self._heard.peak * 10 ** (self._more / 20)

    def __iter__(self) -> Iterator[Block]:
        parts = [_Reading(source, self.total, self._limits) for source in self._sources]
        factors = [np.float32(10 ** ((gain + self._more) / 20)) for gain in self._gains]
        position = 0
        for blocks in zip(*map(_even, parts), strict=True):
            mixed = blocks[0] * factors[0]
            if self._weight is not None:
                angle = self._weight(position, len(mixed))
                # Two sounds that know nothing of each other keep their power through a crossfade of sine
                # and cosine: no dip says where it is.
                mixed = np.sin(angle) * mixed + np.cos(angle) * (blocks[1] * factors[1])
            position += len(mixed)
            yield shaped(mixed, self._peak, self._ceiling).astype(np.float32, copy=False)

    def _measured(self, source: Source, *, foreign: bool) -> tuple[Histogram, Histogram]:
        """How loud a source is, and how loud the part of it that will be heard."""
        reading = _Reading(source, self.total, self._limits)
        whole = Histogram()
        part = whole if self._weight is None else Histogram()
        position = 0
        for block in reading:
            whole.add(block)
            if self._weight is not None:
                angle = self._weight(position, len(block))
                part.add(block, np.square(np.sin(angle) if foreign else np.cos(angle)))
            position += len(block)
            self._progress(position / RATE)
        self.filled = max(self.filled, reading.filled / RATE)
        return whole, part


class _Reading:
    """Iterates over exactly ``total`` samples of a source, once.

    A sound that ends before is continued by its end run backwards, forwards and so on: silence would tell
    that a sound is not the one recorded with the picture.
    """

    def __init__(self, source: Source, total: int, limits: Limits) -> None:
        self.filled = 0
        self._source, self._total, self._limits = source, total, limits

    def __iter__(self) -> Iterator[Block]:
        source, limits = self._source, self._limits
        reader = SoundReader(
            source.path, source.stream, limits, zero=source.zero, rate=RATE, until=-(-self._total // RATE)
        )
        position = 0
        tail: deque[Block] = deque()
        for block in reader:
            taken = block[: self._total - position]
            position += len(taken)
            if len(taken):
                tail.append(taken)
                if sum(map(len, tail)) - len(tail[0]) > _TAIL * RATE:
                    tail.popleft()
                yield taken
        name = source.path.name
        if position < self._total * _ENOUGH:
            have, need = position / RATE, self._total / RATE
            message = f"its sound lasts {have:.1f} s, less than half of the picture's {need:.1f} s"
            raise MediaError("unreadable", f"{name}: {message}")
        if reader.coverage < limits.coverage:
            share = f"only {reader.coverage:.0%} of the declared sound could be decoded"
            raise MediaError("damaged", f"{name}: {share}")
        self.filled = self._total - position
        if self.filled:
            yield from _mirrored(np.concatenate(tail), self.filled)


class _Weight:
    """Where in a clip the foreign sound is heard, as an angle: 0 not at all, a quarter turn alone."""

    def __init__(self, spans: Sequence[Span], total: int) -> None:
        quarter = np.pi / 2
        places: list[float] = []
        angles: list[float] = []
        for start, end in _joined(spans):
            fade = min(FADE, (end - start) / 2)
            # At the clip's own ends there is nothing to fade from or to.
            inner = start if start <= 0 else start + fade
            outer = end if end * RATE >= total else end - fade
            places += [float(time * RATE) for time in (start, inner, outer, end)]
            angles += [quarter if inner == start else 0.0, quarter, quarter, quarter if outer == end else 0.0]
        self._places, self._angles = np.array(places), np.array(angles)

    def __call__(self, position: int, length: int) -> Block:
        """The angles of the next ``length`` samples."""
        at = np.arange(position, position + length, dtype=np.float64)
        angles = np.interp(at, self._places, self._angles, left=0.0, right=0.0)
        steps: Block = angles.astype(np.float32)
        return steps


def _even(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same samples in blocks of one size; only the last is shorter."""
    held: list[Block] = []
    filled = 0
    for block in blocks:
        held.append(block)
        filled += len(block)
        if filled >= _BLOCK:
            joined = np.concatenate(held)
            whole = filled // _BLOCK * _BLOCK
            yield from np.split(joined[:whole], whole // _BLOCK)
            held, filled = [joined[whole:]], filled - whole
    if filled:
        yield np.concatenate(held)


def _mirrored(tail: Block, length: int) -> Iterator[Block]:
    """``length`` samples that go on from the end of ``tail``, backwards first."""
    backwards = True
    while length > 0:
        turn = (tail[::-1] if backwards else tail)[:length]
        yield np.ascontiguousarray(turn)
        length -= len(turn)
        backwards = not backwards


def _joined(spans: Sequence[Span]) -> list[tuple[Fraction, Fraction]]:
    """Spans without the seams between those that touch."""
    joined: list[tuple[Fraction, Fraction]] = []
    for span in spans:
        if joined and joined[-1][1] == span.start:
            joined[-1] = joined[-1][0], span.end
        else:
            joined.append((span.start, span.end))
    return joined
