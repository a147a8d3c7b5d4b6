"""The examples: what they write and how they are called."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from samples import discrepant

import vadd

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_folder_keeps_a_document_of_each_file(detector, clip, monkeypatch, capsys):
    folder = Path(clip("consistent-\x1b[31m.mp4")).parent
    for name in ("discrepant.mp4", "discrepant.mov", "notes.txt"):
        clip(name)
    check = detector.check
    monkeypatch.setattr(detector, "check", lambda self, path: check(self, path, progress=lambda *_: None))
    monkeypatch.setitem(vars(vadd), "Detector", detector)  # the package keeps what it once looked up
    runpy.run_path(str(EXAMPLES / "check_folder.py"))["main"](folder)
    written = sorted(path.name for path in folder.glob("*.json"))
    assert written == [
        "consistent-\x1b[31m.mp4.vadd.json", "discrepant.mov.vadd.json", "discrepant.mp4.vadd.json",
    ]  # fmt: skip
    stored = json.loads((folder / "discrepant.mov.vadd.json").read_text())
    assert stored == vadd.document(discrepant())
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "consistent-\\x1b[31m.mp4: consistent." in out
    assert "0:03-0:07: does not fit" in out


@pytest.mark.parametrize("names", [[], ["a.mp4"], ["a.mp4", "b.wav"]])
def test_a_choice_needs_two_sounds(names, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pair.py", *names])
    with pytest.raises(SystemExit, match=r"python examples/pair\.py PICTURE"):
        runpy.run_path(str(EXAMPLES / "pair.py"), run_name="__main__")
