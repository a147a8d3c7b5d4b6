"""The likelihood ratio that takes classifiers at their word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.detect.scorers.base import ROUNDING, Posteriors, PosteriorScorer

__all__ = ["Graded"]


@dataclass(frozen=True)
class Graded(PosteriorScorer):
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
    about: ClassVar[str] = "likelihood ratio that picture and sound show one scene"
    neutral: ClassVar[float | None] = 0.0

    doubt: float = 0.01
    prior: tuple[float, ...] | None = field(default=None)

    def __post_init__(self) -> None:
        if not 0 < self.doubt < 1:
            raise ValueError(f"the share of doubt lies between 0 and 1, not {self.doubt}")
        if self.prior is not None:
            given = np.array(self.prior)
            if not (np.isfinite(given).all() and (given > 0).all() and abs(given.sum() - 1) <= ROUNDING):
                raise ValueError("the prior of the scenes is positive and sums to 1")

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From both sure of the scene that is rarest to both sure of scenes that differ."""
        rarest = 1 / scenes if self.prior is None else min(self.prior)
        return -float(np.log(self._mixed(1 / rarest))), -float(np.log(self._mixed(0.0)))

    def _rows(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        found: NDArray[np.float64] = -np.log(self._mixed(self._ratio(picture, sound)))
        return found

    def _check(self, picture: Posteriors, sound: Posteriors, *, gaps: bool) -> None:
        super()._check(picture, sound, gaps=gaps)
        if self.prior is not None and len(self.prior) != picture.shape[1]:
            raise ValueError(
                f"the prior is of {len(self.prior)} scenes, the posteriors of {picture.shape[1]}"
            )

    def _ratio(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        """``(T, C)`` twice to the ratio without doubt, ``(T,)``."""
        scenes = picture.shape[1]
        prior = np.full(scenes, 1 / scenes) if self.prior is None else np.array(self.prior)
        ratio: NDArray[np.float64] = (picture.astype(np.float64) * sound / prior).sum(axis=1)
        # Rows that sum to a hair more than 1 would lead a hair beyond the bounds.
        bounded: NDArray[np.float64] = np.minimum(ratio, 1 / prior.min())
        return bounded

    def _mixed(self, ratio: Any) -> Any:
        # Written out, the sum over mixed posteriors is the plain sum and 1, weighed.
        trust = (1 - self.doubt) ** 2
        return trust * ratio + (1 - trust)
