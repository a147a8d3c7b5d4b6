"""ViT-H/14 of SWAG, fine-tuned on ImageNet: the paper's ``vit``, from torchvision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from vadd.embed.base import EmbedderCard, Modality, Weights
from vadd.embed.torch_picture import IMAGENET, Evaluation, TorchPictureEmbedder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Layer", "VitH14Swag"]

#: The class head's 1000 numbers, before any softmax, or the 1280 that the head gets.
Layer = Literal["head", "penultimate"]

_DIMS = {"head": 1000, "penultimate": 1280}
_LAYERS = {
    "head": "output of the class head, before the softmax",
    "penultimate": "class token after the last norm, before the class head",
}
#: Blocks of the published network.
DEPTH = 32


class VitH14Swag(TorchPictureEmbedder):
    """ViT-H/14, SWAG weights fine-tuned end to end at 518 pixels.

    The paper says "penultimate layer" and gives 1000 numbers, which only the class head has; so the head's
    output is the default.

    Args:
        layer: What the vector is.
        depth: Blocks of the network; the published weights fit :data:`DEPTH` only.
        options: As for :class:`vadd.embed.torch_embedder.TorchEmbedder`.

    Raises:
        ValueError: If an argument is not one of these.
    """

    evaluation = Evaluation(518, 518, "bicubic", *IMAGENET)
    _built_empty = True
    _cpu_batch = 1

    card = EmbedderCard(
        name="vit_h14_swag",
        modality=Modality.PICTURE,
        dim=_DIMS["head"],
        scores=(),
        input="(height, width, 3) uint8 RGB frames of any size",
        preprocessing=(*evaluation.described(), ("vector", _LAYERS["head"])),
        weights=Weights(
            file="vit_h_14_swag-80465313.pth",
            sha256=None,
            size=2_534_000_000,
            source="torchvision's ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1, ported from facebookresearch/SWAG",
            licence="CC-BY-NC-4.0",
            url="torchvision:ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1",
            fingerprint="sha256:80465313",
        ),
        paper=(
            "M. Singh et al., Revisiting Weakly Supervised Pre-Training of Visual Perception Models, "
            "CVPR 2022, arXiv:2201.08371; network: A. Dosovitskiy et al., ICLR 2021, arXiv:2010.11929"
        ),
        frame_side=evaluation.resize,
    )

    def __init__(self, *, layer: Layer = "head", depth: int = DEPTH, **options: Any) -> None:
        if layer not in get_args(Layer):
            raise ValueError(f"layer must be one of {', '.join(get_args(Layer))}, not {layer!r}")
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        super().__init__(**options)
        steps = (*self.evaluation.described(), ("vector", _LAYERS[layer]))
        self.card = replace(self.card, dim=_DIMS[layer], preprocessing=steps)
        self._layer, self._depth = layer, depth

    def _network(self) -> nn.Module:
        from torchvision.models import VisionTransformer

        network: nn.Module = VisionTransformer(
            image_size=self.evaluation.crop,
            patch_size=14,
            num_layers=self._depth,
            num_heads=16,
            hidden_dim=_DIMS["penultimate"],
            mlp_dim=5120,
        )
        return network

    def _trim(self, network: nn.Module) -> nn.Module:
        from torch import nn

        from vadd.embed.attention import streamlined

        if self._layer == "penultimate":
            network.heads = nn.Identity()
        return streamlined(network)

    def _lower(self, network: nn.Module) -> nn.Module:
        from vadd.embed.last_block import LastBlock

        blocks = network.encoder.layers
        last = blocks[-1]
        blocks[-1] = LastBlock(last.ln_1, last.self_attention, last.ln_2, last.mlp)
        return super()._lower(network)
