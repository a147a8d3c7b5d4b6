"""How near scorers come to the best possible, and whether probabilities and thresholds keep their word.

On a simulation of the tests' own, whose best possible is known; ``benchmarks/sure.py`` does the same on the
shared one, at full size.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from simulated import Trials, leaning, sharpened, trials
from vadd.detect.calibrate import Calibration
from vadd.detect.curve import choose_curve
from vadd.detect.recalibrate import Lesson
from vadd.detect.scorers import SCORERS, Confusions, Graded, learn_confusions
from vadd.protocol.metrics import best_threshold

LEARNT, JUDGED = 2_000, 4_000
DISTORTED = {
    "as they are": lambda t: (t.visual, t.audio),
    "too sure": lambda t: (sharpened(t.visual, 4), sharpened(t.audio, 4)),
    "not sure enough": lambda t: (sharpened(t.visual, 0.25), sharpened(t.audio, 0.25)),
    "one of each": lambda t: (sharpened(t.visual, 0.25), sharpened(t.audio, 4)),
    "leaning": lambda t: (leaning(t.visual, 0), leaning(t.audio, 1)),
}


@cache
def both() -> tuple[Trials, Trials]:
    return trials(0, LEARNT), trials(1, JUDGED)


@cache
def learnt(distortion: str) -> Confusions:
    visual, audio = DISTORTED[distortion](both()[0])
    return learn_confusions(
        Lesson.of(list(visual[:, None]), both()[0].picture.tolist()),
        Lesson.of(list(audio[:, None]), both()[0].sound.tolist()),
    )


def scores(scorer, distortion: str, which: int) -> np.ndarray:
    return scorer.seconds(*DISTORTED[distortion](both()[which]))


def figures(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """F1 in points and the area, at the threshold that is best on the clips learnt from."""
    first, second = both()
    threshold = best_threshold(first.manipulated, before)
    return (
        100 * f1_score(second.manipulated, after > threshold),
        roc_auc_score(second.manipulated, after),
    )


@cache
def best() -> tuple[float, float]:
    return figures(both()[0].bayes, both()[1].bayes)


@pytest.mark.parametrize("distortion", DISTORTED)
def test_what_is_learnt_comes_near_the_best_possible(distortion):
    found = figures(*(scores(learnt(distortion), distortion, which) for which in (0, 1)))
    assert found[0] >= best()[0] - 1
    assert found[1] >= best()[1] - 0.01


@pytest.mark.parametrize("distortion", ["not sure enough", "one of each"])
def test_taking_classifiers_at_their_word_does_not(distortion):
    found = figures(*(scores(Graded(), distortion, which) for which in (0, 1)))
    assert found[0] < best()[0] - 1
    assert found[1] < best()[1] - 0.01


def test_the_hard_comparison_lies_far_behind():
    hard = [scores(SCORERS["seconds"], "as they are", which) for which in (0, 1)]
    assert figures(*hard)[0] < best()[0] - 3


def test_it_comes_near_the_best_from_a_ratio_that_is_the_best_itself():
    """As they are, the sum of products is Bayes' rule: the same order of clips."""
    found = scores(Graded(), "as they are", 1)
    order = np.argsort(found)
    assert (np.diff(both()[1].bayes[order]) >= -1e-9).all()


def gap(said: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Calibration error over bins of equal width, each weighing as many clips as are in it."""
    at = np.minimum((said * bins).astype(int), bins - 1)
    return sum(
        (at == each).mean() * abs(said[at == each].mean() - truth[at == each].mean())
        for each in range(bins)
        if (at == each).any()
    )


@pytest.mark.parametrize("distortion", DISTORTED)
@pytest.mark.parametrize("name", ["graded", "confusions", "divergence", "bhattacharyya"])
def test_probabilities_mean_what_they_say(name, distortion):
    scorer = learnt(distortion) if name == "confusions" else SCORERS[name]
    first, second = both()
    before = scores(scorer, distortion, 0)
    own, swapped = (before[first.manipulated == side].tolist() for side in (False, True))
    curve = choose_curve(own, swapped)
    calibration = Calibration(tuple(sorted(own)), curve.slope, curve.intercept, "simulated", curve.steps)
    said = np.array([calibration.probability(each) for each in scores(scorer, distortion, 1)])
    assert gap(said, second.manipulated) <= 0.05


@pytest.mark.parametrize(
    ("clips", "rate"), [(66, 0.1), (66, 0.05), (99, 0.01), (500, 0.1), (500, 0.05), (500, 0.01)]
)
def test_requested_false_alarms_are_realised_at_or_under(clips, rate):
    """Over many splits of clips that the scorer did not learn from, on average."""
    authentic = scores(learnt("leaning"), "leaning", 1)[~both()[1].manipulated]
    rng = np.random.default_rng([clips, round(1000 * rate)])
    realised = []
    for _ in range(1_000):
        order = rng.permutation(authentic)
        kept = Calibration(tuple(np.sort(order[:clips]).tolist()), 1.0, 0.0, "simulated")
        realised.append(float((order[clips:] > kept.threshold(rate)).mean()))
    assert np.mean(realised) <= rate + 3 * np.std(realised) / math.sqrt(len(realised))
    # And no power is given away beyond one clip's share.
    assert np.mean(realised) >= rate - 1 / (clips + 1) - 3 * np.std(realised) / math.sqrt(len(realised))
