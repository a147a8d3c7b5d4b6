"""Joined clips and repeated sounds as files: whole, or not at all, from what the guarded child sends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

from vadd._version import __version__
from vadd.errors import MediaError
from vadd.media.clip_file import Written
from vadd.media.join import Cut, Frame
from vadd.media.limits import Limits
from vadd.media.received import write_received

__all__ = ["settings", "write_joined", "write_repeated"]

#: Bytes a second that a joined clip may have: several times what noise of its size comes to.
_MOST_RATE = 1 << 24


def settings(frame: Frame) -> dict[str, Any]:
    """What decides, beside the cuts, which bytes a joined clip has, JSON-ready."""
    from vadd.media import loudness, mix, mux
    from vadd.media.rewrite import Encoding

    encoding = Encoding()
    return {
        "vadd": __version__, "av": metadata.version("av"), **asdict(frame), "crf": encoding.crf,
        "preset": encoding.preset, "codec": encoding.codec, "sample_rate": mux.RATE, "level": loudness.LEVEL,
        "ceiling": loudness.CEILING, "fade": float(mix.FADE),
    }  # fmt: skip


def write_joined(
    place: Path,
    cuts: Sequence[Cut],
    frame: Frame,
    *,
    limits: Limits,
    progress: Callable[[float, float], None] | None = None,
    intact: Callable[[], None] = lambda: None,
) -> Written:
    """Write a clip joined of cuts.

    Args:
        place: The file to be written, an MP4.
        cuts: In order; their lengths are whole numbers of frames.
        frame: What all are brought to.
        limits: What the files may cost.
        progress: Called with (seconds done, seconds in all).
        intact: Called before the clip takes its place; raises if what it was made of has changed.

    Raises:
        MediaError: If a file cannot be used, or ends before its cut does.
        OutputError: If the clip cannot be written; what was there before is untouched.
    """
    seconds = sum((cut.seconds for cut in cuts), Fraction(0))
    arguments = {
        "cuts": [cut.to_json() for cut in cuts],
        "frame": asdict(frame),
        "limits": limits.to_json(),
    }
    files = [path for cut in cuts for path in (cut.picture, cut.sound)]
    return _write(place, "vadd.media.join:work", arguments, files, seconds, limits, progress, intact)


def write_repeated(
    place: Path,
    sound: Path,
    seconds: Fraction,
    *,
    limits: Limits,
    intact: Callable[[], None] = lambda: None,
) -> Written:
    """Write a file with the sound of another, repeated until it has so many seconds.

    Args, raises and the rest are those of :func:`write_joined`.
    """
    length = f"{seconds.numerator}/{seconds.denominator}"
    arguments = {"path": str(sound.absolute()), "seconds": length, "limits": limits.to_json()}
    return _write(place, "vadd.media.repeat:work", arguments, [sound], seconds, limits, None, intact)


def _write(
    place: Path,
    job: str,
    arguments: Mapping[str, Any],
    files: Sequence[Path],
    seconds: Fraction,
    limits: Limits,
    progress: Callable[[float, float], None] | None,
    intact: Callable[[], None],
) -> Written:
    header, digest = write_received(
        place,
        job,
        arguments,
        limits=limits,
        most=_MOST_RATE * (1 + int(seconds)),
        readable=files,
        progress=progress,
        intact=intact,
    )
    loud = header.get("level")
    if header.get("seconds") != float(seconds) or not isinstance(loud, float) or not math.isfinite(loud):
        raise MediaError("crashed", "the decoder's process sent nonsense; it is not trusted any more")
    return Written(digest, place.stat().st_size, round(float(seconds), 6), round(loud, 2), 0.0)
