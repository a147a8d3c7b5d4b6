"""The frame that a viewer sees in the middle of each second, in one pass over a video stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.info import VideoStream
from vadd.media.limits import Limits
from vadd.media.plan import MID_SECOND, Plan, Step
from vadd.media.probe import open_container

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

__all__ = ["Frame", "FrameReader"]

#: Declared ends are rounded to ticks and frames: this much less than declared is still all of it.
_SLACK = Fraction(1, 10)
#: Duration of a frame where neither the packet nor the stream declares one.
_FRAME = Fraction(1, 25)
#: Threads that decode frames, or slices where a codec can only do that. Frame threads have hung on damaged
#: files while PyAV's log callback was in place, which takes the GIL in them; :func:`open_container` restores
#: FFmpeg's own. The loop filter is not skipped, although it costs time: frames without it are not those that
#: a viewer sees, and the embedder's vectors tell the difference. More threads than cores: half of the
#: packets are skipped in no time, and each takes a thread's turn. A thread holds a frame or two, so fewer
#: where a frame is more than high definition, for the memory that the child may use.
_THREADS, _THREADS_LARGE, _LARGE = 12, 4, 1920 * 1088


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it is displayed: rotated, square pixels.

    Attributes:
        second: Grid second that it stands for.
        image: ``(height, width, 3)`` uint8 RGB.
    """

    second: int
    image: NDArray[np.uint8]


