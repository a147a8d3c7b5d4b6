"""How TAU lies on a disk: where its lists are, what a line of them says, where a clip's files are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.tables import rows

__all__ = ["FOLD", "Line", "all_media", "media_path", "read_lines", "setup_folder"]

#: The official lists: clips to train on, clips to test on, and these again with their scenes.
FOLD = {"train": "fold1_train.csv", "test": "fold1_test.csv", "evaluate": "fold1_evaluate.csv"}
#: Where the lists are kept, from the data set's root, from ``meta`` and from the folder itself.
_SETUPS = ("meta/evaluation_setup", "evaluation_setup", ".")
_SUFFIXES = {"video": ".mp4", "audio": ".wav"}


@dataclass(frozen=True, slots=True)
class Line:
    """A clip as a line of a list names it.

    Attributes:
        number: Of the line.
        name: Of the clip, without folder and suffix.
        sound: The same of the sound's file; equal to ``name`` unless something is wrong.
        scene: What the line says the scene is; empty where it says nothing.
    """

    number: int
    name: str
    sound: str
    scene: str


def setup_folder(place: Path) -> Path:
    """The folder of the official lists.

    Args:
        place: The data set's folder, its ``meta`` folder, or the folder of the lists.

    Raises:
        UsageError: If there are none.
    """
    for name in _SETUPS:
        if any((place / name / FOLD[fold]).is_file() for fold in ("train", "test")):
            return place / name
    raise UsageError(f"there is no {FOLD['train']} in {place} or in its meta/evaluation_setup")


def read_lines(path: Path) -> Iterator[Line]:
    """The clips that an official list names, whether they make sense or not.

    Raises:
        UsageError: If the list cannot be read.
        ProtocolError: If it is no table, or a line of it names no file; names file and line.
    """
    for number, row in rows(path, ("filename_video",), optional=("filename_audio", "scene_label")):
        name = _stem(row["filename_video"])
        if not name:
            raise ProtocolError(f"{path}, line {number}: it names no file")
        yield Line(number, name, _stem(row["filename_audio"]) or name, row["scene_label"])


def media_path(folder: Path, kind: str, name: str, scene: str = "") -> Path:
    """Where the picture or the sound of a clip is, or should be.

    Args:
        folder: The data set's folder.
        kind: ``video`` or ``audio``.
        name: Of the clip.
        scene: Its scene: copies of the set are about in which each scene has a folder of its own.
    """
    file = f"{name}{_SUFFIXES[kind]}"
    plain = folder / kind / file
    if scene and not plain.is_file() and (folder / kind / scene / file).is_file():
        return folder / kind / scene / file
    return plain


def all_media(folder: Path) -> Iterator[Path]:
    """All that lies in ``video`` and ``audio``, hidden files left out, in no order."""
    for kind in _SUFFIXES:
        for place, _, names in os.walk(folder / kind):
            yield from (Path(place) / name for name in names if not name.startswith("."))


def _stem(file: str) -> str:
    return Path(file).stem
