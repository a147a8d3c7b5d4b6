"""A trained network over many seconds at once: what tables and validation need, in torch.

Files are judged by :mod:`vadd.classify.judge`; here the samples lie in memory and nobody has to be
refused. A network whose attention runs across the batch is admitted for the record: what it says then
depends on ``order`` and ``batch``, which is the point of showing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vadd.classify.contrastive import ContrastiveNet
from vadd.classify.dataset import Samples
from vadd.errors import ModelError

if TYPE_CHECKING:
    import torch

    from vadd.classify.fusion import FusionNet

__all__ = ["by_clip", "distances", "posteriors"]

#: Samples that go through a network at once.
BLOCK = 1_024


def posteriors(
    network: FusionNet, samples: Samples, *, order: NDArray[np.int64] | None = None, batch: int = BLOCK
) -> NDArray[np.float32]:
    """The scene posterior of every second.

    Args:
        network: Is put into evaluation.
        samples: ``N`` seconds.
        order: In which the seconds go through the network; only for one that takes single seconds.
        batch: How many go through it together.

    Returns:
        ``(N, C)`` in the order of ``samples``; rows sum to 1.

    Raises:
        ModelError: If an order is given for a network that takes clips, or a posterior is not finite.
    """
    import torch

    network.eval()
    device = network.standardise.mean.device
    found = np.empty((len(samples.rows), len(network.spec.scene_set)), np.float32)
    with torch.inference_mode():
        if network.spec.instance == "second":
            rows = np.arange(len(found)) if order is None else order
            for start in range(0, len(rows), batch):
                chosen = rows[start : start + batch]
                found[chosen] = _softmax(network(_tensor(samples.rows[chosen], device)))
        else:
            if order is not None:
                raise ModelError("a network that takes whole clips has no order of seconds")
            for windows in _alike(samples.windows(network.spec.seconds), batch):
                rows = windows[:, :1] + np.arange(windows[0, 1])
                answers = _softmax(network(_tensor(samples.rows[rows], device)))
                # The last window of a long clip reaches back; what the one before said of a second stays.
                new = np.arange(rows.shape[1]) >= rows.shape[1] - windows[:, 2:]
                found[rows[new]] = answers[new]
    if not np.isfinite(found).all():
        raise ModelError("the network gives posteriors that are not finite numbers")
    return found


def distances(network: ContrastiveNet, samples: Samples) -> NDArray[np.float32]:
    """``(N,)``, 0-1: how badly each second's sound agrees with its picture, by a contrastive network."""
    import torch

    network.eval()
    device = network.standardise.mean.device
    with torch.inference_mode():
        parts = [
            network(_tensor(samples.rows[start : start + BLOCK], device)).cpu().numpy()
            for start in range(0, len(samples.rows), BLOCK)
        ]
    return ((1 - np.concatenate([np.empty(0, np.float32), *parts])) / 2).clip(0, 1)


def by_clip(values: NDArray[np.float32], samples: Samples) -> list[NDArray[np.float32]]:
    """Rows of ``values`` for each clip of ``samples``, in its order."""
    return np.split(values, np.flatnonzero(np.diff(samples.owner)) + 1)


def _alike(windows: NDArray[np.int64], batch: int) -> Iterator[NDArray[np.int64]]:
    """Windows of one length together, in their own order."""
    for length in np.unique(windows[:, 1]):
        same = windows[windows[:, 1] == length]
        for start in range(0, len(same), max(1, batch // int(length))):
            yield same[start : start + max(1, batch // int(length))]


def _tensor(rows: NDArray[np.float16], device: torch.device) -> torch.Tensor:
    import torch

    return torch.from_numpy(rows).to(device).float()


def _softmax(logits: torch.Tensor) -> NDArray[np.float32]:
    import torch

    shares: NDArray[np.float32] = torch.softmax(logits, dim=-1).cpu().numpy()
    return shares
