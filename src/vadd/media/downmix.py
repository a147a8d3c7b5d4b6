"""Several channels to one, without letting channels of opposite polarity cancel unnoticed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["Downmix"]

#: Weights before normalisation by FFmpeg's channel names; the low-frequency channel is left out, as in
#: ITU-R BS.775, surround channels count 3 dB less.
_LEFT_OUT = frozenset({"LFE", "LFE2"})
_SURROUND = frozenset({"BL", "BR", "SL", "SR", "BC", "WL", "WR"})
#: What files mean that count channels without naming them (FFmpeg's default layouts).
_UNNAMED = {
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
#: A mix with less than this share of the power that unrelated channels would give has cancelled (-13 dB).
_CANCELLED = 0.05
#: Quieter than this (-80 dBFS, as power) nothing can be said of cancelling.
_INAUDIBLE = 1e-8


class Downmix:
    """Mixes blocks of sound to mono; decides once a second whether the mix cancels.

    In a second whose mix cancels the loudest channel is heard instead, and :attr:`notes` says so.
    """

    def __init__(self) -> None:
        self._held: list[NDArray[np.float32]] = []
        self._names: tuple[str, ...] = ()
        self._filled = 0
        self._mixed = self._cancelled = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence where seconds cancelled, one where more than two channels were mixed."""
        notes = []
        if len(self._names) > 2:
            notes.append(f"{len(self._names)} channels ({', '.join(self._names)}) were mixed to one")
        if self._cancelled:
            seconds = f"{self._cancelled} of {self._mixed} seconds"
            notes.append(
                f"the channels of the sound cancel each other in {seconds}; the loudest is used there"
            )
        return tuple(notes)

    def __call__(
        self, samples: NDArray[np.float32], names: tuple[str, ...], rate: int
    ) -> Iterator[NDArray[np.float32]]:
        """Take ``(channels, n)`` samples at ``rate``; yield the mono blocks that are complete by now."""
        if "NONE" in names:
            names = _UNNAMED.get(len(names), names)
        if names != self._names:
            yield from self.flush()
            self._names = names
        if len(names) == 1:
            yield samples[0]
            return
        self._held.append(samples)
        self._filled += samples.shape[1]
        if self._filled >= rate:
            yield from self.flush()

    def flush(self) -> Iterator[NDArray[np.float32]]:
        """Yield what is held back, at the end of the sound or before silence is put in."""
        if self._filled:
            held = self._held[0] if len(self._held) == 1 else np.concatenate(self._held, axis=1)
            self._held, self._filled = [], 0
            yield self._mix(held)

    def _mix(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        weights = _weights(self._names)
        mono: NDArray[np.float32] = weights @ samples
        power = np.mean(np.square(samples), axis=1)
        self._mixed += 1
        if power.max() > _INAUDIBLE and np.mean(np.square(mono)) < _CANCELLED * (weights**2 @ power):
            self._cancelled += 1
            loudest: NDArray[np.float32] = samples[int(np.argmax(power))]
            return loudest
        return mono


def _weights(names: tuple[str, ...]) -> NDArray[np.float32]:
    """Weight of each channel; they sum to 1, so that a mix never clips."""
    weights = np.array(
        [0.0 if name in _LEFT_OUT else np.sqrt(0.5) if name in _SURROUND else 1.0 for name in names]
    )
    if not weights.any():
        weights[:] = 1.0
    shares: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return shares
