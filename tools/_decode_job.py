"""What ``tools/fuzz.py`` runs in the guarded child: probe and decode files, without any network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vadd.embed.streams import Streams, heard_seconds, settled
from vadd.errors import MediaError
from vadd.media.levels import Levels
from vadd.media.limits import Limits
from vadd.timeline import grid_length

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["work"]

_SIDE, _RATE = 32, 16_000


def work(
    channel: Channel, *, files: list[str], limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Decode the files in order and send what each holds, or why it cannot be judged, ahead."""
    bounds = Limits.from_json(limits)
    for number, name in enumerate(files, 1):
        try:
            answer = _decoded(Path(name), bounds)
        except MediaError as error:
            answer = {"reason": error.reason, "message": str(error)}
        channel.part({"at": name, **answer}, {})
        channel.progress(number, len(files))
    return {}, {}


def _decoded(path: Path, limits: Limits) -> dict[str, Any]:
    """What is decoded of a file; what the readers promise is asserted."""
    streams = Streams(path, path, limits)
    frames, blocks = streams.frames(_SIDE), streams.blocks(_RATE)
    last = -1
    for frame in frames or ():
        assert last < frame.second, "seconds that do not rise"
        assert frame.image.dtype == np.uint8, frame.image.dtype
        assert frame.image.ndim == 3, frame.image.shape
        last = frame.second
    levels = Levels(_RATE)
    for block in blocks or ():
        assert np.isfinite(block).all(), "samples that are no numbers"
        levels.add(block)
    duration, notes, there = settled(streams.infos, [frames, blocks], limits)
    length = grid_length(duration)
    assert duration > 0, "nothing, but no error"
    assert all(-160 <= level <= 1 for level, _ in levels.rows(length) or [(0.0, 0.0)]), "an impossible level"
    return {
        "info": streams.infos[0].to_json(),
        "duration": f"{duration.numerator}/{duration.denominator}",
        "notes": notes,
        "there": there,
        "heard": len(heard_seconds(blocks, length)) if blocks is not None else 0,
    }
