"""Attention between the parts of one sample, and, for the record, between the samples of a batch.

A stage of attention keeps the length of the vector: what each part gains from the others is added to
it. So the eight placements differ in attention alone, and everything after them is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vadd.classify.dense import Dense
from vadd.classify.spec import FusionSpec, Level

__all__ = ["BatchAttention", "Stage", "TokenAttention"]


class TokenAttention(nn.Module):
    """Parts of a vector attend to each other.

    Each part is projected to a token of the common width and marked with a code of its own (the type),
    the tokens attend to each other, and what each has gathered is projected back and added to its part.

    Args:
        dims: Lengths of the parts.
        width: Length of a token, a multiple of ``heads``.
        heads: Attention heads.
        seconds: ``None`` when each second is alone; else the most seconds of a clip that attend to
            each other, each marked with a time code too.
    """

    def __init__(self, dims: tuple[int, ...], width: int, heads: int, seconds: int | None) -> None:
        super().__init__()
        self.dims = dims
        self.heads = heads
        self.down = nn.ModuleList(Dense(dim, width) for dim in dims)
        self.kind = nn.Parameter(torch.empty(len(dims), width))
        nn.init.normal_(self.kind, std=width**-0.5)
        self.time: nn.Parameter | None = None
        if seconds is not None:
            self.time = nn.Parameter(torch.empty(seconds, 1, width))
            nn.init.normal_(self.time, std=width**-0.5)
        self.norm = nn.LayerNorm(width)
        self.query_key_value = Dense(width, 3 * width)
        # The projection back is each part's own; it stands for the output projection as well.
        self.up = nn.ModuleList(Dense(width, dim) for dim in dims)

    def forward(self, x: Tensor) -> Tensor:
        """Add to each part what it gathers from the others.

        Args:
            x: ``(samples, sum(dims))``, or ``(clips, T, sum(dims))`` with a time code, T at most
                ``seconds``.

        Returns:
            The same shape.
        """
        parts = x.split(self.dims, dim=-1)
        tokens = torch.stack([down(part) for down, part in zip(self.down, parts, strict=True)], dim=-2)
        tokens = tokens + self.kind
        if self.time is None:
            gathered = self._attend(tokens)
        else:
            tokens = tokens + self.time[: x.shape[1]]
            gathered = self._attend(tokens.flatten(1, 2)).view(tokens.shape)
        gains = [up(token) for up, token in zip(self.up, gathered.unbind(-2), strict=True)]
        return x + torch.cat(gains, dim=-1)

    def _attend(self, tokens: Tensor) -> Tensor:
        """``(B, n, width)`` → the same; n tokens of one sample."""
        shape = (*tokens.shape[:-1], self.heads, tokens.shape[-1] // self.heads)
        query, key, value = (
            each.reshape(shape).transpose(1, 2)
            for each in self.query_key_value(self.norm(tokens)).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).flatten(-2)


class BatchAttention(nn.Module):
    """What the published code computes: a 2-D tensor, which PyTorch reads as *one* sequence of samples.

    So each sample attends to those that happen to lie in the same batch, and its output changes with
    them. Kept to show what that does to the published figures; nothing that judges a file accepts it.

    Args:
        dims: Lengths of the parts, which are one vector here.
        heads: Attention heads; divide the vector's length.
    """

    def __init__(self, dims: tuple[int, ...], heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(sum(dims), heads)

    def forward(self, x: Tensor) -> Tensor:
        """``(samples, sum(dims))`` to the same."""
        mixed: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return mixed


class Stage(nn.Module):
    """One level of attention: every group of parts that the level names, side by side.

    Args:
        spec: The classifier.
        level: Which of its stages.
    """

    def __init__(self, spec: FusionSpec, level: Level) -> None:
        super().__init__()
        groups = spec.groups(level)
        seconds = spec.seconds if spec.instance == "clip" else None
        self.lengths = [sum(dims) for dims in groups]
        self.groups = nn.ModuleList(
            BatchAttention(dims, spec.heads)
            if spec.attention == "batch"
            else TokenAttention(dims, spec.width, spec.heads, seconds)
            for dims in groups
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(..., dim)`` to the same."""
        parts = x.split(self.lengths, dim=-1)
        return torch.cat([group(part) for group, part in zip(self.groups, parts, strict=True)], dim=-1)
