"""``vadd protocol render`` from its arguments to its exit status."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import media
from vadd.cli.protocol_render import render_
from vadd.errors import ProtocolError, UsageError
from vadd.protocol.manifest import Party, entry, write_manifest

ONE, TWO = Party("one", "a", "a", "x", "1"), Party("two", "b", "b", "y", "2")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    media.clip(tmp_path / "clips" / "one.mp4", 2)
    media.clip(tmp_path / "clips" / "two.mp4", 2)
    trials = [entry(ONE, ONE, 1, manipulated=False), entry(ONE, TWO, 1, manipulated=True)]
    write_manifest(tmp_path / "m.csv", trials, {"design": "paper"})
    return tmp_path


def call(folder, *more):
    places = [str(folder / "m.csv"), "--media", str(folder / "clips"), "--out", str(folder / "out")]
    done = CliRunner().invoke(render_, [*places, *more], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def test_render_and_again(folder):
    done = call(folder)
    assert done.return_value == 0
    assert "2 clips rendered, 0 were there already, 0 could not be made" in done.stdout
    assert len(list((folder / "out").glob("t*.mp4"))) == 2
    told = json.loads(call(folder, "--json", "--workers", "1").stdout)
    assert told == {
        "out": str(folder / "out"), "rendered": 0, "skipped": 2, "quiet": 0, "filled": 0, "failed": 0,
        "failures": [],
    }  # fmt: skip


def test_unreadable_clip_is_status_4(folder):
    media.cut(folder / "clips" / "two.mp4", 0.5)
    done = call(folder, "--json")
    assert done.return_value == 4
    told = json.loads(done.stdout)
    assert (told["rendered"], told["failed"]) == (1, 1)
    assert told["failures"][0]["reason"] == "damaged"
    assert done.stderr == f"vadd: {told['failures'][0]['message']}\n"


def test_wrong_calls(folder):
    (folder / "clips" / "two.mp4").unlink()
    with pytest.raises(UsageError, match=r"a clip of the manifest cannot be found in .*, it is two"):
        call(folder)
    (folder / "m.csv").write_text("trial\nx\n")
    with pytest.raises(ProtocolError, match="line 1"):
        call(folder)
    (folder / "m.csv").unlink()
    with pytest.raises(UsageError, match="cannot read"):
        call(folder)
    assert not (folder / "out").exists()
