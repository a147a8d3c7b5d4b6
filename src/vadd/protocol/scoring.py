"""How good predictions are: every figure with its interval, by class and city, beside what needs no skill.

Abstentions, verdicts that are inconclusive or failed, are counted both ways: as trials that are not
flagged, and left out. Intervals are 95 % bootstrap intervals over the locations of the pictures, since
clips of one place are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.metrics import detection
from vadd.protocol.predictions import VERDICTS, Predictions
from vadd.protocol.ranking import RANK_FIGURES, Ranking
from vadd.protocol.spans_score import SPAN_FIGURES, SpanRanking
from vadd.protocol.truth import Labels, Truth

__all__ = ["BINS", "FIGURES", "Options", "score_predictions"]

#: Bins of equal width of the expected calibration error.
BINS = 15
FIGURES = (
    "precision", "recall", "f1", "balanced_accuracy", "false_alarm_rate", *RANK_FIGURES, "calibration_error",
)  # fmt: skip
#: Places times groups beyond which the groups get no interval: their counts would not fit into memory.
_LARGEST = 20_000_000
#: Draws that a thread takes at once.
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Options:
    """How to score.

    Attributes:
        threshold: Score from which on a trial is flagged, if the tool gives no verdicts.
        draws: Bootstrap samples; 0 for no intervals.
        seed: Of the draws.
        threads: That draw at the same time; the result does not depend on it.
    """

    threshold: float = 0.5
    draws: int = 1_000
    seed: int = 0
    threads: int = 2


class _View:
    """Some of the trials with the answers to them; figures of them under weights on the places."""

    def __init__(self, truth: Truth, predictions: Predictions, flagged: NDArray[np.bool_], of: Any) -> None:
        manipulated, places = truth.manipulated[of], truth.places.index[of]
        flagged, size = flagged[of], len(truth.places.names)
        scores = predictions.scores[of]
        self._ranking = Ranking(scores, manipulated, places)
        self._counts = np.stack([
            np.bincount(places, weights=which, minlength=size)
            for which in (manipulated & flagged, ~manipulated & flagged, manipulated, ~manipulated)
        ])  # fmt: skip
        shares = _probabilities(predictions)
        self._apart: NDArray[np.float64] | None = None
        if shares is not None and (known := ~np.isnan(shares[of])).any():
            share, place = shares[of][known], places[known]
            bins = np.minimum((share * BINS).astype(np.int64), BINS - 1)
            apart = np.bincount(
                bins * size + place, weights=manipulated[known] - share, minlength=BINS * size
            )
            self._apart = apart.reshape(BINS, size).astype(np.float64)
            self._known = np.bincount(place, minlength=size).astype(np.float64)

    def figures(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(len(FIGURES),)``, NaN where a figure has no meaning."""
        hits, alarms, positive, negative = (float(each) for each in self._counts @ weights)
        recall = hits / positive if positive else np.nan
        rate = alarms / negative if negative else np.nan
        apart = np.nan
        if self._apart is not None and (known := float(self._known @ weights)):
            apart = float(np.abs(self._apart @ weights).sum()) / known
        flagged = hits + alarms
        return np.array([
            hits / flagged if flagged else 0.0,
            recall,
            2 * hits / (flagged + positive) if flagged + positive else 0.0,
            (recall + 1 - rate) / 2,
            rate,
            *self._ranking.figures(weights),
            apart,
        ])  # fmt: skip


