"""Left and right exchanged, as reposts do to escape being found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vadd.protocol.distort.transform import Image, PictureTransform

__all__ = ["Mirror"]


@dataclass(frozen=True)
class Mirror(PictureTransform):
    """The picture mirrored, left to right."""

    name: ClassVar[str] = "mirror"

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Reverse the columns."""
        return np.ascontiguousarray(image[:, ::-1])
