"""From clips to a detector and its verdicts, as a user goes: embed, build, check; torch only to make it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")

sys.path.insert(0, str(Path(__file__).parents[1] / "detect"))

from tiny_detectors import EAR, EYE, linear_classifier, reference, told

import media
from calls import documents, refused, vadd_check
from vadd.classify.spec import EmbedderRef
from vadd.cli import main
from vadd.embed.store import Store
from vadd.errors import ModelError
from vadd.report.schema import validate
from vadd.scenes import TAU

SECONDS = 2
#: Scene → hue of the picture and sound.
LOOKS = {"bus": (1.0, 0.3, 0.2), "park": (0.2, 1.0, 0.3), "tram": (0.3, 0.4, 1.0)}


def frames(scene: str, seed: int) -> list:
    tint = np.array(LOOKS[scene])
    return [
        (time, np.clip(image * tint, 0, 255).astype(np.uint8))
        for time, image in media.moving(SECONDS, 10, (96, 72), seed)
    ]


def noise(scene: str, seed: int) -> np.ndarray:
    """Rumble, hiss that pulses, and a buzz: nothing that is speech or music."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=SECONDS * 16_000)
    time = np.arange(len(white)) / 16_000
    if scene == "bus":
        made = np.convolve(white, np.ones(200) / 14, "same")
    elif scene == "park":
        made = np.diff(white, prepend=0) * (np.sin(2 * np.pi * 5 * time) > 0)
    else:
        made = np.sign(np.sin(2 * np.pi * (100 + seed) * time)) + 0.3 * white
    return (0.2 * made / made.std()).clip(-1, 1).astype(np.float32)[None]


