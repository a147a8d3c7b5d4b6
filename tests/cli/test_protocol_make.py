"""``vadd protocol import``, ``make`` and ``export``, from their arguments to their exit status."""

from __future__ import annotations

import json

import pytest

from vadd.cli import main
from vadd.protocol.manifest import read_manifest, read_origin
from vadd.scenes import TAU

HEAD = "clip,scene,city,location,fold1"


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "clips.csv"
    rows = [
        f"{scene}-{city}-{at}{place}-{number},{scene},{city},{at}{place},{'train' if number == 3 else 'test'}"
        for at, scene in enumerate(TAU.scenes)
        for city in ("oslo", "rome")
        for place in range(2)
        for number in range(4)
    ]
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


def make(listed, out, *more) -> int:
    return main(["protocol", "make", "--clips", str(listed), "--out", str(out), *more])


def test_make_export_import(tmp_path, listed, capsys):
    out = tmp_path / "new" / "m.csv"
    assert make(listed, out, "--classes", "3", "--seed", "5") == 0
    assert (
        "120 trials of 120 clips: 60 as they are, 60 with the sound of another class"
        in capsys.readouterr().out
    )
    assert read_origin(out)["design"] == "paper"
    lists = tmp_path / "lists"
    assert main(["protocol", "export", str(out), "--format", "vadd", "--out", str(lists)]) == 0
    back = tmp_path / "back.csv"
    assert (
        main(["protocol", "import", str(lists), "--clips", str(listed), "--seed", "5", "--out", str(back)])
        == 0
    )
    told = capsys.readouterr().out
    assert "3 classes: 60 clips with their own sound, 60 with another" in told
    assert "120 trials of 3 classes, sounds from the swaps file" in told
    assert back.read_bytes() == out.read_bytes()
    assert read_origin(back)["pairing"] == "swaps"


@pytest.mark.parametrize("change", ["bom", "semicolons", "crlf"])
def test_lists_of_other_programs(tmp_path, listed, change):
    assert make(listed, tmp_path / "m.csv") == 0
    text = listed.read_text()
    if change == "bom":
        text = "\ufeff" + text
    text = text.replace(",", ";") if change == "semicolons" else text
    other = tmp_path / "other.csv"
    other.write_bytes((text.replace("\n", "\r\n") if change == "crlf" else text).encode())
    assert make(other, tmp_path / "n.csv") == 0
    assert (tmp_path / "n.csv").read_bytes() == (tmp_path / "m.csv").read_bytes()


def test_json(tmp_path, listed, capsys):
    out = tmp_path / "m.csv"
    assert make(listed, out, "--design", "paired", "--split", "all", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "manifest": str(out),
        **{k: v for k, v in read_origin(out).items() if k not in ("manifest", "sha256")},
    }
    assert told["trials"] == 320
    lists = tmp_path / "lists"
    assert main(["protocol", "export", str(out), "--format", "vadd", "--out", str(lists)]) == 0
    capsys.readouterr()
    assert main(["protocol", "import", str(lists), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["lists"]["10"]
    assert (found["pristine"], found["manipulated"]) == (160, 160)
    assert [each["kind"] for each in found["anomalies"]] == ["both"]
    assert found["neighbours"]["pairs"] == 80


def test_lists_without_donors(tmp_path, capsys):
    kept, changed = ["park-oslo-1-1"], ["metro-rome-4-4", "park-rome-5-5"]
    for what, names in (("pristine", kept), ("manipulated", changed), ("swaps", kept)):
        text = "".join(f"['{name}.mp4', '{name.split('-')[0]}']\n" for name in names)
        (tmp_path / f"vadd_10_{what}.txt").write_text(text)
    out = tmp_path / "m.csv"
    assert main(["protocol", "import", str(tmp_path), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "vadd_10_swaps.txt is vadd_10_pristine.txt over again, byte by byte" in told
    assert "all clips of these cities keep their sound: oslo 1 of 1" in told
    assert "share a class in 0 of 1 pairs" in told
    assert "sounds from neighbours in the list, which is a guess" in told
    assert len(read_manifest(out)) == 3
    assert read_origin(out)["pairing"] == "neighbours"
    assert main(["protocol", "import", str(tmp_path), "--pairing", "swaps", "--out", str(out)]) == 2
    assert "does not say whose sound" in capsys.readouterr().err


def test_splices(tmp_path, listed):
    out = tmp_path / "m.csv"
    assert make(listed, out, "--splice", "2", "--seconds", "6.5") == 0
    assert all(len(each.spans) == 2 * each.manipulated for each in read_manifest(out))
    assert max(float(each.spans[-1].end) for each in read_manifest(out) if each.spans) <= 6.5
    assert read_origin(out)["splice"] == {"seconds": 6.5, "drawn": 2, "spans": []}


def test_dcase(tmp_path, capsys):
    path = tmp_path / "p.csv"
    path.write_text(f"filename,{','.join(TAU.scenes)}\n0.mp4,{','.join(['0.1'] * 10)}\n")
    out = tmp_path / "out.csv"
    assert main(["protocol", "export", str(path), "--format", "dcase", "--out", str(out)]) == 0
    assert out.read_text().splitlines()[1] == "0.mp4\tairport\t" + "\t".join(["0.1"] * 10)
    assert "not a whole submission" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--splice", "50"], "no room for 50 spans"),
        (["--splice", "1", "--seconds", "0"], "clips do not last 0 s"),
        (["--splice", "1", "--seconds", "nan"], "clips do not last nan s"),
        (["--reuse", "0"], "'--reuse'"),
        (["--classes", "4"], "'--classes'"),
        (["--design", "x"], "'--design'"),
    ],
)
def test_wrong_calls(tmp_path, listed, more, told, capsys):
    assert make(listed, tmp_path / "m.csv", *more) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "m.csv").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"{HEAD}\nbus-x-1-1,bus,x,1,test\nbus-x-1-1,bus,x,1,test\n",
            "clips.csv, line 3: 'bus-x-1-1' is listed twice",
        ),
        (
            f"{HEAD}\na,kitchen,x,1,test\nb,bus,x,2,test\n",
            "clips.csv: the clip a has the scene 'kitchen', which is",
        ),
        (f"{HEAD}\na,bus,x,1,test\nb,bus,x,2,test\n", "none of the 2 clips of the class bus can get a sound"),
        (f"{HEAD}\na,bus,x,1,train\n", "none of the 1 clips is of the test fold"),
        ("clip\na\n", "line 1: there is no column 'scene'"),
    ],
)
def test_lists_that_make_no_sense(tmp_path, text, told, capsys):
    path = tmp_path / "clips.csv"
    path.write_text(text)
    assert make(path, tmp_path / "m.csv") == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["clips.csv"]


def test_outputs_that_cannot_be_written(tmp_path, listed, capsys):
    assert make(listed, tmp_path) == 2
    assert "it is a folder" in capsys.readouterr().err
    assert make(listed, listed / "m.csv") == 2
    assert "cannot write m.csv in" in capsys.readouterr().err
    out = tmp_path / "m.csv"
    assert make(listed, out) == 0
    text = out.read_text().replace("vadd.manifest/1", "vadd.manifest/9")
    out.write_text(text)
    capsys.readouterr()
    assert main(["protocol", "export", str(out), "--format", "vadd", "--out", str(tmp_path / "l")]) == 2
    assert "m.csv, line 2: a manifest of the form 'vadd.manifest/9'" in capsys.readouterr().err
    assert main(["protocol", "import", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing(tmp_path, listed, monkeypatch, capsys):
    import os

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert make(listed, tmp_path / "m.csv") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["clips.csv"]
