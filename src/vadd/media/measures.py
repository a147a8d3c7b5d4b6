"""Plain numbers about a frame: brightness, contrast, detail, colour, change. No network involved."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameMeasures", "Measurer"]

#: Every second pixel of every second row is plenty for averages over a frame.
_STEP = 2
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


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
    """

    luma: float
    contrast: float
    detail: float
    colour: float
    change: float
    flat: float

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
        )


def _flatness(luma: NDArray[np.float32]) -> float:
    counts = np.bincount((luma / 4).astype(np.intp).ravel(), minlength=64)
    return float(np.convolve(counts, np.ones(3)).max() / counts.sum())


def _colourfulness(image: NDArray[np.float32]) -> float:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    warm, cool = red - green, (red + green) / 2 - blue
    spread = np.hypot(warm.std(), cool.std())
    return float(spread + 0.3 * np.hypot(warm.mean(), cool.mean()))
