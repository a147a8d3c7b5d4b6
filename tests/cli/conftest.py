"""A detector that answers by file name, so that the commands are tested without a model."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from samples import ALL, failed, pair

from vadd.detect.verdict import Reason


class FakeDetector:
    """Gives ``discrepant.mp4`` the sample verdict ``discrepant``, and so on; remembers what it was asked."""

    made: list[tuple[object, float]]
    asked: list[tuple[str, bool]]

    def __init__(self, model="everyday", *, false_alarms=0.10, limits=None):
        type(self).made.append((model, false_alarms))

    def check(self, path, *, exhibit=False, progress=None):
        type(self).asked.append((str(path), exhibit))
        progress(5.0, 10.0)
        return ALL[Path(path).stem.split("-")[0]]()

    def unreadable(self, path, message):
        return replace(failed(Path(path).name), reason=Reason.UNREADABLE, explanation=message)

    def check_pair(self, picture, sound, *, exhibit=False, progress=None):
        type(self).asked.append((f"{picture}|{sound}", exhibit))
        return pair()


@pytest.fixture
def detector(monkeypatch):
    module = ModuleType("vadd.detect.detector")
    fresh = type("Detector", (FakeDetector,), {"made": [], "asked": []})
    module.Detector = fresh
    monkeypatch.setitem(sys.modules, "vadd.detect.detector", module)
    return fresh


@pytest.fixture
def clip(tmp_path):
    """Makes an empty file with a name in its own folder; returns its path."""

    def make(name: str) -> str:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(b"x")
        return str(path)

    return make
