"""What needs neither eye nor ear: rules that flag all, toss a coin, or read a file's name.

A rule that reads names learns from four fifths of the trials how often those with a city, or with a scene
and a city, are manipulated, and answers the last fifth. A benchmark on which it does well does not measure
what it says. Its figures stand beside every result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.baselines import by_chance
from vadd.protocol.metrics import Detection, detection
from vadd.protocol.ranking import Ranking
from vadd.protocol.truth import Labels, Truth, combined

__all__ = ["CAUTION", "FOLDS", "Rule", "excess", "folds", "held_out_rates", "rules"]

FOLDS = 5
#: Standard errors that a rate must differ by to be believed. Where a key is balanced over all five folds,
#: four of them miss the balance by this much in three of a thousand keys.
CAUTION = 1.5
#: Numbers of trials this near each other are the same.
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule reaches; shares from 0 to 1.

    Attributes:
        name: What it does.
        precision: Share of the flagged trials that are manipulated; 0 if none is flagged.
        recall: Share of the manipulated trials that are flagged.
        f1: Their harmonic mean.
        accuracy: Share of the trials that are judged right.
        auc: Area under the ROC curve; ``None`` where nothing is ranked or all trials are of one kind.
    """

    name: str
    precision: float
    recall: float
    f1: float
    accuracy: float
    auc: float | None = None


def folds(groups: NDArray[np.int64], seed: int, count: int = FOLDS) -> NDArray[np.int64]:
    """Which fold each trial is held out in; the trials of a group together, the folds of like size.

    Args:
        groups: ``(n,)`` from 0 on; one number a trial for folds by trial.
        seed: Of the order in which the groups are dealt.
        count: Of the folds.

    Returns:
        ``(n,)`` from 0 to ``count - 1``; a fold may be empty where there are few groups.
    """
    sizes = np.bincount(groups)
    order = np.random.default_rng([seed, 6]).permutation(len(sizes))
    dealt = np.cumsum(sizes[order]) - (sizes[order] + 1) // 2  # trials before the middle of each group
    fold = np.empty(len(sizes), np.int64)
    fold[order] = np.minimum(count - 1, dealt * count // max(1, len(groups)))
    return fold[groups]


def held_out_rates(
    keys: NDArray[np.int64],
    manipulated: NDArray[np.bool_],
    fold: NDArray[np.int64],
    *,
    cautious: bool = False,
) -> NDArray[np.float64]:
    """How often trials of the same key are manipulated in the other folds, above the average there.

    Smoothed by one trial of the average. Cautiously, a rate within :data:`CAUTION` standard errors of the
    average counts as the average: in a benchmark that is balanced for each key, what a fold has too few of
    the others have too many of, and a rule that believes every small difference is wrong more often than
    chance.

    Args:
        keys: ``(n,)`` from 0 on.
        manipulated: ``(n,)``.
        fold: ``(n,)`` of :func:`folds`.
        cautious: Whether small differences are passed over.

    Returns:
        ``(n,)`` rate minus average, 0 where the key does not occur in the other folds.
    """
    size = int(keys.max()) + 1
    result = np.zeros(len(keys))
    for held in np.unique(fold):
        rest = fold != held
        if rest.any():
            above = excess(keys[rest], manipulated[rest], size, cautious=cautious)
            result[~rest] = above[keys[~rest]]
    return result


def excess(
    keys: NDArray[np.int64], manipulated: NDArray[np.bool_], size: int, *, cautious: bool
) -> NDArray[np.float64]:
    """``(size,)`` the rate of each key above the average, as :func:`held_out_rates` takes it."""
    average = float(manipulated.mean())
    count = np.bincount(keys, minlength=size)
    above = np.bincount(keys, weights=manipulated, minlength=size) - count * average
    if cautious:
        # A tie must not hang on the last bit, which is another on another machine.
        above[np.abs(above) <= CAUTION * np.sqrt(count * average * (1 - average)) + _TIE] = 0
    return np.asarray(above / (count + 1), np.float64)


def rules(truth: Truth, *, seed: int = 0) -> tuple[Rule, ...]:
    """The rules that stand beside every result: all, a coin, the city, the scene and the city.

    Args:
        truth: The benchmark.
        seed: Of the coin and of the folds.
    """
    share = truth.prevalence
    found = [
        Rule(name, each.precision, each.recall, each.f1, each.accuracy, 0.5 if 0 < share < 1 else None)
        for name, each in by_chance(share).items()
    ]
    coin = np.random.default_rng([seed, 7]).random(len(truth)) < 0.5
    found.append(_rule(f"coin (seed {seed})", detection(truth.manipulated, coin), None))
    fold = folds(np.arange(len(truth)), seed)
    for name, keys in (("city", truth.city), ("scene, city", combined(truth.scene, truth.city))):
        found.append(_by_name(f"file name: {name}", keys, truth, fold))
    return tuple(found)


def _by_name(name: str, keys: Labels, truth: Truth, fold: NDArray[np.int64]) -> Rule:
    above = held_out_rates(keys.index, truth.manipulated, fold)
    average = np.zeros(len(fold))
    for held in np.unique(fold):
        rest = truth.manipulated[fold != held]
        average[fold == held] = rest.mean() if len(rest) else 0.5
    # Flagged from even odds on; half a billionth below, as sums of shares miss a half by their last digit.
    flagged = average + above >= 0.5 - 5e-10
    area = float(Ranking(above, truth.manipulated, np.zeros(len(above), np.int64)).figures()[0])
    return _rule(name, detection(truth.manipulated, flagged), None if np.isnan(area) else area)


def _rule(name: str, found: Detection, area: float | None) -> Rule:
    return Rule(name, found.precision, found.recall, found.f1, found.accuracy, area)
