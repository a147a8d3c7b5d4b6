"""Fewer frames a second, as from surveillance cameras."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

from vadd.media.rewrite import Encoding
from vadd.protocol.distort.transform import EncodingTransform, number

__all__ = ["FrameRate"]


@dataclass(frozen=True)
class FrameRate(EncodingTransform):
    """The picture at another constant frame rate: at each tick the frame that is shown then."""

    name: ClassVar[str] = "frame_rate"
    side: ClassVar[str] = "picture"

    rate: float = number(5.0, 0.5, 60.0, "frames a second")

    def encode(self, encoding: Encoding) -> Encoding:
        """Set the frame rate."""
        return replace(encoding, frame_rate=Fraction(self.rate).limit_denominator(1001))
