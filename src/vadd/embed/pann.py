"""Two PANNs, from a waveform to an embedding, with the published modules' and tensors' names.

Wavegram_Logmel_Cnn14 (2048-d) and Cnn10 (512-d) of qiuqiangkong/audioset_tagging_cnn, so that the ``model``
entry of their published files loads with ``strict=True``. For inference: dropout and the augmentation of
spectrograms, which have no weights and do nothing there, are left out.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from vadd.embed.checkpoint import fill, read_state
from vadd.embed.pann_frontend import BANDS, LogmelFilterBank, Spectrogram

__all__ = ["CLASSES", "Cnn10", "WavegramLogmelCnn14", "load_pann"]

#: AudioSet's classes.
CLASSES = 527
#: Frequency groups that the wavegram's channels are laid out as.
_WAVEGRAM_BINS = 32


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, and average pooling."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.bn2 = nn.BatchNorm2d(after)

    def forward(self, x: Tensor, pool: tuple[int, int] = (2, 2)) -> Tensor:
        """``(n, before, time, bands)`` → ``(n, after, time // pool[0], bands // pool[1])``."""
        x = torch.relu_(self.bn1(self.conv1(x)))
        x = torch.relu_(self.bn2(self.conv2(x)))
        return x if pool == (1, 1) else nn.functional.avg_pool2d(x, pool)


class ConvPreWavBlock(nn.Module):
    """Two convolutions along the waveform, the second dilated, and max pooling by four."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv1d(after, after, 3, padding=2, dilation=2, bias=False)
        self.bn1 = nn.BatchNorm1d(after)
        self.bn2 = nn.BatchNorm1d(after)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, before, samples)`` → ``(n, after, samples // 4)``."""
        x = torch.relu_(self.bn1(self.conv1(x)))
        x = torch.relu_(self.bn2(self.conv2(x)))
        return nn.functional.max_pool1d(x, 4)


class _Pann(nn.Module):
    """What both share: the log-mel spectrogram, blocks of convolutions, and two full layers."""

    def __init__(self, channels: tuple[int, ...], first_extra: int = 0) -> None:
        super().__init__()
        self.spectrogram_extractor = Spectrogram()
        self.logmel_extractor = LogmelFilterBank()
        self.bn0 = nn.BatchNorm2d(BANDS)
        self._blocks = len(channels)
        before = 1
        for at, after in enumerate(channels, start=1):
            self.add_module(f"conv_block{at}", ConvBlock(before, after))
            before = after + (first_extra if at == 1 else 0)
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], CLASSES)

    def logmel(self, samples: Tensor) -> Tensor:
        """``(n, samples)`` → ``(n, 1, frames, BANDS)``, each band normalised."""
        decibels = self.logmel_extractor(self.spectrogram_extractor(samples))
        normalised: Tensor = self.bn0(decibels.transpose(1, 3)).transpose(1, 3)
        return normalised

    def block(self, at: int, x: Tensor) -> Tensor:
        """Block ``at``, counted from 1; the last of Cnn14's six does not pool."""
        pool = (1, 1) if at > 5 else (2, 2)
        after: Tensor = self.get_submodule(f"conv_block{at}")(x, pool)
        return after

    def pooled(self, x: Tensor) -> Tensor:
        """``(n, channels, time, bands)`` after the last block → the embedding ``(n, channels)``."""
        over_bands = x.mean(dim=3)
        over_time = over_bands.amax(dim=2) + over_bands.mean(dim=2)
        return torch.relu_(self.fc1(over_time))

    def scores(self, embedding: Tensor) -> Tensor:
        """``(n, channels)`` → ``(n, CLASSES)`` probabilities of AudioSet's classes."""
        return torch.sigmoid(self.fc_audioset(embedding))


class Cnn10(_Pann):
    """Four blocks of convolutions over the log-mel spectrogram; 512-d."""

    def __init__(self) -> None:
        super().__init__((64, 128, 256, 512))

    def forward(self, samples: Tensor) -> Tensor:
        """``(n, samples)`` float32 at 32 kHz in [-1, 1] → ``(n, 512)``, not negative."""
        x = self.logmel(samples)
        for at in range(1, self._blocks + 1):
            x = self.block(at, x)
        return self.pooled(x)


class WavegramLogmelCnn14(_Pann):
    """Six blocks over the log-mel spectrogram and a learnt one made from the waveform; 2048-d."""

    def __init__(self) -> None:
        super().__init__((64, 128, 256, 512, 1024, 2048), first_extra=64)
        self.pre_conv0 = nn.Conv1d(1, 64, 11, stride=5, padding=5, bias=False)
        self.pre_bn0 = nn.BatchNorm1d(64)
        self.pre_block1 = ConvPreWavBlock(64, 64)
        self.pre_block2 = ConvPreWavBlock(64, 128)
        self.pre_block3 = ConvPreWavBlock(128, 128)
        self.pre_block4 = ConvBlock(128 // _WAVEGRAM_BINS, 64)

    def forward(self, samples: Tensor) -> Tensor:
        """``(n, samples)`` float32 at 32 kHz in [-1, 1] → ``(n, 2048)``, not negative.

        ``samples`` must be a multiple of 640, so that both spectrograms have as many frames.
        """
        x = torch.cat((self.block(1, self.logmel(samples)), self.wavegram(samples)), dim=1)
        for at in range(2, self._blocks + 1):
            x = self.block(at, x)
        return self.pooled(x)

    def wavegram(self, samples: Tensor) -> Tensor:
        """``(n, samples)`` → ``(n, 64, samples // 640, 32)``."""
        x = torch.relu_(self.pre_bn0(self.pre_conv0(samples[:, None])))
        x = self.pre_block3(self.pre_block2(self.pre_block1(x)))
        x = x.unflatten(1, (-1, _WAVEGRAM_BINS)).transpose(2, 3)
        grouped: Tensor = self.pre_block4(x, (2, 1))
        return grouped


def load_pann(network: nn.Module, path: Path) -> None:
    """Fill one of the networks from its published ``.pth`` file, whose tensors lie under ``model``.

    Args:
        network: On the meta device it is only compared.
        path: The file.

    Raises:
        ModelError: If the file is damaged or holds another network.
    """
    fill(network, read_state(path, unwrap=True), str(path))
