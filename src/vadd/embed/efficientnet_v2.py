"""EfficientNetV2-L on ImageNet, from torchvision: tried by the paper's authors, not used in its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vadd.embed.base import EmbedderCard, Modality, Weights
from vadd.embed.torch_picture import Evaluation, TorchPictureEmbedder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["EfficientNetV2L"]


class EfficientNetV2L(TorchPictureEmbedder):
    """EfficientNetV2-L; options as for :class:`vadd.embed.torch_embedder.TorchEmbedder`."""

    evaluation = Evaluation(480, 480, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    card = EmbedderCard(
        name="efficientnet_v2_l",
        modality=Modality.PICTURE,
        dim=1280,
        scores=(),
        input="(height, width, 3) uint8 RGB frames of any size",
        preprocessing=(*evaluation.described(), ("vector", "global average of the last feature map")),
        weights=Weights(
            file="efficientnet_v2_l-59c71312.pth",
            sha256=None,
            size=477_000_000,
            source="torchvision's EfficientNet_V2_L_Weights.IMAGENET1K_V1, ported from google/automl",
            licence="Apache-2.0",
            url="torchvision:EfficientNet_V2_L_Weights.IMAGENET1K_V1",
            fingerprint="sha256:59c71312",
        ),
        paper="M. Tan and Q. Le, EfficientNetV2, ICML 2021, arXiv:2104.00298; trained on ImageNet",
        frame_side=evaluation.resize,
    )

    def _network(self) -> nn.Module:
        from torchvision.models import efficientnet_v2_l

        network: nn.Module = efficientnet_v2_l()
        return network

    def _trim(self, network: nn.Module) -> nn.Module:
        from torch import nn

        network.classifier = nn.Identity()
        return network
