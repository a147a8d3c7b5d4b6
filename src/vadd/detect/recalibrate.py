"""What a classifier's answers turned out to mean: posteriors of the true scene, given what it said.

Learnt on clips that the classifier has not learnt from, in one of four degrees, each of which contains the
one before: nothing at all; a temperature (:mod:`vadd.detect.temperature`); beside it a leaning to each
scene; and on top a matrix of confusions, whose row says which scene was there when the classifier said
another. Cross-validation over whole groups of clips chooses the degree: few clips teach little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vadd.detect.folds import FOLDS, split
from vadd.detect.temperature import fit_temperature, logarithms, softmax, targets

__all__ = ["DEGREES", "Lesson", "Recalibration", "degree", "learn"]

DEGREES: Final = ("nothing", "temperature", "leaning", "confusions")

Shares = NDArray[np.floating[Any]]

#: Clips of each scene that a leaning and confusions are learnt from: one for each fold at least.
_FEWEST = FOLDS
#: Newton's method needs about ten steps, the mixture a few hundred.
_STEPS, _ROUNDS = 60, 1_000
_SETTLED = 1e-9


@dataclass(frozen=True)
class Recalibration:
    """Exchanges what a classifier says for what that means: ``softmax(log p / temperature + bias) @ matrix``.

    Args:
        temperature: Over 0.
        bias: Leaning to each scene, natural logarithm.
        confusions: Row: what was said; column: what was there. Rows are at least 0 and sum to 1.

    Raises:
        ValueError: If an argument is not so.
    """

    temperature: float
    bias: tuple[float, ...]
    confusions: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        square = len(self.confusions) == self.scenes >= 2
        if not square or any(len(row) != self.scenes for row in self.confusions):
            raise ValueError(
                "a recalibration has a bias and a row of confusions for each scene, and two scenes"
            )
        matrix = np.array(self.confusions)
        if not (np.isfinite(matrix).all() and (matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1)):
            raise ValueError("a row of confusions is at least 0 and sums to 1")
        if not (self.temperature > 0 and np.isfinite([self.temperature, *self.bias]).all()):
            raise ValueError(f"a temperature is over 0, not {self.temperature}, and a bias is finite")

    @property
    def scenes(self) -> int:
        """Over how many scenes."""
        return len(self.bias)

    def __call__(self, rows: Shares) -> NDArray[np.float64]:
        """Posteriors of what was there.

        Args:
            rows: ``(T, C)`` what was said; rows sum to 1.

        Returns:
            ``(T, C)``; rows sum to 1.
        """
        if degree(self) == "nothing":
            return rows.astype(np.float64)
        said = softmax(logarithms(rows) / self.temperature + np.array(self.bias))
        found: NDArray[np.float64] = said @ np.array(self.confusions)
        return found

    @classmethod
    def nothing(cls, scenes: int) -> Recalibration:
        """The one that takes a classifier at its word."""
        return cls(1.0, (0.0,) * scenes, _rows(np.eye(scenes)))


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a classifier said of clips that it had not learnt from, and what they are.

    Attributes:
        rows: ``(N, C)`` posteriors of all seconds of all clips.
        truth: ``(N,)`` scene of each second's clip.
        clip: ``(N,)`` number of each second's clip, from 0.
        groups: Name of each clip's group; groups are kept apart whole.
    """

    rows: Shares
    truth: NDArray[np.int64]
    clip: NDArray[np.int64]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, clips: Sequence[Shares], truth: Sequence[int], groups: Sequence[str] | None = None) -> Lesson:
        """A lesson of clips.

        Args:
            clips: ``(T, C)`` of each; T at least 1 and may differ.
            truth: Index of each one's scene.
            groups: Name of each one's group, e.g. where it was recorded; ``None``: each by itself.

        Raises:
            ValueError: If there is no clip, the numbers differ, a scene is none of the posteriors', or a
                value is no posterior.
        """
        told = range(len(clips)) if groups is None else groups
        if not len(clips) or not len(clips) == len(truth) == len(told):
            raise ValueError("a lesson is of clips, each with a scene and a group")
        if {each.ndim for each in clips} != {2} or len({each.shape[1] for each in clips}) > 1:
            raise ValueError("the posteriors of a lesson are (seconds, scenes), over the same scenes")
        lengths = [len(each) for each in clips]
        rows = np.concatenate(list(clips))
        scenes = rows.shape[1]
        if not all(lengths) or not (np.isfinite(rows).all() and (rows >= 0).all() and rows.any(axis=1).all()):
            raise ValueError(
                "the posteriors of a lesson are finite, not negative, and of one second at least"
            )
        if not all(0 <= each < scenes for each in truth):
            raise ValueError(f"a scene of a lesson is not among the {scenes} of its posteriors")
        owner = np.repeat(np.arange(len(clips), dtype=np.int64), lengths)
        return cls(rows, np.asarray(truth, np.int64)[owner], owner, tuple(str(each) for each in told))

    def part(self, chosen: NDArray[np.bool_]) -> Lesson:
        """The lesson of some clips; ``chosen`` is ``(clips,)``."""
        there = chosen[self.clip]
        number = np.cumsum(chosen) - 1
        groups = tuple(name for name, each in zip(self.groups, chosen, strict=True) if each)
        return Lesson(self.rows[there], self.truth[there], number[self.clip[there]].astype(np.int64), groups)

    def counts(self) -> NDArray[np.int64]:
        """``(C,)`` how many clips show each scene."""
        first = np.flatnonzero(np.diff(self.clip, prepend=-1))
        return np.bincount(self.truth[first], minlength=self.rows.shape[1]).astype(np.int64)

    def weights(self) -> NDArray[np.float64]:
        """``(N,)`` weights by which all scenes that are shown count alike; they sum to the clips' number.

        So what is learnt is about no mixture of scenes in particular, and two classifiers can be compared.
        """
        counts = self.counts()
        seconds = np.bincount(self.clip)[self.clip]
        shown = int((counts > 0).sum())
        found: NDArray[np.float64] = len(self.groups) / (shown * counts[self.truth] * seconds)
        return found


