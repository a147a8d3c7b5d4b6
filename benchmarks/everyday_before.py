"""Verdicts of the everyday model beside those of the first version, and those of this one for later work."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vadd._version import __version__
from vadd.detect.score import to_unit
from vadd.detect.verdict import Outcome

if TYPE_CHECKING:
    from everyday import Pair, Swaps

PREDICTIONS = Path(__file__).parent / "predictions"
#: The predictions that later ones are compared with.
BEFORE = "v0.1.0.csv"


def before_lines(swaps: Swaps, masks: dict[str, Swaps]) -> list[str]:
    """Wrong verdicts and swaps caught, beside those of the first version on the same pairs."""
    before: dict[str, dict[Pair, Outcome]] = {}
    with (PREDICTIONS / BEFORE).open(newline="") as file:
        for row in csv.DictReader(file):
            pair = int(row["picture"]), int(row["sound"])
            before.setdefault(row["masker"], {})[pair] = Outcome(row["verdict"])
    lines = [
        "## Against the first version",
        "",
        f"Verdicts at default settings on the same pairs, those of {Path(BEFORE).stem} from its committed "
        "predictions. Wrong: own sounds called discrepant and foreign ones called consistent, each side "
        "weighing the same; music without the music clips.",
        "",
        "| Masker | wrong before, % | wrong now, % | swaps caught before, % | swaps caught now, % |",
        "| --- | --- | --- | --- | --- |",
    ]
    sums = np.zeros(2)
    for name, these in (("none", swaps), *masks.items()):
        music = not name.startswith("music")
        now = {pair: decision.outcome for pair, decision in these.decisions.items()}
        cells = []
        for given in (before[name], now):
            shares = []
            for own, outcome in (
                (True, Outcome.DISCREPANT),
                (False, Outcome.CONSISTENT),
                (False, Outcome.DISCREPANT),
            ):
                pairs = these.pairs(own=own, music=music)
                shares.append(sum(given[pair] is outcome for pair in pairs) / len(pairs))
            cells.append(((shares[0] + shares[1]) / 2, shares[2]))
        if name != "none":
            sums += [cells[0][0], cells[1][0]]
        label = (
            name
            if name == "none"
            else f"{'music' if name.startswith('music') else 'speech'} at {name[-1]} dB"
        )
        lines.append(
            f"| {label} | {100 * cells[0][0]:.1f} | {100 * cells[1][0]:.1f} | {100 * cells[0][1]:.1f} | "
            f"{100 * cells[1][1]:.1f} |"
        )
    return [*lines, "", f"Wrong verdicts over all maskers: {sums[1] / sums[0]:.3f} of those before.", ""]


def write_predictions(swaps: Swaps, masks: dict[str, Swaps]) -> None:
    """All verdicts, as the baseline of later work; clips by their row in the list of original clips."""
    PREDICTIONS.mkdir(exist_ok=True)
    with (PREDICTIONS / f"v{__version__}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["masker", "picture", "sound", "score", "verdict", "reason"])
        for masker, these in (("none", swaps), *masks.items()):
            for (picture, sound), decision in these.decisions.items():
                score = to_unit(these.scores[picture, sound])
                writer.writerow(
                    [masker, picture, sound, f"{score:.4f}", decision.outcome, decision.reason or ""]
                )
