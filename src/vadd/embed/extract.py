"""From files to vectors: all that is measured of a picture and a sound, second by second.

The work runs in the guarded child (:mod:`vadd.embed.worker`); here are the call and what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.embed import catalog
from vadd.errors import MediaError
from vadd.media.guard import run
from vadd.media.identity import check_input
from vadd.media.info import MediaInfo, fraction
from vadd.media.limits import Limits
from vadd.timeline import grid_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEFAULT_EMBEDDERS", "Extraction", "PictureTrack", "SoundTrack", "extract"]

#: The picture's and the sound's embedder that come with the install.
DEFAULT_EMBEDDERS = ("efficientnet_lite0", "yamnet")

#: Two hours at most, and twice that would still be nonsense: what a child may claim.
_MOST_SECONDS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class PictureTrack:
    """The picture, one row a grid second (``T`` of them); rows of absent seconds are zero.

    Attributes:
        embedder: Catalog name.
        present: ``(T,)`` bool: whether the second's frame was decoded.
        vectors: ``(T, dim)`` float32.
        scores: ``(T, classes)`` float32, the network's own output.
        luma: ``(T,)`` float32, mean brightness, 0-255.
        contrast: ``(T,)`` float32, standard deviation of the brightness, 0-127.5.
        detail: ``(T,)`` float32, mean step of brightness between neighbouring pixels, 0-255.
        colour: ``(T,)`` float32, colourfulness; 0 is grey.
        change: ``(T,)`` float32, mean absolute change of brightness since the frame before, 0-255.
        flat: ``(T,)`` float32, share (0-1) of the frame that has one brightness.
        coverage: Share (0-1) of the declared picture that was decoded.
        rotation: Degrees that the frames were turned counterclockwise.
    """

    embedder: str
    present: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float32]
    luma: NDArray[np.float32]
    contrast: NDArray[np.float32]
    detail: NDArray[np.float32]
    colour: NDArray[np.float32]
    change: NDArray[np.float32]
    flat: NDArray[np.float32]
    coverage: float
    rotation: int


@dataclass(frozen=True, slots=True, eq=False)
class SoundTrack:
    """The sound, one row a grid second (``T`` of them); rows of absent seconds are zero.

    Attributes:
        embedder: Catalog name.
        present: ``(T,)`` bool: whether at least half of the second was decoded.
        vectors: ``(T, dim)`` float32.
        scores: ``(T, classes)`` float32, the network's own output.
        level: ``(T,)`` float32, RMS in dBFS of the mono sound, from ``SILENCE`` (-160) to 0.
        peak: ``(T,)`` float32, largest absolute sample, 0-1.
        coverage: Share (0-1) of the declared sound that was decoded.
    """

    embedder: str
    present: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float32]
    level: NDArray[np.float32]
    peak: NDArray[np.float32]
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """All that was measured of one file, or of one file's picture and another's sound.

    Attributes:
        inputs: ``("both", info)``, or ``("picture", info)`` and ``("sound", info)``.
        duration: Seconds judged: the longer of both streams of one file, the shorter of two files.
        picture: The picture, or ``None`` if the file has none.
        sound: The sound, or ``None`` if the file has none.
        notes: Facts for the reader of a result.
        thumbnails: ``(second, JPEG bytes)``, up to 48; empty unless an exhibit was asked for.
        spectrogram: ``(columns, 64)`` float32 log-mel energies (natural logarithm), or ``None``.
        columns_per_second: Of the spectrogram; 0 without one.
    """

    inputs: tuple[tuple[str, MediaInfo], ...]
    duration: Fraction
    picture: PictureTrack | None
    sound: SoundTrack | None
    notes: tuple[str, ...]
    thumbnails: tuple[tuple[int, bytes], ...]
    spectrogram: NDArray[np.float32] | None
    columns_per_second: float

    @property
    def seconds(self) -> int:
        """``T``, the number of grid seconds."""
        return grid_length(self.duration)


def extract(
    picture: Path,
    sound: Path,
    *,
    embedders: tuple[str, str] = DEFAULT_EMBEDDERS,
    limits: Limits | None = None,
    exhibit: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> Extraction:
    """Measure the picture of one file and the sound of another, or of the same, in a guarded child.

    Args:
        picture: The file whose picture is used.
        sound: The file whose sound is used; the same path as ``picture`` for one file.
        embedders: Catalog names of the picture's and the sound's embedder.
        limits: What the files may cost; the defaults if ``None``.
        exhibit: Also make thumbnails and a spectrogram.
        progress: Called with (seconds done, seconds in all).

    Returns:
        The extraction; a stream that is absent gives ``None`` for its side.

    Raises:
        UsageError: If a file does not exist, is not a regular file or can't be opened.
        MediaError: If a file cannot be judged.
        ModelError: If an embedder is unknown or its weights are damaged.
    """
    for path in dict.fromkeys((picture, sound)):
        check_input(path)
    bounds = limits or Limits()
    arguments = {
        "picture": str(_elsewhere(picture)),
        "sound": str(_elsewhere(sound)),
        "embedders": list(embedders),
        "exhibit": exhibit,
        "limits": bounds.to_json(),
    }
    header, arrays = run("vadd.embed.worker:work", arguments, limits=bounds, progress=progress)
    try:
        return _received(header, arrays, embedders)
    except (KeyError, TypeError, ValueError) as error:
        message = "the decoder's process sent nonsense; it is not trusted any more"
        raise MediaError("crashed", message) from error


def _elsewhere(path: Path) -> Path:
    """The path as another process must name it: ``/dev/stdin`` and its like are links into this one."""
    inside = path.absolute()
    return path.resolve() if inside.is_relative_to("/dev") or inside.is_relative_to("/proc") else inside


def _received(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], embedders: tuple[str, str]
) -> Extraction:
    """The child's answer as a result; it is checked, as the child may have been taken over."""
    duration = fraction(header["duration"])
    if not 0 < duration < _MOST_SECONDS:
        raise ValueError("impossible duration")
    seconds = grid_length(duration)
    infos = [MediaInfo.from_json(info) for info in header["inputs"]]
    roles = ("both",) if len(infos) == 1 else ("picture", "sound")
    picture = sound = None
    if header["picture"] is not None:
        columns = _track(arrays, "picture", embedders[0], seconds)
        for name in ("luma", "contrast", "detail", "colour", "change", "flat"):
            columns[name] = _shaped(arrays[f"picture_{name}"], (seconds,), "<f4")
        coverage, rotation = float(header["picture"]["coverage"]), int(header["picture"]["rotation"])
        picture = PictureTrack(embedder=embedders[0], **columns, coverage=coverage, rotation=rotation)
    if header["sound"] is not None:
        columns = _track(arrays, "sound", embedders[1], seconds)
        for name in ("level", "peak"):
            columns[name] = _shaped(arrays[f"sound_{name}"], (seconds,), "<f4")
        sound = SoundTrack(embedder=embedders[1], **columns, coverage=float(header["sound"]["coverage"]))
    spectrogram = arrays.get("spectrogram")
    if spectrogram is not None and (spectrogram.ndim != 2 or spectrogram.dtype.str != "<f4"):
        raise ValueError("the spectrogram is of another form")
    return Extraction(
        inputs=tuple(zip(roles, infos, strict=True)),
        duration=duration,
        picture=picture,
        sound=sound,
        notes=tuple(str(note) for note in header["notes"]),
        thumbnails=_thumbnails(header["thumbnails"], arrays),
        spectrogram=spectrogram,
        columns_per_second=float(header["columns_per_second"]),
    )


