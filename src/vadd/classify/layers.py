"""The layers that every network here shares: standardisation and the head, and how they start."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vadd.classify.dense import Dense
from vadd.errors import ModelError

__all__ = ["Standardise", "mlp", "xavier"]

#: A feature whose spread is under this share of its size is taken for constant: dividing by rounding
#: noise would make the largest feature of one that says nothing.
STILL = 1e-6


class Standardise(nn.Module):
    """Each feature less its mean, over its standard deviation; both stored with the weights.

    Until :meth:`fit` it changes nothing.

    Args:
        dim: Features.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def fit(self, mean: Tensor, std: Tensor) -> None:
        """Take over the statistics of the training set, and of nothing else.

        Args:
            mean: ``(dim,)``, finite.
            std: ``(dim,)``, finite, at least 0; a constant feature is left unscaled.

        Raises:
            ModelError: If a shape or a value is wrong.
        """
        if mean.shape != self.mean.shape or std.shape != self.std.shape:
            raise ModelError(
                f"the network has {len(self.mean)} features; mean {tuple(mean.shape)}, std {tuple(std.shape)}"
            )
        if not (mean.isfinite().all() and std.isfinite().all() and (std >= 0).all()):
            raise ModelError("the mean or deviation of a training feature is not a finite number")
        moving = std > STILL * mean.abs().clamp(min=1)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(moving, std, torch.ones_like(std)))

    def forward(self, x: Tensor) -> Tensor:
        """``(..., dim)`` to the same."""
        return (x - self.mean) / self.std


def mlp(dim: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """``(..., dim)`` → ReLU layer of ``hidden`` → dropout → ``(..., outputs)``."""
    return nn.Sequential(Dense(dim, hidden), nn.ReLU(), nn.Dropout(dropout), Dense(hidden, outputs))


def xavier(network: nn.Module) -> None:
    """Start every matrix as Glorot and Bengio (2010) draw it, from the global generator; biases at 0."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.MultiheadAttention):
            nn.init.xavier_uniform_(module.in_proj_weight)
            nn.init.zeros_(module.in_proj_bias)
