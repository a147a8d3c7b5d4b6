"""Another sample rate, so that high frequencies are gone: telephones, old cameras, messengers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform, whole

__all__ = ["Resample"]


@dataclass(frozen=True)
class Resample(SoundTransform):
    """The sound at another sample rate, by FFmpeg's resampler, which takes out what the rate cannot hold."""

    name: ClassVar[str] = "resample"

    rate: int = whole(8_000, 4_000, 48_000, "samples a second")

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Resample, as long as before to the sample."""
        from av.audio.frame import AudioFrame
        from av.audio.resampler import AudioResampler

        channels, length = sound.samples.shape
        if sound.rate == self.rate or not length:
            return Sound(sound.samples, self.rate)
        layout = "mono" if channels == 1 else "stereo"
        resampler = AudioResampler(format="fltp", layout=layout, rate=self.rate)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples), format="fltp", layout=layout)
        frame.sample_rate = sound.rate
        blocks = [part.to_ndarray() for given in (frame, None) for part in resampler.resample(given)]
        wanted = -(-length * self.rate // sound.rate)
        # The filter's tail may be a sample more or less than the length says.
        samples = np.concatenate([*blocks, np.zeros((channels, wanted), np.float32)], axis=1)[:, :wanted]
        return Sound(np.clip(samples, -1.0, 1.0).astype(np.float32), self.rate)
