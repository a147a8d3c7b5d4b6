"""A network made ready for bf16: what autocast would do at every run, done once.

Autocast rounds the weights of a convolution or a full layer each time one runs, as it keeps nothing of
weights that are not learnt; and oneDNN then sorts a full layer's weights into blocks each time. For a small
batch both read more memory than the batch itself. And a batch norm behind a convolution only scales and
shifts what comes out, which the convolution can do on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vadd.embed.attention import SelfAttention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

__all__ = ["lowered"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def lowered(network: nn.Module, device: str) -> nn.Module:
    """The network itself, for evaluation under autocast to bf16 only.

    Batch norms become part of the convolutions before them, in single precision, and the weights that
    autocast would round are rounded. What is not learnt (``requires_grad`` off) belongs to a front end,
    which computes in single precision, and stays.

    Args:
        network: In evaluation mode, its parameters still marked as learnt.
        device: Where it is to run.
    """
    for module in list(network.modules()):
        for before, behind in list(_pairs(module)):
            fused = fuse_conv_bn_eval(module.get_submodule(before), module.get_submodule(behind))
            setattr(module, before, fused)
            setattr(module, behind, nn.Identity())
    packing = device == "cpu" and _can_pack()
    for module in list(network.modules()):
        if isinstance(module, _CONVOLUTIONS) or (isinstance(module, nn.Linear) and not packing):
            _round(module, "weight", "bias")
        elif isinstance(module, SelfAttention) and not packing:
            _round(module, "in_proj_weight", "in_proj_bias")
        elif isinstance(module, SelfAttention):
            module.in_proj = PackedLinear(module.in_proj_weight, module.in_proj_bias)
            module.in_proj_weight = module.in_proj_bias = None
        for name, child in list(module.named_children()):
            if packing and isinstance(child, nn.Linear):
                setattr(module, name, PackedLinear(child.weight, child.bias))
    return network


def _can_pack() -> bool:
    """Whether torch has oneDNN with what :class:`PackedLinear` calls, which is not torch's public part."""
    return (
        all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight"))
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


class PackedLinear(nn.Module):
    """A full layer in bf16 on the CPU, its weights sorted once as oneDNN takes them.

    Args:
        weight: ``(after, before)``.
        bias: ``(after,)``, or ``None``.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        # No parameters: they have no plain memory that could be moved, viewed or saved.
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(torch.bfloat16))
        self._bias = None if bias is None else bias.detach().to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., before)`` → ``(..., after)`` bf16."""
        x = x.to(torch.bfloat16).contiguous()
        after: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return after


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a convolution and the batch norm that alone takes its output, among a module's own parts.

    Known from the order in a sequence, from the names ``conv...`` and ``bn...`` that torchvision and the
    PANNs give such pairs, or from the module's own ``NORMALISED``.
    """
    parts = dict(module.named_children())
    if isinstance(module, nn.Sequential):
        pairs = list(zip(parts, list(parts)[1:], strict=False))
    else:
        named = getattr(module, "NORMALISED", {})
        pairs = [(name, named.get(name, name.replace("conv", "bn"))) for name in parts]
    for before, behind in pairs:
        if isinstance(parts[before], _CONVOLUTIONS) and isinstance(parts.get(behind), _NORMS):
            yield before, behind


def _round(module: nn.Module, *names: str) -> None:
    for name in names:
        value = getattr(module, name)
        if value is not None and value.requires_grad:
            setattr(module, name, nn.Parameter(value.detach().to(torch.bfloat16)))
