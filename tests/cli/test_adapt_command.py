"""``vadd adapt`` as a user calls it, on media made here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import media
from vadd.cli import main
from vadd.detect import models


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Ten short clips of noise, and one without sound."""
    place = tmp_path_factory.mktemp("newsroom")
    for at in range(10):
        noise = np.random.default_rng(at).normal(0, 0.1, (1, 2 * 16_000)).astype(np.float32)
        picture = media.Picture(media.moving(2, 5, (96, 72), seed=at), rate=5, size=(96, 72))
        media.write(place / f"{at}.mkv", picture, [media.Sound(noise)])
    media.write(place / "mute.mkv", media.Picture(media.moving(2, 5, (96, 72)), rate=5, size=(96, 72)), [])
    return place


def test_adapting_and_judging(clips, tmp_path, capsys):
    out = tmp_path / "ours"
    assert main(["adapt", str(clips), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for line in (
        "10 clips used, 1 file left out: no_audio 1",
        "lowest false-alarm rate that can be promised: 9.09%",
        "everyday:",
        "adapted, each clip judged by what the others teach",
        "95 % interval",
        f"use it: vadd check --model {out} FILE",
    ):
        assert line in told.out
    main(["check", "--model", str(out), "--json", str(clips / "0.mkv")])
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["threshold"] is not None
    main(["adapt", str(clips), "--out", str(out), "--overwrite", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["detector"] == str(out)
    assert document["clips"] == 10
    own = models.load(str(out)).calibration.threshold(0.10)
    assert document["threshold"] == pytest.approx(1 / (1 + np.exp(-own)))
    assert verdict["threshold"] >= document["threshold"] - 1e-3  # it rises under generic sound
    assert main(["models", "show", str(out)]) == 0
    assert main(["models", "verify", str(out)]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere", "--out", "out"], "there is no folder nowhere"),
        (["empty", "--out", "out"], "there are no files in empty"),
        (["empty", "--out", "out", "--false-alarms", "nan"], "not between 0 and 1"),
        (["few", "--out", "out"], "few has 0 clips that can be used, and a false-alarm rate of 0.1 takes 10"),
        (["few", "--out", "out", "--model", "nobody"], "there is no detector 'nobody'"),
        (["few"], "Missing option '--out'"),
    ],
)
def test_mistakes_are_one_line(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("few").mkdir()
    Path("few/notes.txt").write_text("no clip")
    assert main(["adapt", *arguments]) == 2
    line = capsys.readouterr().err
    assert told in line
    assert line.count("\n") == 1
    assert not Path("out").exists()


def test_help_does_not_load_the_networks():
    import subprocess

    script = (
        "import sys\nfrom vadd.cli import main\nmain(['adapt', '--help'])\n"
        "assert 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