class FrameReader:
    """Iterates over the mid-second frames of a file, once; seconds that can't be decoded are left out.

    Of each second ``i`` it gives the last frame whose presentation time is at most ``i + 0.5``; a stream
    shorter than that gives its last frame for second 0.

    Args:
        path: The media file.
        stream: Its video stream.
        limits: Bounds on frame size and decode errors.
        zero: Presentation time of second 0 of the grid, seconds.
        side: Frames are scaled down until the shorter side has this many pixels; never up.
        until: Grid second at which to stop, or ``None`` for the end.
        container: The file, open at its beginning (:func:`vadd.media.probe.probe_open`); closed at the
            end. It is opened anew if ``None``.

    Attributes:
        decoded: Seconds given so far.
        errors: Packets that failed to decode so far.
        rotation: Degrees that frames were turned counterclockwise.
    """

    def __init__(
        self,
        path: Path,
        stream: VideoStream,
        limits: Limits,
        *,
        zero: Fraction,
        side: int,
        until: int | None = None,
        container: InputContainer | None = None,
    ) -> None:
        if side < 1:
            raise ValueError(f"side must be at least 1 pixel, not {side}")
        self.decoded = self.errors = self.rotation = 0
        self._path, self._stream, self._limits = path, stream, limits
        self._zero, self._side, self._until = zero, side, until
        self._container = container
        self._extent = Fraction(0)
        self._base = Fraction(1)  # seconds a tick of the timestamps
        self._awaited: deque[tuple[int, int]] = deque()  # (second, timestamp), in order
        self._latest: tuple[int, NDArray[np.uint8]] | None = None  # what was given last, and its timestamp
        self._scaler: Any = None
        self._newest: Any = None  # the decoded frame with the latest timestamp
        self._broken = False  # whether what is decoded now refers to what could not be

    @property
    def extent(self) -> Fraction:
        """Seconds from the grid's zero to the end of the last frame in the file."""
        return self._extent if self._until is None else min(self._extent, Fraction(self._until))

    @property
    def coverage(self) -> float:
        """Share (0-1) of the stream's seconds whose frame was decoded, against what is declared."""
        start = max(Fraction(0), self._stream.start - self._zero)
        end = self._extent if self._stream.duration is None else start + self._stream.duration - _SLACK
        if self._until is not None:
            end = min(end, Fraction(self._until))
        expected = (end + MID_SECOND) // 1 - -((MID_SECOND - start) // 1)
        return min(1.0, self.decoded / max(1, expected))

    def __iter__(self) -> Iterator[Frame]:
        from av.video.reformatter import VideoReformatter

        with self._container or open_container(self._path) as container:
            stream: Any = container.streams[self._stream.index]
            context = stream.codec_context
            context.options = {"max_pixels": str(self._limits.pixels)}
            large = self._stream.width * self._stream.height > _LARGE
            context.thread_type, context.thread_count = "AUTO", _THREADS_LARGE if large else _THREADS
            self._base = Fraction(stream.time_base)
            self._scaler = VideoReformatter()  # kept, as setting one up takes a third of a frame's time
            plan = Plan(
                _packets(container, stream),
                time_base=self._base,
                zero=self._zero,
                frame=1 / self._stream.rate if self._stream.rate else _FRAME,
                limit=self._limits.seconds,
            )
            for frame in self._planned(plan, context):
                self.decoded += 1
                yield frame
            self._extent = max(self._extent, plan.extent)

    def _planned(self, plan: Plan, context: Any) -> Iterator[Frame]:
        for step in plan:
            if self._until is not None and plan.second > self._until:
                break
            if step.packet is None:
                yield from self._again(step)
                continue
            if step.restart:
                yield from self._matching(self._decode(context, None))
                # The frames before a keyframe are out now: one still awaited was not decodable, and if
                # it followed a jump, keyframes of this file may not be what they say.
                plan.jump = plan.jump and not self._awaited
                self._awaited.clear()
                context.flush_buffers()
            context.skip_frame = "DEFAULT" if step.needed else "NONREF"
            if step.second is not None:
                self._awaited.append((step.second, step.timestamp))
            if plan.blind:
                yield from self._blind(plan, step.packet, context)
                return
            yield from self._matching(self._decode(context, step.packet))
            if self.errors > self._limits.decode_errors:
                break
        yield from self._matching(self._decode(context, None))

    def _again(self, step: Step) -> Iterator[Frame]:
        """Show a frame once more, or for the first time if it was decoded early for the sake of others."""
        second = step.second or 0
        given = self._latest is not None and self._latest[0] == step.timestamp
        if not given and self._newest is not None and self._newest.pts == step.timestamp:
            self._latest = (step.timestamp, self._convert(self._newest))
        if self._latest is not None and self._latest[0] == step.timestamp:
            yield Frame(second, self._latest[1])
        else:
            self._awaited.append((second, step.timestamp))

    def _matching(self, frames: Iterable[Any]) -> Iterator[Frame]:
        """The awaited ones of some decoded frames; those that were overtaken by a second are given up."""
        for frame in frames:
            if self._is_broken(frame):
                continue
            if self._newest is None or (frame.pts or 0) > (self._newest.pts or 0):
                self._newest = frame
            # Frames come in order of display, but in some files (H.264 in AVI) with muddled timestamps.
            while self._awaited and frame.pts is not None and self._overtaken(frame.pts):
                self._awaited.popleft()
            if any(timestamp == frame.pts for _, timestamp in self._awaited):
                self._latest = (frame.pts, self._convert(frame))
                while self._awaited and self._awaited[0][1] <= frame.pts:
                    second, timestamp = self._awaited.popleft()
                    if timestamp == frame.pts:
                        yield Frame(second, self._latest[1])

    def _overtaken(self, timestamp: int) -> bool:
        return (timestamp - self._awaited[0][1]) * self._base >= 1

    def _blind(self, plan: Plan, packet: Packet[Any], context: Any) -> Iterator[Frame]:
        """Decode all that is left and choose by the decoder's own timestamps."""
        packets = [packet]
        second = plan.second
        length = 1 / self._stream.rate if self._stream.rate else _FRAME
        begun, previous, end, errors = False, None, Fraction(0), self.errors
        for frame in self._all(packets, plan, context):
            time = end if frame.pts is None else frame.pts * self._base - self._zero
            if time > self._limits.seconds + 1:
                raise MediaError("limit", "timestamps of the picture run beyond the limit")
            if self.errors > errors:  # what failed may have been shown from any time on
                previous, errors = None, self.errors
            while begun and second + MID_SECOND < time:
                if previous is not None:
                    yield Frame(second, self._convert(previous))
                second += 1
            begun, previous, end = True, None if self._is_broken(frame) else frame, max(end, time + length)
        while begun and (second + MID_SECOND <= end or second == 0):
            if previous is not None:
                yield Frame(second, self._convert(previous))
            second += 1
        self._extent = end

    def _all(self, first: list[Packet[Any]], plan: Plan, context: Any) -> Iterator[Any]:
        context.skip_frame = "DEFAULT"
        for packet in first:
            yield from self._decode(context, packet)
        for step in plan:
            yield from self._decode(context, step.packet)
            if self.errors > self._limits.decode_errors:
                break
            if self._until is not None and plan.second > self._until:
                break
        yield from self._decode(context, None)

    def _decode(self, context: Any, packet: Packet[Any] | None) -> list[Any]:
        import av

        try:
            return list(context.decode(packet))
        except MemoryError as error:
            raise MediaError(
                "limit", f"{self._path.name}: decoding takes more memory than allowed"
            ) from error
        except av.error.FFmpegError:
            self.errors += 1  # not the end: what decodes around it decides, as coverage
            self._broken = True
            return []

    def _is_broken(self, frame: Any) -> bool:
        """Whether a frame, given in order of display, is not what was filmed.

        The decoder fills the holes of a damaged frame with guesses, and says so. It does not say so of the
        frames after it, which are made of it by motion: none is believed until one that refers to no other.
        """
        if frame.is_corrupt:
            self._broken = True
        elif frame.key_frame:
            self._broken = False
        return self._broken

    def _convert(self, frame: Any) -> NDArray[np.uint8]:
        import av

        width, height = frame.width, frame.height
        if width * height > self._limits.pixels or max(width, height) > self._limits.side:
            raise MediaError("limit", f"{self._path.name}: a frame of {width}x{height} pixels is too large")
        shape = _scaled(width, height, self._stream.pixel_aspect, self._side)
        try:
            scaled = self._scaler.reformat(
                frame, width=shape[0], height=shape[1], format="rgb24", interpolation="AREA"
            )
        except (MemoryError, av.error.BlockingIOError) as error:  # the latter: no memory for a thread
            message = "scaling a frame takes more memory than allowed"
            raise MediaError("limit", f"{self._path.name}: {message}") from error
        except av.error.FFmpegError as error:
            message = f"frames of the form {frame.format.name} cannot be shown"
            raise MediaError("unreadable", f"{self._path.name}: {message}") from error
        image: NDArray[np.uint8] = scaled.to_ndarray()
        turns = round(frame.rotation / 90) % 4
        self.rotation = turns * 90
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _scaled(width: int, height: int, aspect: Fraction, side: int) -> tuple[int, int]:
    """Size with square pixels and a shorter side of ``side``, unless it is smaller already."""
    broad = width * aspect
    factor = min(Fraction(1), side / min(broad, Fraction(height)))
    return max(1, round(broad * factor)), max(1, round(height * factor))


def _packets(container: InputContainer, stream: Any) -> Iterator[Packet[Any]]:
    """The packets up to the end or to where the file can't be read on: coverage tells what is missing."""
    import av

    try:
        yield from container.demux(stream)
    except MemoryError as error:
        raise MediaError("limit", "reading the file takes more memory than allowed") from error
    except (av.error.FFmpegError, IndexError):
        # PyAV trips over streams that begin in the middle of a file, but only after the last packet.
        return
