"""Self-attention for inference: torch's own numbers and names, without what torch spends on the way.

``nn.MultiheadAttention`` turns batches the wrong way round before it projects them. Under bf16 on the CPU
torch then copies the projection's weights once for every token: gigabytes a block. And torch's own
attention is no faster in bf16 than in fp32 where its matrix library has no bf16 for the processor.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SelfAttention", "streamlined"]

#: Rows of the attention matrix that a thread has at a time: at a thousand columns they fit its cache.
_ROWS = 512
#: Tokens from which on it pays to go through the heads one by one.
_MANY = 512


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
        #: A layer that stands for the two parameters before, where one does.
        self.in_proj: nn.Module | None = None

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
        if self.in_proj is None:
            mixed = functional.linear(query, self.in_proj_weight, self.in_proj_bias)
        else:
            mixed = self.in_proj(query)
        parts = mixed.view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if parts.dtype is torch.bfloat16 and parts.device.type == "cpu" and tokens >= _MANY:
            attended = _by_heads(parts)
        else:
            attended = functional.scaled_dot_product_attention(*parts).transpose(1, 2)
        out: Tensor = self.out_proj(attended.reshape(batch, tokens, width))
        return out, None


def _by_heads(parts: Tensor) -> Tensor:
    """Attention in bf16, some rows of one head at a time, every thread at heads of its own.

    Keys are taken relative to their mean, which shifts a row's logits as a whole and so changes nothing
    but their size: the smaller, the less is lost when bf16 rounds them.

    Args:
        parts: Queries, keys and values, ``(3, batch, heads, tokens, width)`` bf16.

    Returns:
        ``(batch, tokens, heads, width)`` bf16.
    """
    _, batch, heads, tokens, width = parts.shape
    keys = parts[1].float()
    keys = ((keys - keys.mean(dim=-2, keepdim=True)) * width**-0.5).to(parts.dtype)
    values = parts[2].transpose(-1, -2).contiguous()
    attended = parts.new_empty(batch, tokens, heads, width)

    def attend(number: int) -> None:
        at, head = divmod(number, heads)
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            for start in range(0, tokens, _ROWS):
                span = slice(start, start + _ROWS)
                logits = functional.linear(parts[0, at, head, span], keys[at, head])
                attended[at, span, head] = functional.linear(torch.softmax(logits, -1), values[at, head])

    threads = torch.get_num_threads()
    if threads == 1:
        for number in range(batch * heads):
            attend(number)
        return attended
    for _ in _workers(threads).map(attend, range(batch * heads)):
        pass
    torch.set_num_threads(threads)  # new threads would take the workers' number, which was set last
    return attended


@cache
def _workers(threads: int) -> ThreadPoolExecutor:
    """Threads whose tensor operations do not spread over further ones.

    Spread over all threads, operations this short would mostly wait for the slowest.
    """
    return ThreadPoolExecutor(threads, "attention", initializer=torch.set_num_threads, initargs=(1,))


def streamlined(network: nn.Module) -> nn.Module:
    """The network with each ``nn.MultiheadAttention`` in it replaced by :class:`SelfAttention`."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.MultiheadAttention):
                setattr(module, name, SelfAttention(child))
    return network
