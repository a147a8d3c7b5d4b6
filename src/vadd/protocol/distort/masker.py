"""A recording laid over the sound, at a level against it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.distort.levels import rms, turned_down
from vadd.protocol.distort.transform import Sound

__all__ = ["laid_over"]


def laid_over(sound: Sound, masker: NDArray[np.float32], level: float, seed: int) -> Sound:
    """The sound with a stretch of a recording over it, in all channels alike.

    Args:
        sound: What is covered.
        masker: ``(n,)`` at the sound's rate; a short one is repeated.
        level: dB of the stretch's RMS above the sound's.
        seed: Of where in the recording the stretch begins.

    Returns:
        The mix, turned down if it would clip; the sound itself where either is silent.
    """
    length = sound.samples.shape[1]
    if not length or not masker.size:
        return sound
    start = int(np.random.default_rng(seed).integers(max(1, len(masker) - length + 1)))
    stretch = np.resize(masker[start:], length).astype(np.float64)
    own = rms(stretch.astype(np.float32))
    if own == 0:
        return sound
    factor = rms(sound.samples) / own * 10 ** (level / 20)
    return Sound(turned_down(sound.samples + factor * stretch), sound.rate)
