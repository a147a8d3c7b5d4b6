"""A vision transformer's last block, where only the class token is read behind it.

The other tokens still tell the class token what they hold (keys and values), but need neither attend nor go
through the block's two full layers: most of one block's work of thirty-two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from vadd.embed.attention import SelfAttention

__all__ = ["LastBlock"]


class LastBlock(nn.Module):
    """Takes over the parameters of a published block that normalises first; gives the first token alone.

    Args:
        norm_1: Before the attention.
        attention: Of the tokens to each other.
        norm_2: Before ``mlp``.
        mlp: What each token goes through.
    """

    def __init__(
        self, norm_1: nn.Module, attention: SelfAttention, norm_2: nn.Module, mlp: nn.Module
    ) -> None:
        super().__init__()
        width = attention.in_proj_weight.shape[1]
        self.heads = attention.heads
        self.norm_1, self.norm_2, self.mlp = norm_1, norm_2, mlp
        self.query = _layer(attention.in_proj_weight[:width], attention.in_proj_bias[:width])
        self.key_value = _layer(attention.in_proj_weight[width:], attention.in_proj_bias[width:])
        self.out_proj = attention.out_proj

    def forward(self, x: Tensor, **nothing: None) -> Tensor:
        """``(batch, tokens, width)`` → ``(batch, 1, width)``."""
        batch, tokens, width = x.shape
        normed = self.norm_1(x)
        query = self.query(normed[:, :1]).view(batch, 1, self.heads, -1).transpose(1, 2)
        parts = self.key_value(normed).view(batch, tokens, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, *parts)
        first = x[:, :1] + self.out_proj(attended.transpose(1, 2).reshape(batch, 1, width))
        out: Tensor = first + self.mlp(self.norm_2(first))
        return out


def _layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(1, 1)
    layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    return layer
