"""Building a detector: what it is calibrated on, computed anew, and everything that must not become one."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")

from scipy.optimize import minimize_scalar
from tiny_detectors import (
    EAR,
    EYE,
    SCENES,
    SIDE,
    WORLD,
    clips,
    learnt,
    linear_classifier,
    pair,
    reference,
    store_of,
    told,
    validation,
)

from vadd.classify.model import load
from vadd.detect import build as module
from vadd.detect import install as installing
from vadd.detect.build import build
from vadd.detect.calibrate import Calibration
from vadd.detect.folder import read_detector
from vadd.detect.folds import split
from vadd.detect.scorers import Confusions, Graded, kind
from vadd.embed.store import Store
from vadd.errors import ModelError, OutputError, UsageError
from vadd.scenes import TAU

LISTED = clips()


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[Path, Path, Store]:
    folder = tmp_path_factory.mktemp("parts")
    return (*pair(folder, LISTED), store_of(folder / "store", LISTED))


@pytest.fixture(scope="module")
def built(parts, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "detector"
    build(*parts, out, seed=3)
    return out


def document(folder: Path, name: str = "card.json") -> dict:
    return json.loads((folder / name).read_text())


def smoothed(rows: np.ndarray) -> np.ndarray:
    return np.array([rows[max(0, at - 1) : at + 2].mean(axis=0) for at in range(len(rows))])


def temperature(rows: list[np.ndarray], scenes: list[int]) -> float:
    """What makes clips likeliest, each scene weighing the same, one clip in so many being wrong."""
    counts = np.bincount(scenes, minlength=10)
    shown = int((counts > 0).sum())

    def loss(log: float) -> float:
        total = 0.0
        for each, scene in zip(rows, scenes, strict=True):
            logits = np.log(np.maximum(each.astype(np.float64), 1e-30)) * np.exp(-log)
            logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
            wanted = np.full(10, 1 / (len(rows) + 2) / 9)
            wanted[scene] = 1 - 1 / (len(rows) + 2)
            total -= (logs @ wanted).mean() / counts[scene] / shown
        return total

    return float(np.exp(minimize_scalar(loss, bounds=(-6, 6), options={"xatol": 1e-9}).x))


def flattened(rows: np.ndarray, by: float) -> np.ndarray:
    shares = np.maximum(rows.astype(np.float64), 1e-30) ** (1 / by)
    return shares / shares.sum(axis=1, keepdims=True)


def score(picture: np.ndarray, sound: np.ndarray) -> float:
    ratio = 10 * (0.99 * picture + 0.001) * (0.99 * sound + 0.001)
    return float(-np.log(ratio.sum(axis=1)).mean())


def test_calibrated_on_the_clips_that_were_kept_apart(parts, built):
    """All scores once more, from the vectors on."""
    visual, audio, _ = parts
    kept = [clip for clip in LISTED if f"lyon/{clip.location}" in validation()]
    kept = sorted(kept, key=lambda clip: clip.name)
    scenes = [TAU.index(clip.scene) for clip in kept]
    fold = split([f"lyon/{clip.location}" for clip in kept], seed=3)
    calibration = document(built, "calibration.json")
    columns = []
    for side, folder, record in (("visual", visual, EYE), ("audio", audio, EAR)):
        raw = [
            load(folder).posteriors(
                {record.name: WORLD.vectors(record, clip.scene, clip.name).astype(np.float16)}
            )
            for clip in kept
        ]
        assert calibration["temperature"][side] == pytest.approx(temperature(raw, scenes), rel=1e-4)
        # Each clip by the temperature of the others' locations.
        without = [
            temperature(
                [rows for rows, at in zip(raw, fold, strict=True) if at != each],
                [scene for scene, at in zip(scenes, fold, strict=True) if at != each],
            )
            for each in range(5)
        ]
        columns.append([smoothed(flattened(rows, without[at])) for rows, at in zip(raw, fold, strict=True)])
    said = list(zip(*columns, strict=True))
    own = sorted(score(*rows) for rows in said)
    assert calibration["own"] == pytest.approx(own, abs=1e-4)
    assert len(own) == 18
    assert own[-1] < 0
    # 12 of the other clips show other scenes, so that every one of them is a donor.
    card = document(built)
    assert card["counts"] == {"clips": 18, "locations": 6, "swaps": 18 * 12, "donors": 20}
    swapped = [
        score(said[at][0], said[donor][1]) for at in range(18) for donor in range(18) if at // 6 != donor // 6
    ]
    if calibration["steps"]:
        known, shares = np.array(calibration["steps"]).T
        assert (np.diff(shares) >= 0).all()
        assert known[0] == pytest.approx(min(own + swapped), abs=1e-4)
        assert known[-1] == pytest.approx(max(own + swapped), abs=1e-4)
    loss = []
    for slope in (calibration["slope"], calibration["slope"] * 1.05):
        for intercept in (calibration["intercept"], calibration["intercept"] + 0.05):
            curve = [1 / (1 + np.exp(-(slope * np.array(v) + intercept))) for v in (own, swapped)]
            sure = 19 / 20, 217 / 218
            loss.append(
                -np.mean(sure[0] * np.log(1 - curve[0]) + (1 - sure[0]) * np.log(curve[0]))
                - np.mean(sure[1] * np.log(curve[1]) + (1 - sure[1]) * np.log(1 - curve[1]))
            )
    assert loss[0] == min(loss)


def test_how_strange_a_known_clip_can_be(parts, built):
    kept = [clip for clip in LISTED if f"lyon/{clip.location}" in validation()]
    familiar = document(built, "calibration.json")["familiar"]
    for side, record in (("visual", EYE), ("audio", EAR)):
        vectors, _ = learnt(record, LISTED)
        mean, std = (np.frombuffer(base64.b64decode(familiar[side][key]), "<f4") for key in ("mean", "std"))
        np.testing.assert_allclose(mean, vectors.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(std, vectors.std(axis=0) + 0.1, atol=1e-5)
        strange = [
            np.mean(((WORLD.vectors(record, clip.scene, clip.name) - mean) / std) ** 2) for clip in kept
        ]
        assert familiar[side]["bound"] == pytest.approx(max(strange), rel=1e-3)


def test_the_card(parts, built):
    card = document(built)
    assert (card["kind"], card["format"], card["scenes"], card["scorer"]) == ("detector", 2, "tau", "graded")
    assert (card["seed"], card["synthetic"], card["frame_side"]) == (3, False, SIDE)
    assert [each["name"] for each in card["embedders"]] == ["efficientnet_lite0", "yamnet"]
    assert [each["identity"] for each in card["embedders"]] == [EYE.identity, EAR.identity]
    assert set(card["files"]) == {
        "visual/card.json", "visual/weights.safetensors", "audio/card.json", "audio/weights.safetensors",
        "calibration.json",
    }  # fmt: skip
    assert card["stores"]["visual"] == card["stores"]["audio"] == "s" * 64
    assert len(card["stores"]["calibration"]) == 64
    assert card["described"].startswith("18 clips from 6 locations that neither classifier has learnt from")
    for side, source in zip(("visual", "audio"), parts[:2], strict=True):
        for name in ("card.json", "weights.safetensors"):
            assert (built / side / name).read_bytes() == (source / name).read_bytes()
    assert not (built / ".new").exists()


def test_it_comes_back_as_it_was_written(built):
    found = read_detector(built)
    calibration = document(built, "calibration.json")
    assert found.calibration == Calibration(
        tuple(calibration["own"]),
        calibration["slope"],
        calibration["intercept"],
        found.document.described,
        tuple(tuple(step) for step in calibration["steps"]),
    )
    assert found.temperature == calibration["temperature"]
    assert found.scorer == Graded(0.01)
    assert (found.card.name, found.scenes.name) == ("detector", "tau")
    assert {"card.json", "calibration.json", "audio/weights.safetensors"} <= dict(found.card.hashes).keys()


def test_the_test_fold_changes_nothing(parts, built, tmp_path):
    listed = [replace(clip, scene="park") if clip.split == "test" else clip for clip in LISTED]
    build(*parts[:2], store_of(tmp_path / "store", listed), tmp_path / "out", seed=3)
    assert (tmp_path / "out" / "calibration.json").read_bytes() == (built / "calibration.json").read_bytes()


def test_seeds_draw_the_sounds(parts, tmp_path, monkeypatch):
    real = module.hold_out
    monkeypatch.setattr(module, "hold_out", lambda *a, seed: real(*a, seed=seed, donors=4))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build(*parts, tmp_path / name, seed=seed)
    files = [(tmp_path / name / "calibration.json").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]
    assert document(tmp_path / "a")["counts"]["swaps"] == 18 * 4


def test_progress_and_what_came_of_it(parts, tmp_path):
    seen = []
    made = build(*parts, tmp_path / "out", progress=lambda *at: seen.append(at))
    assert seen == [(at, 18) for at in range(1, 19)]
    assert (made.clips, made.locations, made.swaps, made.synthetic) == (18, 6, 216, False)
    assert made.lowest == pytest.approx(1 / 19)
    calibration = read_detector(tmp_path / "out").calibration
    assert calibration.threshold(made.lowest) == calibration.own[-1]
    with pytest.raises(UsageError, match="with 18 calibration clips"):
        calibration.threshold(made.lowest - 0.001)


def test_no_sound_comes_from_where_the_picture_was_taken(tmp_path, parts):
    """Two scenes in one location: the other one's sound there is near, not foreign."""
    listed = [replace(clip, location=f"x-{clip.location[-1]}") for clip in LISTED]
    data = told(validation=["lyon/x-2", "lyon/x-3"])
    visual, audio = (
        linear_classifier(tmp_path / side, reference(record), *learnt(record, LISTED), data=data)
        for side, record in (("visual", EYE), ("audio", EAR))
    )
    build(visual, audio, store_of(tmp_path / "store", listed), tmp_path / "out")
    assert document(tmp_path / "out")["counts"] == {
        "clips": 18, "locations": 2, "swaps": 18 * 6, "donors": 20,
    }  # fmt: skip


