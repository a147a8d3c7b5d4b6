"""The script behind docs/benchmark-sure.md: what it computes, and that it runs from end to end."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, binom

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("sure", ROOT / "benchmarks" / "sure.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "sure", module)
    spec.loader.exec_module(module)
    return module


def test_a_small_run(script, shared, tmp_path, monkeypatch):
    for name, value in {
        "CLIPS": 240, "SEEDS": range(2), "SPLITS": 20, "FOR_THRESHOLD": (19, 99), "DRAWS": 1, "FEW": (100,),
        "PAGE": tmp_path / "page.md",
    }.items():  # fmt: skip
        monkeypatch.setattr(script, name, value)
    monkeypatch.setattr(sys, "argv", ["sure.py", "--write"])
    assert script.main() == 0
    page = script.PAGE.read_text()
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        line
        for line in (ROOT / "docs" / "benchmark-sure.md").read_text().splitlines()
        if line.startswith("#")
    ]
    for name in ("hard", "seconds", "graded", "divergence", "bhattacharyya", "confusions"):
        assert f"| `{name}` |" in page
    assert "refused: too few clips to promise it" in page
    assert "nan" not in page


def test_without_the_shared_folder(script, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["sure.py"])
    for value in ("", str(tmp_path)):
        monkeypatch.setenv("VADD_SHARED", value)
        assert script.main() == 0
        assert "nothing to measure" in capsys.readouterr().out


def test_the_calibration_gap_by_going_through_bins(script):
    rng = np.random.default_rng(0)
    said, truth = rng.random(500), rng.random(500) < 0.5
    want = 0.0
    for low in np.arange(15) / 15:
        there = (said >= low) & (said < low + 1 / 15)
        want += there.sum() / 500 * abs(said[there].mean() - truth[there].mean()) if there.any() else 0
    assert script.calibration_gap(said, truth) == pytest.approx(want)
    assert script.calibration_gap(np.array([0.0, 1.0]), np.array([False, True])) == 0
    twice = script.calibration_gap(np.repeat(said, 2), np.repeat(truth, 2))
    assert script.calibration_gap(said, truth, np.full(500, 2)) == pytest.approx(twice)


def test_what_chance_allows_by_drawing(script):
    """A threshold from 99 clips has a rate of its own; of the clips judged a binomial number exceeds it."""
    rng = np.random.default_rng(0)
    rates = beta.rvs(10, 90, size=200_000, random_state=rng)
    counts = binom.rvs(400, rates, random_state=rng)
    assert script.chance_allows(0.1, 99, 400) == pytest.approx(np.quantile(counts, 0.975) / 400, abs=0.003)
