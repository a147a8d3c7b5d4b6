"""What was measured of files, kept by what they hold, so that a second match measures nothing again.

One file an entry, named by a digest of the file's bytes and of all that its numbers hang on; written under
another name first, so that an entry is whole or not there. What cannot be read as an entry is measured anew
and replaced: it can come of nothing but a disk that lost it or somebody who wrote into the folder.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd._version import __version__
from vadd.detect.verdict import Concept, Reason
from vadd.errors import MediaError, OutputError
from vadd.media.fingerprint import VERSION, Fingerprint
from vadd.media.identity import Identity, check_input
from vadd.run.measured import STRETCHES, Measured, Measurer, Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vadd.detect.engine import Engine
    from vadd.media.limits import Limits

__all__ = ["Cache"]

#: Failures that the same bytes would meet again; others may come of a busy machine.
_LASTING = frozenset({Reason.NOT_MEDIA, Reason.DAMAGED})
_Arrays = dict[str, NDArray[Any]]


class Cache:
    """A folder of entries.

    Args:
        folder: Made if it is not there.

    Raises:
        OutputError: If it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hits = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot(folder, error) from error

    def measured(self, path: Path, measurer: Measurer) -> Measured:
        """What is kept of a file, else what is measured of it, which is then kept.

        Args:
            path: The file.
            measurer: Measures it, if need be.

        Raises:
            OutputError: If an entry cannot be written.
            ModelError: As :meth:`vadd.run.measured.Measurer.measure`.
            UsageError: Likewise.
        """
        check_input(path)
        try:
            identity = Identity.of(path)
            if (
                identity.size > measurer.limits.file_bytes
            ):  # refused by the measuring too, but before it is read
                return measurer.measure(path)
            sha256 = identity.sha256()
        except MediaError:
            return measurer.measure(path)
        place = self._place(sha256, measurer.engine, measurer.limits)
        kept = _read(place, sha256)
        if kept is not None:
            self.hits += 1
            return replace(kept, file=str(path))
        found = measurer.measure(path)
        if found.sha256 == sha256 and _lasts(found):
            _write(place, found)
        return found

    def _place(self, sha256: str, engine: Engine, limits: Limits) -> Path:
        of = {
            "file": sha256,
            "hashes": dict(engine.hashes()),
            "config": dict(engine.config()),
            "limits": limits.to_json(),
            "stretches": STRETCHES,
            "fingerprint": VERSION,
            "version": __version__,
        }
        key = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
        return self._folder / key[:2] / f"{key}.npz"


def _lasts(found: Measured) -> bool:
    reasons = [found.picture.reason, found.sound.reason, found.unheard[0] if found.unheard else None]
    return all(reason is None or reason.outcome.value != "failed" or reason in _LASTING for reason in reasons)


def _write(place: Path, found: Measured) -> None:
    header: dict[str, Any] = {"sha256": found.sha256, "unheard": found.unheard and list(found.unheard)}
    arrays: _Arrays = {}
    for name in ("picture", "sound"):
        side: Side = getattr(found, name)
        header[name] = {
            "reason": side.reason,
            "message": side.message,
            "concepts": [[each.name, each.probability] for each in side.concepts],
        }
        arrays[f"{name}_rows"], arrays[f"{name}_everyday"] = side.rows, side.everyday
    if found.fingerprint is not None:
        header["notes"] = list(found.fingerprint.notes)
        arrays["fingerprint"] = found.fingerprint.samples
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    temporary = place.with_name(f".{secrets.token_hex(6)}.part")
    try:
        place.parent.mkdir(exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data.getvalue())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot(place, error) from error


def _read(place: Path, sha256: str) -> Measured | None:
    """The entry, or ``None`` if there is none that can be read; its zip holds a checksum of every array."""
    try:
        arrays = _arrays(place)
        header = json.loads(arrays["header"].tobytes())
        if header["sha256"] != sha256:
            return None
        sound = arrays.get("fingerprint")
        unheard = header["unheard"]
        return Measured(
            file="",
            sha256=sha256,
            picture=_side(header["picture"], arrays, "picture"),
            sound=_side(header["sound"], arrays, "sound"),
            fingerprint=None if sound is None else Fingerprint(sound, tuple(header["notes"])),
            unheard=None if unheard is None else (Reason(unheard[0]), str(unheard[1])),
        )
    except (OSError, AttributeError, KeyError, IndexError, RecursionError, TypeError, ValueError):
        return None


def _arrays(place: Path) -> _Arrays:
    """The arrays of an entry.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no archive of arrays.
    """
    try:
        with np.load(place, allow_pickle=False) as kept:
            return dict(kept)
    except OSError:
        raise
    except Exception as error:  # a damaged archive makes its readers raise nearly anything
        raise ValueError(f"{place.name} is no archive of arrays") from error


def _side(header: Mapping[str, Any], arrays: _Arrays, name: str) -> Side:
    reason = header["reason"]
    return Side(
        arrays[f"{name}_rows"],
        arrays[f"{name}_everyday"],
        tuple(Concept(str(word), float(share)) for word, share in header["concepts"]),
        None if reason is None else Reason(reason),
        header["message"],
    )


def _cannot(place: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {place}: {(error.strerror or str(error)).lower()}")