class _Groups:
    """F1 of groups of trials, of all at once, under weights on the places."""

    def __init__(self, truth: Truth, flagged: NDArray[np.bool_], labels: tuple[Labels, ...]) -> None:
        size = len(truth.places.names)
        self.sized = size * sum(len(each.names) for each in labels) <= _LARGEST
        self._hits = self._both = np.zeros((0, size))
        if self.sized:
            hits, both = truth.manipulated & flagged, truth.manipulated.astype(np.int64) + flagged
            self._hits, self._both = (
                np.concatenate([_by_place(each, truth.places, which) for each in labels])
                for which in (hits, both)
            )

    def f1(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(groups,)``, NaN where nothing is flagged and nothing manipulated."""
        both = self._both @ weights
        nothing = np.full(len(both), np.nan)
        return np.asarray(np.divide(2 * (self._hits @ weights), both, out=nothing, where=both > 0))


def score_predictions(
    truth: Truth, predictions: Predictions, options: Options | None = None
) -> dict[str, Any]:
    """Score.

    Args:
        truth: The benchmark.
        predictions: Of all of its trials.
        options: How.

    Returns:
        JSON-ready: counts, ``figures`` by the two ways to count abstentions (``all``, ``answered``), each
        with ``value``, ``low`` and ``high``; ``classes``, ``cities``, ``cells`` and ``spans``. What has no
        meaning is ``None``.
    """
    options = options or Options()
    flagged, abstained = predictions.flagged(options.threshold), predictions.abstained
    views = {"all": _View(truth, predictions, flagged, slice(None))}
    if abstained.any() and not abstained.all():
        views["answered"] = _View(truth, predictions, flagged, ~abstained)
    labels = (truth.picture_class, truth.city)
    groups = _Groups(truth, flagged, labels)
    timed, placed = _timed(truth, predictions)
    size = len(truth.places.names)

    def figures(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = [view.figures(weights) for view in views.values()]
        parts += [groups.f1(weights), *([timed.figures(weights)] if timed else [])]
        return np.concatenate(parts)

    values = figures(np.ones(size))
    low, high, undefined = _intervals(figures, len(values), size, options)
    told = [_told(*each) for each in zip(values, low, high, strict=True)]
    document: dict[str, Any] = {
        "trials": len(truth),
        "manipulated": int(truth.manipulated.sum()),
        "prevalence": truth.prevalence,
        "locations": size,
        "flagged_by": "verdict" if predictions.verdicts is not None else "threshold",
        "threshold": None if predictions.verdicts is not None else options.threshold,
        "without_score": int(np.isnan(predictions.scores).sum()),
        "abstained": {"share": float(abstained.mean()), **_verdicts(truth, predictions, flagged)},
        "probabilities": _whose(predictions),
        "bootstrap": {
            "draws": options.draws if size > 1 else 0,
            "seed": options.seed,
            "undefined": undefined,
        },
        "figures": {},
    }
    for name in views:
        document["figures"][name] = dict(zip(FIGURES, told, strict=False))
        told = told[len(FIGURES) :]
    for name, label in zip(("classes", "cities"), labels, strict=True):
        bounds = told[: len(label.names)] if groups.sized else [None] * len(label.names)
        document[name] = _breakdown(truth, predictions, flagged, label, bounds)
        told = told[len(bounds) :] if groups.sized else told
    document["cells"] = _cells(truth, flagged)
    document["spans"] = None
    if timed is not None:
        document["spans"] = {"trials": placed, "figures": dict(zip(SPAN_FIGURES, told, strict=True))}
    return document


def _intervals(
    figures: Callable[[NDArray[np.float64]], NDArray[np.float64]], count: int, size: int, options: Options
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Percentiles 2.5 and 97.5 of each figure, and how many draws left the AUC without a meaning."""
    if not options.draws or size < 2:  # one location tells nothing of others
        return np.full(count, np.nan), np.full(count, np.nan), 0

    def some(start: int) -> NDArray[np.float64]:
        found = np.empty((min(start + _CHUNK, options.draws) - start, count))
        for at in range(len(found)):
            # Each draw has a generator of its own, so that threads cannot change what it draws.
            rng = np.random.default_rng([options.seed, 5, start + at])
            drawn = np.bincount(rng.integers(size, size=size), minlength=size)
            found[at] = figures(drawn.astype(np.float64))
        return found

    with ThreadPoolExecutor(options.threads) as pool:
        drawn = np.concatenate(list(pool.map(some, range(0, options.draws, _CHUNK))))
    bounds = np.full((2, count), np.nan)
    for at in np.flatnonzero(~np.isnan(drawn).all(axis=0)):
        bounds[:, at] = np.nanpercentile(drawn[:, at], [2.5, 97.5])
    return bounds[0], bounds[1], int(np.isnan(drawn[:, FIGURES.index("auc")]).sum())


def _told(value: float, low: float, high: float) -> dict[str, float | None]:
    given = {"value": value, "low": low, "high": high}
    return {name: None if np.isnan(each) else float(each) for name, each in given.items()}


def _probabilities(predictions: Predictions) -> NDArray[np.float64] | None:
    if predictions.probabilities is not None:
        return predictions.probabilities
    known = predictions.scores[~np.isnan(predictions.scores)]
    inside = len(known) > 0 and known.min() >= 0 and known.max() <= 1
    return predictions.scores if inside else None


def _whose(predictions: Predictions) -> str | None:
    """Which column the calibration error is of."""
    if predictions.probabilities is not None:
        return "probability"
    return None if _probabilities(predictions) is None else "score"


def _verdicts(truth: Truth, predictions: Predictions, flagged: NDArray[np.bool_]) -> dict[str, Any]:
    """Verdicts by what is true; without verdicts what the threshold makes of the scores."""
    codes = flagged.astype(np.int8) if predictions.verdicts is None else predictions.verdicts
    return {
        kind: {name: int((codes[of] == code).sum()) for code, name in enumerate(VERDICTS)}
        for kind, of in (("pristine", ~truth.manipulated), ("manipulated", truth.manipulated))
    }


def _by_place(labels: Labels, places: Labels, weights: NDArray[Any]) -> NDArray[np.float64]:
    """``(labels, places)`` sums of the weights."""
    size = len(places.names)
    flat = np.bincount(
        labels.index * size + places.index, weights=weights, minlength=len(labels.names) * size
    )
    return flat.reshape(len(labels.names), size).astype(np.float64)


def _breakdown(
    truth: Truth,
    predictions: Predictions,
    flagged: NDArray[np.bool_],
    labels: Labels,
    bounds: Sequence[Any],
) -> list[dict[str, Any]]:
    found = []
    for at, name in enumerate(labels.names):
        of = np.flatnonzero(labels.index == at)
        manipulated = truth.manipulated[of]
        counted = detection(manipulated, flagged[of])
        pristine = counted.false_alarms + counted.rejections
        area = Ranking(predictions.scores[of], manipulated, np.zeros(len(of), np.int64)).figures()[0]
        found.append({
            "name": name,
            "trials": len(of),
            "manipulated": int(manipulated.sum()),
            "precision": counted.precision,
            "recall": counted.recall if manipulated.any() else None,
            "f1": bounds[at] or _told(counted.f1, np.nan, np.nan),
            "false_alarm_rate": counted.false_alarms / pristine if pristine else None,
            "auc": None if np.isnan(area) else float(area),
        })  # fmt: skip
    return found


def _cells(truth: Truth, flagged: NDArray[np.bool_]) -> dict[str, Any]:
    """Trials and share that is flagged, by class of the picture (down) and of the sound, for both kinds."""
    down, across = truth.picture_class, truth.sound_class
    size = (len(down.names), len(across.names))
    flat = down.index * size[1] + across.index
    told: dict[str, Any] = {"picture": list(down.names), "sound": list(across.names)}
    for kind, of in (("pristine", ~truth.manipulated), ("manipulated", truth.manipulated)):
        trials, found = (
            np.bincount(flat[which], minlength=size[0] * size[1]).reshape(size)
            for which in (of, of & flagged)
        )
        told[kind] = {"trials": trials.tolist(), "flagged": found.tolist()}
    return told


def _timed(truth: Truth, predictions: Predictions) -> tuple[SpanRanking | None, int]:
    """Spans to score, and of how many trials: those that are pristine or manipulated in spans.

    How long a trial is that is manipulated all through no manifest says, so those are left out.
    """
    if predictions.spans is None or not any(truth.spans):
        return None, 0
    there = np.array([bool(each) for each in truth.spans])
    of = np.flatnonzero(there | ~truth.manipulated)
    spans, proposals = [truth.spans[at] for at in of], [predictions.spans[at] for at in of]
    return SpanRanking(spans, proposals, truth.places.index[of]), len(of)
