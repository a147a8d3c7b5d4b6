"""The IOV network: indoor, outdoor or vehicle, from a second of sound; 256 numbers on the way.

The paper takes "CNN420" of Grollmisch and Cano (2021) and says of it: a convolution block and four
residual blocks, dropout of 0.1 and batch normalisation in all of them, average pooling, whose output is
the embedding. Nothing more is said and no weights are published, so the rest is our choice:

- input: one second at 32 kHz (the PANNs' rate: one resampling serves both), 128 librosa mel bands from 0
  to 16 kHz, 2048-point windows every 10 ms, decibels of the power, each band normalised by a batch norm;
- widths 64 | 64, 96, 128, 256: the first as wide as is usual, the last the 256 of the embedding, and in
  all about the 420 thousand parameters that the name seems to count;
- a residual block is a 3 x 3 and a 1 x 1 convolution (a small receptive field generalises better in
  acoustic scenes: Koutini et al. 2019) beside a shortcut, which is a 1 x 1 convolution where the width
  changes; between the blocks the map is halved by average pooling.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from vadd.embed.checkpoint import fill, read_state
from vadd.embed.slaney import slaney_mel

__all__ = ["BANDS", "CLASSES", "DIM", "RATE", "IovFeatures", "IovNet", "load_iov", "log_mel", "save_iov"]

#: The three classes in the order of the network's outputs.
CLASSES = ("indoor", "outdoor", "vehicle")
#: Samples a second.
RATE = 32_000
FFT, HOP, BANDS = 2048, 320, 128
#: Keeps the logarithm of silence finite.
FLOOR = 1e-10
STEM, WIDTHS = 64, (64, 96, 128, 256)
#: Length of the embedding.
DIM = WIDTHS[-1]
DROPOUT = 0.1


def log_mel(samples: Tensor) -> Tensor:
    """The network's input, in single precision whatever the surrounding arithmetic.

    Args:
        samples: ``(n, samples)`` float32 at :data:`RATE` in [-1, 1]; more than 1024 samples.

    Returns:
        ``(n, 1, BANDS, 1 + samples // HOP)`` float32, decibels; a second has 101 frames.
    """
    with torch.autocast(samples.device.type, enabled=False):
        window = torch.hann_window(FFT, device=samples.device)
        spectrum = torch.stft(samples.float(), FFT, HOP, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return 10.0 * torch.log10((_bank(samples.device) @ power).clamp_min(FLOOR)).unsqueeze(1)


class ResidualBlock(nn.Module):
    """A 3 x 3 and a 1 x 1 convolution beside a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, before, 3, padding=1, bias=False),
            nn.BatchNorm2d(before),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Conv2d(before, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """``(n, before, bands, frames)`` → ``(n, after, bands, frames)``."""
        return torch.relu(self.body(x) + self.shortcut(x))


class IovNet(nn.Module):
    """The classifier of which the embedding is taken.

    Args:
        classes: Outputs; the embedder takes weights of three only.

    Raises:
        ValueError: If there are fewer than two.
    """

    def __init__(self, classes: int = len(CLASSES)) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"a classifier has at least 2 classes, not {classes}")
        self.band_norm = nn.BatchNorm2d(BANDS)
        self.stem = nn.Sequential(
            nn.Conv2d(1, STEM, 3, padding=1, bias=False),
            nn.BatchNorm2d(STEM),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Dropout(DROPOUT),
        )
        blocks: list[nn.Module] = []
        for before, after in zip((STEM, *WIDTHS), WIDTHS, strict=False):
            if blocks:
                blocks.append(nn.AvgPool2d(2))
            blocks.append(ResidualBlock(before, after))
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(DIM, classes)

    def features(self, x: Tensor) -> Tensor:
        """The embeddings of a batch.

        Args:
            x: ``(n, 1, BANDS, frames)`` of :func:`log_mel`, at least 16 frames.

        Returns:
            ``(n, DIM)``, not negative.
        """
        normalised = self.band_norm(x.transpose(1, 2)).transpose(1, 2)
        pooled: Tensor = self.blocks(self.stem(normalised)).mean(dim=(2, 3))
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1, BANDS, frames)`` of :func:`log_mel` → ``(n, classes)`` logits."""
        logits: Tensor = self.head(self.features(x))
        return logits


class IovFeatures(nn.Module):
    """A network without its head: log-mel spectrograms to embeddings."""

    def __init__(self, network: IovNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """As :meth:`IovNet.features`."""
        return self.network.features(x)


def save_iov(network: IovNet, path: Path) -> None:
    """Write a network's tensors as safetensors, as :func:`load_iov` and the embedder take them.

    Raises:
        OSError: If the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    path.write_bytes(save(tensors))


def load_iov(network: nn.Module, path: Path) -> None:
    """Fill an :class:`IovNet` from a file of :func:`save_iov`.

    Raises:
        ModelError: If the file is damaged or holds another network.
    """
    fill(network, read_state(path), str(path))


@cache
def _bank(device: torch.device) -> Tensor:
    """``(BANDS, FFT // 2 + 1)``."""
    with torch.inference_mode(False):  # kept, it must serve training after an embedder has used it
        return torch.from_numpy(slaney_mel(RATE, FFT, BANDS, 0.0, RATE / 2)).T.contiguous().to(device)
