"""The sound with its channels, whole and in memory: for those who change it and write it anew."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.downmix import Downmix
from vadd.media.info import AudioStream
from vadd.media.limits import Limits
from vadd.media.sound import SoundReader

__all__ = ["read_channels", "read_mono"]


class _Pick(Downmix):
    """One channel, as it is, in place of a mix."""

    def __init__(self, channel: int) -> None:
        super().__init__()
        self._channel = channel

    def __call__(
        self, samples: NDArray[np.float32], names: tuple[str, ...], rate: int
    ) -> Iterator[NDArray[np.float32]]:
        """Yield that channel of ``(channels, n)``, or the last if a stretch of the sound has fewer."""
        yield samples[min(self._channel, len(samples) - 1)]

    def flush(self) -> Iterator[NDArray[np.float32]]:
        """Nothing is held back."""
        yield from ()


class _ChannelReader(SoundReader):
    """Reads one channel on the same clock as a mix would be read."""

    def __init__(
        self, path: Path, stream: AudioStream, limits: Limits, *, zero: Fraction, rate: int, channel: int
    ) -> None:
        super().__init__(path, stream, limits, zero=zero, rate=rate)
        self._downmix = _Pick(channel)


def read_channels(
    path: Path, stream: AudioStream, limits: Limits, *, zero: Fraction, longest: int
) -> NDArray[np.float32]:
    """One or two channels of a sound at its own rate; more are mixed to one.

    Args:
        path: The media file.
        stream: Its audio stream.
        limits: Bounds on rates and decode errors.
        zero: Presentation time that is sample 0, seconds.
        longest: Seconds that may be held in memory.

    Returns:
        ``(channels, n)`` in [-1, 1].

    Raises:
        MediaError: ``limit`` if it is longer, ``damaged`` if too little of it decodes.
    """
    if stream.channels != 2:
        reader = SoundReader(path, stream, limits, zero=zero, rate=stream.rate)
        return _whole(path, reader, stream.rate, limits, longest)[None]
    # Each channel is decoded for itself: sound costs little, and gaps and late starts are then filled alike.
    sides = [
        _whole(
            path,
            _ChannelReader(path, stream, limits, zero=zero, rate=stream.rate, channel=channel),
            stream.rate,
            limits,
            longest,
        )
        for channel in range(2)
    ]
    if len(sides[0]) != len(sides[1]):
        raise MediaError("changed", f"{path.name}: it changed while it was read")
    return np.stack(sides)


def read_mono(
    path: Path, stream: AudioStream, limits: Limits, *, rate: int, longest: int
) -> NDArray[np.float32]:
    """A whole sound as ``(n,)`` at ``rate``, from its first sample on; errors as :func:`read_channels`."""
    reader = SoundReader(path, stream, limits, zero=stream.start, rate=rate)
    return _whole(path, reader, rate, limits, longest)


def _whole(path: Path, reader: SoundReader, rate: int, limits: Limits, longest: int) -> NDArray[np.float32]:
    blocks, length = [np.zeros(0, np.float32)], 0
    for block in reader:
        blocks.append(block)
        length += len(block)
        if length > longest * rate:
            raise MediaError("limit", f"{path.name}: its sound is longer than {longest} s")
    if reader.coverage < limits.coverage:
        share = f"only {reader.coverage:.0%} of the declared sound could be decoded"
        raise MediaError("damaged", f"{path.name}: {share}")
    return np.concatenate(blocks)
