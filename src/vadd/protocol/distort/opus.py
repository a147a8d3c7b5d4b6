"""The sound compressed again, in Opus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from vadd.media.rewrite import Encoding
from vadd.protocol.distort.transform import EncodingTransform, whole

__all__ = ["Opus"]


@dataclass(frozen=True)
class Opus(EncodingTransform):
    """The sound in Opus of a bit rate, by libopus, which takes what it can."""

    name: ClassVar[str] = "opus"
    side: ClassVar[str] = "sound"

    kilobits: int = whole(48, 6, 256, "kbit a second, all channels together")

    def encode(self, encoding: Encoding) -> Encoding:
        """Set codec and bit rate."""
        return replace(encoding, codec="libopus", bit_rate=1000 * self.kilobits)
