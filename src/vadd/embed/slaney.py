"""The mel filter bank of librosa's default kind, which OpenL3, the PANNs and our IOV network stand on.

Slaney's Auditory Toolbox scale: linear below 1 kHz, logarithmic above; triangles even in *hertz*, each
of area one. (YAMNet's bank in :mod:`vadd.embed.mel` is another: HTK scale, triangles even in mels.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["slaney_mel"]

#: Hertz a mel below the corner, the corner in hertz, and the logarithmic step above it.
_STEP, _CORNER, _LOG_STEP = 200.0 / 3, 1000.0, math.log(6.4) / 27.0
_CORNER_MEL = _CORNER / _STEP


def slaney_mel(rate: int, fft: int, bands: int, lowest: float, highest: float) -> NDArray[np.float32]:
    """The filter bank: a spectrum times it is the energy in each mel band.

    Args:
        rate: Samples a second.
        fft: Points of the transform.
        bands: Mel bands.
        lowest: Hz, where the first triangle begins.
        highest: Hz, where the last one ends; at most ``rate / 2``.

    Returns:
        ``(fft // 2 + 1, bands)`` float32, equal to librosa's ``filters.mel`` transposed.
    """
    bins = np.linspace(0.0, rate / 2, fft // 2 + 1)[:, None]
    edges = _hertz(np.linspace(_mel(lowest), _mel(highest), bands + 2))
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    # Rounded before it is scaled, as librosa does: equal to the last bit, not only nearly.
    triangles = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    bank: NDArray[np.float32] = (triangles * (2.0 / (upper - lower))).astype(np.float32)
    return bank


def _mel(hertz: float) -> float:
    if hertz < _CORNER:
        return hertz / _STEP
    return _CORNER_MEL + math.log(hertz / _CORNER) / _LOG_STEP


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _CORNER * np.exp(_LOG_STEP * (mels - _CORNER_MEL))
    return np.where(mels < _CORNER_MEL, mels * _STEP, above)