def _track(
    arrays: Mapping[str, NDArray[Any]], side: str, embedder: str, seconds: int
) -> dict[str, NDArray[Any]]:
    card = catalog.card(embedder)
    return {
        "present": _shaped(arrays[f"{side}_present"], (seconds,), "|b1"),
        "vectors": _shaped(arrays[f"{side}_vectors"], (seconds, card.dim), "<f4"),
        "scores": _shaped(arrays[f"{side}_scores"], (seconds, len(card.scores)), "<f4"),
    }


def _shaped(array: NDArray[Any], shape: tuple[int, ...], kind: str) -> NDArray[Any]:
    import numpy as np

    if array.shape != shape or array.dtype.str != kind or not np.isfinite(array).all():
        raise ValueError(f"an array of shape {array.shape} instead of {shape}")
    return array


def _thumbnails(listed: Any, arrays: Mapping[str, NDArray[Any]]) -> tuple[tuple[int, bytes], ...]:
    if not listed:
        return ()
    data = arrays["thumbnails"].tobytes()
    kept, at = [], 0
    for second, size in listed:
        if type(second) is not int or type(size) is not int or size <= 0:
            raise ValueError("a thumbnail of impossible size")
        kept.append((second, data[at : at + size]))
        at += size
    return tuple(kept)
