"""Figures of predictions: point estimates beside scikit-learn's, intervals beside draws made by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made_trials import entries, truth
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from vadd.protocol.predictions import VERDICTS, Predictions
from vadd.protocol.scoring import BINS, FIGURES, Options, score_predictions
from vadd.protocol.truth import truth_of
from vadd.timeline import Span

TRUTH = truth(240, locations=12)
RNG = np.random.default_rng(4)
SCORES = np.round(np.clip(0.4 + 0.2 * TRUTH.manipulated + RNG.normal(0, 0.2, 240), 0, 1), 2)
VERDICTS_DRAWN = np.where(RNG.random(240) < 0.2, RNG.integers(2, 4, 240), SCORES >= 0.5).astype(np.int8)


def by_sklearn(manipulated, flagged, scores):
    precision, recall, f1, _ = precision_recall_fscore_support(manipulated, flagged, average="binary")
    return {
        "precision": precision, "recall": recall, "f1": f1,
        "balanced_accuracy": balanced_accuracy_score(manipulated, flagged),
        "false_alarm_rate": (flagged & ~manipulated).sum() / (~manipulated).sum(),
        "auc": roc_auc_score(manipulated, scores),
        "average_precision": average_precision_score(manipulated, scores),
    }  # fmt: skip


def points(figures):
    return {name: each["value"] for name, each in figures.items()}


def test_at_a_threshold():
    document = score_predictions(TRUTH, Predictions(SCORES), Options(threshold=0.45, draws=0))
    assert (document["flagged_by"], document["threshold"]) == ("threshold", 0.45)
    found = points(document["figures"]["all"])
    assert list(found) == list(FIGURES)
    for name, wanted in by_sklearn(TRUTH.manipulated, SCORES >= 0.45, SCORES).items():
        assert found[name] == pytest.approx(wanted, abs=1e-12), name
    assert "answered" not in document["figures"]
    assert document["figures"]["all"]["f1"]["low"] is None


def test_abstentions_both_ways():
    predictions = Predictions(SCORES, VERDICTS_DRAWN)
    document = score_predictions(TRUTH, predictions, Options(draws=0))
    flagged, answered = VERDICTS_DRAWN == 1, VERDICTS_DRAWN < 2
    for name, of in (("all", slice(None)), ("answered", answered)):
        found = points(document["figures"][name])
        for figure, wanted in by_sklearn(TRUTH.manipulated[of], flagged[of], SCORES[of]).items():
            assert found[figure] == pytest.approx(wanted, abs=1e-12), (name, figure)
    assert document["flagged_by"] == "verdict"
    told = document["abstained"]
    assert told["share"] == (~answered).mean()
    assert sum(told["pristine"].values()) == (~TRUTH.manipulated).sum()
    for code, name in enumerate(VERDICTS):
        assert told["manipulated"][name] == ((code == VERDICTS_DRAWN) & TRUTH.manipulated).sum()


def calibration(shares, manipulated):
    """Expected calibration error, bin by bin."""
    apart = 0.0
    for at in range(BINS):
        within = [
            (share, true)
            for share, true in zip(shares.tolist(), manipulated.tolist(), strict=True)
            if min(int(share * BINS), BINS - 1) == at
        ]
        if within:
            apart += abs(sum(share for share, _ in within) - sum(true for _, true in within))
    return apart / len(shares)


def test_calibration_error():
    found = score_predictions(TRUTH, Predictions(SCORES), Options(draws=0))
    assert found["probabilities"] == "score"
    value = found["figures"]["all"]["calibration_error"]["value"]
    assert value == pytest.approx(calibration(SCORES, TRUTH.manipulated))
    shares = np.where(RNG.random(240) < 0.1, np.nan, SCORES**2)
    known = ~np.isnan(shares)
    found = score_predictions(TRUTH, Predictions(10 * SCORES, probabilities=shares), Options(draws=0))
    assert found["probabilities"] == "probability"
    value = found["figures"]["all"]["calibration_error"]["value"]
    assert value == pytest.approx(calibration(shares[known], TRUTH.manipulated[known]))
    found = score_predictions(TRUTH, Predictions(10 * SCORES), Options(draws=0))
    assert found["probabilities"] is None
    assert found["figures"]["all"]["calibration_error"]["value"] is None


def test_intervals_are_those_of_whole_locations_drawn():
    options = Options(draws=40, seed=3)
    document = score_predictions(TRUTH, Predictions(SCORES), options)
    drawn = {name: [] for name in ("f1", "auc", "average_precision", "city0")}
    size = len(TRUTH.places.names)
    city = np.array(TRUTH.city.names)[TRUTH.city.index] == "city0"
    for draw in range(40):
        places = np.random.default_rng([3, 5, draw]).integers(size, size=size)
        rows = np.concatenate([np.flatnonzero(TRUTH.places.index == place) for place in places])
        wanted = by_sklearn(TRUTH.manipulated[rows], SCORES[rows] >= 0.5, SCORES[rows])
        for name in ("f1", "auc", "average_precision"):
            drawn[name].append(wanted[name])
        rows = rows[city[rows]]
        flagged, manipulated = SCORES[rows] >= 0.5, TRUTH.manipulated[rows]
        both = flagged.sum() + manipulated.sum()
        drawn["city0"].append(2 * (flagged & manipulated).sum() / both if both else np.nan)
    figures = {**document["figures"]["all"], "city0": document["cities"][0]["f1"]}
    for name, values in drawn.items():
        wanted = np.nanpercentile(values, [2.5, 97.5])
        assert [figures[name]["low"], figures[name]["high"]] == pytest.approx(wanted.tolist()), name
    assert document["bootstrap"] == {"draws": 40, "seed": 3, "undefined": 0}


def test_threads_change_nothing():
    one, four = (score_predictions(TRUTH, Predictions(SCORES), Options(draws=50, threads=n)) for n in (1, 4))
    assert one == four
    assert one != score_predictions(TRUTH, Predictions(SCORES), Options(draws=50, seed=1))


def test_one_location_has_no_interval():
    document = score_predictions(truth(30, locations=1), Predictions(SCORES[:30]))
    assert document["bootstrap"]["draws"] == 0
    assert document["figures"]["all"]["auc"]["low"] is None


def test_groups_and_cells():
    document = score_predictions(TRUTH, Predictions(SCORES), Options(draws=10))
    flagged = SCORES >= 0.5
    for title, labels in (("classes", TRUTH.picture_class), ("cities", TRUTH.city)):
        assert [each["name"] for each in document[title]] == list(labels.names)
        for at, each in enumerate(document[title]):
            of = labels.index == at
            wanted = by_sklearn(TRUTH.manipulated[of], flagged[of], SCORES[of])
            assert each["trials"] == of.sum()
            assert each["f1"]["value"] == pytest.approx(wanted["f1"])
            assert each["auc"] == pytest.approx(wanted["auc"])
            assert each["false_alarm_rate"] == pytest.approx(wanted["false_alarm_rate"])
    cells = document["cells"]
    for kind, true in (("pristine", False), ("manipulated", True)):
        for down, picture in enumerate(cells["picture"]):
            for across, sound in enumerate(cells["sound"]):
                of = [
                    at
                    for at, each in enumerate(entries(240, locations=12))
                    if (each.picture.label, each.sound.label, each.manipulated) == (picture, sound, true)
                ]
                assert cells[kind]["trials"][down][across] == len(of)
                assert cells[kind]["flagged"][down][across] == sum(flagged[of])


def test_spans_are_scored_where_they_are_known():
    spliced = [
        replace(each, spans=(Span(Fraction(1), Fraction(3)),)) if each.manipulated and at > 10 else each
        for at, each in enumerate(entries(60))
    ]
    known = truth_of(spliced)
    said = tuple(((0.9, 1.0, 3.0),) if each else () for each in known.spans)
    document = score_predictions(known, Predictions(SCORES[:60], spans=said), Options(draws=20))
    assert document["spans"]["trials"] == 60 - 5  # those that are foreign all through are left out
    assert {each["value"] for each in document["spans"]["figures"].values()} == {1.0}
    assert score_predictions(known, Predictions(SCORES[:60]), Options(draws=0))["spans"] is None
    whole = score_predictions(truth(60), Predictions(SCORES[:60], spans=said), Options(draws=0))
    assert whole["spans"] is None


@pytest.mark.parametrize("kind", [True, False])
def test_benchmark_of_one_kind(kind):
    chosen = [each for each in entries(40) if each.manipulated == kind]
    document = score_predictions(truth_of(chosen), Predictions(np.ones(20)), Options(draws=20))
    figures = points(document["figures"]["all"])
    assert figures["auc"] is figures["equal_error_rate"] is figures["balanced_accuracy"] is None
    assert figures["recall"] == (1.0 if kind else None)
    assert document["bootstrap"]["undefined"] == 20


def test_all_abstain():
    verdicts = np.full(240, 3, np.int8)
    document = score_predictions(TRUTH, Predictions(np.full(240, np.nan), verdicts), Options(draws=5))
    assert document["abstained"]["share"] == 1
    assert document["without_score"] == 240
    assert "answered" not in document["figures"]
    assert document["figures"]["all"]["f1"]["value"] == 0
    assert document["figures"]["all"]["auc"]["value"] == 0.5
