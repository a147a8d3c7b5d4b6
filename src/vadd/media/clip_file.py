"""One clip with a chosen sound, written whole or not at all from what the guarded child sends."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vadd._version import __version__
from vadd.errors import MediaError, OutputError
from vadd.media.guard import run
from vadd.media.limits import Limits
from vadd.timeline import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Recipe", "Stopped", "Written", "settings", "write_clip"]

#: Bytes that a clip may have beyond its picture: the sound of two hours at several times its bit rate.
_SOUND_BYTES = 1 << 29
_BLOCK = 1 << 20


class Stopped(Exception):  # noqa: N818 - not an error, as KeyboardInterrupt is none
    """Whoever wanted the clip does not want it any more; nothing was written."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a clip is made of.

    Attributes:
        picture: The file whose picture is copied.
        sound: The file whose sound is heard, all of the time or in ``spans``.
        own: The file whose sound is heard outside of the spans; ``None`` without spans.
        spans: In order and apart; empty: everywhere.
    """

    picture: Path
    sound: Path
    own: Path | None = None
    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if (self.own is None) != (not self.spans):
            raise ValueError("a clip has spans and its own sound outside of them, or neither")


@dataclass(frozen=True, slots=True)
class Written:
    """A clip that was written.

    Attributes:
        sha256: Hex digest of the file.
        size: Its bytes.
        seconds: Length of its picture and its sound.
        level: dBFS of the RMS of its sound before encoding.
        filled: Seconds at the end for which there was no sound, so that it was continued.
    """

    sha256: str
    size: int
    seconds: float
    level: float
    filled: float


def settings() -> dict[str, Any]:
    """What decides, beside the recipe, which bytes a written clip has: versions and numbers, JSON-ready."""
    from vadd.media import loudness, mix, mux, remix

    return {
        "vadd": __version__,
        "av": metadata.version("av"),
        "codec": mux.CODEC,
        "rate": mux.RATE,
        "bit_rate": mux.BIT_RATE,
        "level": loudness.LEVEL,
        "most_gain": mix.MOST_GAIN,
        "knee": loudness.KNEE,
        "ceiling": loudness.CEILING,
        "stretch": loudness.STRETCH,
        "rehearsals": remix.REHEARSALS,
        "near": mix.NEAR,
        "fade": float(mix.FADE),
    }


def write_clip(
    place: Path,
    recipe: Recipe,
    *,
    limits: Limits,
    stopped: Callable[[], bool] = lambda: False,
    intact: Callable[[], None] = lambda: None,
) -> Written:
    """Write a clip: its picture as it is in its file, and the sound of the recipe.

    Args:
        place: The file to be written, an MP4.
        recipe: What it is made of.
        limits: What the files may cost.
        stopped: Asked now and then; once true, the work is given up.
        intact: Called before the clip takes its place; raises if what it was made of has changed.

    Raises:
        MediaError: If a file cannot be used.
        OutputError: If the clip cannot be written; what was there before is untouched.
        Stopped: If it was given up.
    """
    files = (recipe.picture, recipe.sound, recipe.own)
    picture, sound, own = (None if each is None else str(each.absolute()) for each in files)
    arguments = {
        "picture": picture,
        "sound": sound,
        "own": own,
        "spans": [[_text(span.start), _text(span.end)] for span in recipe.spans],
        "limits": limits.to_json(),
    }
    temporary = place.with_name(f".{place.name}.part")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb+") as file:
            receiver = _Receiver(place, file, _most_bytes(recipe.picture), stopped)
            header, _ = run(
                "vadd.media.remix:work",
                arguments,
                limits=limits,
                progress=lambda done, total: receiver.go_on(),
                part=receiver.take,
                readable=[path for path in files if path is not None],
            )
            written = _written(header, receiver.end)
            digest = receiver.finish()
        intact()
        temporary.replace(place)
    except OSError as error:
        raise _cannot(place, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Written(digest, *written)


class _Receiver:
    """Puts what the child sends where it belongs; believes none of it unseen."""

    def __init__(self, place: Path, file: IO[bytes], most: int, stopped: Callable[[], bool]) -> None:
        self._place, self._file, self._most, self._stopped = place, file, most, stopped
        self.end = 0

    def go_on(self) -> None:
        if self._stopped():
            raise Stopped

    def take(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        self.go_on()
        data, at = arrays.get("data"), header.get("at")
        if data is None or data.dtype.str != "|u1" or data.ndim != 1:
            raise _nonsense()
        # A gap would be a hole in the file: the muxer leaves none.
        if type(at) is not int or not 0 <= at <= self.end or at + len(data) > self._most:
            raise _nonsense()
        self._file.seek(at)
        self._file.write(data.data)
        self.end = max(self.end, at + len(data))

    def finish(self) -> str:
        """Have the disk take it all; returns the digest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        digest = hashlib.sha256()
        while block := self._file.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest()


def _most_bytes(picture: Path) -> int:
    try:
        # Start codes may become lengths, which is more by a byte a slice at most.
        return 2 * picture.stat().st_size + _SOUND_BYTES
    except OSError as error:
        raise MediaError("unreadable", f"{picture.name}: {error.strerror}") from error


def _written(header: Mapping[str, Any], size: int) -> tuple[int, float, float, float]:
    numbers = [header.get(name) for name in ("seconds", "level", "filled")]
    for number in numbers:
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise _nonsense()
    if not size:
        raise _nonsense()
    seconds, level, filled = (round(float(number), 6) for number in numbers if number is not None)
    return size, seconds, round(level, 2), filled


def _text(time: Fraction) -> str:
    return f"{time.numerator}/{time.denominator}"


def _nonsense() -> MediaError:
    return MediaError("crashed", "the decoder's process sent nonsense; it is not trusted any more")


def _cannot(place: Path, error: OSError) -> OutputError:
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"cannot write {place}: {reason}")
