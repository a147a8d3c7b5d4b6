"""Puts a detector's files into a folder so that it is whole or is no detector at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vadd.classify.card import CARD, ONNX
from vadd.detect.folder import SIDES, is_detector
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
        files: Path in the folder → content, ``card.json`` among them.

    Raises:
        OutputError: If the folder cannot be written.
    """
    staged = folder / _NEW
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
            for side in SIDES:
                (folder / side).mkdir(exist_ok=True)
            (folder / CARD).unlink(missing_ok=True)
            for side in SIDES:
                if f"{side}/{ONNX}" not in files:
                    (folder / side / ONNX).unlink(missing_ok=True)
            for name in order:
                (staged / name).replace(folder / name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        for place in (*(folder / side for side in SIDES), folder):
            sync_folder(place)
    except OSError as error:
        raise OutputError(f"cannot write the detector {folder}: {error.strerror or error}") from error
