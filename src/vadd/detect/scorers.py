"""How far two scene posteriors of one clip are apart: the paper's hard comparison, and three graded ones.

A scorer gets what the picture and the sound say of each second, over the same scenes, and gives one
number; higher is more discrepant. Posteriors of ten scenes are scored as three classes by folding both
first (:func:`vadd.classify.vote.fold`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.classify.vote import mean_posterior, winner
from vadd.errors import UsageError

__all__ = ["SCORERS", "Divergence", "Graded", "Hard", "Scorer", "Seconds", "scorer"]

Posteriors = NDArray[np.floating[Any]]

#: How far a row of posteriors may be from a sum of 1: single precision over some scenes, and no more.
_ROUNDING = 1e-3


class Scorer(ABC):
    """Compares what the two streams of a clip say.

    Attributes:
        name: What tables call it.
        symmetric: Whether picture and sound may change places.
        alike: The greatest score of two posteriors that are one and the same in each second.
    """

    name: ClassVar[str]
    symmetric: ClassVar[bool] = True
    alike: ClassVar[float] = 0.0

    def __call__(self, picture: Posteriors, sound: Posteriors) -> float:
        """Score a clip.

        Args:
            picture: ``(T, C)`` scene posterior of each second that counts; T at least 1, C at least 2;
                rows are at least 0 and sum to 1.
            sound: The same of the sound, over the same seconds and scenes.

        Returns:
            A finite number in :meth:`bounds`; higher is more discrepant.

        Raises:
            ValueError: If a shape or a value is wrong.
        """
        _check(picture, sound)
        return self._score(picture, sound)

    @abstractmethod
    def bounds(self, scenes: int) -> tuple[float, float]:
        """The least and the greatest score that posteriors over so many scenes can have."""

    @abstractmethod
    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        """:meth:`__call__` with arguments that were checked."""


class Hard(Scorer):
    """The paper's: 1 if the scenes that win the two votes differ, else 0.

    Each second votes for its most probable scene; a tied vote goes to the greater mean posterior.
    """

    name = "hard"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """0 or 1, nothing between."""
        return 0.0, 1.0

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        return float(winner(picture) != winner(sound))


class Seconds(Scorer):
    """The share of seconds, 0 to 1, in which the most probable scenes of picture and sound differ."""

    name = "seconds"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From 0 to 1."""
        return 0.0, 1.0

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        return float((picture.argmax(axis=1) != sound.argmax(axis=1)).mean())


class Divergence(Scorer):
    """The Jensen-Shannon divergence of the two mean posteriors, in bits: 0 (equal) to 1 (no scene shared)."""

    name = "divergence"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From 0 to 1."""
        return 0.0, 1.0

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        seen, heard = mean_posterior(picture), mean_posterior(sound)
        both = (seen + heard) / 2
        bits = (_bits(seen, both) + _bits(heard, both)) / 2
        return min(max(bits, 0.0), 1.0)  # rounding can carry it a hair beyond


@dataclass(frozen=True)
class Graded(Scorer):
    """How much likelier the two streams are if they show one scene than if each shows any.

    The likelihood ratio is the sum over scenes of ``P(scene | picture) P(scene | sound) / P(scene)``. A
    classifier that is sure is still wrong at times, so each posterior is mixed with a small share of the
    prior, which bounds what a single second can do. The score is the *discrepancy*, the negative natural
    logarithm of the ratio: below 0 the streams speak for one scene, above 0 against it, 0 says neither.
    As a number from 0 to 1 it is ``1 / (1 + ratio)`` (:func:`vadd.detect.score.to_unit`).

    Args:
        doubt: Share of the prior in each posterior, in (0, 1).
        prior: P(scene), positive, sums to 1; all scenes alike if ``None``.

    Raises:
        ValueError: If an argument is not one of these.
    """

    name: ClassVar[str] = "graded"

    doubt: float = 0.01
    prior: tuple[float, ...] | None = field(default=None)

    def __post_init__(self) -> None:
        if not 0 < self.doubt < 1:
            raise ValueError(f"the share of doubt lies between 0 and 1, not {self.doubt}")
        if self.prior is not None:
            given = np.array(self.prior)
            if not (np.isfinite(given).all() and (given > 0).all() and abs(given.sum() - 1) <= _ROUNDING):
                raise ValueError("the prior of the scenes is positive and sums to 1")

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From both sure of the scene that is rarest to both sure of scenes that differ."""
        rarest = 1 / scenes if self.prior is None else min(self.prior)
        return -float(np.log(self._mixed(1 / rarest))), -float(np.log(self._mixed(0.0)))

    def seconds(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        """The discrepancy of each second.

        Args:
            picture: As for :meth:`__call__`; a row of zeros, where nothing is known, is allowed.
            sound: Likewise.

        Returns:
            ``(T,)`` in :meth:`bounds`; 0 where nothing is known of a side.

        Raises:
            ValueError: If a shape or a value is wrong.
        """
        _check(picture, sound, gaps=True)
        known = picture.any(axis=1) & sound.any(axis=1)
        found: NDArray[np.float64] = np.where(known, -np.log(self._mixed(self._ratio(picture, sound))), 0.0)
        return found

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        ratio = self._ratio(mean_posterior(picture), mean_posterior(sound))
        return -float(np.log(self._mixed(ratio)))

    def _ratio(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        """``(..., C)`` twice to the ratio without doubt, ``(...,)``."""
        scenes = picture.shape[-1]
        prior = np.full(scenes, 1 / scenes) if self.prior is None else np.array(self.prior)
        if len(prior) != scenes:
            raise ValueError(f"the prior is of {len(prior)} scenes, the posteriors of {scenes}")
        ratio: NDArray[np.float64] = (picture.astype(np.float64) * sound / prior).sum(axis=-1)
        # Rows that sum to a hair more than 1 would lead a hair beyond the bounds.
        bounded: NDArray[np.float64] = np.minimum(ratio, 1 / prior.min())
        return bounded

    def _mixed(self, ratio: Any) -> Any:
        # Written out, the sum over mixed posteriors is the plain sum and 1, weighed.
        trust = (1 - self.doubt) ** 2
        return trust * ratio + (1 - trust)


#: Name → scorer; the one list of them.
SCORERS: Mapping[str, Scorer] = MappingProxyType(
    {each.name: each for each in (Hard(), Seconds(), Graded(), Divergence())}
)


def scorer(name: str) -> Scorer:
    """The scorer of this name.

    Raises:
        UsageError: If there is none; the message lists the names.
    """
    if name not in SCORERS:
        raise UsageError(f"there is no scorer {name!r}; the scorers are {', '.join(SCORERS)}")
    return SCORERS[name]


def _bits(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence, base 2; ``other`` is positive wherever ``one`` is."""
    there = one > 0
    return float((one[there] * np.log2(one[there] / other[there])).sum())


def _check(picture: Posteriors, sound: Posteriors, *, gaps: bool = False) -> None:
    if picture.shape != sound.shape:
        raise ValueError(f"picture and sound have posteriors of other shapes: {picture.shape}, {sound.shape}")
    if picture.ndim != 2 or len(picture) == 0 or picture.shape[1] < 2:
        raise ValueError(f"a clip's posteriors are (seconds, scenes), not {picture.shape}")
    for rows in (picture, sound):
        if not (np.isfinite(rows).all() and (rows >= 0).all()):
            raise ValueError("posteriors are finite numbers and not negative")
        sums = rows.sum(axis=1, dtype=np.float64)
        right = np.abs(sums - 1) <= _ROUNDING
        if not (right | (sums == 0) if gaps else right).all():
            raise ValueError("the posterior of a second sums to 1")
