"""Plain numbers about a frame: brightness, contrast, detail, colour, change. No network involved."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameMeasures", "Measurer"]

#: Every second pixel of every second row is plenty for averages over a frame.
_STEP = 2
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
#: Pixels to the side of the squares that a drawing is told by.
_SQUARE = 8
#: Levels within which a square is of one brightness: what compression leaves of an even ground.
_EVEN = 4
#: Levels from which on a square holds an edge: text, or the outline of a box.
_EDGE = 80
_LEAST_GROUND = 1 / 3


@dataclass(frozen=True, slots=True)
class FrameMeasures:
    """Averages over one frame, all in levels of 8-bit values.

    Attributes:
        luma: Mean brightness, 0-255.
        contrast: Standard deviation of the brightness, 0-127.5.
        detail: Mean absolute difference of brightness between neighbouring pixels (both directions), 0-255.
        colour: Colourfulness after D. Hasler and S. Süsstrunk (2003); 0 is grey, above 60 vivid.
        change: Mean absolute difference of brightness to the frame before, 0-255; 0 for the first one.
        flat: Largest share (0-1) of the pixels whose brightness lies within 12 levels of each other.
        drawn: Of the squares of 8 by 8 pixels without a strong edge, the share (0-1) that is of one
            brightness, as the ground and the boxes of slides are; 0 in a frame smaller than a square. Where
            edges leave less than a third of all squares the share is of that third, or the rest of a busy
            photograph would do.
    """

    luma: float
    contrast: float
    detail: float
    colour: float
    change: float
    flat: float
    drawn: float

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the measures in order."""
        return tuple(field.name for field in fields(cls))


class Measurer:
    """Measures the frames of one video in order, remembering only the last."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None

    def __call__(self, image: NDArray[np.uint8]) -> FrameMeasures:
        """Measure a frame of shape ``(height, width, 3)``, uint8 RGB."""
        small = image[::_STEP, ::_STEP].astype(np.float32)
        luma = small @ _LUMA
        change = 0.0
        # A stream whose frame size changes has nothing to compare with at that point.
        if self._before is not None and self._before.shape == luma.shape:
            change = float(np.abs(luma - self._before).mean())
        self._before = luma
        steps = [np.abs(np.diff(luma, axis=axis)) for axis in (0, 1) if luma.shape[axis] > 1]
        return FrameMeasures(
            luma=float(luma.mean()),
            contrast=float(luma.std()),
            detail=float(np.mean([step.mean() for step in steps])) if steps else 0.0,
            colour=_colourfulness(small),
            change=change,
            flat=_flatness(luma),
            drawn=_drawn(image),
        )


def _flatness(luma: NDArray[np.float32]) -> float:
    counts = np.bincount((luma / 4).astype(np.intp).ravel(), minlength=64)
    return float(np.convolve(counts, np.ones(3)).max() / counts.sum())


def _drawn(image: NDArray[np.uint8]) -> float:
    height, width = (side // _SQUARE * _SQUARE for side in image.shape[:2])
    if not height or not width:
        return 0.0
    # Every pixel, as text is fine, but of green alone: it is most of the brightness and needs no sum.
    green = np.ascontiguousarray(image[:height, :width, 1]).reshape(height // _SQUARE, _SQUARE, width)
    # Rows first: whole rows are compared many at a time.
    tops, bottoms = (each.reshape(len(green), -1, _SQUARE) for each in (green.max(axis=1), green.min(axis=1)))
    span = tops.max(axis=2) - bottoms.min(axis=2)
    return float((span <= _EVEN).mean() / max(1 - (span > _EDGE).mean(), _LEAST_GROUND))


def _colourfulness(image: NDArray[np.float32]) -> float:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    warm, cool = red - green, (red + green) / 2 - blue
    spread = np.hypot(warm.std(), cool.std())
    return float(spread + 0.3 * np.hypot(warm.mean(), cool.mean()))