# --- scorers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hard", "seconds", "divergence", "bhattacharyya", "confusions"])
def test_every_scorer_can_be_built_with(parts, tmp_path, name):
    build(*parts, tmp_path / "out", scorer=name, seed=3)
    found = read_detector(tmp_path / "out")
    assert type(found.scorer) is kind(name)
    assert (found.document.scorer, found.scorer.name) == (name, name)
    assert found.card.method.startswith(found.scorer.about)
    calibration = document(tmp_path / "out", "calibration.json")
    assert calibration["scorer"]["name"] == name
    assert len(calibration["own"]) == 18
    low, high = found.scorer.bounds(10)
    assert low <= calibration["own"][0] <= calibration["own"][-1] <= high


def test_confusions_are_learnt_only_where_all_scenes_are_shown(parts, tmp_path):
    """Three of ten scenes are shown: a temperature at most."""
    build(*parts, tmp_path / "out", scorer="confusions")
    scorer = read_detector(tmp_path / "out").scorer
    assert isinstance(scorer, Confusions)
    for side in (scorer.picture, scorer.sound):
        assert side.confusions == tuple(tuple(row) for row in np.eye(10).tolist())


@pytest.mark.parametrize("name", ["soft", "contrastive"])
def test_a_scorer_that_cannot_be_built_with(parts, tmp_path, name):
    refused(f"{name}'.* hard, seconds, graded", *parts, error=UsageError, out=tmp_path / "out", scorer=name)


