"""The everyday score: how much likelier is this sound at another picture than at this one.

For each second, the picture's expectation says how many times likelier it makes each sound concept
than pictures at large do, and the sound's posterior says what is heard; the mean of the one under the
other is a likelihood ratio of "belongs together" against "any sound". Its negative logarithm is the
*discrepancy* of the second: below 0 the picture explains the sound, above 0 it does not.

Speech and music are laid over any picture, so where a picture does not lead one to expect
them they say little for or against it: they count a tenth, and the share that they took is reported
as *unexplained*, because the less is left of the sound the less the verdict may rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadd.detect.blocks import blocks

__all__ = ["SecondScores", "discrepancy", "smooth", "to_unit"]

#: What a generic sound that the picture does not lead one to expect still counts.
GENERIC_WEIGHT = 0.1

#: From this ratio on a generic sound has its source in the picture (an instrument, a stage).
SOURCE_RATIO = 2.0

#: Seconds on either side that a second's posteriors are averaged with.
REACH = 1


@dataclass(frozen=True, slots=True, eq=False)
class SecondScores:
    """What the scorer says of each second.

    Attributes:
        discrepancy: ``(T,)`` natural logarithm of 1 / likelihood ratio; higher is more discrepant, 0 where
            nothing is known of the sound.
        unexplained: ``(T,)``, 0-1, share of the sound that is generic and without a source in the picture;
            1 where nothing is known of the sound.
    """

    discrepancy: NDArray[np.float64]
    unexplained: NDArray[np.float64]


def discrepancy(
    expectation: NDArray[np.float32], heard: NDArray[np.float32], generic: NDArray[np.bool_]
) -> SecondScores:
    """Score seconds.

    Args:
        expectation: ``(T, A)`` ratios from :meth:`vadd.classify.everyday.Everyday.expectation`, at least 0.
        heard: ``(T, A)`` posterior over sound concepts, rows sum to 1, or to 0 where nothing is known.
        generic: ``(A,)`` which concepts are laid over any picture.

    Returns:
        One score a second.

    Raises:
        ValueError: If the shapes do not fit or a value is negative or not finite.
    """
    if expectation.shape != heard.shape or generic.shape != heard.shape[1:]:
        raise ValueError(f"shapes differ: {expectation.shape}, {heard.shape}, {generic.shape}")
    for values in (expectation, heard):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError("expectations and posteriors are finite and not negative")
    mass, explained, unexplained = (np.zeros(len(heard)) for _ in range(3))
    for block in blocks(len(heard)):
        ratio, share = expectation[block].astype(np.float64), heard[block].astype(np.float64)
        weighed = share * np.where((ratio < 1) & generic, GENERIC_WEIGHT, 1.0)
        mass[block] = weighed.sum(axis=1)
        explained[block] = (weighed * ratio).sum(axis=1)
        unexplained[block] = (share * ((ratio < SOURCE_RATIO) & generic)).sum(axis=1)
    tiny = np.finfo(np.float32).tiny
    likelihood = explained / np.maximum(mass, tiny)
    # A row of zeros is no sound that fits badly: no claim may come of it.
    return SecondScores(
        discrepancy=np.where(mass > 0, -np.log(np.maximum(likelihood, tiny)), 0.0),
        unexplained=np.where(mass > 0, unexplained, 1.0),
    )


def smooth(posteriors: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Average each second's posterior with its neighbours', leaving out seconds that are not there.

    Args:
        posteriors: ``(T, C)``.
        present: ``(T,)`` which seconds count.

    Returns:
        ``(T, C)``; rows of seconds that do not count, and have no neighbour that does, are 0.
    """
    found = np.zeros(posteriors.shape, np.float32)
    for block in blocks(len(posteriors)):
        # With the neighbours on either side, which go again.
        first = max(0, block.start - REACH)
        around = slice(first, block.stop + REACH)
        means = _means(posteriors[around], present[around])
        found[block] = means[block.start - first : block.stop - first]
    return found


def _means(posteriors: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    counted = np.where(present[:, None], posteriors, 0)
    total = np.zeros(counted.shape, np.float64)
    number = np.zeros(len(counted))
    for shift in range(-REACH, REACH + 1):
        to = slice(max(0, shift), len(counted) + min(0, shift))
        of = slice(max(0, -shift), len(counted) - max(0, shift))
        total[to] += counted[of]
        number[to] += present[of]
    means: NDArray[np.float64] = total / np.maximum(number, 1)[:, None]
    return means


def to_unit(value: float) -> float:
    """A discrepancy as a score from 0 to 1: 1 / (1 + likelihood ratio); 0.5 says neither."""
    return float(1 / (1 + np.exp(-value)))
