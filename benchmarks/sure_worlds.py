"""Simulated worlds, classifiers that do not mean what they say, and what scorers give on them.

For ``benchmarks/sure.py``. The simulation is `simulate/paper_grade.py` of the folder that VADD_SHARED names.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.detect.calibrate import Calibration
from vadd.detect.curve import choose_curve
from vadd.detect.folds import split
from vadd.detect.recalibrate import Lesson, degree
from vadd.detect.scorers import SCORERS, Confusions, Scorer, learn_confusions
from vadd.detect.temperature import logarithms, softmax
from vadd.protocol.metrics import best_threshold, detection

LEARNT = Confusions.name
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class World:
    """Simulated clips of one seed; the first half is learnt from.

    Attributes:
        visual: ``(n, C)`` what the picture's classifier says.
        audio: ``(n, C)`` what the sound's says.
        picture: ``(n,)`` scene of each picture.
        sound: ``(n,)`` of each sound.
        manipulated: ``(n,)``.
        bayes: ``(n,)`` the probability of it, given undistorted posteriors: no scorer can do better.
    """

    visual: Array
    audio: Array
    picture: NDArray[np.int64]
    sound: NDArray[np.int64]
    manipulated: NDArray[np.bool_]
    bayes: Array

    @property
    def learns(self) -> NDArray[np.bool_]:
        """``(n,)`` which clips are learnt from."""
        return np.arange(len(self.visual)) < len(self.visual) // 2


@dataclass(frozen=True, eq=False)
class Tried:
    """What a scorer gives on one world.

    Attributes:
        f1: Of the judged clips, with the threshold that is best on those learnt from.
        area: Under the ROC curve, of the judged clips.
        scores: ``(n,)`` of all clips; of those learnt from by a scorer that did not learn from them.
        calibration: Learnt with them.
        probability: ``(judged,)``.
        degrees: What a learnt scorer took over of picture and sound.
    """

    f1: float
    area: float
    scores: Array
    calibration: Calibration
    probability: Array
    degrees: tuple[str, ...]


def simulator() -> Callable[..., dict] | None:
    path = Path(os.environ.get("VADD_SHARED", "")) / "simulate" / "paper_grade.py"
    if not os.environ.get("VADD_SHARED") or not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("paper_grade", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.simulate


def world(simulate: Callable[..., dict], seed: int, clips: int) -> World:
    """A world with so many clips to learn from, and as many to judge."""
    made = simulate(2 * clips, seed)
    return World(*(made[key] for key in ("visual", "audio", "picture", "sound", "manipulated", "bayes")))


def distorted(rows: Array, sharper: float) -> Array:
    return rows if sharper == 1 else softmax(sharper * logarithms(rows))


def leaning(rows: Array, seed: int) -> Array:
    """As of a classifier that was trained with some scenes far more often than with others."""
    weights = np.exp(np.random.default_rng([seed, 77]).normal(0, 1.5, rows.shape[1]))
    return rows * weights / (rows * weights).sum(axis=1, keepdims=True)


def lesson(rows: Array, truth: NDArray[np.int64]) -> Lesson:
    return Lesson.of(list(rows[:, None]), truth.tolist())


def learn(world: World, visual: Array, audio: Array, chosen: NDArray[np.bool_]) -> Confusions:
    return learn_confusions(
        lesson(visual[chosen], world.picture[chosen]), lesson(audio[chosen], world.sound[chosen])
    )


def scored(scorer: Scorer, visual: Array, audio: Array) -> Array:
    """One second a clip, so that the scores of seconds are those of clips, but for ``hard``."""
    if scorer.name == "hard":
        return np.array([scorer(v[None], a[None]) for v, a in zip(visual, audio, strict=True)])
    return scorer.seconds(visual, audio)


def held_out(world: World, visual: Array, audio: Array, learns: NDArray[np.bool_]) -> Array:
    """Scores of clips by what learnt from the other four fifths of them."""
    places = np.flatnonzero(learns)
    fold = split([str(at) for at in places])
    scores = np.full(len(visual), np.nan)
    for kept in range(fold.max() + 1):
        others = np.zeros(len(visual), np.bool_)
        others[places[fold != kept]] = True
        apart = places[fold == kept]
        scores[apart] = scored(learn(world, visual, audio, others), visual[apart], audio[apart])
    return scores


def try_scorer(name: str, world: World, visual: Array, audio: Array) -> Tried:
    learns, degrees = world.learns, ()
    if name == LEARNT:
        scorer = learn(world, visual, audio, learns)
        degrees = (degree(scorer.picture), degree(scorer.sound))
        scores = held_out(world, visual, audio, learns)
        scores[~learns] = scored(scorer, visual[~learns], audio[~learns])
    else:
        scores = scored(SCORERS[name], visual, audio)
    return tried_scores(world, scores, degrees)


def tried_scores(world: World, scores: Array, degrees: tuple[str, ...] = ()) -> Tried:
    learns, swapped = world.learns, world.manipulated
    own, foreign = (scores[learns & (swapped == side)].tolist() for side in (False, True))
    curve = choose_curve(own, foreign)
    calibration = Calibration(tuple(sorted(own)), curve.slope, curve.intercept, "simulated", curve.steps)
    threshold = best_threshold(swapped[learns], scores[learns])
    found = detection(swapped[~learns], scores[~learns] > threshold, scores[~learns])
    probability = np.array([calibration.probability(each) for each in scores[~learns].tolist()])
    return Tried(found.f1, found.area, scores, calibration, probability, degrees)


def bayes(world: World) -> Tried:
    return tried_scores(world, world.bayes)
