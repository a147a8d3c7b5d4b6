"""A sound repeated until it is long enough to be lent to a long clip: the child's job.

The passes meet in crossfades of half a second, so that no seam clicks, and each runs forwards: a bark
backwards is no bark. Level and peak are those of every piece that is joined (:mod:`vadd.media.join`).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.info import fraction
from vadd.media.join import FORM, level, levelled
from vadd.media.limits import Limits
from vadd.media.mux import RATE, Sink
from vadd.media.probe import probe
from vadd.media.rewrite import Encoding, write
from vadd.media.sound import SoundReader

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["SHORTEST", "repeated", "work"]

#: Seconds in which two passes meet; of a sound shorter than two of them half of its length.
_SEAM = Fraction(1, 2)
#: A shorter sound is not repeated: it would be a rhythm.
SHORTEST = Fraction(1)


def work(
    channel: Channel, *, path: str, seconds: str, limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Send a file with the sound of another, repeated; see :func:`vadd.media.join_file.write_repeated`.

    Args:
        channel: Takes parts ``{"what": "bytes", "at": offset}`` with ``data``.
        path: The file whose sound it is.
        seconds: Length of what is made, ``"numerator/denominator"``.
        limits: As :meth:`vadd.media.limits.Limits.to_json` gives them.

    Returns:
        ``seconds`` of the sound and its ``level``; no arrays.

    Raises:
        MediaError: If the file has no sound, or one shorter than a second.
    """
    bounds, place, wanted = Limits.from_json(limits), Path(path), fraction(seconds)
    info = probe(place, bounds)
    if info.audio is None:
        raise MediaError("unreadable", f"{place.name}: there is no sound in it")
    channel.duration(float(2 * wanted))
    until = -(-wanted.numerator // wanted.denominator)
    reader = SoundReader(place, info.audio, bounds, zero=info.audio.start, rate=RATE, until=until)
    once = np.concatenate([np.zeros(0, np.float32), *reader])
    if len(once) < SHORTEST * RATE:
        raise MediaError("unreadable", f"{place.name}: its sound lasts less than {SHORTEST} s")
    if reader.coverage < bounds.coverage:
        share = f"only {reader.coverage:.0%} of the declared sound could be decoded"
        raise MediaError("damaged", f"{place.name}: {share}")
    whole = repeated(levelled(once), round(wanted * RATE), round(_SEAM * RATE))

    def send(at: int, data: bytes) -> None:
        channel.part({"what": "bytes", "at": at}, {"data": np.frombuffer(data, np.uint8)})

    write(Sink(send), FORM, None, (whole[None], RATE), Encoding(), rate=Fraction(1))
    return {"seconds": float(wanted), "level": level(whole)}, {}


def repeated(once: NDArray[np.float32], length: int, seam: int) -> NDArray[np.float32]:
    """A sound over and over, each pass fading in over the end of the one before.

    Args:
        once: ``(n,)`` samples, one at least.
        length: Samples that are wanted.
        seam: Samples of a crossfade; half a pass at most.

    Returns:
        ``(length,)`` samples in [-1, 1]; up to the first seam those of ``once``.
    """
    seam = min(seam, len(once) // 2)
    whole = np.zeros(length, np.float32)
    angle = (np.arange(seam, dtype=np.float32) + 0.5) / max(1, seam) * np.float32(np.pi / 2)
    at = 0
    while at < length:
        part = once.copy()
        if at:
            part[:seam] *= np.sin(angle)
        if at + len(once) < length:
            part[len(once) - seam :] *= np.cos(angle)
        taken = part[: length - at]
        whole[at : at + len(taken)] += taken
        at += len(once) - seam
    return np.clip(whole, -1, 1)
