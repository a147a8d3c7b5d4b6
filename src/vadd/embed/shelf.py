"""The user's shelf of weights that do not come with vadd: how they get there, and that they stay the same.

A file is checked when it is added: against what is published of its digest, and against the network that
it is for. Its SHA-256 is then written to a lock file, and every load compares the file with that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from vadd.embed import catalog
from vadd.embed.base import Weights
from vadd.embed.download import Progress, fetch
from vadd.embed.weights import DATA
from vadd.errors import ModelError, OutputError

__all__ = ["add", "address", "download", "home", "how_to_get", "is_there", "pinned", "weights_path"]

_LOCK = "weights.lock.json"
#: Before the name of a file on its way to the shelf; the ending stays, as it tells the format.
_NEW, _PART = ".new.", ".part."
#: Digits of a SHA-256 that are enough to tell two files apart in a message.
_SHOWN = 12


@runtime_checkable
class _Checker(Protocol):
    """An embedder that can tell whether a weight file is one of its network."""

    def check(self, path: Path) -> None:
        """Raises ModelError if the file is damaged or does not fit."""


def home() -> Path:
    """Where vadd keeps what the user adds: ``VADD_HOME``, else ``vadd`` in the user's data folder."""
    named = os.environ.get("VADD_HOME")
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "vadd"


def pinned(weights: Weights, name: str) -> Weights:
    """The record with the name, hash and size of the file that was added, where one was.

    Args:
        weights: The record as published.
        name: Catalog name of the embedder.
    """
    if weights.bundled:
        return weights
    entry = _read_lock().get(name)
    if entry is None:
        return weights
    return replace(weights, file=entry["file"], sha256=entry["sha256"], size=entry["size"])


def is_there(weights: Weights, name: str) -> bool:
    """Whether the weights of an embedder are at hand; their bytes are not looked at."""
    return weights.bundled or (name in _read_lock() and _place(pinned(weights, name).file).is_file())


def weights_path(weights: Weights, name: str) -> Path:
    """The weights file of an embedder, compared with its recorded hash.

    Args:
        weights: The record as published.
        name: Catalog name of the embedder.

    Raises:
        ModelError: If the file is missing (the message says where to get it) or was changed.
    """
    known = pinned(weights, name)
    if not is_there(weights, name):
        raise ModelError(f"the weights of {name} are not here: {how_to_get(weights, name)}")
    path = DATA / known.file if weights.bundled else _place(known.file)
    found = _digest(path, "sha256")
    if found != known.digest:
        raise ModelError(
            f"the weights {path} were changed: SHA-256 {found[:_SHOWN]}..., expected "
            f"{known.digest[:_SHOWN]}...; put them back or, with --replace, add or download {name} anew"
        )
    return path


def how_to_get(weights: Weights, name: str) -> str:
    """One line: what the weights are, their address, size and licence, and the command that brings them."""
    size = "size unknown" if weights.size is None else f"about {weights.size / 1e6:,.0f} MB"
    if weights.url is None:
        where, command = "not published", f"vadd models add {name} PATH"
    else:
        where, command = address(weights), f"vadd models download {name} (or: vadd models add {name} PATH)"
    return f"{weights.source}; {where}; {size}; licence {weights.licence}; get them with: {command}"


def address(weights: Weights) -> str:
    """The address of the published file; torchvision is asked where it is the one that knows."""
    url = weights.url or ""
    scheme, _, record = url.partition(":")
    if scheme != "torchvision":
        return url
    try:
        from torchvision.models import get_weight
    except ModuleNotFoundError:  # whoever only looks is told the record's name
        return url
    found: str = get_weight(record).url
    return found


def add(name: str, path: Path, *, link: bool = False, replaced: bool = False, published: bool = True) -> str:
    """Put a weights file on the shelf; the file itself stays where it is.

    Args:
        name: Catalog name of the embedder.
        path: The file.
        link: Whether to point to the file instead of copying it.
        replaced: Whether one that was added before, with another hash, may be replaced.
        published: Whether it has to be the published file; if not, any that fits the network is taken, at
            the user's own word.

    Returns:
        Its SHA-256, now in the lock file.

    Raises:
        ModelError: If there is no such embedder, or the file is missing, damaged, not the published one,
            or does not fit the network; nothing is left behind then.
        OutputError: If the shelf cannot be written.
    """
    weights = _weights(name)
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    file = weights.file if published else f"{name}{path.suffix}"
    with _writing():
        fresh = _place(_NEW + file)
        fresh.unlink(missing_ok=True)
        try:
            if link:
                fresh.symlink_to(path.resolve())
            else:
                shutil.copyfile(path, fresh)
            return _shelve(name, weights if published else None, fresh, file, str(path), replaced=replaced)
        finally:
            fresh.unlink(missing_ok=True)


