"""Which packets of a video stream must be decoded to show its mid-seconds.

Decoding dominates the time of a check, and of each second only one frame is looked at. Frames are only
left out where that provably changes no frame that is shown: frames that no other refers to
(the decoder drops them by itself when told which are not needed), and everything between the frame
that is shown and a keyframe that comes before the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vadd.errors import MediaError

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["MID_SECOND", "Plan", "Step"]

#: Where in a grid second its frame is taken.
MID_SECOND = Fraction(1, 2)

#: Packets that may wait for the frame of the next mid-second to be known: four seconds at 240 a second.
_PATIENCE = 1_000


@dataclass(slots=True)
class Step:
    """What to do with one packet, in decoding order.

    Attributes:
        packet: The packet to decode; ``None`` when a frame decoded before is shown again.
        second: The grid second that is to be shown; ``None`` for most.
        timestamp: Of the frame that is shown in that second.
        needed: Whether its frame must come out even if no other frame refers to it.
        restart: Whether packets before this keyframe were left out.
    """

    packet: Packet[Any] | None
    second: int | None = None
    timestamp: int = 0
    needed: bool = True
    restart: bool = False


class Plan:
    """Turns the packets of a video stream into steps, looking ahead to the next mid-second.

    Packets without timestamps can't be planned: from the first one on every packet is a needed step
    without ``second``, and :attr:`blind` is true.

    Args:
        packets: Packets of one video stream in decoding order.
        time_base: Seconds a tick of their timestamps.
        zero: Presentation time that is second 0 of the grid.
        frame: Seconds that a frame without declared duration lasts.
        limit: Seconds after which a timestamp is beyond the limit.

    Attributes:
        extent: Seconds from ``zero`` to the end of the last frame seen so far.
        blind: Whether packets lack timestamps.
        jump: Whether runs of packets may be left out; cleared by the reader when a keyframe turns out
            not to be one.
    """

    def __init__(
        self,
        packets: Iterable[Packet[Any]],
        *,
        time_base: Fraction,
        zero: Fraction,
        frame: Fraction,
        limit: int,
    ) -> None:
        self.extent = Fraction(0)
        self.blind = False
        self.jump = True
        self._packets, self._base, self._zero = packets, time_base, zero
        self._frame, self._limit = frame, limit
        self._queue: deque[Step] = deque()
        self._second = 0
        self._fed: list[int] = []  # timestamps handed out that may still be shown

    @property
    def second(self) -> int:
        """The next grid second whose frame is not known yet."""
        return self._second

    def __iter__(self) -> Iterator[Step]:
        for packet in self._packets:
            if packet.size == 0:  # the demuxer's call to flush
                continue
            step = Step(packet)
            if packet.pts is None or len(self._queue) >= _PATIENCE:
                self.blind = True
            else:
                self._extend(packet)
            self._queue.append(step)
            if self.blind:
                yield from self._drain()
            else:
                # No packet from here on is shown before this one's decoding time.
                while packet.dts is not None and packet.dts > self._tick(self._second):
                    yield from self._settle()
        if not self.blind:
            # A tail of half a second is a second of its own, and so is the shortest clip.
            while self._second + MID_SECOND <= self.extent or (self._second == 0 and self._queue):
                yield from self._settle()

    def _tick(self, second: int) -> int:
        """The last timestamp that is shown at the middle of ``second``."""
        return (self._zero + second + MID_SECOND) // self._base

    def _extend(self, packet: Packet[Any]) -> None:
        assert packet.pts is not None  # noqa: S101 - for the type checker; the caller saw to it
        duration = packet.duration * self._base if packet.duration else self._frame
        # A frame that claims to last for minutes must not stretch the clip.
        end = packet.pts * self._base + min(duration, Fraction(60)) - self._zero
        if end > self._limit + 1:
            raise MediaError("limit", f"timestamps of the picture run beyond the limit of {self._limit} s")
        self.extent = max(self.extent, end)

    def _drain(self) -> Iterator[Step]:
        while self._queue:
            step = self._queue.popleft()
            step.needed = True
            yield step

    def _settle(self) -> Iterator[Step]:
        """Decide which packet is shown at the next mid-second, and hand out all that it takes."""
        second, tick = self._second, self._tick(self._second)
        self._second += 1
        shown = [(_pts(step), at) for at, step in enumerate(self._queue) if _pts(step) <= tick]
        earlier = max((timestamp for timestamp in self._fed if timestamp <= tick), default=None)
        if earlier is not None and (not shown or earlier > max(shown)[0]):  # a slide that stays
            yield Step(None, second, earlier)
            return
        if not shown:  # the picture has not begun
            return
        at = max(shown)[1]
        first = self._keyframe(at) if self.jump else 0
        for _ in range(first):
            self._queue.popleft()
        target = _pts(self._queue[at - first])
        for position in range(first, at + 1):
            step = self._queue.popleft()
            step.restart = first > 0 and position == first
            if position == at:
                step.second, step.timestamp = second, target
            # A frame that comes later may be the last one before a gap, and be shown then.
            step.needed = position == at or _pts(step) > tick
            yield step
            self._fed.append(_pts(step))
        self._fed = [timestamp for timestamp in self._fed if timestamp >= target]

    def _keyframe(self, at: int) -> int:
        """Where decoding may start to show the packet ``at``: the last keyframe not shown after it."""
        target = _pts(self._queue[at])
        for position in range(at, 0, -1):
            step = self._queue[position]
            if step.packet is not None and step.packet.is_keyframe and _pts(step) <= target:
                return position
        return 0


def _pts(step: Step) -> int:
    assert step.packet is not None and step.packet.pts is not None  # noqa: S101, PT018 - queued ones have it
    return step.packet.pts
