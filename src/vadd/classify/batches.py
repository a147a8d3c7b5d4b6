"""The order in which a training set is learnt from, and its samples as tensors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import Samples
from vadd.classify.recipe import Recipe
from vadd.classify.spec import ContrastiveSpec, FusionSpec, Spec

if TYPE_CHECKING:
    import torch

__all__ = ["Batches"]


class Batches:
    """The samples of every epoch in their order; while a step computes, the next one's are gathered.

    Args:
        samples: What is learnt from.
        spec: Says whether a sample is a second or a clip's window.
        recipe: Says how many go into a step.
        seed: Of the order.
    """

    def __init__(self, samples: Samples, spec: Spec, recipe: Recipe, seed: int) -> None:
        self._samples, self._seed = samples, seed
        contrastive = isinstance(spec, ContrastiveSpec)
        self._size = recipe.contrastive_batch if contrastive else recipe.batch
        whole = isinstance(spec, FusionSpec) and spec.instance == "clip"
        seconds = spec.seconds if whole and isinstance(spec, FusionSpec) else 1
        windows = samples.windows(seconds)
        #: First rows of the samples, by the samples' length in rows.
        self._lots = {int(n): windows[windows[:, 1] == n, 0] for n in np.unique(windows[:, 1])}
        self._whole = whole

    def __len__(self) -> int:
        return sum(-(-len(lot) // self._size) for lot in self._lots.values())

    def steps(self, epoch: int) -> list[NDArray[np.int64]]:
        """For each step of an epoch the rows of its samples, ``(B, T)``; T is 1 for single seconds."""
        rng = np.random.default_rng([self._seed, 2, epoch])
        steps: list[NDArray[np.int64]] = []
        for length, lot in self._lots.items():
            order = rng.permutation(lot)
            parts = [order[at : at + self._size] for at in range(0, len(order), self._size)]
            steps += [part[:, None] + np.arange(length) for part in parts]
        if len(self._lots) > 1:
            steps = [steps[at] for at in rng.permutation(len(steps))]
        return steps

    def of(
        self, epoch: int, device: torch.device
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Rows ``(B, D)`` or ``(B, T, D)``, labels ``(B,)`` and owners ``(B,)`` of each step."""
        steps = self.steps(epoch)
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as pool:
            following = pool.submit(self._gather, steps[0])
            for at in range(len(steps)):
                rows, labels, owner = following.result()
                if at + 1 < len(steps):
                    following = pool.submit(self._gather, steps[at + 1])
                yield rows.to(device), labels.to(device), owner.to(device)

    def _gather(self, index: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        import torch

        rows = torch.from_numpy(self._samples.rows[index if self._whole else index[:, 0]]).float()
        first = index[:, 0]
        labels, owner = self._samples.labels[first], self._samples.owner[first]
        return rows, torch.from_numpy(labels), torch.from_numpy(owner.astype(np.int64))
