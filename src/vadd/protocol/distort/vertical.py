"""A broad picture made upright for telephones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from vadd.protocol.distort.transform import Image, PictureTransform, choice

__all__ = ["Vertical"]

#: Width over height of an upright video.
_UPRIGHT = Fraction(9, 16)
#: The background is the picture made so many times smaller, blurred and enlarged: nothing is recognised.
_COARSER = 16


@dataclass(frozen=True)
class Vertical(PictureTransform):
    """A frame of 9:16: the picture's middle, or all of it small before a blurred copy."""

    name: ClassVar[str] = "vertical"

    fill: str = choice("blur", ("blur", "crop"), "all before a blurred copy, or the middle alone")

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Cut, or put on a ground of about as many pixels as the picture has."""
        from PIL import Image as Pictures
        from PIL import ImageFilter, ImageOps

        height, width = image.shape[:2]
        if self.fill == "crop":
            broad = max(1, min(width, round(height * _UPRIGHT)))
            high = max(1, min(height, round(width / _UPRIGHT)))
            top, left = (height - high) // 2, (width - broad) // 2
            return np.ascontiguousarray(image[top : top + high, left : left + broad])
        broad = max(2, round(math.sqrt(height * width * _UPRIGHT)))
        size = broad, max(2, round(broad / _UPRIGHT))
        picture = Pictures.fromarray(image)
        coarse = ImageOps.fit(picture, (max(1, size[0] // _COARSER), max(1, size[1] // _COARSER)))
        ground = coarse.filter(ImageFilter.GaussianBlur(1)).resize(size)
        small = ImageOps.contain(picture, size)
        ground.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
        return np.asarray(ground)
