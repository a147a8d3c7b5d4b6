"""The picture compressed again, as every upload does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from vadd.media.rewrite import Encoding
from vadd.protocol.distort.transform import EncodingTransform, choice, whole

__all__ = ["H264"]


@dataclass(frozen=True)
class H264(EncodingTransform):
    """The picture in H.264 of a constant rate factor, by x264."""

    name: ClassVar[str] = "h264"
    side: ClassVar[str] = "picture"

    crf: int = whole(28, 0, 51, "constant rate factor; higher is coarser")
    preset: str = choice(
        "veryfast", ("ultrafast", "veryfast", "medium", "slow"), "x264's preset; slower is a little better"
    )

    def encode(self, encoding: Encoding) -> Encoding:
        """Set the rate factor."""
        return replace(encoding, crf=self.crf, preset=self.preset)
