"""Detectors with a calibration of one's own: what their folders hold, and what must not load."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import DOG, extraction, picture, sound

from vadd import Detector
from vadd.detect import models
from vadd.detect.adapted import is_adapted, load_adapted, read_adapted, write_adapted
from vadd.detect.calibrate import Calibration
from vadd.detect.everyday_engine import EverydayEngine
from vadd.detect.span_calibration import SpanCalibration
from vadd.embed import catalog
from vadd.embed import extract as extracting
from vadd.errors import ModelError, OutputError, UsageError

OWN = Calibration(
    own=tuple(np.linspace(-1.2, 0.8, 40).tolist()),
    slope=2.5,
    intercept=0.4,
    described="40 clips of a newsroom",
    steps=((-1.0, 0.1), (0.5, 0.6), (1.5, 0.9)),
    spans=SpanCalibration((0.0, 0.0, 1.5, 2.5), 12.5, 1.25, -3.0),
)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_adapted(tmp_path / "newsroom", "everyday", OWN)
    return tmp_path / "newsroom"


def files(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*"))


def test_the_folder(folder):
    assert files(folder) == ["calibration.json", "card.json"]
    card = json.loads((folder / "card.json").read_text())
    assert (card["kind"], card["format"], card["base"]) == ("adapted", 1, "everyday")
    assert card["described"] == "40 clips of a newsroom"
    digest = hashlib.sha256((folder / "calibration.json").read_bytes()).hexdigest()
    assert card["files"] == {"calibration.json": digest}
    # All that scores come from, and nothing of the calibration that it does without.
    base = dict(models.find("everyday").hashes)
    networks = {name: catalog.card(name).weights.digest for name in ("efficientnet_lite0", "yamnet")}
    assert card["made_with"] == {**{key: base[key] for key in base if key != "everyday.json"}, **networks}


def test_it_is_the_everyday_model_with_another_calibration(folder):
    engine = models.load(str(folder))
    assert isinstance(engine, EverydayEngine)
    assert engine.calibration == OWN
    assert models.find(str(folder)) == engine.card
    assert (engine.card.name, engine.card.calibrated_on) == ("newsroom", "40 clips of a newsroom")
    assert models.load("everyday").calibration != OWN
    models.verify(str(folder))


def test_verdicts_rest_on_the_calibration_and_say_so(folder, monkeypatch):
    made = extraction(picture([DOG] * 6), sound(["Bark"] * 6))
    monkeypatch.setattr(extracting, "extract", lambda *_, **__: made)
    plain, own = (Detector(model).check("clip.mp4") for model in ("everyday", folder))
    assert plain.score == own.score
    assert plain.probability != own.probability
    score = float(np.log(own.score / (1 - own.score)))
    assert own.probability == pytest.approx(OWN.probability(score), abs=1e-6)
    provenance = own.provenance
    assert provenance.model == "newsroom"
    card = hashlib.sha256((folder / "card.json").read_bytes()).hexdigest()
    assert provenance.hashes["card.json"] == card
    stored = hashlib.sha256((folder / "calibration.json").read_bytes()).hexdigest()
    assert provenance.hashes["calibration.json"] == stored
    assert {"everyday.npz", "yamnet"} <= provenance.hashes.keys()
    assert "everyday.json" not in provenance.hashes
    assert provenance.hashes["everyday.npz"] == plain.provenance.hashes["everyday.npz"]


def test_rates_are_those_that_so_many_clips_can_promise(folder):
    assert Detector(folder, false_alarms=0.025).false_alarms == 0.025
    with pytest.raises(UsageError, match="with 40 calibration clips"):
        Detector(folder, false_alarms=0.02)


def test_what_is_adapted_can_be_adapted_again(folder, tmp_path):
    again = replace(OWN, described="another newsroom")
    write_adapted(tmp_path / "other", str(folder), again)
    assert read_adapted(tmp_path / "other").document.base == "everyday"
    assert load_adapted(tmp_path / "other").calibration == again


def test_overwriting(folder):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds a detector already"):
        write_adapted(folder, "everyday", OWN)
    write_adapted(folder, "everyday", replace(OWN, described="later"), overwrite=True)
    assert read_adapted(folder).calibration.described == "later"
    assert (folder / "notes.txt").read_text() == "mine"


def refused(place: Path, told: str) -> None:
    for call in (models.find, models.load, models.verify, Detector):
        with pytest.raises(ModelError, match=told) as caught:
            call(str(place))
        assert "\n" not in str(caught.value)


def changed(place: Path, **fields) -> None:
    card = json.loads((place / "card.json").read_text())
    (place / "card.json").write_text(json.dumps({**card, **fields}))


def recalibrated(place: Path, **fields) -> None:
    stored = {**json.loads((place / "calibration.json").read_text()), **fields}
    data = json.dumps(stored).encode()
    (place / "calibration.json").write_bytes(data)
    changed(place, files={"calibration.json": hashlib.sha256(data).hexdigest()})


@pytest.mark.parametrize(("fields", "message"), [
    ({"format": 2}, "format"), ({"base": "workday"}, "no such detector; the detectors are everyday"),
    ({"files": {}}, "names no calibration.json"), ({"more": 1}, "more: Extra"),
    ({"made_with": {"x": "y"}}, "x"),
])  # fmt: skip
def test_cards_that_make_no_sense(folder, fields, message):
    changed(folder, **fields)
    refused(folder, message)


def test_a_base_that_computes_otherwise(folder):
    card = json.loads((folder / "card.json").read_text())
    changed(folder, made_with={**card["made_with"], "everyday.npz": "0" * 64})
    refused(folder, r"computes otherwise .* \(everyday.npz\): adapt it anew")
    changed(folder, made_with={key: card["made_with"][key] for key in card["made_with"] if key != "yamnet"})
    refused(folder, r"\(yamnet\): adapt it anew")


@pytest.mark.parametrize(("fields", "message"), [
    ({"own": [2, 1]}, "not sorted"), ({"own": []}, "own"), ({"slope": 0}, "slope"),
    ({"steps": [[0, 0.5], [1, 0.1]]}, "steps of a curve rise"), ({"slope": None}, "slope"),
    ({"spans": {"own": [2, 1], "seconds": 1, "slope": 1, "intercept": 0}}, "sorted"),
    ({"spans": {"own": [1], "seconds": 0, "slope": 1, "intercept": 0}}, "seconds"),
])  # fmt: skip
def test_calibrations_that_make_no_sense(folder, fields, message):
    recalibrated(folder, **fields)
    refused(folder, message)


def test_damage(folder):
    stored = (folder / "calibration.json").read_bytes()
    (folder / "calibration.json").write_bytes(stored.replace(b"2.5", b"2.6"))
    refused(folder, "damaged or was exchanged")
    (folder / "calibration.json").unlink()
    refused(folder, "not whole: cannot read")
    (folder / "card.json").write_text("{")
    refused(folder, r"damaged|no detector")


def test_the_everyday_model_has_no_bounds(tmp_path):
    with pytest.raises(ModelError, match="no bounds"):
        write_adapted(tmp_path / "out", "everyday", OWN, bounds={"audio": 2.0})
    with pytest.raises(ModelError, match="no detector"):
        write_adapted(tmp_path / "out", str(tmp_path / "nothing"), OWN)
    assert not (tmp_path / "out").exists()


# --- of two classifiers ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("pyarrow")
    from tiny_detectors import clips, pair, store_of

    from vadd.detect.build import build

    place = tmp_path_factory.mktemp("streets")
    build(*pair(place, clips()), store_of(place / "store", clips()), place / "streets", scorer="confusions")
    return place / "streets"


def test_a_copy_of_a_folder_with_another_calibration(streets, tmp_path):
    from vadd.detect.folder import read_detector

    out = tmp_path / "mine"
    write_adapted(out, str(streets), OWN, bounds={"audio": 7.5})
    assert not is_adapted(out)
    assert files(out) == files(streets)
    before, after = read_detector(streets), read_detector(out)
    assert after.calibration == OWN
    assert after.card.calibrated_on == "40 clips of a newsroom"
    assert (after.temperature, after.scorer) == (before.temperature, before.scorer)
    assert (after.familiar["audio"].bound, after.familiar["visual"].bound) == (
        7.5, before.familiar["visual"].bound,
    )  # fmt: skip
    digest = hashlib.sha256((streets / "card.json").read_bytes()).hexdigest()
    assert (after.document.adapted_from, after.document.counts) == (digest, None)
    assert models.load(str(out)).calibration == OWN
    for name in ("visual/weights.safetensors", "audio/card.json"):
        assert (out / name).read_bytes() == (streets / name).read_bytes()


def test_an_older_detector_goes_as_a_whole(streets, tmp_path):
    out = tmp_path / "mine"
    write_adapted(out, str(streets), OWN)
    (out / "visual" / "loss.png").write_bytes(b"x")
    write_adapted(out, "everyday", OWN, overwrite=True)
    assert files(out) == ["audio", "calibration.json", "card.json", "visual", "visual/loss.png"]
    assert isinstance(models.load(str(out)), EverydayEngine)


def test_a_damaged_base_is_refused(streets, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(streets, broken)
    (broken / "audio" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="damaged or was exchanged"):
        write_adapted(tmp_path / "out", str(broken), OWN)
    assert not (tmp_path / "out").exists()
