"""The benchmark of the paper's networks, on the smallest of them and one second."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the paper's networks need vadd[paper]")

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The script as a module; beside it lies what it imports."""
    spec = importlib.util.spec_from_file_location("paper_pipeline", FOLDER / "paper_pipeline.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        patch.setitem(sys.modules, "paper_pipeline", module)  # dataclasses look their module up
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"):
            patch.setenv(name, "1")  # so that what the import sets is taken back
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def measured(benchmark, tmp_path_factory):
    """Both sides after two pairs of runs."""
    path = benchmark.write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 1)
    slow, fast = benchmark.sides(["iov_cnn420"], 1, 3)
    benchmark.measure(path, slow, fast, 2)
    return slow, fast


def test_cosines_of_known_vectors(benchmark):
    ours = np.array([[1, 0], [1, 1], [-2, 0]], np.float32)
    theirs = np.array([[3, 0], [1, 0], [5, 0]], np.float32)
    least, mean = benchmark.cosines(ours, theirs)
    assert least == pytest.approx(-1)
    assert mean == pytest.approx((1 + 0.5**0.5 - 1) / 3)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (np.ones((2, 3)), np.ones((3, 3))),
        (np.ones(3), np.ones(3)),
        (np.zeros((1, 3)), np.ones((1, 3))),
        (np.ones((1, 3)), np.full((1, 3), np.nan)),
    ],
)
def test_what_has_no_cosine_is_refused(benchmark, ours, theirs):
    with pytest.raises(ValueError, match="not"):
        benchmark.cosines(ours, theirs)


def test_both_sides_see_the_same(benchmark, measured):
    slow, fast = measured
    assert slow.nets[0].precision == "fp32"
    assert slow.nets[0].batch == 1
    assert slow.nets[0].card.weights.sha256 == fast.nets[0].card.weights.sha256
    assert slow.vectors["iov_cnn420"].shape == (1, 256)
    least, mean = benchmark.cosines(fast.vectors["iov_cnn420"], slow.vectors["iov_cnn420"])
    assert 0.999 <= least <= mean <= 1 + 1e-9
    for side in measured:
        assert len(side.whole) == len(side.each["iov_cnn420"]) == 2
        assert all(
            0 < inner <= whole for inner, whole in zip(side.each["iov_cnn420"], side.whole, strict=True)
        )


def test_the_clip_is_as_long_as_asked_for_and_the_next_as_long_as_ever(benchmark, measured):
    assert benchmark.check.SECONDS == 10


def columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_report_is_tables_of_what_was_measured(benchmark, measured):
    slow, fast = measured
    slow.whole[:], fast.whole[:] = [4.0, 6.0], [2.0, 2.0]
    lines = list(benchmark.report(slow, fast, 1))
    tables = [line for line in lines if line.startswith("|")]
    assert columns(tables[0])[:4] == ["network", "straightforward, s", "pipeline, s", "ratio"]
    widths = {len(columns(line)) for line in tables[:4]}
    assert widths == {8}
    assert columns(tables[2])[0] == "`iov_cnn420`"
    assert columns(tables[3])[:4] == ["whole clip", "5.00", "2.00", "2.50"]
    text = "\n".join(lines)
    assert "2.00, 3.00" in text
    assert "**missed**" not in text or fast.nets[0].device != "cpu"
    assert re.search(r"What limits it: `iov_cnn420` takes \d+ %", text)


def test_a_target_that_is_not_reached_is_said_to_be_missed(benchmark, measured):
    slow, fast = measured
    slow.whole[:], fast.whole[:] = [1.0, 1.0], [2.0, 2.0]
    [line] = [line for line in benchmark.report(slow, fast, 1) if "times as fast, on" in line]
    assert columns(line)[1:] == ["0.50", "**missed**"]
    slow.whole[:], fast.whole[:] = [18.0, 1.0], [2.0, 2.0]
    [line] = [line for line in benchmark.report(slow, fast, 1) if "times as fast, on" in line]
    assert columns(line)[2] == "reached by the median, not by every pair"


def test_without_a_card_nothing_is_claimed_of_one(benchmark, measured, monkeypatch):
    monkeypatch.setattr(benchmark.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(benchmark, "product_speed", lambda *_: 1e9)
    assert any("graphics card: not measured" in line for line in benchmark.machine(1))
    if measured[1].nets[0].device == "cpu":
        assert any("graphics card | not measured" in line for line in benchmark.report(*measured, 1))


def test_the_sound_for_the_rates_changes_and_is_seeded(benchmark):
    sound = benchmark.changing_sound(2, 8_000)
    assert sound.shape == (16_000,)
    assert sound.dtype == np.float32
    assert np.array_equal(sound, benchmark.changing_sound(2, 8_000))
    power = np.square(sound).reshape(20, -1).mean(axis=1)
    assert power.max() > 4 * power.min()


def test_the_page_says_how_long_and_how_often(benchmark):
    opening = benchmark.opening(4, 3)
    assert opening.startswith("# ")
    assert "4 s" in opening
    assert "3 times" in opening
    assert opening.endswith("\n\n")
