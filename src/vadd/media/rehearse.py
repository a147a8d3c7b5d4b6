"""What a player will get of a sound: it is encoded and decoded, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.media.mux import CODEC, RATE, dress, framed, frames

__all__ = ["played_peak"]


def played_peak(sound: Iterable[NDArray[np.float32]]) -> float:
    """The largest amplitude that is played of a sound.

    What the encoder is primed with and fills its last frame with is counted in, which a player leaves out:
    it is next to nothing.

    Args:
        sound: Blocks of mono samples at :data:`vadd.media.mux.RATE`, within [-1, 1].
    """
    from av.codec.context import CodecContext

    encoder: Any = CodecContext.create(CODEC, "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "fltp"
    dress(encoder)
    encoder.open()
    decoder: Any = CodecContext.create(CODEC, "r")
    decoder.extradata = encoder.extradata
    peak, position = 0.0, 0

    def play(packets: Iterable[Any]) -> None:
        nonlocal peak
        for packet in packets:
            for frame in decoder.decode(packet):
                peak = max(peak, float(np.abs(frame.to_ndarray()).max()))

    for samples in frames(sound):
        play(encoder.encode(framed(samples, position)))
        position += len(samples)
    play(encoder.encode(None))
    play([None])
    return peak
