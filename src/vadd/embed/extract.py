"""From files to vectors: all that is measured of a picture and a sound, second by second.

The work runs in the guarded child (:mod:`vadd.embed.worker`); here are the call and what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from vadd.embed.rows import ANY, Rows, nonsense, shaped
from vadd.errors import MediaError
from vadd.media.guard import Guard, run
from vadd.media.identity import Identity, check_input, unchanged
from vadd.media.info import MediaInfo, fraction
from vadd.media.limits import Limits
from vadd.timeline import grid_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEFAULT_EMBEDDERS", "Extraction", "PictureTrack", "SoundTrack", "extract"]

#: The picture's and the sound's embedder that come with the install.
DEFAULT_EMBEDDERS = ("efficientnet_lite0", "yamnet")

#: The range of every measure; scores and shares go from 0 to 1.
_PICTURE = {
    "luma": (0, 255), "contrast": (0, 127.5), "detail": (0, 255), "colour": (0, 1_000), "change": (0, 255),
    "flat": (0, 1), "drawn": (0, 1), "face": (0, 1),
}  # fmt: skip
_SOUND = {"level": (-160, 0), "peak": (0, 1), "turn": (0, 1_000), "turn_at": (-0.5, 0.5)}
_BANDS = 64
#: Columns of a spectrogram as it is computed, before any are averaged.
_MOST_COLUMNS_PER_SECOND = 100


@dataclass(frozen=True, slots=True, eq=False)
class PictureTrack:
    """The picture, one row a grid second (``T`` of them); rows of absent seconds are zero.

    Vectors and scores of a long file lie on disk (:mod:`vadd.embed.rows`): who copies them whole gives up
    what that saves. They are not to be written to.

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
        drawn: ``(T,)`` float32, how evenly (0-1) the frame is filled between its edges, as slides are.
        face: ``(T,)`` float32, share (0-1) of the frame that the box of the largest face covers
            (:mod:`vadd.embed.faces`); 0 without a face.
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
    drawn: NDArray[np.float32]
    face: NDArray[np.float32]
    coverage: float
    rotation: int


@dataclass(frozen=True, slots=True, eq=False)
class SoundTrack:
    """The sound, one row a grid second (``T`` of them); rows of absent seconds are zero.

    Vectors and scores are as those of :class:`PictureTrack`.

    Attributes:
        embedder: Catalog name.
        present: ``(T,)`` bool: whether at least half of the second was decoded.
        vectors: ``(T, dim)`` float32.
        scores: ``(T, classes)`` float32, the network's own output.
        level: ``(T,)`` float32, RMS in dBFS of the mono sound, from ``SILENCE`` (-160) to 0.
        peak: ``(T,)`` float32, largest absolute sample, 0-1.
        turn: ``(T,)`` float32, how strongly the sound turns into another around the start of the second, at
            least 0 (:mod:`vadd.embed.turns`).
        turn_at: ``(T,)`` float32, seconds from the start of the second to that turn, in [-0.5, 0.5).
        coverage: Share (0-1) of the declared sound that was decoded.
    """

    embedder: str
    present: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float32]
    level: NDArray[np.float32]
    peak: NDArray[np.float32]
    turn: NDArray[np.float32]
    turn_at: NDArray[np.float32]
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

    def facts(self) -> tuple[dict[str, Any], ...]:
        """What a result tells of each input, in their order, JSON-ready (:meth:`MediaInfo.to_facts`).

        Besides what the file declares: ``decoded_duration``, the seconds that were decoded and judged, and
        the ``coverage`` (0-1) of each stream in use, which is ``None`` of one that was not used or is empty.
        """
        told = []
        for role, info in self.inputs:
            facts = info.to_facts() | {"decoded_duration": float(self.duration)}
            for kind, side, track in (("video", "picture", self.picture), ("audio", "sound", self.sound)):
                if facts[kind] is not None:
                    used = track is not None and role in {"both", side}
                    facts[kind]["coverage"] = track.coverage if track is not None and used else None
            told.append(facts)
        return tuple(told)


def extract(
    picture: Path,
    sound: Path,
    *,
    embedders: tuple[str, str] = DEFAULT_EMBEDDERS,
    limits: Limits | None = None,
    exhibit: bool = False,
    progress: Callable[[float, float], None] | None = None,
    guard: Guard | None = None,
) -> Extraction:
    """Measure the picture of one file and the sound of another, or of the same, in a guarded child.

    Args:
        picture: The file whose picture is used.
        sound: The file whose sound is used; the same path as ``picture`` for one file.
        embedders: Catalog names of the picture's and the sound's embedder.
        limits: What the files may cost; the defaults if ``None``.
        exhibit: Also make thumbnails and a spectrogram.
        progress: Called with (seconds done, seconds in all).
        guard: Whose child does it, which may have done others before; one for this call alone if ``None``.

    Returns:
        The extraction; a stream that is absent gives ``None`` for its side.

    Raises:
        UsageError: If a file does not exist, is not a regular file or can't be opened.
        MediaError: If a file cannot be judged.
        ModelError: If an embedder is unknown or its weights are damaged.
        OutputError: If the disk does not hold what is measured of a long file.
    """
    for path in dict.fromkeys((picture, sound)):
        check_input(path)
    bounds = limits or Limits()
    paths = _elsewhere(picture), _elsewhere(sound)
    arguments = {
        "picture": str(paths[0]),
        "sound": str(paths[1]),
        "embedders": list(embedders),
        "exhibit": exhibit,
        "limits": bounds.to_json(),
    }
    before = [Identity.of(path) for path in dict.fromkeys(paths)]
    with closing(Rows(embedders, bounds)) as rows:
        again = {} if guard is None else {"again": rows.forget}
        with _digests(before, bounds) as digests, unchanged(before):
            header, arrays = (run if guard is None else guard.run)(
                "vadd.embed.worker:work",
                arguments,
                limits=bounds,
                progress=progress,
                part=rows.take,
                readable=list(dict.fromkeys(paths)),
                **again,
            )
        try:
            extraction = _received(header, arrays, rows, embedders)
            _same_files(extraction, before)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            if guard is not None:
                guard.close()
            raise nonsense() from error
    # What a child that was taken over says of the bytes is no evidence: this process's own digest is.
    for (_, info), digest, identity in zip(extraction.inputs, digests.result(), before, strict=True):
        identity.verify()
        if info.sha256 != digest:
            raise MediaError("changed", f"{info.name}: it changed while it was read")
    return extraction