def degree(recalibration: Recalibration) -> str:
    """Which of :data:`DEGREES` was learnt."""
    matrix = np.array(recalibration.confusions)
    if not np.array_equal(matrix, np.eye(len(matrix))):
        return "confusions"
    if any(recalibration.bias):
        return "leaning"
    return "nothing" if recalibration.temperature == 1 else "temperature"


def learn(lesson: Lesson, *, seed: int = 0) -> Recalibration:
    """Learn what a classifier's answers mean, in the degree that groups which were kept apart bear out.

    With clips of a single group nothing can be borne out, and nothing is learnt. Leanings and confusions are
    learnt only where each scene is shown by five clips or more.

    Args:
        lesson: What to learn from.
        seed: Of the folds.
    """
    admitted = DEGREES if lesson.counts().min() >= _FEWEST else DEGREES[:2]
    if len(set(lesson.groups)) < 2:
        return Recalibration.nothing(lesson.rows.shape[1])
    fold = split(lesson.groups, seed=seed)
    loss = np.zeros(len(admitted))
    weights = lesson.weights()
    for kept in range(fold.max() + 1):
        apart = (fold == kept)[lesson.clip]
        rows, truth = lesson.rows[apart], lesson.truth[apart]
        for at, each in enumerate(_degrees(lesson.part(fold != kept), admitted)):
            right = each(rows)[np.arange(len(truth)), truth]
            loss[at] -= weights[apart] @ logarithms(right)
    # Of degrees that are equally good the first, which learns least.
    return _degrees(lesson, admitted)[int(loss.argmin())]


