"""Only the middle of the picture, as after zooming in or cutting a logo off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vadd.protocol.distort.transform import Image, PictureTransform, number

__all__ = ["Crop"]


@dataclass(frozen=True)
class Crop(PictureTransform):
    """The middle of the picture; the frame becomes as small as that."""

    name: ClassVar[str] = "crop"
    identity: ClassVar[Mapping[str, Any] | None] = {"keep": 1.0}

    keep: float = number(0.7, 0.05, 1.0, "share of each side that is kept")

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Cut the same off at both ends of each side, at the far end a pixel more if it must be."""
        height, width = (max(1, round(self.keep * side)) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        return np.ascontiguousarray(image[top : top + height, left : left + width])
