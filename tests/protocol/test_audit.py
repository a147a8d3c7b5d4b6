"""Metadata that tells is found, metadata that tells nothing is left in peace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_trials import entries, truth
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score

import media
from vadd.errors import UsageError
from vadd.protocol.audit import LIMIT, Feature, audit, name_features, warnings
from vadd.protocol.audit_media import NUMBERS, media_features, rendered_files
from vadd.protocol.boost import boosted
from vadd.protocol.truth import truth_of

TRUTH = truth(1_200, locations=40)


def number(name, values):
    return Feature(name, "media", values=np.asarray(values, np.float64))


def by_model(findings):
    return {each.model: each for each in findings if each.kind != "ranked"}


def test_names_that_tell_nothing():
    found = audit(name_features(TRUTH), TRUTH)
    singles = [each.model for each in found if each.kind == "single"]
    assert singles[:3] == ["scene", "city", "location"]  # the class is the scene over again
    # The sound's own names do tell here: every foreign one comes from the clip before.
    for each in found:
        assert 0.4 < each.auc < LIMIT, each
        assert each.low is None or each.low <= each.auc <= each.high
    assert warnings(found) == []


@pytest.mark.parametrize("shape", ["step", "middle", "category", "missing"])
def test_one_feature_that_tells(shape):
    rng = np.random.default_rng(1)
    told = np.where(rng.random(1_200) < 0.8, TRUTH.manipulated, rng.random(1_200) < 0.5)
    feature = {
        "step": number("bit rate", told + rng.normal(0, 0.3, 1_200)),
        "middle": number("bit rate", np.where(told, rng.normal(0, 0.3, 1_200), rng.choice([-2, 2], 1_200))),
        "category": Feature("bit rate", "media", codes=told.astype(np.int64)),
        "missing": number("bit rate", np.where(told, np.nan, rng.random(1_200))),
    }[shape]
    nothing = number("size", rng.random(1_200))
    found = audit([*name_features(TRUTH), feature, nothing], TRUTH)
    models = by_model(found)
    assert models["bit rate"].auc > 0.85
    assert 0.45 < models["size"].auc < 0.55
    boosts = {each.model.split(" (")[0]: each.auc for each in found if each.kind == "boosted"}
    assert min(boosts[name] for name in ("media", "all", "all but the level", "all but the scene")) > 0.85
    assert 0.45 < boosts["names"] < 0.55
    (line,) = warnings(found)
    assert "metadata alone tells manipulated from pristine" in line


@pytest.mark.parametrize("sign", [1, -1])
def test_a_little_in_few_trials(sign):
    few = truth(120, locations=40)
    values = sign * (np.random.default_rng(6).normal(size=120) + 0.9 * few.manipulated)
    found = [each for each in audit([number("size", values)], few) if each.kind == "ranked"]
    assert found[0].auc == pytest.approx(roc_auc_score(few.manipulated, sign * values), abs=0.02)
    assert found[0].warns


def test_two_that_tell_only_together():
    rng = np.random.default_rng(2)
    one = rng.integers(2, size=1_200)
    other = np.where(TRUTH.manipulated, one, 1 - one)
    found = by_model(
        audit([Feature("channels", "media", codes=one), Feature("frames", "media", codes=other)], TRUTH)
    )
    assert 0.45 < found["channels"].auc < 0.55
    assert found["channels, frames"].auc > 0.95


def test_level_with_scene_is_told_as_what_it_is():
    scene = TRUTH.scene.index
    heard = np.where(TRUTH.manipulated, (scene + 1) % 3, scene)
    level = number("level", heard + np.random.default_rng(3).normal(0, 0.2, 1_200))
    found = audit([*name_features(TRUTH)[:2], level], TRUTH)
    pair = by_model(found)["scene, level"]
    assert pair.crude
    assert pair.auc > 0.9
    lines = warnings(found)
    assert len(lines) == 1
    assert "a crude classifier of sound" in lines[0]


def test_one_kind_and_one_place_and_one_feature():
    assert audit([number("size", range(20))], truth_of([e for e in entries(40) if e.manipulated])) == ()
    alone = truth(60, locations=1)
    assert len(audit(name_features(alone), alone)) >= 0
    found = audit([number("size", alone.manipulated)], alone)
    assert found[0].auc == 1.0
    assert found[0].low is None


def test_same_seed_same_findings():
    features = name_features(TRUTH)
    assert audit(features, TRUTH, seed=2) == audit(features, TRUTH, seed=2)


def test_boosting_beside_scikit_learn():
    rng = np.random.default_rng(5)
    codes = rng.integers(10, size=(3_000, 6))
    odds = 0.35 * (codes[:, 0] - 4.5) + 1.2 * ((codes[:, 1] > 5) & (codes[:, 2] > 3))
    manipulated = rng.random(3_000) < 1 / (1 + np.exp(-odds))
    ours = boosted(codes[:2_000], manipulated[:2_000], codes[2_000:])
    theirs = GradientBoostingClassifier(max_depth=2, n_estimators=60, random_state=0)
    theirs.fit(codes[:2_000], manipulated[:2_000])
    wanted = roc_auc_score(manipulated[2_000:], theirs.predict_proba(codes[2_000:])[:, 1])
    assert roc_auc_score(manipulated[2_000:], ours) > wanted - 0.01
    assert not boosted(codes[:2_000], rng.random(2_000) < 0.5, codes[2_000:]).any()  # noise teaches nothing


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    for at, each in enumerate(entries(8)):
        samples = media.tone(1 + at % 2, amplitude=0.1 * (1 + at))
        samples[:, :4_000] = 0.0
        clip = media.Picture(frames=media.seconds_of_colour(1 + at % 2))
        media.write(folder / f"{each.trial}.mp4", clip, [media.Sound(samples)])
    (folder / "t0006.mp4").write_bytes(b"no media")
    (folder / "t0007.mp4").unlink()
    return folder


def test_what_files_tell(rendered):
    known = truth(8)
    files = rendered_files(rendered, known.trials)
    assert len(files) == 7
    features, problems = media_features([files.get(trial) for trial in known.trials], workers=1)
    assert len(problems) == 1
    assert problems[0].startswith("t0006.mp4: ")
    of = {each.name: each.values for each in features if each.values is not None}
    np.testing.assert_allclose(of["duration"][:6], [1, 2, 1, 2, 1, 2], atol=0.1)
    np.testing.assert_array_equal(of["size"][:6], [files[t].stat().st_size for t in known.trials[:6]])
    np.testing.assert_allclose(of["bit rate"][:6], 8 * of["size"][:6] / of["duration"][:6])
    # A sine of amplitude a, silent in the first quarter of a second; the codec rounds a little.
    for at in range(6):
        length = 1 + at % 2
        power = (0.1 * (1 + at)) ** 2 / 2 * (length - 0.25) / length
        assert of["level"][at] == pytest.approx(10 * np.log10(power), abs=0.5)
        assert of["silence"][at] == pytest.approx(0.25 / length, abs=0.1)
    assert all(np.isnan(of[name][6:]).all() for name in NUMBERS if name in of)
    names = {each.name for each in features}
    assert "video codec" in names  # it is not known of two
    with pytest.raises(UsageError, match="has no clip of the manifest, such as t0000"):
        rendered_files(rendered.parent, known.trials)
    with pytest.raises(UsageError, match="no folder"):
        rendered_files(rendered / "none", known.trials)
