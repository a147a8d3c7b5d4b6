"""``vadd train``, ``evaluate`` and ``export``, from their arguments to their exit status."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("pyarrow")
pytest.importorskip("matplotlib")

sys.path.insert(0, str(Path(__file__).parents[1] / "classify"))

from made_store import store_of
from PIL import Image

from vadd.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "s"
    store_of(folder, 2)
    return str(folder)


@pytest.fixture(scope="module")
def trained(place, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "visual"
    asked = ["--modality", "visual", "--recipe", "ours", "--epochs", "4", "--seed", "2", "--threads", "1"]
    assert main(["train", "--store", place, "--out", str(out), *asked]) == 0
    return out


def test_train_writes_a_classifier_and_says_that_it_is_synthetic(trained, place, tmp_path, capsys):
    card = json.loads((trained / "card.json").read_text())
    assert card["seed"] == 2
    assert card["recipe"]["name"] == "ours"
    assert card["data"]["synthetic"] is True
    assert len(card["metrics"]["history"]) == 4
    with Image.open(trained / "curves.png") as picture:
        assert picture.width > picture.height > 200
    out = tmp_path / "again"
    assert main(["train", "--store", place, "--out", str(out), "--epochs", "1", "--fusion", "ns"]) == 0
    said = capsys.readouterr().out
    assert "epoch 1 of 1" in said
    assert "(synthetic data)" in said


def test_evaluate_tells_and_writes(trained, place, tmp_path, capsys):
    table = tmp_path / "answers.csv"
    assert main(["evaluate", str(trained), "--store", place, "--json", "--out", str(table)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["synthetic"] is True
    assert document["clips"] == 20
    rows = list(csv.DictReader(table.open()))
    right = [row["answer"] == row["scene"] for row in rows]
    assert document["accuracy"] == pytest.approx(np.mean(right))
    means = np.array([[float(row[scene]) for scene in document["scenes"]] for row in rows])
    best = [document["scenes"][at] for at in means.argmax(axis=1)]
    by_mean = np.mean([a == row["scene"] for a, row in zip(best, rows, strict=True)])
    assert document["accuracy_by_mean_posterior"] == pytest.approx(by_mean)
    assert np.sum(document["confusion"]) == 20
    assert main(["evaluate", str(trained), "--store", place]) == 0
    said = capsys.readouterr().out
    assert said.startswith("synthetic")
    assert f"accuracy: {document['accuracy']:.2%}" in said


def test_export_runs_without_torch(trained, place, capsys):
    pytest.importorskip("onnxscript")
    assert main(["export", str(trained)]) == 0
    assert "model.onnx" in capsys.readouterr().out
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from vadd.classify.model import load\n"
        f"judge = load({str(trained)!r})\n"
        "vectors = {e.name: np.zeros((3, e.dim), np.float32) for e in judge.embedders}\n"
        "print(judge.posteriors(vectors).sum())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(3, abs=1e-4)


def test_contrastive_is_evaluated_by_its_own_figures(place, tmp_path, capsys):
    out = str(tmp_path / "c")
    assert main(["train", "--store", place, "--out", out, "--fusion", "contrastive", "--epochs", "2"]) == 0
    capsys.readouterr()
    assert main(["evaluate", out, "--store", place, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 0 <= document["area_under_curve"] <= 1
    assert main(["evaluate", out, "--store", place, "--out", str(tmp_path / "x.csv")]) == 2
    assert "no posteriors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--store", "nowhere", "--out", "o"], "no embedding store in nowhere"),
        (["train", "--store", "STORE", "--out", "o", "--fusion", "xs"], "'xs' is not one of"),
        (["train", "--store", "STORE", "--out", "o", "--embedders", "yamnet"], "no embedder 'yamnet'"),
        (["train", "--store", "STORE", "--out", "o", "--validation", "1.5"], "between 0 and 1"),
        (["train", "--store", "STORE", "--out", "o", "--validation", "nan"], "between 0 and 1"),
        (["train", "--store", "STORE", "--out", "o", "--augment"], "have no augmented twin"),
        (["train", "--store", "STORE", "--out", "o", "--modality", "visual", "--embedders",
          "openl3_music_mel256"], "a visual classifier cannot stand on openl3_music_mel256"),
        (["train", "--store", "STORE", "--out", "TRAINED"], "holds a classifier already"),
        (["train", "--store", "STORE", "--out", "o", "--attention", "batch", "--fusion", "es",
          "--embedders", "vit_h14_swag,clip_h14_laion2b,iov_cnn420"], "8 heads cannot"),
        (["train", "--store", "STORE", "--out", "o", "--attention", "batch", "--instance", "clip"],
         "takes single seconds"),
        (["evaluate", "nowhere", "--store", "STORE"], "not a trained classifier"),
        (["evaluate", "TRAINED", "--store", "nowhere"], "no embedding store"),
        (["export", "nowhere"], "not a trained classifier"),
    ],
)  # fmt: skip
def test_wrong_calls_are_one_line(arguments, said, place, trained, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"STORE": place, "TRAINED": str(trained)}
    assert main([names.get(each, each) for each in arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_damaged_classifier_is_told(trained, place, tmp_path, capsys):
    for name in ("card.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    data = bytearray((tmp_path / "weights.safetensors").read_bytes())
    data[-3] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(data)
    assert main(["evaluate", str(tmp_path), "--store", place]) == 2
    assert "damaged or was exchanged" in capsys.readouterr().err
