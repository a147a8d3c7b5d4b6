"""How well a contrastive network tells a second's own sound from another's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import Samples

if TYPE_CHECKING:
    from vadd.classify.contrastive import ContrastiveNet

__all__ = ["Matching", "area", "match"]


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Discrepancies of clips with their own and with foreign sound.

    Attributes:
        own: ``(n,)`` mean discrepancy (0-1) of each clip's seconds.
        foreign: ``(n,)`` of each clip's picture with the sound of a clip of another scene.
    """

    own: NDArray[np.float64]
    foreign: NDArray[np.float64]

    def document(self) -> dict[str, Any]:
        """The figures, JSON-ready."""
        return {
            "clips": len(self.own),
            "mean_discrepancy_own": float(self.own.mean()),
            "mean_discrepancy_foreign": float(self.foreign.mean()),
            "area_under_curve": area(self.own, self.foreign),
        }


def match(network: ContrastiveNet, samples: Samples, *, seed: int = 0) -> Matching:
    """Compare each clip's picture with its own sound, and with one of another scene.

    Args:
        network: The network.
        samples: Clips of two scenes at least.
        seed: Of the donors.
    """
    from vadd.classify.apply import by_clip, distances

    rng = np.random.default_rng([seed, 4])
    own = [float(each.mean(dtype=np.float64)) for each in by_clip(distances(network, samples), samples)]
    starts = np.flatnonzero(np.diff(samples.owner, prepend=-1))
    lengths = np.diff(np.append(starts, len(samples.owner)))
    truth, visual = samples.truth, network.spec.modality_dims[0]
    rows = samples.rows.copy()
    for at, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        donor = int(rng.choice(np.flatnonzero(truth != truth[at])))
        heard = starts[donor] + np.arange(length) % lengths[donor]
        rows[start : start + length, visual:] = samples.rows[heard, visual:]
    swapped = replace(samples, rows=rows)
    foreign = [float(each.mean(dtype=np.float64)) for each in by_clip(distances(network, swapped), swapped)]
    return Matching(np.array(own), np.array(foreign))


def area(own: NDArray[np.floating[Any]], foreign: NDArray[np.floating[Any]]) -> float:
    """P(a foreign score lies above an own one), ties counted half: the area under the ROC curve."""
    order = np.sort(own)
    below = np.searchsorted(order, foreign, "left") + np.searchsorted(order, foreign, "right")
    return float(below.mean() / 2 / len(own))