def download(name: str, *, replaced: bool = False, progress: Progress | None = None) -> str:
    """Bring the published weights of an embedder from their address and put them on the shelf.

    Nothing is brought that is there and unchanged already. What a broken connection left is completed.

    Args:
        name: Catalog name of the embedder.
        replaced: As for :func:`add`.
        progress: Called with the bytes done and the bytes in all (0 if the server does not say).

    Returns:
        The file's SHA-256, now in the lock file.

    Raises:
        ModelError: If there is no such embedder, its weights are not published, the server does not
            answer, or what it sends is not the published file.
        OutputError: If the shelf cannot be written.
    """
    weights = _weights(name)
    if weights.url is None:
        raise ModelError(f"the weights of {name} are not here: {how_to_get(weights, name)}")
    if is_there(weights, name) and not replaced:
        weights_path(weights, name)
        return pinned(weights, name).digest
    with _writing():
        part = _place(_PART + weights.file)
        fetch(address(weights), part, progress)
        try:
            return _shelve(name, weights, part, weights.file, address(weights), replaced=replaced)
        finally:
            part.unlink(missing_ok=True)


def _weights(name: str) -> Weights:
    weights = catalog.card(name).weights
    if weights.bundled:
        raise ModelError(f"the weights of {name} come with vadd")
    return weights


def _shelve(
    name: str, weights: Weights | None, fresh: Path, file: str, origin: str, *, replaced: bool
) -> str:
    """Check a file that lies under a temporary name, then give it its name and write the lock."""
    sha256 = _digest(fresh, "sha256")
    if weights is not None:
        _compare(weights, fresh, sha256, origin)
    lock = _read_lock()
    before = lock.get(name)
    if before is not None and before["sha256"] != sha256 and not replaced:
        raise ModelError(
            f"{name} has other weights already, SHA-256 {before['sha256'][:_SHOWN]}...; {origin} has "
            f"{sha256[:_SHOWN]}...; say --replace to change them"
        )
    embedder = catalog.load(name)
    if not isinstance(embedder, _Checker):
        raise ModelError(f"{name} takes no weights from outside")
    try:
        embedder.check(fresh)
    except ModelError as error:  # the user knows the file by its own name
        raise ModelError(str(error).replace(str(fresh), origin)) from error
    size = fresh.stat().st_size
    fresh.replace(_place(file))
    _write_lock({**lock, name: {"file": file, "sha256": sha256, "size": size}})
    if before is not None and before["file"] != file:
        _place(before["file"]).unlink(missing_ok=True)
    return sha256


def _compare(weights: Weights, path: Path, sha256: str, origin: str) -> None:
    """Refuse a file whose digest is not what is published of it."""
    kind, _, wanted = (weights.fingerprint or "sha256:").partition(":")
    found = sha256 if kind == "sha256" else _digest(path, kind)
    if weights.sha256 is not None:
        kind, wanted, found = "sha256", weights.sha256, sha256
    if not found.startswith(wanted):
        raise ModelError(
            f"{origin} is not the published {weights.file}, or not all of it: {kind} {found[:_SHOWN]}..., "
            f"published {wanted[:_SHOWN]}..."
        )


def _place(file: str) -> Path:
    return home() / "weights" / file


def _digest(path: Path, kind: str) -> str:
    """Hex digest of a file; ``kind`` is ``sha256`` or ``md5``.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, kind).hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}") from error


def _read_lock() -> dict[str, dict[str, Any]]:
    path = home() / _LOCK
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, dict[str, Any]] = {
            name: {"file": str(entry["file"]), "sha256": str(entry["sha256"]), "size": int(entry["size"])}
            for name, entry in entries.items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path} is damaged; take it away and add the weights again") from error
    if any(Path(entry["file"]).name != entry["file"] for entry in found.values()):
        raise ModelError(f"{path} names a file outside its folder")
    return found


def _write_lock(entries: Mapping[str, Mapping[str, Any]]) -> None:
    path = home() / _LOCK
    fresh = path.with_name(_NEW + _LOCK)
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps(entries, indent=2, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextmanager
def _writing() -> Iterator[None]:
    """The shelf for one process at a time; what the file system refuses becomes an error for a person."""
    try:
        _place("").mkdir(parents=True, exist_ok=True)
        with (home() / ".writing").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise OutputError(f"cannot keep weights in {home()}: {error.strerror or error}") from error
