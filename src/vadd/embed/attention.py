"""Self-attention for inference: torch's own numbers and names, without what torch spends on the way.

``nn.MultiheadAttention`` turns batches the wrong way round before it projects them. Under bf16 on the CPU
torch then copies the projection's weights once for every token: gigabytes a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SelfAttention", "streamlined"]


class SelfAttention(nn.Module):
    """Takes over the parameters of an ``nn.MultiheadAttention``, and its place in a network.

    Args:
        published: With ``batch_first``, and one width for queries, keys and values.
    """

    def __init__(self, published: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = published.num_heads
        self.in_proj_weight = published.in_proj_weight
        self.in_proj_bias = published.in_proj_bias
        self.out_proj = published.out_proj

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, *, need_weights: bool = False, attn_mask: None = None
    ) -> tuple[Tensor, None]:
        """Attention of every token to every other one.

        Args:
            query: ``(batch, tokens, width)``.
            key: The same tensor.
            value: The same tensor.
            need_weights: Never; here because the caller says so.
            attn_mask: None; as above.

        Returns:
            ``(batch, tokens, width)``, and ``None`` where torch would put the attention's weights.

        Raises:
            ValueError: If the inputs differ, or weights or a mask are asked for.
        """
        if key is not query or value is not query or need_weights or attn_mask is not None:
            raise ValueError("this is attention of one input to itself, whole and without its weights")
        batch, tokens, width = query.shape
        mixed = functional.linear(query, self.in_proj_weight, self.in_proj_bias)
        parts = mixed.view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts)
        out: Tensor = self.out_proj(attended.transpose(1, 2).reshape(batch, tokens, width))
        return out, None


def streamlined(network: nn.Module) -> nn.Module:
    """The network with each ``nn.MultiheadAttention`` in it replaced by :class:`SelfAttention`."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.MultiheadAttention):
                setattr(module, name, SelfAttention(child))
    return network
