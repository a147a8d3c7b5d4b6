"""OpenL3's sound network (mel256), from a second of waveform to 512 numbers, and its published file.

The layers carry the names that the published Keras model gives them. After eight convolutions the last,
``audio_embedding_layer``, is neither normalised nor rectified; its maximum over all of the 32 x 24 map is
the 512-d embedding (marl/openl3, ``embedding_size=512``).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vadd.embed.checkpoint import fill
from vadd.embed.hdf5_weights import KerasLayer, read_keras_layers
from vadd.embed.openl3_frontend import OpenL3Frontend
from vadd.errors import ModelError

__all__ = ["DIM", "OpenL3Net", "load_openl3"]

#: Length of the embedding.
DIM = 512
#: Channels of the eight convolutions; after each pair but the last the map is halved.
CHANNELS = (64, 64, 128, 128, 256, 256, 512, DIM)
LAST = "audio_embedding_layer"
#: Keras's default for batch normalisation; PyTorch's is 1e-5.
EPSILON = 1e-3


class OpenL3Net(nn.Module):
    """The sound half of OpenL3; for inference."""

    #: Which batch norm takes a convolution's output.
    NORMALISED: ClassVar[dict[str, str]] = {
        f"conv2d_{at}": f"batch_normalization_{at + 1}" for at in range(1, len(CHANNELS))
    }

    def __init__(self) -> None:
        super().__init__()
        self.frontend = OpenL3Frontend()
        self.batch_normalization_1 = nn.BatchNorm2d(1, eps=EPSILON)
        for at, (before, after) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False), start=1):
            convolution = nn.Conv2d(before, after, kernel_size=3, padding=1)
            last = at == len(CHANNELS)
            self.add_module(LAST if last else f"conv2d_{at}", convolution)
            if not last:
                self.add_module(f"batch_normalization_{at + 1}", nn.BatchNorm2d(after, eps=EPSILON))

    def forward(self, samples: Tensor) -> Tensor:
        """Embed a batch of seconds.

        Args:
            samples: ``(n, 48000)`` float32 in [-1, 1], one second each.

        Returns:
            ``(n, DIM)``.
        """
        return self.from_spectrogram(self.frontend(samples))

    def from_spectrogram(self, spectrogram: Tensor) -> Tensor:
        """Embed what :class:`~vadd.embed.openl3_frontend.OpenL3Frontend` makes of seconds.

        Args:
            spectrogram: ``(n, 1, 256, 199)``.

        Returns:
            ``(n, DIM)``.
        """
        x = self.batch_normalization_1(spectrogram)
        for at in range(1, len(CHANNELS)):
            x = self.get_submodule(f"conv2d_{at}")(x)
            x = torch.relu_(self.get_submodule(f"batch_normalization_{at + 1}")(x))
            if at % 2 == 0:
                x = nn.functional.max_pool2d(x, 2)
        x = self.get_submodule(LAST)(x)
        return torch.amax(x, dim=(2, 3))


def load_openl3(network: nn.Module, path: Path) -> None:
    """Fill an :class:`OpenL3Net` from ``openl3_audio_mel256_music-v0_4_0.h5``, plain or gzipped.

    Args:
        network: On the meta device it is only compared.
        path: The file.

    Raises:
        ModelError: If the file is damaged or holds another network.
    """
    layers = read_keras_layers(path)
    names = ["batch_normalization_1"]
    for at in range(1, len(CHANNELS)):
        names += [f"conv2d_{at}", f"batch_normalization_{at + 1}"]
    names.append(LAST)
    if len(layers) != len(names) or layers[-1].name != LAST:
        raise ModelError(
            f"{path} is not OpenL3's sound network of version 0.4: it has {len(layers)} layers with "
            f"weights and ends with {layers[-1].name if layers else 'none'!r}, expected {len(names)} and "
            f"{LAST!r}"
        )
    state: dict[str, Tensor] = {}
    for name, layer in zip(names, layers, strict=True):
        state |= _translated(name, layer, path)
    fill(network, state, str(path))


#: Keras's name → PyTorch's.
_CONVOLUTION = {"kernel": "weight", "bias": "bias"}
_NORMALISATION = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _translated(name: str, layer: KerasLayer, path: Path) -> dict[str, Tensor]:
    """A layer's tensors under the network's names and in PyTorch's layout."""
    table = _NORMALISATION if name.startswith("batch_normalization") else _CONVOLUTION
    if set(layer.tensors) != set(table):
        raise ModelError(
            f"{path} is not OpenL3's sound network: layer {layer.name!r} holds {sorted(layer.tensors)}, "
            f"expected {sorted(table)}"
        )
    state: dict[str, Tensor] = {}
    for keras, ours in table.items():
        tensor = layer.tensors[keras]
        if keras == "kernel" and tensor.ndim == 4:
            tensor = tensor.transpose(3, 2, 0, 1)  # (height, width, in, out) → (out, in, height, width)
        state[f"{name}.{ours}"] = torch.from_numpy(np.ascontiguousarray(tensor))
    return state