def clip(path: Path, scene: str, sound: str, seed: int) -> Path:
    picture = media.Picture(frames(scene, seed), size=(96, 72))
    return media.write(path, picture, [media.Sound(noise(sound, seed))])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a store, two exported classifiers, a detector of them, and clips to judge."""
    place = tmp_path_factory.mktemp("made")
    (place / "clips").mkdir()
    rows = ["clip,scene,city,location,fold1"]
    for at, scene in enumerate(LOOKS):
        for number in range(5):
            name = f"{scene}{number}"
            clip(place / "clips" / f"{name}.mkv", scene, scene, 10 * at + number)
            rows.append(f"{name},{scene},lyon,{scene}-{'learnt' if number < 2 else 'kept'},train")
    (place / "list.csv").write_text("\n".join(rows) + "\n")
    store = place / "store"
    assert (
        main(["embed", str(place / "clips"), "--store", str(store), "--list", str(place / "list.csv")]) == 0
    )
    opened = Store.open(store)
    learnt = [one for one in opened.clips() if one.location.endswith("learnt")]
    labels = np.repeat([TAU.index(one.scene) for one in learnt], SECONDS)
    data = told(validation=[f"lyon/{scene}-kept" for scene in sorted(LOOKS)])
    for side, record in (("visual", EYE), ("audio", EAR)):
        vectors = opened.instances([record.name], learnt).matrix.astype(np.float32)
        linear_classifier(place / side, reference(record), vectors, labels, data=data, export=True)
    assert main(["detector", "build", "--visual", str(place / "visual"), "--audio", str(place / "audio"),
                 "--store", str(store), "--out", str(place / "detector")]) == 0  # fmt: skip
    clip(place / "own.mkv", "bus", "bus", 91)
    clip(place / "foreign.mkv", "bus", "park", 92)
    media.write(place / "mute.mkv", media.Picture(frames("bus", 93), size=(96, 72)))
    return place


def test_verdicts(made):
    done = vadd_check(made / "own.mkv", made / "foreign.mkv", made / "mute.mkv", "--model", made / "detector",
                      "--json")  # fmt: skip
    found = documents(done)
    assert [(d["verdict"], d["reason"]) for d in found] == [
        ("consistent", None), ("discrepant", None), ("inconclusive", "no_audio"),
    ]  # fmt: skip
    assert done.returncode == 1
    assert [d["picture"][0]["name"] for d in found] == ["bus"] * 3
    assert [d["sound"][0]["name"] for d in found[:2]] == ["bus", "park"]
    assert {d["provenance"]["model"] for d in found} == {"detector"}
    card = json.loads((made / "detector" / "card.json").read_text())
    assert card["files"].items() <= found[0]["provenance"]["hashes"].items()
    assert {"visual/model.onnx", "audio/model.onnx"} <= card["files"].keys()


def test_without_torch(made):
    """The same verdicts to the last digit where torch and its kin cannot be imported."""
    script = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'safetensors', 'pyarrow', 'onnx', 'h5py'):\n"
        "    sys.modules[name] = None\n"
        "from vadd.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    asked = ["check", str(made / "own.mkv"), "--model", str(made / "detector"), "--json"]
    bare, full = (
        subprocess.run([sys.executable, *start, *asked], capture_output=True, text=True, check=False)
        for start in (["-c", script], ["-m", "vadd"])
    )
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == full.stdout
    validate(json.loads(bare.stdout))


def test_reports_for_people(made, tmp_path):
    done = vadd_check(made / "foreign.mkv", "--model", made / "detector", "--html", tmp_path / "page.html")
    assert "DISCREPANT" in done.stdout
    assert "heard: park" in done.stdout
    assert "park" in (tmp_path / "page.html").read_text("utf-8")


def test_a_pair(made):
    done = vadd_check("--picture", made / "own.mkv", "--sound", made / "foreign.mkv", "--model",
                      made / "detector", "--json")  # fmt: skip
    (found,) = documents(done)
    assert found["verdict"] == "discrepant"


def test_an_embedder_that_comes_from_elsewhere(made, tmp_path, monkeypatch):
    """Sound by a network whose weights the user added: the file is decoded once more for it."""
    import torch
    from safetensors.torch import save_file

    from vadd import Detector
    from vadd.detect.verdict import Outcome
    from vadd.embed import catalog, shelf
    from vadd.embed.iov import IovNet
    from vadd.embed.store import EmbedderRecord

    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    save_file(IovNet().state_dict(), tmp_path / "iov.safetensors")
    shelf.add("iov_cnn420", tmp_path / "iov.safetensors", published=False)
    store = tmp_path / "store"
    asked = ["--embedders", "efficientnet_lite0,iov_cnn420", "--list", str(made / "list.csv")]
    assert main(["embed", str(made / "clips"), "--store", str(store), *asked]) == 0
    opened = Store.open(store)
    ear = EmbedderRecord.of(catalog.load("iov_cnn420").card)
    learnt = [one for one in opened.clips() if one.location.endswith("learnt")]
    labels = np.repeat([TAU.index(one.scene) for one in learnt], SECONDS)
    data = told(
        validation=[f"lyon/{scene}-kept" for scene in sorted(LOOKS)],
        embedder_identities={EYE.name: EYE.identity, ear.name: ear.identity},
    )
    vectors = opened.instances([ear.name], learnt).matrix.astype(np.float32)
    ref = EmbedderRef(ear.name, ear.dim, ear.modality, catalog.load(ear.name).card.weights.digest)
    linear_classifier(tmp_path / "audio", ref, vectors, labels, data=data)
    assert main(["detector", "build", "--visual", str(made / "visual"), "--audio", str(tmp_path / "audio"),
                 "--store", str(store), "--out", str(tmp_path / "detector")]) == 0  # fmt: skip
    detector = Detector(tmp_path / "detector")
    own, foreign, mute = (detector.check(made / f"{name}.mkv") for name in ("own", "foreign", "mute"))
    assert [own.sound[0].name, foreign.sound[0].name] == ["bus", "park"]
    assert (own.verdict, foreign.verdict) == (Outcome.CONSISTENT, Outcome.DISCREPANT)
    assert mute.reason == "no_audio"
    assert own.provenance.hashes["iov_cnn420"] == ref.sha256
    assert "torch" in own.provenance.libraries
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="needs the weights of iov_cnn420, which are not here"):
        Detector(tmp_path / "detector")


def test_models_shows_and_verifies_folders(made, capsys):
    assert main(["models", "show", str(made / "detector")]) == 0
    out = capsys.readouterr().out
    for told_of in ("kind", "detector", "tau", "9 clips from 3 locations", "files.audio/model.onnx"):
        assert told_of in out
    assert main(["models", "show", str(made / "visual")]) == 0
    assert "classifier" in capsys.readouterr().out
    assert main(["models", "verify", str(made / "detector"), str(made / "audio"), "everyday"]) == 0
    assert capsys.readouterr().out.count("as recorded") == 3


def test_damage_is_found(made, tmp_path, capsys):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(made / "detector", broken)
    (broken / "audio" / "model.onnx").write_bytes(b"x")
    assert main(["models", "show", str(broken)]) == 0
    assert main(["models", "verify", str(broken)]) == 2
    assert "damaged or was exchanged" in capsys.readouterr().out
    refused(vadd_check(made / "own.mkv", "--model", broken), "damaged or was exchanged")


@pytest.mark.parametrize(("changes", "message"), [
    ({"--visual": "audio"}, "is a classifier of audio data, not visual"),
    ({"--audio": "gone"}, "is not a trained classifier"), ({"--store": "clips"}, "no embedding store"),
    ({"--out": "detector"}, "holds a detector already"), ({"--out": "list.csv"}, "cannot write"),
])  # fmt: skip
def test_wrong_calls(made, capsys, changes, message):
    options = {"--visual": "visual", "--audio": "audio", "--store": "store", "--out": "other", **changes}
    arguments = [text for key, value in options.items() for text in (key, str(made / value))]
    assert main(["detector", "build", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_too_few_clips_for_the_rate(made):
    refused(vadd_check(made / "own.mkv", "--model", made / "detector", "--false-alarms", "0.09"),
            "cannot be promised with 9 calibration clips")  # fmt: skip


def test_scorers(made, tmp_path, capsys):
    parts = ["--visual", made / "visual", "--audio", made / "audio", "--store", made / "store"]
    asked = ["detector", "build", *map(str, parts), "--out", str(tmp_path / "out"), "--scorer"]
    assert main([*asked, "contrastive"]) == 2
    refusal = capsys.readouterr().err
    assert "the scorer 'contrastive' compares the embeddings of both streams" in refusal
    assert "vadd reproduce vadd --contrastive" in refusal
    assert refusal.count("\n") == 1
    assert main([*asked, "everyday"]) == 2
    assert "the built-in detector's, which `vadd check` uses without --model; the scorers for them are" in (
        capsys.readouterr().err
    )
    assert main([*asked, "bhattacharyya"]) == 0
    (found,) = documents(vadd_check(made / "foreign.mkv", "--model", tmp_path / "out", "--json"))
    assert (found["verdict"], found["provenance"]["config"]["scorer"]) == ("discrepant", "bhattacharyya")


@pytest.fixture(scope="module")
def ours(made) -> Path:
    """Twelve clips of another camera: greyer, and fainter."""
    place = made / "ours"
    place.mkdir()
    for at, scene in enumerate(LOOKS):
        for number in range(4):
            seed = 200 + 10 * at + number
            dull = [(time, (40 + image // 2).astype(np.uint8)) for time, image in frames(scene, seed)]
            picture = media.Picture(dull, size=(96, 72))
            media.write(place / f"{scene}{number}.mkv", picture, [media.Sound(0.3 * noise(scene, seed))])
    return place


def test_adapting_a_detector_of_two_classifiers(made, ours, tmp_path, capsys):
    adapt = ["adapt", str(ours), "--model", str(made / "detector"), "--out"]
    assert main([*adapt, str(tmp_path / "ours"), "--false-alarms", "0.1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["base"], told["clips"], told["left_out"]) == ("detector", 12, {})
    assert told["base_on_clips"]["discrepant"] + told["base_on_clips"]["consistent"] <= 12
    # Each of 12 pictures with the sounds of the eight clips of other scenes, as both classifiers see it.
    assert told["swaps"] == 12 * 8
    assert told["leave_one_out_on_swaps"]["missed_rate"] <= 0.1
    assert told["leave_one_out"]["discrepant"] <= 3
    before, after = (json.loads((place / "card.json").read_text()) for place in
                     (made / "detector", tmp_path / "ours"))  # fmt: skip
    assert after["adaptation"]["base"] == "detector"
    assert {"card.json", "rules", "yamnet"} <= after["adaptation"]["base_hashes"].keys()
    assert (after["adaptation"]["clips"], after["adaptation"]["swaps"]) == (12, 96)
    parts = [name for name in before["files"] if name != "calibration.json"]
    assert all(after["files"][name] == before["files"][name] for name in parts)
    learnt = json.loads((tmp_path / "ours" / "calibration.json").read_text())
    assert len(learnt["own"]) == 12
    assert set(told["wider_bounds"]) <= {"picture", "sound"}
    # It judges as a detector does, and says with what.
    own, foreign = [ours / f"{scene}0.mkv" for scene in LOOKS], tmp_path / "foreign.mkv"
    media.write(foreign, media.Picture(frames("bus", 301), size=(96, 72)), [media.Sound(noise("park", 302))])
    found = documents(vadd_check(*own, foreign, made / "mute.mkv", "--model", tmp_path / "ours", "--json"))
    verdicts = [each["verdict"] for each in found]
    assert verdicts[:3].count("consistent") >= 2
    assert "discrepant" not in verdicts[:3]
    assert (verdicts[3], found[4]["reason"]) == ("discrepant", "no_audio")
    config = found[0]["provenance"]["config"]
    assert config["abstention"] == learnt["abstention"] == told["abstention"]
    assert main(["models", "verify", str(tmp_path / "ours")]) == 0
    # And adapted once more, to a rate that twelve clips are too few for and to one that they are not.
    capsys.readouterr()
    again = ["adapt", str(ours), "--model", str(tmp_path / "ours"), "--out", str(tmp_path / "again")]
    assert main([*again, "--false-alarms", "0.05"]) == 2
    assert "takes 20" in capsys.readouterr().err
    assert main(again) == 0
    assert "ours" in capsys.readouterr().out
    assert json.loads((tmp_path / "again" / "card.json").read_text())["adaptation"]["base"] == "ours"


def test_help_names_every_scorer_that_can_be_built_with(capsys):
    from vadd.detect.scorers import KINDS, Takes

    main(["detector", "build", "--help"])
    words = capsys.readouterr().out.replace(",", " ").replace(".", " ").split()
    assert {name for name, made in KINDS.items() if made.takes is Takes.POSTERIORS} <= set(words)


def test_models_shows_and_verifies_an_adapted_detector(tmp_path, capsys):
    from vadd.detect.adapted import write_adapted
    from vadd.detect.calibrate import Calibration

    write_adapted(tmp_path / "mine", "everyday", Calibration((0.0, 1.0), 1.0, 0.0, "two clips of ours"))
    assert main(["models", "show", str(tmp_path / "mine")]) == 0
    out = capsys.readouterr().out
    for told_of in ("detector", "everyday", "two clips of ours", "made_with.everyday.npz"):
        assert told_of in out
    assert main(["models", "verify", str(tmp_path / "mine")]) == 0
    (tmp_path / "mine" / "calibration.json").write_text("{}")
    assert main(["models", "verify", str(tmp_path / "mine")]) == 2
    assert "damaged or was exchanged" in capsys.readouterr().out
