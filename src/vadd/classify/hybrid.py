"""Hybrid fusion: the early, joint classifier and one of each modality, combined late.

The idea that won DCASE 2021 task 1B, with which the paper compares: the joint head sees how the
streams go together, each modality's head cannot be misled by the other, and learnt weights say how much
each is believed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vadd.classify.fusion import FusionNet
from vadd.classify.layers import mlp
from vadd.classify.spec import FusionSpec

__all__ = ["HybridNet"]


class HybridNet(FusionNet):
    """A fusion classifier with a head for each modality beside it.

    Args:
        spec: With ``family="hybrid"``; its placement is that of the joint branch.

    Attributes:
        balance: ``(3,)``; the softmax is how much joint, visual and audio branch count, even at first.
    """

    def __init__(self, spec: FusionSpec) -> None:
        super().__init__(spec)
        scenes = len(spec.scene_set)
        self.alone = nn.ModuleList(
            mlp(dim, max(1, dim // 2), scenes, spec.dropout) for dim in spec.modality_dims
        )
        self.balance = nn.Parameter(torch.zeros(1 + len(self.alone)))

    def fuse(self, z: Tensor) -> Tensor:
        """Logarithm of the combined posterior, which is its own logit, from standardised embeddings."""
        return self._combine(self._branches(z))

    def combined(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The answer and the branches that it comes from, so that each can be given a loss of its own.

        Args:
            x: As for :meth:`forward`.

        Returns:
            ``(..., C)`` logits as :meth:`forward` gives them, and ``(..., 3, C)``: joint, visual, audio.
        """
        branches = self._branches(self.standardise(x))
        return self._combine(branches), branches

    def _combine(self, branches: Tensor) -> Tensor:
        logs = functional.log_softmax(branches, dim=-1)
        weights = functional.log_softmax(self.balance, dim=0)
        return torch.logsumexp(logs + weights[:, None], dim=-2)

    def _branches(self, z: Tensor) -> Tensor:
        parts = z.split(list(self.spec.modality_dims), dim=-1)
        late = [head(part) for head, part in zip(self.alone, parts, strict=True)]
        return torch.stack([super().fuse(z), *late], dim=-2)
