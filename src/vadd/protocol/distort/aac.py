"""The sound compressed again, in AAC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from vadd.media.rewrite import Encoding
from vadd.protocol.distort.transform import EncodingTransform, whole

__all__ = ["Aac"]


@dataclass(frozen=True)
class Aac(EncodingTransform):
    """The sound in AAC of a bit rate, by FFmpeg's encoder, which takes what it can."""

    name: ClassVar[str] = "aac"
    side: ClassVar[str] = "sound"

    kilobits: int = whole(48, 16, 320, "kbit a second, all channels together")

    def encode(self, encoding: Encoding) -> Encoding:
        """Set codec and bit rate."""
        return replace(encoding, codec="aac", bit_rate=1000 * self.kilobits)
