"""Every frame of a picture as it is displayed, with its time: for those who write it anew.

:class:`vadd.media.frames.FrameReader` is for those who judge: it leaves out all but one frame a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.info import VideoStream
from vadd.media.limits import Limits
from vadd.media.probe import open_container

__all__ = ["FilmReader", "Shot"]

#: Declared ends are rounded to ticks and frames.
_SLACK = Fraction(1, 10)
#: Duration of a frame where the stream declares no rate.
_FRAME = Fraction(1, 25)
#: Threads that decode: several clips are made beside each other, and each thread holds a frame or two.
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame.

    Attributes:
        time: Seconds from the grid's zero at which it is shown.
        image: ``(height, width, 3)`` uint8 RGB, rotated, square pixels.
    """

    time: Fraction
    image: NDArray[np.uint8]


class FilmReader:
    """Iterates over all frames of a picture, once, in the order in which they are shown.

    Args:
        path: The media file.
        stream: Its video stream.
        limits: Bounds on frame size, duration and decode errors.
        zero: Presentation time that is second 0, seconds.
        side: Frames are scaled down until the shorter side has this many pixels, never up; ``None``: not.

    Attributes:
        errors: Packets that failed to decode so far.
        end: Seconds from ``zero`` to the end of the last frame given.
    """

    def __init__(
        self, path: Path, stream: VideoStream, limits: Limits, *, zero: Fraction, side: int | None = None
    ) -> None:
        self.errors = 0
        self.end = Fraction(0)
        self._path, self._stream, self._limits, self._zero, self._side = path, stream, limits, zero, side
        self._length = 1 / stream.rate if stream.rate else _FRAME
        self._shown = Fraction(0)

    @property
    def coverage(self) -> float:
        """Share (0-1) of the declared seconds that were given; 1 where nothing is declared."""
        if self._stream.duration is None:
            return 1.0
        expected = max(self._stream.duration - _SLACK, self._length)
        return min(1.0, float(self._shown / expected))

    def __iter__(self) -> Iterator[Shot]:
        from av.video.reformatter import VideoReformatter

        scaler: Any = VideoReformatter()
        last: Fraction | None = None
        errors = 0
        with open_container(self._path) as container:
            stream: Any = container.streams[self._stream.index]
            context: Any = stream.codec_context
            context.options = {"max_pixels": str(self._limits.pixels)}
            context.thread_type, context.thread_count = "AUTO", _THREADS
            for frame in self._frames(container, stream):
                time = self.end if frame.pts is None else frame.pts * Fraction(stream.time_base) - self._zero
                if time > self._limits.seconds + 1:
                    message = f"the picture runs beyond the limit of {self._limits.seconds} s"
                    raise MediaError("limit", f"{self._path.name}: {message}")
                if last is not None and time <= last:
                    continue  # muddled timestamps: a writer takes only rising ones
                if last is not None:
                    # A frame may stay for long, as slides do; where something failed, it did not.
                    self._shown += time - last if self.errors == errors else min(time - last, self._length)
                errors = self.errors
                last, self.end = time, time + self._length
                yield Shot(time, self._convert(scaler, frame))
        if last is not None:
            self._shown += self._length

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                frames = stream.codec_context.decode(packet)
            except MemoryError as error:
                message = "decoding takes more memory than allowed"
                raise MediaError("limit", f"{self._path.name}: {message}") from error
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.errors += 1  # what decodes around it decides, as coverage
                if self.errors > self._limits.decode_errors:
                    return
                continue
            yield from (frame for frame in frames if not frame.is_corrupt)
            if packet is None or packet.size == 0:  # the demuxer's own call to flush was the last
                return

    def _convert(self, scaler: Any, frame: Any) -> NDArray[np.uint8]:
        width, height = frame.width, frame.height
        if width * height > self._limits.pixels or max(width, height) > self._limits.side:
            raise MediaError("limit", f"{self._path.name}: a frame of {width}x{height} pixels is too large")
        broad = width * self._stream.pixel_aspect
        factor = min(Fraction(1), self._side / min(broad, Fraction(height))) if self._side else Fraction(1)
        scaled = scaler.reformat(
            frame,
            width=max(1, round(broad * factor)),
            height=max(1, round(height * factor)),
            format="rgb24",
            interpolation="AREA",
        )
        image: NDArray[np.uint8] = scaled.to_ndarray()
        return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90) % 4))
