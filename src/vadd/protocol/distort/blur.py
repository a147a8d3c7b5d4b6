"""Out of focus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vadd.protocol.distort.transform import Image, PictureTransform, number

__all__ = ["Blur"]


@dataclass(frozen=True)
class Blur(PictureTransform):
    """A Gaussian blur (Pillow's, which is made of box blurs and close to it).

    Its width is a share of the frame's, so that small and large frames of one scene are blurred alike.
    """

    name: ClassVar[str] = "blur"
    identity: ClassVar[Mapping[str, Any] | None] = {"percent": 0.0}

    percent: float = number(1.0, 0.0, 20.0, "standard deviation, % of the frame's shorter side")

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Blur the frame."""
        from PIL import Image as Pictures
        from PIL import ImageFilter

        if self.percent == 0:
            return image
        deviation = self.percent / 100 * min(image.shape[:2])
        return np.asarray(Pictures.fromarray(image).filter(ImageFilter.GaussianBlur(deviation)))
