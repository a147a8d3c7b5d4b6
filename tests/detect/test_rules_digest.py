"""The digest of the constants: it covers them, and changes with each."""

from __future__ import annotations

import pytest

from vadd.detect import decide, models, score
from vadd.detect.abstention import GENERIC_MARGIN
from vadd.detect.rules import constants, rules_sha256


def test_constants_of_score_and_decision_are_covered():
    told = constants()
    assert told["abstention.GENERIC_MARGIN"] == repr(GENERIC_MARGIN)
    assert told["decide.MIN_DURATION"] == repr(decide.MIN_DURATION)
    assert {"score.GENERIC_WEIGHT", "score.REACH", "change.DWELL", "shots.APART", "familiar.KNOWN"} <= set(
        told
    )


@pytest.mark.parametrize(("module", "name"), [(score, "GENERIC_WEIGHT"), (decide, "MIN_SPEAKING")])
def test_another_constant_is_another_detector(module, name, monkeypatch):
    before = rules_sha256()
    assert dict(models.find("everyday").hashes)["rules"] == before
    monkeypatch.setattr(module, name, getattr(module, name) + 1e-9)
    rules_sha256.cache_clear()
    try:
        assert rules_sha256() != before
    finally:
        monkeypatch.undo()
        rules_sha256.cache_clear()
    assert rules_sha256() == before
