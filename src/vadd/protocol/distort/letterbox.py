"""Black bars above and below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vadd.protocol.distort.transform import Image, PictureTransform, number

__all__ = ["Letterbox"]


@dataclass(frozen=True)
class Letterbox(PictureTransform):
    """Black bars above and below the whole picture; the frame becomes higher by that."""

    name: ClassVar[str] = "letterbox"
    identity: ClassVar[Mapping[str, Any] | None] = {"share": 0.0}

    share: float = number(0.25, 0.0, 0.9, "share of the new frame's height that is black")

    def see(self, image: Image, time: float, seed: int) -> Image:
        """Put the bars around."""
        bar = round(image.shape[0] * self.share / (1 - self.share) / 2)
        return np.pad(image, ((bar, bar), (0, 0), (0, 0)))
