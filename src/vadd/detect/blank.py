"""Seconds whose picture shows no scene: black, blank, or a still title."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.embed.extract import PictureTrack

__all__ = ["blank_seconds"]

#: Standard deviation of the brightness (0-127.5) below which a frame is blank.
BLANK_CONTRAST = 4.0

#: Mean change of brightness (0-255) from one second to the next below which the picture stands still.
STILL = 0.6

#: A still picture of which this share has one and the same brightness is a title or a slide.
TITLE_FLAT = 0.5


def blank_seconds(picture: PictureTrack) -> NDArray[np.bool_]:
    """Which seconds show nothing.

    Args:
        picture: Measures of ``T`` seconds.

    Returns:
        ``(T,)`` bool; true where the frame is of one brightness, or a still title on an even ground; false
        where there is no frame.
    """
    # A change is measured against the last frame that was there, so seconds without one are passed over.
    as_before = picture.change[picture.present] < STILL
    # The first frame has none before it (its change is 0 by definition); alone, it does stand still.
    as_before[:1] = len(as_before) == 1
    still = np.zeros(len(picture.present), np.bool_)
    still[picture.present] = as_before | np.append(as_before[1:], False)
    blank: NDArray[np.bool_] = (picture.contrast < BLANK_CONTRAST) | (still & (picture.flat > TITLE_FLAT))
    return blank & picture.present
