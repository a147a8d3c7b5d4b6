"""How sure the everyday model is allowed to be: its probabilities and its false alarms, without the kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from measures import BINS, calibration_gap, over_clips
from vadd.detect.verdict import Outcome

if TYPE_CHECKING:
    from everyday import Swaps

__all__ = ["sure_lines"]

#: Rates of false alarms that are asked for.
RATES = (0.05, 0.10)


def sure_lines(swaps: Swaps) -> list[str]:
    """The calibration error, and what became of rates that were asked for."""
    own, other = swaps.pairs(own=True), swaps.pairs(own=False)
    pairs = np.array([*own, *other])
    said = np.array(
        [swaps.calibrated[swaps.group(pair)].probability(swaps.scores[pair]) for pair in (*own, *other)]
    )
    truth = np.arange(len(said)) >= len(own)

    def figure(drawn: NDArray[np.int64]) -> float:
        weight = drawn[pairs[:, 0]] * np.where(truth, drawn[pairs[:, 1]], 1)
        # Own and swapped clips weigh the same in all, as in the curve: prior 0.5.
        sides = np.where(truth, weight[truth].sum(), weight[~truth].sum())
        return calibration_gap(said, truth, weight / np.maximum(sides, 1))

    gap, low, high = over_clips(figure, len(swaps.kinds))
    lines = [
        "## How sure",
        "",
        f"Calibration error of the probability of all pairs, {BINS} bins of equal width, own and swapped "
        f"clips weighing the same: {gap:.3f} ({low:.3f} to {high:.3f}). A bootstrap of so few clips lies "
        "above the figure itself, as chance adds to an error that cannot be negative.",
        "",
        "| False alarms asked for, % | own clips over the threshold | called discrepant |",
        "| --- | --- | --- |",
    ]
    for rate in RATES:
        over = sum(swaps.scores[pair] > swaps.calibrated[swaps.group(pair)].threshold(rate) for pair in own)
        called = sum(swaps.decide(pair, rate).outcome is Outcome.DISCREPANT for pair in own)
        lines.append(f"| {100 * rate:.0f} | {over} of {len(own)} | {called} of {len(own)} |")
    return [*lines, ""]
