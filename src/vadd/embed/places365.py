"""Scene networks trained on Places365 by its authors: the paper's ResNet50, and two that it tried first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vadd.embed.base import EmbedderCard, Modality, Weights
from vadd.embed.checkpoint import fill, read_state
from vadd.embed.torch_picture import IMAGENET, Evaluation, TorchPictureEmbedder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DenseNet161Places365", "ResNet50Places365", "WideResNet18Places365"]

_EVALUATION = Evaluation(256, 224, "bilinear", *IMAGENET)
#: Scene classes of Places365-Standard.
_CLASSES = 365
_PAPER = "B. Zhou et al., Places: A 10 Million Image Database for Scene Recognition, IEEE TPAMI 40(6), 2018"
_RESNET = "K. He et al., CVPR 2016, arXiv:1512.03385"
_DENSENET = "G. Huang et al., CVPR 2017, arXiv:1608.06993"
#: Names of a dense layer's parts in files older than torch 0.4: with a dot before their number.
_DOTTED = re.compile(r"(?<=\.)(norm|conv)\.([12])(?=\.)")


def _card(name: str, network: str, dim: int, size: int, paper: str) -> EmbedderCard:
    file = f"{name}.pth.tar"
    return EmbedderCard(
        name=name,
        modality=Modality.PICTURE,
        dim=dim,
        scores=(),
        input="(height, width, 3) uint8 RGB frames of any size",
        preprocessing=(*_EVALUATION.described(), ("vector", "global average of the last feature map")),
        weights=Weights(
            file=file,
            sha256=None,
            size=size,
            source=f"{network} trained on Places365-Standard (CSAILVision/places365); no digest is published",
            licence="LicenseRef-CC-BY",  # "Attribution CC BY", of no stated version
            url=f"http://places2.csail.mit.edu/models_places365/{file}",
        ),
        paper=f"{_PAPER}; network: {paper}",
        frame_side=_EVALUATION.resize,
    )


class _Places365(TorchPictureEmbedder):
    """What the three have in common: their preprocessing and how their files are wrapped."""

    evaluation = _EVALUATION

    def _load(self, network: nn.Module, path: Path) -> None:
        state = read_state(path, unwrap=True)
        fill(network, {_DOTTED.sub(r"\1\2", name): value for name, value in state.items()}, str(path))


class ResNet50Places365(_Places365):
    """ResNet50 on Places365; options as for :class:`vadd.embed.torch_embedder.TorchEmbedder`."""

    card = _card("resnet50_places365", "ResNet50", 2048, 97_000_000, _RESNET)

    def _network(self) -> nn.Module:
        from torchvision.models import resnet50

        network: nn.Module = resnet50(num_classes=_CLASSES)
        return network

    def _trim(self, network: nn.Module) -> nn.Module:
        return _without(network, "fc")


class WideResNet18Places365(_Places365):
    """ResNet18 without its first pooling, so that its last map has 14x14 places instead of 7x7.

    Options as for :class:`vadd.embed.torch_embedder.TorchEmbedder`.
    """

    card = _card(
        "wideresnet18_places365",
        "WideResNet18",
        512,
        45_500_000,
        f"{_RESNET}, without the first max pooling",
    )

    def _network(self) -> nn.Module:
        from torchvision.models import resnet18

        network: nn.Module = resnet18(num_classes=_CLASSES)
        return _without(network, "maxpool")

    def _trim(self, network: nn.Module) -> nn.Module:
        return _without(network, "fc")


class DenseNet161Places365(_Places365):
    """DenseNet161 on Places365; options as for :class:`vadd.embed.torch_embedder.TorchEmbedder`."""

    card = _card("densenet161_places365", "DenseNet161", 2208, 110_000_000, _DENSENET)

    def _network(self) -> nn.Module:
        from torchvision.models import densenet161

        network: nn.Module = densenet161(num_classes=_CLASSES)
        return network

    def _trim(self, network: nn.Module) -> nn.Module:
        return _without(network, "classifier")


def _without(network: nn.Module, part: str) -> nn.Module:
    """The network with a part of it replaced by nothing."""
    from torch import nn

    setattr(network, part, nn.Identity())
    return network
