"""YAMNet's front end: log-mel energies, 100 a second, in numpy.

The numbers are those of the published front end (tensorflow/models, ``research/audioset/yamnet``):
the *magnitude* spectrum, not the power; a periodic window; no centring or padding of frames.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANDS", "HOP", "RATE", "WINDOW", "log_mel", "mel_matrix"]

#: Samples a second.
RATE = 16_000
#: Samples a frame (25 ms) and from one frame to the next (10 ms).
WINDOW, HOP = 400, 160
FFT = 512
BANDS = 64
LOWEST, HIGHEST = 125.0, 7_500.0
#: Keeps the logarithm of silence finite.
OFFSET = 0.001


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The log-mel energies of every whole frame.

    Args:
        samples: ``(n,)`` mono, in [-1, 1], at :data:`RATE`; ``n`` at least :data:`WINDOW`.

    Returns:
        ``(1 + (n - WINDOW) // HOP, BANDS)``, natural logarithms.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(frames * _hann(), FFT)).astype(np.float32, copy=False)
    energies: NDArray[np.float32] = np.log(spectrum @ mel_matrix() + np.float32(OFFSET))
    return energies


@cache
def mel_matrix() -> NDArray[np.float32]:
    """``(FFT // 2 + 1, BANDS)``: triangles that are even on the HTK mel scale, in mels, not in hertz."""
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    bins = _mel(np.linspace(0.0, RATE / 2, FFT // 2 + 1))[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _mel(hertz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


@cache
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
