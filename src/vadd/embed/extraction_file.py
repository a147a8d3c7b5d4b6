"""An extraction as bytes and back, so that a changed detector need not open the media again.

The form: a line with the name and version of the form, a line with the SHA-256 of what follows, and a NumPy
``.npz`` archive (arrays only, nothing that could run) with one JSON header. The same extraction always gives
the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Container, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed import catalog
from vadd.embed.extract import Extraction, PictureTrack, SoundTrack
from vadd.errors import ModelError, StoreError
from vadd.media.info import MediaInfo, fraction
from vadd.timeline import grid_length

__all__ = ["FORM", "intact", "pack", "pictures", "rounded", "unpack"]

#: Name and version of the form; what an extraction holds is part of it.
FORM = "vadd.extraction/2"
_HEADER = "header"
#: Bytes that an archive may unfold to: two hours take some hundred megabytes.
_MOST_BYTES = 2**31
#: What reading bytes of another form may raise.
_MALFORMED = (
    ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError, ModelError,
)  # fmt: skip
_SIDES: Mapping[str, type[PictureTrack] | type[SoundTrack]] = {"picture": PictureTrack, "sound": SoundTrack}
#: What the header says of a side; all else are arrays.
_TOLD = {"picture": {"embedder", "coverage", "rotation"}, "sound": {"embedder", "coverage"}}


def pack(extraction: Extraction) -> bytes:
    """The bytes of an extraction.

    The spectrogram is kept in half precision, which is finer than any report shows; all else as it is.

    Args:
        extraction: Any.
    """
    arrays: dict[str, NDArray[Any]] = {}
    header: dict[str, Any] = {
        "inputs": [[role, info.to_json()] for role, info in extraction.inputs],
        "duration": f"{extraction.duration.numerator}/{extraction.duration.denominator}",
        "notes": list(extraction.notes),
        "thumbnails": [[second, len(data)] for second, data in extraction.thumbnails],
        "columns_per_second": extraction.columns_per_second,
    }
    for side in _SIDES:
        track = getattr(extraction, side)
        header[side] = None if track is None else {}
        for name in [] if track is None else [field.name for field in fields(track)]:
            value = getattr(track, name)
            if isinstance(value, np.ndarray):
                arrays[f"{side}.{name}"] = np.ascontiguousarray(value)
            else:
                header[side][name] = value
    if extraction.thumbnails:
        arrays["thumbnails"] = np.frombuffer(b"".join(data for _, data in extraction.thumbnails), np.uint8)
    if extraction.spectrogram is not None:
        arrays["spectrogram"] = extraction.spectrogram.astype("<f2")
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    arrays[_HEADER] = np.frombuffer(text, np.uint8)
    archive = io.BytesIO()
    np.savez_compressed(archive, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]
    body = archive.getvalue()
    return f"{FORM}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body


def intact(data: bytes) -> bool:
    """Whether the bytes are of this form and version, and as they were written."""
    head, _, rest = data.partition(b"\n")
    digest, _, body = rest.partition(b"\n")
    return head == FORM.encode() and digest == hashlib.sha256(body).hexdigest().encode()


def unpack(data: bytes, source: str) -> Extraction:
    """The extraction that :func:`pack` made bytes of.

    Args:
        data: The bytes.
        source: What to call them in an error.

    Raises:
        StoreError: If they are not as they were written, of another version, or hold what no extraction does.
    """
    if not intact(data):
        raise StoreError(f"{source}: damaged, or not of the form {FORM}")
    body = data.split(b"\n", 2)[2]
    try:
        arrays = _arrays(body)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        return _extraction(header, arrays)
    except _MALFORMED as error:
        raise StoreError(f"{source}: no extraction: {error}") from error


def pictures(
    data: bytes, source: str
) -> tuple[tuple[tuple[int, bytes], ...], NDArray[np.float32] | None, float]:
    """What a report shows of an extraction, without unfolding what it does not.

    Args:
        data: What :func:`pack` gave.
        source: What to call it in an error.

    Returns:
        Thumbnails, spectrogram and its columns a second, as of :class:`vadd.embed.extract.Extraction`.

    Raises:
        StoreError: As :func:`unpack`.
    """
    if not intact(data):
        raise StoreError(f"{source}: damaged, or not of the form {FORM}")
    try:
        arrays = _arrays(data.split(b"\n", 2)[2], (_HEADER, "thumbnails", "spectrogram"))
        header = json.loads(arrays.pop(_HEADER).tobytes())
        spectrogram = arrays.get("spectrogram")
        return (
            _thumbnails(header["thumbnails"], arrays),
            None if spectrogram is None else spectrogram.astype(np.float32),
            float(header["columns_per_second"]),
        )
    except _MALFORMED as error:
        raise StoreError(f"{source}: no extraction: {error}") from error


def _arrays(body: bytes, wanted: Container[str] | None = None) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise ValueError("it unfolds to more than an extraction can hold")
        with np.load(io.BytesIO(body), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files if wanted is None or name in wanted}
    except Exception as error:  # a damaged archive makes its readers raise nearly anything
        raise ValueError(f"no archive of arrays: {error}") from error


def _extraction(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Extraction:
    duration = fraction(header["duration"])
    seconds = grid_length(duration)
    tracks = {side: _track(side, header[side], arrays, seconds) for side in _SIDES}
    spectrogram = arrays.get("spectrogram")
    return Extraction(
        inputs=tuple((str(role), MediaInfo.from_json(info)) for role, info in header["inputs"]),
        duration=duration,
        picture=tracks["picture"],
        sound=tracks["sound"],
        notes=tuple(str(note) for note in header["notes"]),
        thumbnails=_thumbnails(header["thumbnails"], arrays),
        spectrogram=None if spectrogram is None else spectrogram.astype(np.float32),
        columns_per_second=float(header["columns_per_second"]),
    )


def _track(side: str, told: Any, arrays: Mapping[str, NDArray[Any]], seconds: int) -> Any:
    if told is None:
        return None
    values: dict[str, Any] = dict(told)
    if set(values) != _TOLD[side] or type(values.get("rotation", 0)) is not int:
        raise ValueError(f"a {side} of which other things are told")
    card = catalog.card(values["embedder"])
    wide = {"vectors": card.dim, "scores": len(card.scores)}
    for field in fields(_SIDES[side]):
        if field.name in values:
            continue
        array = arrays[f"{side}.{field.name}"]
        shape = (seconds, wide[field.name]) if field.name in wide else (seconds,)
        kind = np.bool_ if field.name == "present" else np.float32
        if array.shape != shape or array.dtype != kind or not np.isfinite(array).all():
            raise ValueError(f"{side}.{field.name} of shape {array.shape} and type {array.dtype}")
        values[field.name] = array
    if not math.isfinite(values["coverage"]):
        raise ValueError("a coverage that is no number")
    return _SIDES[side](**values)


def _thumbnails(listed: Any, arrays: Mapping[str, NDArray[Any]]) -> tuple[tuple[int, bytes], ...]:
    if not listed:
        return ()
    data, at = arrays["thumbnails"].tobytes(), 0
    kept = []
    for second, size in listed:
        kept.append((int(second), data[at : at + int(size)]))
        at += int(size)
    if at != len(data):
        raise ValueError("thumbnails of another size than told")
    return tuple(kept)


def rounded(extraction: Extraction) -> Extraction:
    """The extraction as it is after :func:`pack` and :func:`unpack`: its spectrogram in half precision."""
    if extraction.spectrogram is None:
        return extraction
    return replace(extraction, spectrogram=extraction.spectrogram.astype("<f2").astype(np.float32))