def test_clips_of_one_location_teach_nothing(parts, tmp_path):
    """All from one place: nothing can be held out, so that no foreign sound is there either."""
    listed = [replace(clip, location="x") for clip in LISTED if clip.split == "train"]
    data = told(validation=["lyon/x"])
    visual, audio = (
        linear_classifier(tmp_path / side, reference(record), *learnt(record, LISTED), data=data)
        for side, record in (("visual", EYE), ("audio", EAR))
    )
    store = store_of(tmp_path / "store", listed)
    refused("no sound among them is foreign", visual, audio, store, out=tmp_path / "out")
    refused("these clips are from one", visual, audio, store, out=tmp_path / "out", scorer="confusions")


# --- in the folder --------------------------------------------------------------------------------


def test_overwriting(parts, built, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(built, out)
    (out / "notes.txt").write_text("mine")
    (out / "visual" / "model.onnx").write_bytes(b"of an older one")
    with pytest.raises(OutputError, match="holds a detector already"):
        build(*parts, out)
    build(*parts, out, seed=4, overwrite=True)
    assert document(out)["seed"] == 4
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "visual" / "model.onnx").exists()
    read_detector(out)


def test_a_classifier_is_not_overwritten(parts):
    visual = parts[0]
    before = (visual / "card.json").read_bytes()
    with pytest.raises(OutputError, match="holds something else"):
        build(*parts, visual, overwrite=True)
    assert (visual / "card.json").read_bytes() == before


def test_classifiers_that_were_trained_in_place(parts, tmp_path):
    out = tmp_path / "out"
    for side, source in zip(("visual", "audio"), parts[:2], strict=True):
        shutil.copytree(source, out / side)
        (out / side / "loss.png").write_bytes(b"x")
    build(out / "visual", out / "audio", parts[2], out)
    read_detector(out)
    assert (out / "visual" / "loss.png").exists()


