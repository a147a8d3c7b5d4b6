"""The robustness benchmark's settings, its tables of features, and its picture."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from vadd.protocol.distort.catalog import NAMES, parse

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def robustness():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("robustness")


@pytest.fixture(scope="module")
def features(robustness):
    return importlib.import_module("robustness_features")


def test_settings_are_distortions_and_all_are_measured(robustness):
    named = set()
    for each in robustness.SETTINGS:
        if each.text:
            transform = parse(each.text)
            assert transform.side == each.side
            named.add(transform.name)
    assert named == set(NAMES)
    folders = [each.folder for each in robustness.SETTINGS]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("side", ["picture", "sound"])
def test_tables_take_the_distorted_side_and_keep_the_other(features, tmp_path, side):
    clean = {
        "length": np.array([2, 3]),
        "seen": np.ones(5, bool), "heard": np.ones(5, bool), "blank": np.zeros(5, bool),
        "level": np.full(5, -20, np.float32), "vectors": np.zeros((5, 4), np.float16),
        "classes": np.zeros((5, 2), np.float16), "sounds": np.zeros((5, 3), np.float16),
    }  # fmt: skip
    names = {"picture": ("seen", "blank", "vectors", "classes"), "sound": ("heard", "level", "sounds")}[side]
    setting = features.Setting("row", "much", side, "mirror")
    (tmp_path / setting.folder).mkdir()
    for at, length in enumerate((3, 2)):  # a second too many, and one too few
        shapes = {name: (length, *clean[name].shape[1:]) for name in names}
        columns = {name: np.full(shape, at + 1, clean[name].dtype) for name, shape in shapes.items()}
        np.savez(tmp_path / setting.folder / f"{at:02}.npz", **columns)
    found = features.table(setting, clean, tmp_path)
    assert found.keys() == clean.keys()
    for name, values in found.items():
        assert values.dtype == clean[name].dtype
        assert values.shape == clean[name].shape
        if name not in names:
            assert np.array_equal(values, clean[name])
    there = found[names[0]]
    assert list(there) == [True, True, True, True, False]
    if side == "sound":
        assert list(found["level"]) == [1, 1, 2, 2, -160]


def test_picture_shows_every_line(robustness):
    lines = [
        robustness.Line(row, strength, (area, area, area), 0.1, 0.8, 0.2, 0.3)
        for row, strength, area in (
            ("as they are", "", 0.95), ("noise & wind", "20 dB", 0.9),
            ("noise & wind", "0 dB", 0.3), ("dark", "", 1),
        )
    ]  # fmt: skip
    image = ElementTree.fromstring(robustness.drawn(lines))  # noqa: S314 - our own
    dots = [each for each in image.iter() if each.tag.endswith("circle") and len(each)]
    assert len(dots) == 4 * 3  # panels, lines that are not the clean one
    assert all(0 < float(dot.get("cx")) < float(image.get("width")) for dot in dots)
    assert "noise & wind" in "".join(image.itertext())


def test_page_has_a_row_a_line(robustness):
    line = robustness.Line("dark", "2 stops", (0.9, 0.85, 0.95), 0.1, 0.8, 0.2, 0.3)
    row = "| dark | 2 stops | 0.900 (0.850 to 0.950) | 10.0 | 80.0 | 20.0 | 30.0 |"
    assert robustness.page([line], 66).splitlines()[-1] == row
