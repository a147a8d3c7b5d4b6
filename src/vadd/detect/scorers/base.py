"""What every scorer is: two streams of one clip in, one number out; higher is more discrepant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.classify.vote import mean_posterior

__all__ = ["ROUNDING", "PosteriorScorer", "Posteriors", "Rows", "Scorer", "Takes", "check_shares"]

Rows = NDArray[np.floating[Any]]
Posteriors = Rows

#: How far a row of posteriors may be from a sum of 1: single precision over some scenes, and no more.
ROUNDING = 1e-3


class Takes(StrEnum):
    """What a scorer compares, a row a second of either stream."""

    POSTERIORS = "posteriors of both streams over the same scenes"
    CONCEPTS = "posteriors over what can be seen and over what can be heard"
    EMBEDDINGS = "the embeddings of both streams"


class Scorer(ABC):
    """Compares what the two streams of a clip say; it knows nothing of files.

    Attributes:
        name: What tables call it.
        about: What it is, in a line.
        takes: What it compares.
        symmetric: Whether picture and sound may change places.
        alike: The greatest score of two posteriors that are one and the same in each second.
        neutral: The score that speaks neither for nor against; ``None`` where no score is known to.
        learnt: Whether it has parameters that were learnt from clips.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    takes: ClassVar[Takes]
    symmetric: ClassVar[bool] = True
    alike: ClassVar[float] = 0.0
    neutral: ClassVar[float | None] = None
    learnt: ClassVar[bool] = False

    def __call__(self, picture: Rows, sound: Rows) -> float:
        """Score a clip.

        Args:
            picture: ``(T, V)`` what :attr:`takes` says of each second that counts; T at least 1.
            sound: ``(T, A)`` the same of the sound, over the same seconds.

        Returns:
            A finite number in :meth:`bounds`; higher is more discrepant.

        Raises:
            ValueError: If a shape or a value is wrong.
        """
        self._check(picture, sound, gaps=False)
        return float(self._score(picture, sound))

    def seconds(self, picture: Rows, sound: Rows) -> NDArray[np.float64]:
        """Score each second by itself.

        Args:
            picture: As for :meth:`__call__`; a row of zeros, where nothing is known, is allowed.
            sound: Likewise.

        Returns:
            ``(T,)`` in :meth:`bounds`; where nothing is known of a side the neutral score, or the middle of
            the bounds.

        Raises:
            ValueError: If a shape or a value is wrong.
        """
        self._check(picture, sound, gaps=True)
        known = picture.any(axis=1) & sound.any(axis=1)
        found = np.full(len(picture), self._unknown(picture.shape[1]))
        if known.any():
            found[known] = self._rows(picture[known], sound[known])
        return found

    @abstractmethod
    def bounds(self, scenes: int) -> tuple[float, float]:
        """The least and the greatest score that posteriors over so many scenes can have."""

    @abstractmethod
    def _check(self, picture: Rows, sound: Rows, *, gaps: bool) -> None:
        """Raise :class:`ValueError` for what it cannot score; rows of zeros pass where ``gaps``."""

    @abstractmethod
    def _rows(self, picture: Rows, sound: Rows) -> NDArray[np.float64]:
        """``(T,)`` scores of seconds of which both sides are known."""

    @abstractmethod
    def _score(self, picture: Rows, sound: Rows) -> float:
        """:meth:`__call__` with arguments that were checked."""

    def _unknown(self, scenes: int) -> float:
        return sum(self.bounds(scenes)) / 2 if self.neutral is None else self.neutral


class PosteriorScorer(Scorer):
    """A scorer of posteriors over the same scenes; rows are at least 0 and sum to 1, of 2 scenes or more.

    Posteriors of ten scenes are scored as three classes by folding both first
    (:func:`vadd.classify.vote.fold`).
    """

    takes = Takes.POSTERIORS

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        seen, heard = mean_posterior(picture), mean_posterior(sound)
        return float(self._rows(seen[None], heard[None])[0])

    def _check(self, picture: Posteriors, sound: Posteriors, *, gaps: bool) -> None:
        if picture.shape != sound.shape:
            raise ValueError(
                f"picture and sound have posteriors of other shapes: {picture.shape}, {sound.shape}"
            )
        if picture.ndim != 2 or len(picture) == 0 or picture.shape[1] < 2:
            raise ValueError(f"a clip's posteriors are (seconds, scenes), not {picture.shape}")
        for rows in (picture, sound):
            check_shares(rows, gaps=gaps)


def check_shares(rows: Rows, *, gaps: bool) -> None:
    """Raise :class:`ValueError` unless each row is a posterior, or all zeros where ``gaps``."""
    if not (np.isfinite(rows).all() and (rows >= 0).all()):
        raise ValueError("posteriors are finite numbers and not negative")
    sums = rows.sum(axis=1, dtype=np.float64)
    right = np.abs(sums - 1) <= ROUNDING
    if not (right | (sums == 0) if gaps else right).all():
        raise ValueError("the posterior of a second sums to 1")
