"""Music laid over the scene, as in an edited clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vadd.protocol.distort.masker import laid_over
from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform, number, recording

__all__ = ["Music"]


@dataclass(frozen=True)
class Music(SoundTransform):
    """Recorded music over the sound."""

    name: ClassVar[str] = "music"

    recording: str = recording("file with the music; a stretch of it is drawn")
    level: float = number(0.0, -60.0, 60.0, "dB of the music's RMS above the sound's")

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Lay a stretch of the recording over all channels."""
        return laid_over(sound, read(self.recording, sound.rate), self.level, seed)
