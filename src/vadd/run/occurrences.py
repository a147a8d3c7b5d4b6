"""Where the very same sound occurs among many files, with how sure that is.

Every file is compared as soon as its fingerprint is there, and the fingerprint is let go: memory does not
grow with the number of files. What counts is decided at the end, when it is known how many places chance
had to play with.
"""

from __future__ import annotations

from dataclasses import dataclass

from vadd.media.align import Needle, Occurrence, chance
from vadd.media.fingerprint import Fingerprint

__all__ = ["FALSE_MATCHES", "Found", "Search"]

#: Places that chance alone may bring so far in the whole of a search: one search in a thousand finds one.
FALSE_MATCHES = 1e-3
#: Spreads from which on a stretch is remembered until the number of places is known; no search is so small
#: that fewer are enough.
_REMEMBER = 6.0


@dataclass(frozen=True, slots=True)
class Found:
    """A file in which the sound occurs.

    Attributes:
        file: What the file is called.
        sha256: Of the file.
        seconds: Length of its sound.
        same_bytes: Whether the file is a byte-for-byte copy.
        stretches: Where, the longest first; none if only its bytes are told to be the same.
        chances: Of each stretch: how many stretches as good chance alone would give in a search of this
            size, 0 to :data:`FALSE_MATCHES`.
    """

    file: str
    sha256: str | None
    seconds: float
    same_bytes: bool
    stretches: tuple[Occurrence, ...]
    chances: tuple[float, ...]


class Search:
    """Looks for one sound in many files.

    Args:
        sound: The fingerprint of the sound; ``None`` if there is none.
        sha256: Of the file it comes from.
    """

    def __init__(self, sound: Fingerprint | None, sha256: str | None) -> None:
        self._needle = None if sound is None else Needle(sound.samples)
        self._sha256 = sha256
        self._kept: list[tuple[str, str | None, float, tuple[Occurrence, ...]]] = []

    @property
    def possible(self) -> bool:
        """Whether there is a sound to look for."""
        return self._needle is not None and not self._needle.empty

    @property
    def places(self) -> int:
        """How many places were tried."""
        return 0 if self._needle is None else self._needle.places

    def add(self, file: str, sha256: str | None, sound: Fingerprint | None) -> None:
        """Look for the sound in a file."""
        stretches: tuple[Occurrence, ...] = ()
        if self._needle is not None and sound is not None:
            stretches = self._needle.search(sound.samples, _REMEMBER)
        if stretches or self._copy(sha256):
            self._kept.append((file, sha256, sound.seconds if sound else 0.0, stretches))

    def found(self) -> tuple[Found, ...]:
        """The files in which the sound occurs: copies first, then by the length of what they share."""
        told = []
        for file, sha256, seconds, stretches in self._kept:
            likely = [(each, chance(each.spreads, self.places)) for each in stretches]
            sure = [(each, luck) for each, luck in likely if luck <= FALSE_MATCHES]
            if sure or self._copy(sha256):
                told.append(
                    Found(
                        file,
                        sha256,
                        seconds,
                        self._copy(sha256),
                        tuple(each for each, _ in sure),
                        tuple(luck for _, luck in sure),
                    )
                )
        return tuple(sorted(told, key=_order))

    def _copy(self, sha256: str | None) -> bool:
        return sha256 is not None and sha256 == self._sha256


def _order(found: Found) -> tuple[bool, float, str]:
    return not found.same_bytes, -sum(each.length for each in found.stretches), found.file
