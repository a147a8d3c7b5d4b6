"""Quiet sound made as loud as the sound that networks were trained on.

A street recorded 40 dB below full scale is heard as silence or wind, because the logarithm in a network's
input has an offset that such sound does not rise above. So sound is amplified, never attenuated, by one
gain a stretch: long enough that loud and quiet moments keep their relation, short enough for flat memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["level_out"]

#: Seconds with one gain; a clip up to this length has a single one.
STRETCH = 60

#: RMS that a quieter stretch is brought to, dBFS.
TARGET = -26.0

#: The most that is added, dB: what lies deeper is the recorder's own noise.
MOST = 40.0


def level_out(blocks: Iterable[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.float32]]:
    """Amplify a stream of sound.

    Args:
        blocks: Consecutive ``(n,)`` float32 blocks in [-1, 1], of any lengths.
        rate: Samples a second.

    Yields:
        The same samples, amplified, in blocks of ``STRETCH`` seconds; the last may be shorter. The result
        does not depend on the lengths of the blocks.
    """
    held: list[NDArray[np.float32]] = []
    length, full = 0, STRETCH * rate
    for block in blocks:
        while len(block):
            taken, block = block[: full - length], block[full - length :]
            held.append(taken)
            length += len(taken)
            if length == full:
                yield _amplify(np.concatenate(held))
                held, length = [], 0
    if length:
        yield _amplify(np.concatenate(held))


def _amplify(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    if power == 0:
        return samples
    decibels = min(max(TARGET - 10 * np.log10(power), 0.0), MOST)
    # Clipped as a recorder would: the networks were trained on samples within full scale.
    amplified: NDArray[np.float32] = np.clip(samples * np.float32(10 ** (decibels / 20)), -1.0, 1.0)
    return amplified
