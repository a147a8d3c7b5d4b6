"""The sound as mono float32 at one rate, on the same clock as the picture, in one pass.

What is heard at second ``t`` comes out at sample ``t * rate``: a late start and gaps are filled with
zeros, overlaps are cut. Samples that are not numbers become zeros before anything is computed from them,
as one NaN would spoil all that a resampling filter gives afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.downmix import Downmix
from vadd.media.info import AudioStream
from vadd.media.limits import Limits
from vadd.media.probe import open_container

if TYPE_CHECKING:
    from av.audio.resampler import AudioResampler

__all__ = ["SoundReader"]

#: Timestamps may jitter (rounded to milliseconds in Matroska); what is off by more is a gap or overlap.
_JITTER = Fraction(1, 20)
#: Declared ends are rounded to packets.
_SLACK = Fraction(1, 10)


class SoundReader:
    """Iterates over blocks of mono sound of a file, once, from second 0 of the grid on.

    Args:
        path: The media file.
        stream: Its audio stream.
        limits: Bounds on rates, duration and decode errors.
        zero: Presentation time of second 0 of the grid, seconds.
        rate: Samples a second of the blocks.
        until: Grid second at which to stop, or ``None`` for the end.

    Attributes:
        errors: Packets that failed to decode so far.
        not_numbers: Samples so far that were NaN or infinite.
    """

    def __init__(
        self,
        path: Path,
        stream: AudioStream,
        limits: Limits,
        *,
        zero: Fraction,
        rate: int,
        until: int | None = None,
    ) -> None:
        if rate < 1:
            raise ValueError(f"rate must be at least 1 Hz, not {rate}")
        self.errors = self.not_numbers = 0
        self._path, self._stream, self._limits = path, stream, limits
        self._zero, self._rate, self._until = zero, rate, until
        self._downmix = Downmix()
        self._resampler: AudioResampler | None = None
        self._input_rate = 0
        self._base = Fraction(0)  # grid second at which the present input rate began
        self._position = 0  # samples at the input rate since then
        self._heard: list[float] = []  # seconds of real samples in each grid second
        self._real = 1.0  # share (0-1) of the latest frame's samples that are numbers

    @property
    def extent(self) -> Fraction:
        """Seconds from the grid's zero to the end of the last sample decoded."""
        if not self._input_rate:
            return Fraction(0)
        return self._base + Fraction(self._position, self._input_rate)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of a result should know of the sound."""
        notes = list(self._downmix.notes)
        if self.not_numbers:
            notes.append(f"{self.not_numbers} samples of the sound are not numbers; taken as silence")
        return tuple(notes)

    @property
    def heard(self) -> NDArray[np.float64]:
        """``(seconds,)`` seconds (0-1) of really decoded sound within each grid second so far."""
        return np.minimum(1.0, np.array(self._heard, np.float64))

    @property
    def coverage(self) -> float:
        """Share (0-1) of the stream that was decoded, against what is declared."""
        start = max(Fraction(0), self._stream.start - self._zero)
        end = self.extent if self._stream.duration is None else start + self._stream.duration - _SLACK
        if self._until is not None:
            end = min(end, Fraction(self._until))
        return min(1.0, float(self.heard.sum()) / max(float(end - start), 1e-3))

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        with open_container(self._path, known=True) as container:
            stream: Any = container.streams[self._stream.index]
            for frame in self._frames(container, stream):
                yield from self._place(frame, Fraction(stream.time_base))
                if self._until is not None and self.extent >= self._until:
                    break
            yield from self._flush()

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else stream.codec_context.decode(packet)
            except MemoryError as error:
                raise MediaError(
                    "limit", f"{self._path.name}: decoding takes more memory than allowed"
                ) from error
            except (av.error.EOFError, IndexError):
                # PyAV trips over streams that begin in the middle of a file, but only after the last packet.
                return
            except av.error.FFmpegError:
                self.errors += 1
                if self.errors > self._limits.decode_errors:
                    return
                continue
            yield from frames
            if packet is None:
                return

    def _place(self, frame: Any, time_base: Fraction) -> Iterator[NDArray[np.float32]]:
        """Put one decoded frame where its timestamp says."""
        rate = frame.sample_rate
        self._check(rate, len(frame.layout.channels))
        if rate != self._input_rate:
            yield from self._flush()
            self._base, self._input_rate, self._position = self.extent, rate, 0
        samples = self._samples(frame)
        if frame.pts is not None:
            time = frame.pts * Fraction(frame.time_base or time_base) - self._zero - self._base
            self._bound(time + self._base)
            gap = round(time * rate) - self._position
            tolerance = _JITTER * rate if self._position else 0
            if gap > tolerance:
                yield from self._silence(gap)
            elif -gap > tolerance:
                samples = samples[:, -gap:]
        if samples.shape[1]:
            self._account(samples.shape[1])
            self._bound(self.extent)
            for mono in self._downmix(samples, tuple(c.name for c in frame.layout.channels), rate):
                yield from self._resample(mono)

    def _check(self, rate: int, channels: int) -> None:
        if not self._limits.min_rate <= rate <= self._limits.max_rate:
            raise MediaError("limit", f"{self._path.name}: sample rate {rate} Hz is out of bounds")
        if channels > self._limits.channels:
            raise MediaError("limit", f"{self._path.name}: {channels} channels are too many")

    def _bound(self, time: Fraction) -> None:
        if time > self._limits.seconds + 1:
            message = f"the sound runs beyond the limit of {self._limits.seconds} s"
            raise MediaError("limit", f"{self._path.name}: {message}")

    def _samples(self, frame: Any) -> NDArray[np.float32]:
        """``(channels, n)`` float32 in about [-1, 1], all finite."""
        raw: NDArray[Any] = frame.to_ndarray()
        if not frame.format.is_planar:
            raw = raw.reshape(-1, len(frame.layout.channels)).T
        samples: NDArray[np.float32]
        self._real = 1.0
        if raw.dtype == np.uint8:
            samples = (raw.astype(np.float32) - np.float32(128)) / np.float32(128)
        elif np.issubdtype(raw.dtype, np.integer):
            samples = raw.astype(np.float32) / np.float32(-float(np.iinfo(raw.dtype).min))
        else:
            finite = np.isfinite(raw)
            if not finite.all():
                self.not_numbers += int(raw.size - np.count_nonzero(finite))
                self._real = float(finite.mean())
                raw = np.where(finite, raw, 0)
            # Far beyond full scale is damage too, and would overflow in what follows.
            samples = np.clip(raw, -8, 8).astype(np.float32)
        return samples

    def _silence(self, length: int) -> Iterator[NDArray[np.float32]]:
        for mono in self._downmix.flush():
            yield from self._resample(mono)
        while length > 0:
            step = min(length, self._input_rate)
            self._position += step
            length -= step
            yield from self._resample(np.zeros(step, np.float32))

    def _account(self, length: int) -> None:
        """Note which grid seconds the next ``length`` samples are heard in."""
        base = float(self._base)
        at = base + self._position / self._input_rate
        self._position += length
        end = base + self._position / self._input_rate
        while at < end:
            second = int(at)
            self._heard.extend([0.0] * (second + 1 - len(self._heard)))
            step = min(end, second + 1.0) - at
            # What is no number was not decoded: a file with much of it is damaged.
            self._heard[second] += step * self._real
            at = second + 1.0

    def _resample(self, mono: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        from av.audio.frame import AudioFrame
        from av.audio.resampler import AudioResampler

        if self._input_rate == self._rate:
            yield np.clip(mono, -1.0, 1.0)
            return
        if self._resampler is None:
            self._resampler = AudioResampler(format="fltp", layout="mono", rate=self._rate)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(mono[None]), format="fltp", layout="mono")
        frame.sample_rate = self._input_rate
        yield from self._blocks(frame)

    def _flush(self) -> Iterator[NDArray[np.float32]]:
        if self._input_rate:
            for mono in self._downmix.flush():
                yield from self._resample(mono)
        if self._resampler is not None:
            yield from self._blocks(None)
            self._resampler = None

    def _blocks(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        assert self._resampler is not None  # noqa: S101 - for the type checker
        for block in self._resampler.resample(frame):
            yield np.clip(block.to_ndarray()[0], -1.0, 1.0)
