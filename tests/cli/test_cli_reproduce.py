"""``vadd reproduce`` from its arguments to the files in the folder."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")
pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

sys.path.insert(0, str(Path(__file__).parents[1] / "protocol"))

from PIL import Image
from tiny_stores import clips_of, store_of

from vadd.cli import main
from vadd.errors import OutputError
from vadd.report.matrix import matrix


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "s"
    store_of(folder, clips_of())
    return str(folder)


QUICK = ["--threads", "1", "--epochs", "2"]


def reproduce(table, store, out, *more):
    return main(["reproduce", table, "--store", store, "--out", str(out), *QUICK, *more])


def test_a_table_and_its_folder(store, tmp_path, capsys):
    out = tmp_path / "new" / "o"
    assert reproduce("table1", store, out, "--seeds", "1", "--classes", "3") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines() == [
        *(f"{name}-3-ls-seed0: trained" for name in ("joint", "audio", "visual")),
        f"{out}/table1.md (synthetic data)",
    ]
    names = {path.name for path in out.iterdir()}
    stems = [f"table1-confusion-{approach}-3" for approach in ("vasc", "asc", "vsc")]
    assert names == {
        "classifiers", "table1.md", "table1.json", "table1.csv", "table1-seeds.csv",
        *(f"{stem}.csv" for stem in stems), *(f"{stem}.png" for stem in stems),
    }  # fmt: skip
    with Image.open(out / f"{stems[0]}.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
    document = json.loads((out / "table1.json").read_text())
    assert document["made_from"]["recipe"]["epochs"] == 2
    rows = list(csv.DictReader((out / "table1.csv").open()))
    page = (out / "table1.md").read_text()
    for row in rows[:3]:
        told = f"| {row['approach']} | 3 | own head | {100 * float(row['paper']):.2f} | "
        assert f"{told}{100 * float(row['mean']):.2f} |" in page
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    # Once more: nothing is trained, and every file is the same.
    assert reproduce("table1", store, out, "--seeds", "1", "--classes", "3") == 0
    assert capsys.readouterr().out.count("was there") == 3
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    # Another recipe finds them in its way.
    assert reproduce("table1", store, out, "--seeds", "1", "--classes", "3", "--recipe", "authors") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "joint-3-ls-seed0 holds a classifier with another recipe than is asked for" in told


def test_swaps_and_leak(store, tmp_path, capsys):
    assert reproduce("vadd", store, tmp_path, "--seeds", "4,", "--classes", "3", "--fusion", "ns") == 0
    assert "visual-3-ns-val15-seed4: trained" in capsys.readouterr().out
    trials = list(csv.DictReader((tmp_path / "vadd-trials-3.csv").open()))
    assert len(trials) == 60
    assert sum(int(row["manipulated"]) for row in trials) == 30
    assert "synthetic" in (tmp_path / "vadd.md").read_text().lower()
    with Image.open(tmp_path / "vadd-f1-3.png") as picture:
        picture.verify()
    assert reproduce("leak", store, tmp_path, "--seeds", "1", "--modality", "audio", "--classes", "3") == 0
    assert "audio-3-ls-batch-seed0: trained" in capsys.readouterr().out
    assert json.loads((tmp_path / "leak.json").read_text())["made_from"]["recipe"]["name"] == "authors"


@pytest.mark.parametrize(("more", "told"), [
    (["--seeds", "three"], "neither a number of seeds nor a list"),
    (["--seeds", "0"], "seeds are numbers from 0 on"),
    (["--seeds", "1,1"], "none twice"),
    (["--seeds", ","], "neither a number of seeds nor a list"),
    (["--embedders", "eye"], "has no embedder 'eye'"),
    (["--embedders", "vit_h14_swag"], "cannot stand on vit_h14_swag"),
    (["--recipe", "mine"], "mine"),
    (["--fusion", "hybrid"], "hybrid"),
])  # fmt: skip
def test_wrong_calls(store, tmp_path, capsys, more, told):
    assert reproduce("table1", store, tmp_path / "o", *more) == 2
    err = capsys.readouterr().err
    assert err.startswith("vadd: ")
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_no_store_and_no_folder(store, tmp_path, capsys):
    assert reproduce("table2", str(tmp_path / "none"), tmp_path / "o") == 2
    assert "there is no embedding store" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert reproduce("table2", store, tmp_path / "file") == 2
    assert re.search(r"cannot write .*file", capsys.readouterr().err)


def test_help_names_the_tables(capsys):
    assert main(["reproduce", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {name} +\w", out, re.M) for name in ("table1", "table2", "vadd", "leak"))


def test_a_matrix_is_drawn_whole_or_not_at_all(tmp_path):
    values = np.array([[1.0, np.nan], [0.25, 3]])
    what = {
        "title": "of $x$", "down": "d", "across": "a", "rows": ["$1", "b"], "columns": ["c", "d"],
        "values": values, "shades": np.nan_to_num(values).clip(0, 1),
    }  # fmt: skip
    for synthetic in (True, False):
        matrix(tmp_path / f"{synthetic}.png", **what, synthetic=synthetic)
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(drawn) == {"True.png", "False.png"}
    assert drawn["True.png"] != drawn["False.png"]
    matrix(tmp_path / "True.png", **what, synthetic=True)
    assert (tmp_path / "True.png").read_bytes() == drawn["True.png"]
    with pytest.raises(OutputError, match=r"cannot write .*x\.png"):
        matrix(tmp_path / "none" / "x.png", **what, synthetic=False)
