"""What the guarded child does for a clip to be written: read, mix, rehearse, encode, send the file's bytes.

The child may write nothing itself, so the file leaves it in parts, each with its place: MP4 goes back to its
beginning once at its end. No more than a part of it is ever held.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError
from vadd.media.info import fraction
from vadd.media.limits import Limits
from vadd.media.mix import Mix, Source
from vadd.media.mux import Sink, survey, write
from vadd.media.probe import probe, probe_open
from vadd.media.rehearse import played_peak
from vadd.timeline import Span

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["REHEARSALS", "work"]

#: Seconds of media between two words of progress.
_STEP = 1.0
#: How often the sound is encoded at most to see what becomes of its peak; the nearest is kept.
REHEARSALS = 4


def work(
    channel: Channel,
    *,
    picture: str,
    sound: str,
    own: str | None,
    spans: list[list[str]],
    limits: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Send a new clip; the job behind :func:`vadd.media.clip_file.write_clip`.

    Args:
        channel: Takes parts ``{"what": "bytes", "at": offset}`` with ``data``.
        picture: The file whose picture is copied.
        sound: The file whose sound is heard.
        own: The file whose sound is heard outside of the spans; ``None`` without spans.
        spans: Start and end in seconds of the clip, as ``"numerator/denominator"``.
        limits: As :meth:`vadd.media.limits.Limits.to_json` gives them.

    Returns:
        ``seconds`` of the clip, the sound's ``level`` and the seconds ``filled`` at its end; no arrays.

    Raises:
        MediaError: If a file cannot be used.
    """
    bounds = Limits.from_json(limits)
    place = Path(picture)
    info, container = probe_open(place, bounds)
    with container:
        channel.duration(float(info.declared or 0))
        if info.video is None:
            raise MediaError("unreadable", f"{place.name}: there is no picture in it")
        track = survey(place, info.video, container, bounds)
    # Each file is read so many times at most; what it says of its length need not be true, its packets are.
    channel.duration((3 + REHEARSALS) * float(track.length))
    infos = {picture: info}
    sources = []
    for name in (sound, own):
        if name is not None:
            infos[name] = infos.get(name) or probe(Path(name), bounds)
            sources.append(Source.of(Path(name), infos[name]))
    where = [Span(fraction(start), fraction(end)) for start, end in spans]
    if where and where[-1].start >= track.length:
        message = f"the span {where[-1]} lies behind its end at {float(track.length):.2f} s"
        raise MediaError("unreadable", f"{place.name}: {message}")
    told = 0.0

    def progress(seconds: float) -> None:
        nonlocal told
        if abs(seconds - told) >= _STEP:  # each reading of a sound begins anew
            told = seconds
            channel.progress(seconds, float(track.length))

    mix = Mix(sources[0], sources[1] if own is not None else None, where, track.length, bounds, progress)
    for _ in range(REHEARSALS):
        again = mix.aim(played_peak(mix))
        told = 0.0
        channel.progress(float(track.length), float(track.length))
        if not again:
            break
    mix.keep()
    write(Sink(lambda at, data: _send(channel, at, data)), place, info.video, track, mix, progress)
    return {"seconds": float(track.length), "level": mix.level, "filled": mix.filled}, {}


def _send(channel: Channel, at: int, data: bytes) -> None:
    channel.part({"what": "bytes", "at": at}, {"data": np.frombuffer(data, np.uint8)})
