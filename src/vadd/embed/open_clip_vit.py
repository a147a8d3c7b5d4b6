"""OpenCLIP's ViT-H/14, trained on LAION-2B: the paper's ``clip``; the picture's half only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.embed.base import EmbedderCard, Modality, Weights
from vadd.embed.checkpoint import fill, read_state
from vadd.embed.torch_picture import CLIP, Evaluation, TorchPictureEmbedder
from vadd.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ClipH14Laion2b"]

_DIM = 1024
#: What the published file writes before the names of the picture's half.
_VISUAL = "visual."
#: Blocks of the published network.
DEPTH = 32


class ClipH14Laion2b(TorchPictureEmbedder):
    """The image encoder of OpenCLIP's ``ViT-H-14``, ``laion2b_s32b_b79k``; its output is not normalised.

    Args:
        depth: Blocks of the network; the published weights fit :data:`DEPTH` only.
        options: As for :class:`vadd.embed.torch_embedder.TorchEmbedder`.

    Raises:
        ValueError: If an argument is not one of these.
    """

    evaluation = Evaluation(224, 224, "bicubic", *CLIP)
    _needs = ("torch", "open_clip")
    _built_empty = True

    card = EmbedderCard(
        name="clip_h14_laion2b",
        modality=Modality.PICTURE,
        dim=_DIM,
        scores=(),
        input="(height, width, 3) uint8 RGB frames of any size",
        preprocessing=(*evaluation.described(), ("vector", "image encoder's output, not normalised")),
        weights=Weights(
            file="open_clip_pytorch_model.bin",
            sha256="9a78ef8e8c73fd0df621682e7a8e8eb36c6916cb3c16b291a082ecd52ab79cc4",
            size=3_944_000_000,
            source="OpenCLIP ViT-H-14 laion2b_s32b_b79k (laion/CLIP-ViT-H-14-laion2B-s32B-b79K)",
            licence="MIT",
            url=(
                "https://huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K/resolve/main/"
                "open_clip_pytorch_model.bin"
            ),
        ),
        paper=(
            "M. Cherti et al., Reproducible Scaling Laws for Contrastive Language-Image Learning, CVPR 2023, "
            "arXiv:2212.07143; trained on LAION-2B, C. Schuhmann et al., NeurIPS 2022"
        ),
        frame_side=evaluation.resize,
    )

    def __init__(self, *, depth: int = DEPTH, **options: Any) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        super().__init__(**options)
        self._depth = depth

    def _network(self) -> nn.Module:
        from open_clip.transformer import VisionTransformer

        network: nn.Module = VisionTransformer(
            image_size=self.evaluation.crop,
            patch_size=14,
            width=1280,
            layers=self._depth,
            heads=16,
            mlp_ratio=4.0,
            output_dim=_DIM,
        )
        return network

    def _load(self, network: nn.Module, path: Path) -> None:
        visual = {
            name.removeprefix(_VISUAL): value
            for name, value in read_state(path, unwrap=True).items()
            if name.startswith(_VISUAL)
        }
        if not visual:
            raise ModelError(f"{path} has no {_VISUAL}... tensors, so it is no OpenCLIP model")
        fill(network, visual, str(path))

    def _trim(self, network: nn.Module) -> nn.Module:
        from vadd.embed.attention import streamlined

        return streamlined(network)

    def _lower(self, network: nn.Module) -> nn.Module:
        from vadd.embed.last_block import LastBlock

        blocks = network.transformer.resblocks
        last = blocks[-1]
        blocks[-1] = LastBlock(last.ln_1, last.attn, last.ln_2, last.mlp)
        return super()._lower(network)
