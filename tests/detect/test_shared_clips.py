"""Real clips through the whole house, against what the committed feature tables say of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import vadd
from vadd.classify import everyday
from vadd.detect.score import discrepancy, smooth, to_unit
from vadd.detect.verdict import Outcome
from vadd.report.schema import validate

TABLE = Path(__file__).parents[2] / "tools" / "features" / "clips.npz"


def originals(shared: Path) -> list[Path]:
    """The clips of the table, in its order (the list names them without their extension)."""
    folder = shared / "clips"
    with (folder / "clips.csv").open(newline="") as file:
        names = [row["clip"] for row in csv.DictReader(file) if row["sound"] == "original"]
    found = {name: [path for path in folder.iterdir() if path.name.startswith(f"{name}.")] for name in names}
    assert all(len(paths) == 1 for paths in found.values())
    return [paths[0] for paths in found.values()]


def score_of_row(clip: int) -> float:
    """The score of a row of the table, by the shipped model."""
    with np.load(TABLE) as table:
        ends = np.cumsum(table["length"])
        rows = slice(ends[clip] - table["length"][clip], ends[clip])
        stored = {name: table[name][rows] for name in ("vectors", "classes", "sounds")}
        seen, heard = table["seen"][rows], table["heard"][rows]
        common = seen & heard
        usable = common & ~table["blank"][rows] & (table["level"][rows] > -70)
    model = everyday.load()
    vectors, classes, sounds = (column.astype(np.float32) for column in stored.values())
    expected = model.expectation(smooth(model.picture(vectors, classes), seen))
    scores = discrepancy(expected, smooth(model.sound(sounds), heard), model.concepts.generic)
    # A clip that says nothing at all has a score of all its seconds.
    return to_unit(scores.discrepancy[usable if usable.any() else common].mean())


@pytest.mark.shared
@pytest.mark.parametrize("clip", [0, 16, 33, 50, 65])
def test_a_real_clip_scores_as_its_row_in_the_tables(shared, clip):
    verdict = vadd.check(originals(shared)[clip])
    assert verdict.verdict in (Outcome.CONSISTENT, Outcome.DISCREPANT, Outcome.INCONCLUSIVE)
    assert verdict.score == pytest.approx(score_of_row(clip), abs=0.02)
    validate(vadd.document(verdict))
    with np.load(TABLE) as table:
        assert len(verdict.seconds) == table["length"][clip]
    assert (verdict.reason is not None) == (verdict.verdict is Outcome.INCONCLUSIVE)
    assert bool(verdict.spans) == (verdict.verdict is Outcome.DISCREPANT)
    assert verdict.picture
    assert verdict.sound
    assert 0 < verdict.probability < 1
    for second in verdict.seconds:
        assert 0 <= second.weight <= 1
        assert second.score is None or 0 < second.score < 1
        assert second.level is None or second.level <= 0