def _degrees(lesson: Lesson, admitted: Sequence[str]) -> list[Recalibration]:
    """The recalibrations of the first so many degrees."""
    scenes = lesson.rows.shape[1]
    plain = np.eye(scenes)
    weights, logs = lesson.weights(), logarithms(lesson.rows)
    temperature = fit_temperature(lesson.rows, lesson.truth, weights)
    found = [Recalibration.nothing(scenes), Recalibration(temperature, (0.0,) * scenes, _rows(plain))]
    if len(admitted) > len(found):
        sharpness, bias = _leaning(logs, targets(lesson.truth, weights, scenes), weights, 1 / temperature)
        found.append(Recalibration(1 / sharpness, tuple(bias.tolist()), _rows(plain)))
        matrix = _mixture(softmax(sharpness * logs + bias), lesson.truth, weights)
        found.append(Recalibration(1 / sharpness, tuple(bias.tolist()), _rows(matrix)))
    return found[: len(admitted)]


def _leaning(
    logs: NDArray[np.float64], wanted: NDArray[np.float64], weights: NDArray[np.float64], start: float
) -> tuple[float, NDArray[np.float64]]:
    """Sharpness and ``(C,)`` bias of the least log-loss, which is convex; by Newton's method.

    A bias costs as much as one clip would that bears witness against it.
    """
    scenes = logs.shape[1]
    # With logarithms of one size as the biases the steps are sound.
    size = float(np.sqrt((weights[:, None] * logs**2).sum() / weights.sum() / scenes))
    scaled = logs / size
    found = np.concatenate([[start * size], np.zeros(scenes)])

    def loss(at: NDArray[np.float64]) -> float:
        logits = at[0] * scaled + at[1:]
        top = logits.max(axis=1)
        total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        return float(weights @ (total - (wanted * logits).sum(axis=1)) + at[1:] @ at[1:] / 2)

    for _ in range(_STEPS):
        shares = softmax(found[0] * scaled + found[1:])
        off = weights[:, None] * (shares - wanted)
        slope = np.concatenate([[(off * scaled).sum()], off.sum(axis=0) + found[1:]])
        weighed = weights[:, None] * shares
        mean = (shares * scaled).sum(axis=1)
        curvature = np.eye(scenes + 1)
        curvature[0, 0] = (weighed * scaled**2).sum() - weights @ mean**2
        curvature[0, 1:] = curvature[1:, 0] = (weighed * (scaled - mean[:, None])).sum(axis=0)
        curvature[1:, 1:] += np.diag(weighed.sum(axis=0)) - weighed.T @ shares
        step = np.linalg.solve(curvature + _SETTLED * np.eye(scenes + 1), slope)
        before, part = loss(found), 1.0
        while part > _SETTLED and loss(found - part * step) > before:
            part /= 2
        if part <= _SETTLED or np.abs(step).max() < _SETTLED:
            break
        found = found - part * step
    if found[0] <= 0:  # the more it says a scene the less it is there: nothing of that is to be relied on
        return start, np.zeros(scenes)
    return float(found[0] / size), found[1:]


def _mixture(
    said: NDArray[np.float64], truth: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(C, C)`` rows P(there | said) that make the truth likeliest, by expectation and maximisation.

    Two clips more are taken to have been seen of each row: one that is what was said, and one of any scene.
    So no confusion comes out impossible, and what was never said stays what it is, half.
    """
    scenes = said.shape[1]
    seen = np.eye(scenes) + 1 / scenes
    matrix: NDArray[np.float64] = seen / seen.sum(axis=1, keepdims=True)
    there = np.eye(scenes)[truth] * weights[:, None]
    for _ in range(_ROUNDS):
        share = said * matrix[:, truth].T
        share /= share.sum(axis=1, keepdims=True)
        counted = share.T @ there + seen
        renewed = counted / counted.sum(axis=1, keepdims=True)
        change, matrix = np.abs(renewed - matrix).max(), renewed
        if change < 1e-6:
            break
    return matrix


def _rows(matrix: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
