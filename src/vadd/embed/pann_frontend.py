"""The PANNs' front end, with the tensors that their published files hold of it (torchlibrosa's names).

32 kHz, periodic Hann window of 1024 samples every 320, centred frames with reflected edges, the power
spectrum, librosa's 64 mel bands from 50 Hz to 14 kHz, decibels re 1 with a floor of 1e-10 and no limit of
range. The Fourier transform is a convolution whose kernels are stored as weights, so it is one here too.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vadd.embed.slaney import slaney_mel

__all__ = ["BANDS", "FFT", "HOP", "RATE", "LogmelFilterBank", "Spectrogram"]

#: Samples a second.
RATE = 32_000
FFT, HOP, BANDS = 1024, 320, 64
LOWEST, HIGHEST = 50.0, 14_000.0
FLOOR = 1e-10


class Stft(nn.Module):
    """The real and the imaginary part of the short-time Fourier transform."""

    def __init__(self) -> None:
        super().__init__()
        bins = FFT // 2 + 1
        time = np.arange(FFT)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * time / FFT)
        # The product taken modulo FFT first: the angle stays small and exact.
        angle = -2 * np.pi * (np.outer(np.arange(bins), time) % FFT) / FFT
        for name, kernels in (("conv_real", np.cos(angle)), ("conv_imag", np.sin(angle))):
            convolution = nn.Conv1d(1, bins, FFT, stride=HOP, bias=False)
            with torch.no_grad():
                convolution.weight.copy_(torch.from_numpy(kernels * window)[:, None])
            self.add_module(name, convolution.requires_grad_(False))

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, samples)`` → two ``(n, 1, frames, bins)``."""
        padded = nn.functional.pad(samples[:, None], (FFT // 2, FFT // 2), mode="reflect")
        real, imaginary = (self.get_submodule(name)(padded) for name in ("conv_real", "conv_imag"))
        return real.transpose(1, 2)[:, None], imaginary.transpose(1, 2)[:, None]


class Spectrogram(nn.Module):
    """Waveform to power spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.stft = Stft()

    def forward(self, samples: Tensor) -> Tensor:
        """``(n, samples)`` float32 in [-1, 1] → ``(n, 1, 1 + samples // HOP, FFT // 2 + 1)``."""
        # In half precision the quiet bands beside loud ones would be lost before the logarithm.
        with torch.autocast(samples.device.type, enabled=False):
            real, imaginary = self.stft(samples.float())
            power: Tensor = real.square() + imaginary.square()
            return power


class LogmelFilterBank(nn.Module):
    """Power spectrum to decibels a mel band."""

    def __init__(self) -> None:
        super().__init__()
        bank = torch.from_numpy(slaney_mel(RATE, FFT, BANDS, LOWEST, HIGHEST))
        self.melW = nn.Parameter(bank, requires_grad=False)

    def forward(self, power: Tensor) -> Tensor:
        """``(n, 1, frames, FFT // 2 + 1)`` → ``(n, 1, frames, BANDS)``, decibels."""
        with torch.autocast(power.device.type, enabled=False):
            return 10.0 * torch.log10((power.float() @ self.melW).clamp_min(FLOOR))
