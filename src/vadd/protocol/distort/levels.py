"""How loud samples are, and how they are kept within full scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["rms", "turned_down"]


def rms(samples: NDArray[np.float32]) -> float:
    """Root mean square over all samples; 0 where there are none."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def turned_down(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    """Samples as float32, all quieter by one factor if the largest is beyond full scale.

    As whoever mixes would do: what was mixed keeps its proportions, and nothing clips.
    """
    peak = float(np.abs(samples).max()) if samples.size else 0.0
    return np.asarray(samples / max(1.0, peak), np.float32)
