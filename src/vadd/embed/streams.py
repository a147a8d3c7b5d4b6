"""The two streams that belong together, opened on one clock: what every job in the guarded child needs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vadd.errors import MediaError
from vadd.media.frames import FrameReader
from vadd.media.identity import Identity
from vadd.media.info import MediaInfo
from vadd.media.limits import Limits
from vadd.media.probe import probe, probe_open
from vadd.media.sound import SoundReader

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["Decoded", "Streams", "finished", "heard_seconds", "settled"]

#: Real sound in a second, as a share, from which on the second counts as heard.
_HEARD = 0.5

_T = TypeVar("_T")


class Decoded(Protocol):
    """What is known of one stream after it was read."""

    @property
    def extent(self) -> Fraction:
        """Seconds from the grid's zero to its end."""

    @property
    def coverage(self) -> float:
        """Share (0-1) of what is declared that could be decoded."""


class Streams:
    """The picture of one file and the sound of another, or of the same.

    Args:
        picture: The file whose picture is used.
        sound: The file whose sound is used; the same path for one file.
        limits: What the files may cost.

    Attributes:
        infos: What the one file declares, or the picture's and the sound's.
        total: Seconds that will be read, if that is declared.

    Raises:
        MediaError: If a file is no media or beyond the limits.
    """

    def __init__(self, picture: Path, sound: Path, limits: Limits) -> None:
        self._limits = limits
        self._before = [Identity.of(path) for path in dict.fromkeys((picture, sound))]
        self._container: InputContainer | None
        first, self._container = probe_open(self._before[0].path, limits)
        self.infos = [first, *(probe(identity.path, limits) for identity in self._before[1:])]
        seen, heard = self.infos[0], self.infos[-1]
        one = len(self.infos) == 1
        self._until = None if one else _until(seen, heard)
        self.total = seen.declared if one else (None if self._until is None else Fraction(self._until))
        if one and seen.video and seen.audio:
            self._zeros = [min(seen.video.start, seen.audio.start)] * 2
        else:
            self._zeros = [stream.start if stream else Fraction(0) for stream in (seen.video, heard.audio)]

    @property
    def declared(self) -> float:
        """Seconds that the longest file declares; 0 if none does."""
        return float(max((info.declared or Fraction(0)) for info in self.infos))

    def frames(self, side: int) -> FrameReader | None:
        """The mid-second frames with a shorter side of ``side`` pixels, or ``None`` without a picture."""
        video = self.infos[0].video
        if video is None:
            return None
        # The first reader goes on where the probe ended; a second one would open the file anew.
        container, self._container = self._container, None
        return FrameReader(
            self._before[0].path,
            video,
            self._limits,
            zero=self._zeros[0],
            side=side,
            until=self._until,
            container=container,
        )

    def blocks(self, rate: int | None = None) -> SoundReader | None:
        """The mono sound at ``rate`` or at its own, or ``None`` without sound."""
        audio = self.infos[-1].audio
        if audio is None:
            return None
        path, hertz = self._before[-1].path, rate or audio.rate
        return SoundReader(path, audio, self._limits, zero=self._zeros[1], rate=hertz, until=self._until)

    def hashing(self, pool: Executor) -> list[Future[str]]:
        """Have the files hashed beside the decoding."""
        return [pool.submit(identity.sha256) for identity in self._before]

    def verified(self, hashes: Sequence[Future[str]]) -> list[MediaInfo]:
        """The infos with their hashes, after making sure that the files did not change meanwhile.

        Raises:
            MediaError: ``changed`` if they did.
        """
        digests = [digest.result() for digest in hashes]
        for identity in self._before:
            identity.verify()
        return [replace(info, sha256=digest) for info, digest in zip(self.infos, digests, strict=True)]


def heard_seconds(blocks: SoundReader, length: int) -> list[int]:
    """The grid seconds below ``length`` that count as heard, once all blocks were taken."""
    shares = blocks.heard
    # A clip shorter than half a second is all there is of its only second.
    enough = min(_HEARD, float(blocks.extent) / 2)
    return [at for at in range(length) if at < len(shares) and shares[at] >= enough]


def settled(
    infos: Sequence[MediaInfo], sides: Sequence[Decoded | None], limits: Limits
) -> tuple[Fraction, list[str], list[bool]]:
    """What came of the picture's and the sound's decoding.

    Args:
        infos: As of :class:`Streams`.
        sides: The picture and the sound after they were read, ``None`` where there is none.
        limits: Say how much must decode.

    Returns:
        The seconds to be judged; notes for the reader of a result; whether each side is there.

    Raises:
        MediaError: ``damaged`` if too little decoded, ``not_media`` if nothing is there.
    """
    notes = [note if len(infos) == 1 else f"{info.name}: {note}" for info in infos for note in info.notes]
    there = [False, False]
    for at, (name, side) in enumerate(zip(("picture", "sound"), sides, strict=True)):
        info = infos[0 if at == 0 else -1]
        if side is None:
            continue
        stream: Any = info.video if at == 0 else info.audio
        if not side.extent and (stream is None or stream.duration is None):
            notes.append(f"{info.name}: the {name} stream is empty")
            continue
        if side.coverage < limits.coverage:
            share = f"only {side.coverage:.0%} of the declared {name} could be decoded"
            raise MediaError("damaged", f"{info.name}: {share}")
        there[at] = True
    extents = [side.extent for side, is_there in zip(sides, there, strict=True) if side and is_there]
    if not extents:
        raise MediaError("not_media", f"{infos[0].name}: it holds neither picture nor sound that can be used")
    duration = max(extents) if len(infos) == 1 else min(extents)
    if len(infos) == 1 and infos[0].duration and duration < Fraction(limits.coverage) * infos[0].duration:
        share = f"only {float(duration / infos[0].duration):.0%} of the declared duration is there"
        raise MediaError("damaged", f"{infos[0].name}: {share}")
    return duration, notes, there


def finished(sides: list[Future[_T] | None]) -> list[_T | None]:
    """The results; once one side has failed that is raised without waiting for the other."""
    from concurrent.futures import FIRST_EXCEPTION, wait

    running = [side for side in sides if side is not None]
    for side in wait(running, return_when=FIRST_EXCEPTION).done:
        side.result()
    return [None if side is None else side.result() for side in sides]


def _until(seen: MediaInfo, heard: MediaInfo) -> int | None:
    """Grid second up to which two files are read: a second more than the shorter declares."""
    ends = [end for end in ((seen.video and seen.declared), (heard.audio and heard.declared)) if end]
    return -(-min(ends) // 1) + 1 if ends else None
