"""OpenL3's front end: a second of sound as 256 mel bands by 199 frames, in decibels below its peak.

That of marl/openl3 0.4 with its default front end (kapre 0.3.5), number by number: a periodic Hann window
of 2048 samples every 242, frames that begin inside the second and run over its end into zeros, the
*magnitude* spectrum, librosa's mel bank from 0 Hz to 24 kHz, ten (not twenty) times the decimal logarithm,
each second's own maximum at 0 dB, nothing below -80 dB.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vadd.embed.slaney import slaney_mel

__all__ = ["BANDS", "FRAMES", "HOP", "RATE", "OpenL3Frontend"]

#: Samples a second; what the network hears at a time is one second.
RATE = 48_000
FFT, HOP, BANDS = 2048, 242, 256
#: Frames that begin inside the second.
FRAMES = -(-RATE // HOP)
#: Keeps the logarithm of silence finite.
FLOOR = 1e-10
#: Decibels below the peak that are kept.
DYNAMIC_RANGE = 80.0


class OpenL3Frontend(nn.Module):
    """Seconds of sound to decibel mel spectrograms; nothing of it is learnt or stored."""

    window: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(FFT, periodic=True), persistent=False)
        mel = torch.from_numpy(slaney_mel(RATE, FFT, BANDS, 0.0, RATE / 2))
        self.register_buffer("mel", mel, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """The spectrograms of a batch.

        Args:
            samples: ``(n, RATE)`` float32 in [-1, 1].

        Returns:
            ``(n, 1, BANDS, FRAMES)`` float32, decibels in [-80, 0].
        """
        # In half precision the quiet bands beside loud ones would be lost before the logarithm.
        with torch.autocast(samples.device.type, enabled=False):
            overhang = (FRAMES - 1) * HOP + FFT - RATE
            frames = nn.functional.pad(samples.float(), (0, overhang)).unfold(-1, FFT, HOP)
            spectrum = torch.fft.rfft(frames * self.window).abs()
            bands = (spectrum @ self.mel).transpose(1, 2)
            decibels = 10.0 * torch.log10(bands.clamp_min(FLOOR))
            below_peak = decibels - decibels.amax(dim=(1, 2), keepdim=True)
            return below_peak.clamp_min(-DYNAMIC_RANGE).unsqueeze(1)
