"""Where the clips of a benchmark are: any folders with one file a clip, or TAU's with two.

What only lends its sound may be a recording without a picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from vadd.errors import UsageError

__all__ = ["ClipFiles", "find_clips"]

#: What is taken for a clip in a folder.
SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v"})
#: What is taken for a recording where there is no clip of the name.
RECORDINGS = frozenset({".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a"})


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The files of a clip.

    Attributes:
        picture: The file whose picture is the clip's; of a recording the recording, which has none.
        sound: The file whose sound is the clip's; the same for one file.
    """

    picture: Path
    sound: Path


def find_clips(folder: Path, names: Iterable[str]) -> dict[str, ClipFiles]:
    """The files of the clips of these names, in ``folder`` or any folder in it.

    A clip ``NAME`` is ``video/NAME.mp4`` with ``audio/NAME.wav``, as TAU keeps them, or else a file ``NAME``
    with one of :data:`SUFFIXES`, or if there is none, a recording with one of :data:`RECORDINGS`; a name may
    itself have a suffix, and folders before it.

    Raises:
        UsageError: If there is no such folder, a clip is not there (says how many) or is there twice.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    shelves: list[dict[str, list[Path]]] = []
    found: dict[str, ClipFiles] = {}
    missing = []
    for name in sorted(set(names)):
        plain = _plain(name)
        pair = _pair(folder, plain)
        if pair is not None:
            found[name] = pair
            continue
        shelves = shelves or [_shelf(folder, suffixes) for suffixes in (SUFFIXES, RECORDINGS)]
        paths = next((shelf[plain] for shelf in shelves if plain in shelf), [])
        if len(paths) > 1:
            raise UsageError(f"the clip {name} is there twice: {paths[0]} and {paths[1]}")
        if paths:
            found[name] = ClipFiles(paths[0], paths[0])
        else:
            missing.append(name)
    if missing:
        count = "a clip" if len(missing) == 1 else f"{len(missing)} clips"
        first = "it is" if len(missing) == 1 else "the first is"
        raise UsageError(f"{count} of the manifest cannot be found in {folder}, {first} {missing[0]}")
    return found


def _plain(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}".lower() in SUFFIXES | RECORDINGS else name


def _pair(folder: Path, name: str) -> ClipFiles | None:
    if ".." in Path(name).parts or "\0" in name:
        return None  # a manifest may come from anywhere, and has no business outside of the folder
    picture, sound = folder / "video" / f"{name}.mp4", folder / "audio" / f"{name}.wav"
    return ClipFiles(picture, sound) if picture.is_file() and sound.is_file() else None


def _shelf(folder: Path, suffixes: Set[str]) -> dict[str, list[Path]]:
    """Files by their name alone and by their path in the folder, both without suffix."""
    shelf: dict[str, list[Path]] = {}
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(place, file)
            if path.suffix.lower() not in suffixes or file.startswith(".") or not path.is_file():
                continue
            inside = path.relative_to(folder).with_suffix("").as_posix()
            for key in dict.fromkeys((inside, path.stem)):
                shelf.setdefault(key, []).append(path)
    return shelf
