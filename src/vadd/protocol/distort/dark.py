"""Less light, as at night or behind a small aperture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.distort.transform import Image, PictureTransform, number

__all__ = ["Dark"]


@dataclass(frozen=True)
class Dark(PictureTransform):
    """The light halved for every stop, in linear light (transfer curve of sRGB, IEC 61966-2-1)."""

    name: ClassVar[str] = "dark"
    identity: ClassVar[Mapping[str, Any] | None] = {"stops": 0.0}

    stops: float = number(2.0, 0.0, 10.0, "halvings of the light")

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Look every value up."""
        return _table(self.stops)[image]


@cache
def _table(stops: float) -> NDArray[np.uint8]:
    """``(256,)`` new values of all values."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * 2**-stops
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(255 * back).astype(np.uint8)
    return levels
