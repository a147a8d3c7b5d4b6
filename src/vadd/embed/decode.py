"""What the guarded child does for many nets: decode each stream once and hand it over as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed.streams import Streams, finished, heard_seconds, settled
from vadd.media.limits import Limits
from vadd.timeline import grid_length

if TYPE_CHECKING:
    from vadd.media.child import Channel
    from vadd.media.frames import FrameReader
    from vadd.media.sound import SoundReader

__all__ = ["work"]


@dataclass(frozen=True, slots=True)
class _Side:
    """One stream after it was read."""

    extent: Fraction
    coverage: float
    seconds: list[int]


def work(
    channel: Channel, *, picture: str, sound: str, side: int, rates: list[int], limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Send a file's frames and sound; the job behind :class:`vadd.embed.feed.Feed`.

    Args:
        channel: Takes parts ``{"what": "frame", "second": ...}`` with ``image`` and
            ``{"what": "sound", "rate": ...}`` with ``samples``, each stream's in order of time.
        picture: The file whose picture is wanted.
        sound: The file whose sound is wanted; the same for one file.
        side: Shorter side of the frames, pixels; 0 if no picture is wanted.
        rates: Sample rates that the sound is wanted at; none if it is not wanted.
        limits: As :meth:`vadd.media.limits.Limits.to_json` gives them.

    Returns:
        ``seconds`` of the grid, ``pictures`` and ``sounds``: the seconds that are there, ``sha256`` of
        each file, ``notes``; no arrays.

    Raises:
        MediaError: If a file cannot be judged.
    """
    bounds = Limits.from_json(limits)
    pool = ThreadPoolExecutor(4)
    # What is not wanted is not read: a file of sound alone has its picture nowhere.
    streams = Streams(Path(picture if side else sound), Path(sound if rates else picture), bounds)
    hashes = streams.hashing(pool)
    channel.duration(streams.declared)
    frames = streams.frames(side) if side else None
    blocks = streams.blocks() if rates else None
    sides: list[Future[_Side] | None] = [
        None if frames is None else pool.submit(_picture, channel, frames),
        None if blocks is None else pool.submit(_sound, channel, blocks, streams.infos[-1].audio, rates),
    ]
    results = finished(sides)
    infos = streams.verified(hashes)
    duration, notes, there = settled(infos, results, bounds)
    length = grid_length(duration)
    seconds = [
        [at for at in result.seconds if at < length] if result is not None and is_there else []
        for result, is_there in zip(results, there, strict=True)
    ]
    header = {
        "seconds": length,
        "pictures": seconds[0],
        "sounds": seconds[1],
        "sha256": [info.sha256 for info in infos],
        "notes": notes,
    }
    return header, {}


def _picture(channel: Channel, frames: FrameReader) -> _Side:
    seconds = []
    for frame in frames:
        channel.part({"what": "frame", "second": frame.second}, {"image": frame.image})
        seconds.append(frame.second)
    return _Side(frames.extent, frames.coverage, seconds)


def _sound(channel: Channel, blocks: SoundReader, stream: Any, rates: list[int]) -> _Side:
    resamplers = {rate: _Resampler(stream.rate, rate) for rate in rates}
    for block in blocks:
        for rate, resampler in resamplers.items():
            for samples in resampler.take(block):
                channel.part({"what": "sound", "rate": rate}, {"samples": samples})
    for rate, resampler in resamplers.items():
        for samples in resampler.end():
            channel.part({"what": "sound", "rate": rate}, {"samples": samples})
    length = grid_length(blocks.extent)
    return _Side(blocks.extent, blocks.coverage, heard_seconds(blocks, length))


class _Resampler:
    """A stream of mono sound at one rate, brought to another."""

    def __init__(self, before: int, after: int) -> None:
        from av.audio.resampler import AudioResampler

        self._before = before
        same = before == after
        self._resampler = None if same else AudioResampler(format="fltp", layout="mono", rate=after)

    def take(self, block: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """What is known after the next ``(n,)`` samples."""
        if self._resampler is None:
            yield block
            return
        from av.audio.frame import AudioFrame

        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), format="fltp", layout="mono")
        frame.sample_rate = self._before
        yield from self._blocks(frame)

    def end(self) -> Iterator[NDArray[np.float32]]:
        """What was held back."""
        if self._resampler is not None:
            yield from self._blocks(None)

    def _blocks(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        assert self._resampler is not None  # noqa: S101 - for the type checker
        for block in self._resampler.resample(frame):
            yield np.clip(block.to_ndarray()[0], -1.0, 1.0)
