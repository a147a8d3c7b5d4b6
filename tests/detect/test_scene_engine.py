"""A detector folder at work on extractions made by hand, and every folder that must not work."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")

from made import extraction, picture, sound
from tiny_detectors import EAR, EYE, WORLD, clips, learnt, linear_classifier, pair, reference, store_of, told

import vadd
from vadd import Detector
from vadd.classify.model import load
from vadd.detect import models
from vadd.detect import scene_engine as module
from vadd.detect.build import build
from vadd.detect.detector import PRIOR
from vadd.detect.folder import read_detector
from vadd.detect.score import to_unit
from vadd.detect.scorers import Graded
from vadd.detect.verdict import Outcome, Reason
from vadd.embed import catalog
from vadd.embed import extract as extracting
from vadd.errors import ModelError, UsageError
from vadd.report.schema import validate

LISTED = clips()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("detector")
    build(*pair(place, LISTED), store_of(place / "store", LISTED), place / "streets")
    return place / "streets"


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def seen(scene: str | None, seconds: int = 4, name: str = "new"):
    made = picture(["golden retriever"] * seconds)
    vectors = WORLD.vectors(EYE, scene, name, seconds) if scene else strange(EYE, seconds)
    return replace(made, vectors=vectors)


def heard(scene: str | None, seconds: int = 4, name: str = "new", label: str = "Engine"):
    made = sound([label] * seconds)
    vectors = WORLD.vectors(EAR, scene, name, seconds) if scene else strange(EAR, seconds)
    return replace(made, vectors=vectors)


def strange(record, seconds: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 4, (seconds, record.dim)).astype(np.float32)


@pytest.fixture
def judge(monkeypatch, folder):
    """Judges a picture and a sound made by hand."""

    def call(of_picture, of_sound, **options):
        made = extraction(of_picture, of_sound)
        monkeypatch.setattr(extracting, "extract", lambda *_, **__: made)
        verdict = Detector(folder, **options).check("clip.mp4")
        validate(vadd.document(verdict))
        return verdict

    return call


def names(concepts) -> list[str]:
    return [concept.name for concept in concepts]


def test_a_street_that_sounds_like_one(judge, folder):
    verdict = judge(seen("street_traffic"), heard("street_traffic"))
    assert (verdict.verdict, verdict.reason, verdict.notes) == (Outcome.CONSISTENT, None, ())
    assert names(verdict.picture)[0] == names(verdict.sound)[0] == "street traffic"
    assert verdict.explanation.startswith("The sound fits the picture. Seen: street traffic")
    rows = []
    heat = json.loads((folder / "calibration.json").read_text())["temperature"]
    for side, record in (("visual", EYE), ("audio", EAR)):
        said = load(folder / side).posteriors({record.name: WORLD.vectors(record, "street_traffic", "new")})
        said = said.astype(np.float64) ** (1 / heat[side])
        said /= said.sum(axis=1, keepdims=True)
        rows.append(np.array([said[max(0, at - 1) : at + 2].mean(axis=0) for at in range(4)]))
    ratio = 10 * ((0.99 * rows[0] + 0.001) * (0.99 * rows[1] + 0.001)).sum(axis=1)
    assert [second.score for second in verdict.seconds] == pytest.approx(list(1 / (1 + ratio)), abs=1e-5)
    assert verdict.score == pytest.approx(to_unit(float(-np.log(ratio).mean())), abs=1e-5)
    assert verdict.threshold >= 0.5  # whatever the calibration: no ratio over 1 is called
    assert verdict.prior == PRIOR


def test_a_street_that_sounds_like_a_park(judge):
    verdict = judge(seen("street_traffic"), heard("park"))
    assert (verdict.verdict, verdict.reason) == (Outcome.DISCREPANT, None)
    assert (names(verdict.picture)[0], names(verdict.sound)[0]) == ("street traffic", "park")
    (span,) = verdict.spans
    assert (span.span.start, span.span.end) == (0, 4)
    assert verdict.probability > 0.9


def test_a_part_that_does_not_fit(judge):
    mixed = heard("bus", 12)
    mixed.vectors[4:9] = WORLD.vectors(EAR, "park", "other", 5)
    verdict = judge(seen("bus", 12), mixed)
    scores = [second.score for second in verdict.seconds]
    assert max(scores[:3]) < 0.5 < min(scores[5:8])


@pytest.mark.parametrize(("sides", "said"), [
    ((None, "bus"), "The picture is unlike all that"), (("bus", None), "The sound is unlike all that"),
    ((None, None), "The picture and the sound are unlike all that"),
])  # fmt: skip
def test_an_unknown_scene_is_never_consistent(judge, sides, said):
    verdict = judge(seen(sides[0]), heard(sides[1]))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.UNKNOWN_SCENE)
    assert verdict.explanation.startswith(said)
    assert len(verdict.notes) == sides.count(None)
    assert all("unlike the clips that the detector was calibrated on" in note for note in verdict.notes)


def test_classifiers_that_are_at_a_loss_claim_nothing(judge):
    """Vectors halfway between all scenes, in both: not strange, and no evidence either way."""
    middle = [
        np.tile(np.mean([WORLD.centre(record, s) for s in ("bus", "park", "street_traffic")], axis=0), (4, 1))
        for record in (EYE, EAR)
    ]
    verdict = judge(
        replace(seen("bus"), vectors=middle[0].astype(np.float32)),
        replace(heard("bus"), vectors=middle[1].astype(np.float32)),
    )
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.UNKNOWN_SCENE)
    assert verdict.notes == ()


@pytest.mark.parametrize("label", ["Speech", "Music"])
def test_speech_and_music_alone_say_nothing(judge, label):
    verdict = judge(seen("bus"), heard("bus", label=label))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SOUND_SAYS_NOTHING)


def test_what_is_missing(judge):
    assert judge(seen("bus"), None).reason is Reason.NO_AUDIO
    verdict = judge(None, heard("bus"))
    assert (verdict.reason, verdict.score) == (Reason.NO_VIDEO, None)
    assert names(verdict.sound)[0] == "bus"
    assert (
        judge(seen("bus"), replace(heard("bus"), level=np.full(4, -90, np.float32))).reason is Reason.SILENT
    )
    gap = replace(seen("bus", 6), present=np.array([True] * 3 + [False] * 3))
    gap.vectors[3:] = 0
    verdict = judge(gap, heard("bus", 6))
    assert verdict.verdict is Outcome.CONSISTENT
    assert [second.mute for second in verdict.seconds] == [None] * 3 + [Reason.NO_VIDEO] * 3
    apart = replace(heard("bus", 6), present=np.array([False] * 3 + [True] * 3))
    assert judge(gap, apart).reason is Reason.TOO_SHORT


def test_what_made_the_verdict(judge, folder):
    provenance = judge(seen("bus"), heard("bus")).provenance
    assert provenance.model == "streets"
    card = json.loads((folder / "card.json").read_text())
    for name, digest in card["files"].items():
        assert provenance.hashes[name] == digest
    for name in ("yamnet", "efficientnet_lite0"):
        assert provenance.hashes[name] == catalog.card(name).weights.sha256
    assert {"card.json", "everyday.npz"} <= provenance.hashes.keys()
    config = {key: provenance.config[key] for key in ("scenes", "scorer", "reach")}
    assert config == {"scenes": "tau", "scorer": "graded", "reach": 1}
    stored = json.loads((folder / "calibration.json").read_text())
    assert provenance.config["temperature"] == stored["temperature"]
    assert provenance.config["curve"] == ("isotonic" if stored["steps"] else "logistic")
    assert "torch" in provenance.libraries


def test_a_rate_too_low_to_promise(folder):
    assert Detector(folder, false_alarms=0.06).false_alarms == 0.06
    with pytest.raises(UsageError, match=r"with 18 calibration clips; the lowest that can is 0\.0527"):
        Detector(folder, false_alarms=0.05)


# --- folders that must not work -------------------------------------------------------------------


def refused(place: Path, told: str) -> None:
    for call in (models.find, models.load, models.verify, Detector):
        with pytest.raises(ModelError, match=told) as caught:
            call(str(place))
        assert "\n" not in str(caught.value)


def files(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def test_every_file_is_needed(copy, folder):
    assert len(files(copy)) == 6
    for name in files(copy):
        (copy / name).rename(copy / "aside")
        refused(copy, f"cannot read .*{Path(name).name}: No such file")
        (copy / "aside").rename(copy / name)
    models.verify(str(copy))


def test_every_file_is_compared(copy):
    for name in files(copy):
        if name == "card.json":
            continue
        data = (copy / name).read_bytes()
        (copy / name).write_bytes(data[:-3] + b"\n \n")
        refused(copy, "damaged or was exchanged")
        (copy / name).write_bytes(data)


@pytest.mark.parametrize(("field", "value", "message"), [
    ("format", 3, "format: Input should be 1 or 2"), ("format", 1, "format 1 has the scorer graded"),
    ("scenes", "everyday", "no scene set 'everyday'"),
    ("scenes", "indoor_outdoor", "no visual classifier of the scenes of indoor_outdoor"),
    ("reach", 3, "averaged over 3 neighbours"), ("kind", "cat", "is no detector"),
    ("more", 1, "more: Extra inputs"), ("files", {}, "it names no audio/card.json"), ("doubt", 1, "doubt"),
    ("doubt", 0.1, "doubt of a scorer is in the calibration"), ("scorer", "soft", "scorer"),
    ("scorer", "seconds", "names the scorer seconds, its calibration graded"),
    ("counts", None, "on how much it was calibrated"),
])  # fmt: skip
def test_cards_of_another_kind(copy, field, value, message):
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps({**card, field: value}))
    refused(copy, message)


@pytest.mark.parametrize(("change", "message"), [
    ({"own": [2.0, 1.0]}, "not sorted"), ({"own": []}, "own"), ({"slope": 0}, "slope"),
    ({"familiar": {}}, "both sides"), ({"intercept": "x"}, "intercept"),
    ({"steps": [[0, 0.5], [1, 0.4]]}, "steps of a curve rise"),
    ({"temperature": {"visual": 1}}, "both sides"),
    ({"temperature": {"visual": 1, "audio": 0}}, "temperature"), ({"scorer": None}, "and the scorer"),
    ({"scorer": {"name": "graded"}}, "parameters doubt, not none"), ({"format": 1}, "format 1 has no temp"),
    ({"scorer": {"name": "graded", "doubt": 0.1, "prior": [0.5, 0.5]}}, "knows 2 scenes, .* give 10"),
])  # fmt: skip
def test_calibrations_that_make_no_sense(copy, change, message):
    recalibrated(copy, lambda stored: {**stored, **change})
    refused(copy, message)


@pytest.mark.parametrize(("key", "text", "message"), [
    ("mean", "AAAA", "cannot be used"), ("std", "no base64!", "cannot be used"),
    ("std", None, "not positive"),
])  # fmt: skip
def test_statistics_that_make_no_sense(copy, key, text, message):
    def change(stored: dict) -> dict:
        side = stored["familiar"]["audio"]
        side[key] = "AAAA" * (1024 * 4 // 3) + "AA==" if text is None else text
        return stored

    recalibrated(copy, change)
    refused(copy, message)


def recalibrated(place: Path, change) -> None:
    """Another calibration, with a card that stands for it."""
    import hashlib

    data = json.dumps(change(json.loads((place / "calibration.json").read_text()))).encode()
    (place / "calibration.json").write_bytes(data)
    card = json.loads((place / "card.json").read_text())
    card["files"]["calibration.json"] = hashlib.sha256(data).hexdigest()
    (place / "card.json").write_text(json.dumps(card))


def older(place: Path) -> None:
    """The folder as vadd 0.1 wrote it: one scorer, its doubt on the card, a logistic curve."""
    recalibrated(
        place,
        lambda stored: {
            "format": 1, **{key: stored[key] for key in ("own", "slope", "intercept", "familiar")},
        },
    )  # fmt: skip
    card = json.loads((place / "card.json").read_text())
    del card["adapted_from"]
    (place / "card.json").write_text(json.dumps({**card, "format": 1, "doubt": 0.02}))


def test_folders_of_older_versions_load(copy):
    stored = json.loads((copy / "calibration.json").read_text())
    older(copy)
    engine = models.load(str(copy))
    assert engine.calibration.own == tuple(stored["own"])
    assert engine.calibration.curve.kind == "logistic"
    found = read_detector(copy)
    assert found.scorer == Graded(0.02)
    assert found.temperature == {"visual": 1, "audio": 1}
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps({**card, "format": 2, "doubt": None}))
    refused(copy, "card of .* is of format 2, its calibration is not")


def test_another_scorer_at_work(tmp_path, monkeypatch):
    """With one that has no neutral point the calibration alone decides."""
    build(
        *pair(tmp_path, LISTED), store_of(tmp_path / "store", LISTED), tmp_path / "out", scorer="divergence"
    )
    found = []
    for scene in ("bus", "park"):
        made = extraction(seen("bus"), heard(scene))
        monkeypatch.setattr(extracting, "extract", lambda *_, made=made, **__: made)
        found.append(Detector(tmp_path / "out").check("clip.mp4"))
    assert found[0].score < found[1].score
    assert (found[1].verdict, found[1].provenance.config["scorer"]) == (Outcome.DISCREPANT, "divergence")
    assert found[0].verdict is not Outcome.DISCREPANT


def test_a_synthetic_detector_judges_no_file(tmp_path):
    store = store_of(tmp_path / "store", LISTED, metadata={"synthetic": True})
    build(*pair(tmp_path, LISTED), store, tmp_path / "out")
    models.verify(str(tmp_path / "out"))
    assert "synthetic" in models.find(str(tmp_path / "out")).summary
    with pytest.raises(ModelError, match="synthetic vectors: it judges no file"):
        Detector(tmp_path / "out")


def test_vectors_of_unknown_origin_judge_no_file(tmp_path):
    audio = linear_classifier(tmp_path / "a", reference(EAR, known=False), *learnt(EAR, LISTED))
    build(pair(tmp_path, LISTED)[0], audio, store_of(tmp_path / "store", LISTED), tmp_path / "out")
    with pytest.raises(ModelError, match="vectors of yamnet of unknown origin: it judges no file"):
        Detector(tmp_path / "out")


def test_other_embedders_than_those_it_was_made_with(tmp_path, folder, monkeypatch):
    other = replace(EAR, identity="0" * 64)
    data = told(embedder_identities={EYE.name: EYE.identity, EAR.name: other.identity})
    visual, audio = (
        linear_classifier(tmp_path / side, reference(record), *learnt(record, LISTED), data=data)
        for side, record in (("visual", EYE), ("audio", EAR))
    )
    build(visual, audio, store_of(tmp_path / "store", LISTED, records=(EYE, other)), tmp_path / "out")
    with pytest.raises(ModelError, match="yamnet prepares its input otherwise"):
        Detector(tmp_path / "out")
    real = catalog.load

    def changed(name: str, **options):
        embedder = real(name, **options)
        embedder.card = replace(embedder.card, weights=replace(embedder.card.weights, sha256="1" * 64))
        return embedder

    monkeypatch.setattr(catalog, "load", changed)
    with pytest.raises(ModelError, match="trained on efficientnet_lite0 with weights"):
        Detector(folder)


def test_weights_that_are_not_here(folder, monkeypatch):
    monkeypatch.setattr(module.shelf, "is_there", lambda weights, name: name != "yamnet")
    with pytest.raises(ModelError, match=r"needs the weights of yamnet, which are not here: .*vadd models"):
        Detector(folder)


def test_without_torch_and_not_exported(folder, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"visual classifier of .* needs torch: .*vadd export"):
        Detector(folder)


def test_frames_of_another_size_are_embedded_again(copy, monkeypatch):
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps({**card, "frame_side": 592}))
    asked = []

    def again(made, of_picture, of_sound, eyes, ears, **options):
        asked.append(([each.card.name for each in eyes], list(ears), options["side"]))
        rows = {EYE.name: WORLD.vectors(EYE, "park", "again", 4)}
        there = np.array([True, True, True, False])
        return module.Vectors(there, rows), module.Vectors(np.zeros(4, np.bool_), {})

    monkeypatch.setattr(module, "embed_again", again)
    monkeypatch.setattr(extracting, "extract", lambda *_, **__: extraction(seen("bus"), heard("bus")))
    verdict = Detector(copy).check("clip.mp4")
    assert asked == [(["efficientnet_lite0"], [], 592)]
    assert names(verdict.picture)[0] == "park"
    assert [second.mute for second in verdict.seconds] == [None] * 3 + [Reason.NO_VIDEO]
