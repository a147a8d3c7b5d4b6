"""The augmented twin of a frame: mirrored, brighter or darker, harder or softer, a little turned.

What the paper does to the second half of its doubled training set, with the ranges of the authors:
brightness of up to 40 of 255 levels, contrast of up to 40 of 127, up to five degrees. What is done to a
frame follows from a seed, the clip's name and the second alone, so it can be done again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Change", "twin"]

BRIGHTNESS, CONTRAST, DEGREES = 40, 40, 5


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to one frame after it was mirrored.

    Attributes:
        brightness: Levels, -40 to 40; towards white or black.
        contrast: -40 to 40 of 127; negative is softer.
        degrees: Turned counterclockwise, -5 to 5; what comes into view is black.
    """

    brightness: int
    contrast: int
    degrees: int

    @classmethod
    def drawn(cls, seed: int, clip: str, second: int) -> Change:
        """The change that a seed means for a second of a clip."""
        digest = hashlib.sha256(f"{seed}\n{clip}\n{second}".encode()).digest()
        rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
        bounds = np.array([BRIGHTNESS, CONTRAST, DEGREES])
        return cls(*(int(value) for value in rng.integers(-bounds, bounds, endpoint=True)))


def twin(image: NDArray[np.uint8], change: Change) -> NDArray[np.uint8]:
    """The changed frame.

    Args:
        image: ``(height, width, 3)`` uint8.
        change: What to do.

    Returns:
        As ``image``.
    """
    from PIL import Image

    levels = _curve(change)[image[:, ::-1]]
    turned = Image.fromarray(levels).rotate(change.degrees, Image.Resampling.BILINEAR)
    return np.asarray(turned)


def _curve(change: Change) -> NDArray[np.uint8]:
    """The level that each of the 256 becomes; rounded and clipped after either step, as 8-bit images are."""
    levels = np.arange(256.0)
    room = 255 - abs(change.brightness)
    levels = np.rint(levels * room / 255 + max(change.brightness, 0))
    slope = 131 * (change.contrast + 127) / (127 * (131 - change.contrast))
    return np.clip(np.rint(slope * levels + 127 * (1 - slope)), 0, 255).astype(np.uint8)