@contextmanager
def _digests(identities: Sequence[Identity], limits: Limits) -> Iterator[Future[list[str | None]]]:
    """SHA-256 of the files, computed in a thread beside the block; given up when the block fails."""
    given_up = Event()

    def digest(identity: Identity) -> str | None:
        # The child refuses a larger one before it reads it.
        return None if identity.size > limits.file_bytes else identity.sha256(given_up.is_set)

    with ThreadPoolExecutor(1) as pool:
        digests = pool.submit(lambda: [digest(identity) for identity in identities])
        try:
            yield digests
        except BaseException:
            given_up.set()
            raise


def _elsewhere(path: Path) -> Path:
    """The path as another process must name it: ``/dev/stdin`` and its like are links into this one."""
    inside = path.absolute()
    return path.resolve() if inside.is_relative_to("/dev") or inside.is_relative_to("/proc") else inside


def _same_files(extraction: Extraction, identities: Sequence[Identity]) -> None:
    """Make sure that the answer is about the files that were asked about."""
    told = [(info.name, info.size) for _, info in extraction.inputs]
    if told != [(identity.path.name, identity.size) for identity in identities]:
        raise ValueError("an answer about other files")


def _received(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], rows: Rows, embedders: tuple[str, str]
) -> Extraction:
    """The child's answer as a result; it is checked, as the child may have been taken over."""
    duration = fraction(header["duration"])
    if not 0 < duration < rows.most:
        raise ValueError("impossible duration")
    seconds = grid_length(duration)
    infos = [MediaInfo.from_json(info) for info in header["inputs"]]
    roles = ("both",) if len(infos) == 1 else ("picture", "sound")
    picture = sound = None
    if header["picture"] is not None:
        columns = _track(arrays, rows, "picture", seconds, _PICTURE)
        rotation = header["picture"]["rotation"]
        if type(rotation) is not int or rotation not in range(0, 360, 90):
            raise ValueError("an impossible rotation")
        coverage = _number(header["picture"]["coverage"], 1)
        picture = PictureTrack(embedder=embedders[0], **columns, coverage=coverage, rotation=rotation)
    if header["sound"] is not None:
        columns = _track(arrays, rows, "sound", seconds, _SOUND)
        coverage = _number(header["sound"]["coverage"], 1)
        sound = SoundTrack(embedder=embedders[1], **columns, coverage=coverage)
    if picture is None and sound is None:
        raise ValueError("neither picture nor sound")
    notes = header["notes"]
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError("notes are not a list of texts")
    rate = _number(header["columns_per_second"], _MOST_COLUMNS_PER_SECOND)
    spectrogram = arrays.get("spectrogram")
    if (spectrogram is not None) is not (rate > 0):
        raise ValueError("a spectrogram without a rate, or a rate without one")
    return Extraction(
        inputs=tuple(zip(roles, infos, strict=True)),
        duration=duration,
        picture=picture,
        sound=sound,
        notes=tuple(notes),
        thumbnails=_thumbnails(header["thumbnails"], arrays, seconds),
        spectrogram=None if spectrogram is None else _spectrogram(spectrogram),
        columns_per_second=rate,
    )


def _number(value: Any, most: float) -> float:
    # Not a number is not between two others either.
    if not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"not a number from 0 to {most}")
    return float(value)


def _track(
    arrays: Mapping[str, NDArray[Any]],
    rows: Rows,
    side: str,
    seconds: int,
    ranges: Mapping[str, tuple[float, float]],
) -> dict[str, NDArray[Any]]:
    present = shaped(arrays[f"{side}_present"], (seconds,), "|b1", (0, 1))
    track = {"present": present, **rows.of(side, present)}
    for name, bounds in ranges.items():
        track[name] = shaped(arrays[f"{side}_{name}"], (seconds,), "<f4", bounds)
    return track


def _spectrogram(array: NDArray[Any]) -> NDArray[Any]:
    from vadd.media.exhibit import MOST_COLUMNS

    if not 0 < len(array) <= MOST_COLUMNS:
        raise ValueError("a spectrogram of impossible length")
    return shaped(array, (len(array), _BANDS), "<f4", ANY)


def _thumbnails(
    listed: Any, arrays: Mapping[str, NDArray[Any]], seconds: int
) -> tuple[tuple[int, bytes], ...]:
    if not listed:
        return ()
    from vadd.media.exhibit import MOST_THUMBNAILS

    data = arrays["thumbnails"].tobytes()
    kept: list[tuple[int, bytes]] = []
    at, before = 0, -1
    for second, size in listed:
        if type(second) is not int or type(size) is not int or size <= 0:
            raise ValueError("a thumbnail of impossible size")
        if not before < second < seconds:
            raise ValueError("a thumbnail of an impossible second")
        kept.append((second, data[at : at + size]))
        at, before = at + size, second
    if at != len(data) or len(kept) > MOST_THUMBNAILS:
        raise ValueError("more or less thumbnails than there can be")
    return tuple(kept)
