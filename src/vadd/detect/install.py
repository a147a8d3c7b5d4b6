"""Puts a detector's files into a folder so that it is whole or is no detector at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from vadd.classify.card import CARD, ONNX
from vadd.detect.documents import FileName
from vadd.detect.folder import is_detector
from vadd.embed.store_files import sync_folder
from vadd.errors import OutputError

__all__ = ["install", "require_room"]

#: Where all files are written before the first of them takes its place.
_NEW: Final = ".new"


def require_room(folder: Path, *, overwrite: bool) -> None:
    """Make sure that a detector may be put into a folder.

    Args:
        folder: Need not exist; what else is in it stays.
        overwrite: Whether a detector that is there already may be replaced.

    Raises:
        OutputError: If there is one, or something else that has a card.
    """
    if is_detector(folder):
        if not overwrite:
            raise OutputError(f"{folder} holds a detector already; name another folder, or overwrite it")
    elif (folder / CARD).exists():
        raise OutputError(f"{folder} holds something else that has a {CARD}; name another folder")


def install(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a detector; a full disk leaves what was there as it was.

    From the moment its card is gone until the new one is there the folder is no detector; it is never one
    with another's files.

    Args:
        folder: Made if it does not exist.
        files: Path in the folder → content, ``card.json`` among them. Files of a detector that was there go
            unless they are among them; all others stay.

    Raises:
        OutputError: If the folder cannot be written.
    """
    staged = folder / _NEW
    places = sorted({(folder / name).parent for name in files} - {folder})
    # A network of an older one must not lie beside new weights; an older detector goes as a whole.
    old = _files_of(folder) | {f"{place.name}/{ONNX}" for place in places}
    order = sorted(files, key=lambda name: name == CARD)  # the card comes last: it makes the others count
    try:
        try:
            shutil.rmtree(staged, ignore_errors=True)  # of a run that was killed
            for name in order:
                place = staged / name
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as file:
                    file.write(files[name])
                    file.flush()
                    os.fsync(file.fileno())
            for place in places:
                place.mkdir(exist_ok=True)
            (folder / CARD).unlink(missing_ok=True)
            for name in old - set(files):
                (folder / name).unlink(missing_ok=True)
            for name in order:
                (staged / name).replace(folder / name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        for place in (*places, folder):
            sync_folder(place)
    except OSError as error:
        raise OutputError(f"cannot write the detector {folder}: {error.strerror or error}") from error


def _files_of(folder: Path) -> set[str]:
    """The files that the card of a detector names, where it names any that a detector can have."""
    if not is_detector(folder):
        return set()
    try:
        named = json.loads((folder / CARD).read_bytes()).get("files")
    except (OSError, ValueError, RecursionError):
        return set()
    return set(named) & set(get_args(FileName)) if isinstance(named, dict) else set()