def test_a_full_disk_leaves_the_old_one_whole(parts, built, tmp_path, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(built, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(installing.os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        build(*parts, out, seed=9, overwrite=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


# --- what is no detector --------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path):
    """Makes one more classifier on the picture or the sound."""

    def make(record=EYE, *, known: bool = True, **options) -> Path:
        folder = tmp_path / f"other{len(list(tmp_path.iterdir()))}"
        return linear_classifier(folder, reference(record, known=known), *learnt(record, LISTED), **options)

    return make


def refused(told: str, *arguments, error: type[Exception] = ModelError, out: Path, **options) -> None:
    with pytest.raises(error, match=told) as caught:
        build(*arguments, out, **options)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_two_visual_ones(parts, tmp_path):
    visual, audio, store = parts
    refused("of visual data, not audio", visual, visual, store, out=tmp_path / "out")
    refused("of audio data, not visual", audio, visual, store, out=tmp_path / "out")


def test_other_scenes(parts, tmp_path, other):
    vectors, labels = learnt(EAR, LISTED)
    coarse = linear_classifier(
        tmp_path / "coarse", reference(EAR), vectors, np.minimum(labels, 2), scenes="indoor_outdoor_vehicle"
    )
    refused("know other scenes: .* tau, .* indoor_outdoor_vehicle", parts[0], coarse, parts[2],
            out=tmp_path / "out")  # fmt: skip


def test_attention_across_the_batch(parts, tmp_path, other):
    refused("for the record only", other(attention="batch"), parts[1], parts[2], out=tmp_path / "out")


@pytest.mark.parametrize(("changes", "message"), [
    ({"validation": []}, r"no clips to calibrate on.*learnt from all locations.*--validation SHARE"),
    ({"validation": ["lyon/bus-1"]}, r"no clips to calibrate on.*they share no such location"),
    ({"validation": None}, "does not say which locations were kept"),
    ({"validation": ["lyon/bus-2", "lyon/bus-3"]}, "all of one scene"),
    ({"embedder_identities": {}}, "does not say what made its vectors of efficientnet_lite0"),
    ({"embedder_identities": {"efficientnet_lite0": "x"}}, "were made otherwise"),
])  # fmt: skip
def test_cards_that_do_not_fit(parts, tmp_path, other, changes, message):
    refused(message, other(data=told(**changes)), parts[1], parts[2], out=tmp_path / "out")


def test_clips_of_the_test_fold_are_no_validation_clips(parts, tmp_path, other):
    places = [f"lyon/{scene}-9" for scene in SCENES]
    visual, audio = (other(record, data=told(validation=places)) for record in (EYE, EAR))
    refused("no clips to calibrate on", visual, audio, parts[2], out=tmp_path / "out")


def test_a_store_without_the_embedder(parts, tmp_path):
    store = store_of(tmp_path / "store", LISTED, records=(EYE,))
    refused("needs yamnet, which .* lacks", *parts[:2], store, out=tmp_path / "out")


def test_classifiers_that_cannot_tell(parts, tmp_path):
    """The sound's classifier takes each scene for the next: foreign sounds fit better than own ones."""
    vectors, labels = learnt(EAR, LISTED)
    around = dict(zip(np.unique(labels), np.roll(np.unique(labels), 1), strict=True))
    wrong = linear_classifier(
        tmp_path / "audio", reference(EAR), vectors, np.array([around[each] for each in labels])
    )
    refused("cannot tell them apart", parts[0], wrong, parts[2], out=tmp_path / "out")


def test_folders_that_are_no_classifiers(parts, tmp_path, built):
    visual, audio, store = parts
    refused("is not a trained classifier", tmp_path / "gone", audio, store, out=tmp_path / "out")
    refused("cannot be used", built, audio, store, out=tmp_path / "out")
    broken = tmp_path / "broken"
    shutil.copytree(visual, broken)
    (broken / "weights.safetensors").write_bytes(b"x")
    refused("damaged or was exchanged", broken, audio, store, out=tmp_path / "out")


def test_a_synthetic_store_is_for_research(parts, tmp_path):
    store = store_of(tmp_path / "store", LISTED, metadata={"synthetic": True})
    assert build(*parts[:2], store, tmp_path / "out").synthetic
    card = document(tmp_path / "out")
    assert card["synthetic"] is True
    assert card["described"].startswith("synthetic vectors, no clip was ever seen: ")
