"""Which files a run is about: those of folders, patterns and lists, each once, in order of their paths."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vadd.errors import UsageError

__all__ = ["LISTS", "MEDIA", "Inputs", "find", "of_shard"]

#: Suffixes of what is taken for media in a folder; what is named singly is judged whatever it is called.
MEDIA = frozenset(
    {
        ".3g2", ".3gp", ".aac", ".ac3", ".aif", ".aiff", ".amr", ".asf", ".au", ".avi", ".caf",
        ".dv", ".eac3", ".f4v", ".flac", ".flv", ".m2ts", ".m2v", ".m4a", ".m4v", ".mj2", ".mka",
        ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".oga", ".ogg", ".ogv",
        ".opus", ".qt", ".ts", ".vob", ".w64", ".wav", ".webm", ".wma", ".wmv",
    }
)  # fmt: skip
#: Suffixes of a list of files.
LISTS = frozenset({".txt", ".lst", ".list"})
_MAGIC = frozenset("*?[")
#: A list of a million paths is some hundred megabytes at most.
_LIST_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found.

    Attributes:
        paths: Of the files, as they were named or found, sorted, each once.
        left_out: Why → how many files of folders were not taken.
    """

    paths: tuple[str, ...]
    left_out: dict[str, int]


def find(named: Sequence[str | Path], *, apart: Path | None = None, everything: bool = False) -> Inputs:
    """The files that folders, patterns, lists and names stand for.

    A folder stands for the media files in it and in its folders, told by their suffix, but for hidden ones
    and for links out of it. A list (``.txt``, ``.lst``, ``.list``) has a path on each line, or paths that end
    in a zero byte; they count from the folder of the list.

    Args:
        named: Folders, patterns with ``*``, ``?`` or ``[``, lists, files.
        apart: A folder that is left out, as it holds what the run makes.
        everything: Take files of any suffix from folders.

    Raises:
        UsageError: If something named is not there or cannot be read, or nothing is found at all.
    """
    left_out: Counter[str] = Counter()
    found: set[str] = set()
    for each in named:
        found.update(_stood_for(str(each), left_out, apart, everything=everything))
    if not found:
        what = ", ".join(f"{count} {why}" for why, count in sorted(left_out.items()))
        raise UsageError(f"there is no file to judge{f' (left out: {what})' if what else ''}")
    return Inputs(tuple(sorted(found, key=os.fsencode)), dict(sorted(left_out.items())))


def of_shard(paths: Iterable[str], shard: tuple[int, int] | None) -> tuple[str, ...]:
    """The paths that fall to one of several runs; each path to exactly one, whatever else is there.

    Args:
        paths: All.
        shard: (which, of how many), from 1 on; ``None`` for all.
    """
    if shard is None:
        return tuple(paths)
    which, count = shard

    def place(path: str) -> int:
        return int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:8], "big") % count + 1

    return tuple(path for path in paths if place(path) == which)


def _stood_for(name: str, left_out: Counter[str], apart: Path | None, *, everything: bool) -> Iterator[str]:
    if not name:
        raise UsageError("an empty name stands for no file")
    try:
        mode = Path(name).stat().st_mode
    except FileNotFoundError as error:
        if not _MAGIC & set(name):
            raise UsageError(f"{name} does not exist") from error
        matches = glob.glob(name, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            raise UsageError(f"nothing matches {name}") from error
        yield from (match for match in matches if Path(match).is_file())
        return
    except (OSError, ValueError) as error:
        raise UsageError(f"{name} can't be opened: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(mode):
        yield from _in_folder(Path(name), left_out, apart, everything=everything)
    elif Path(name).suffix.lower() in LISTS:
        yield from _in_list(Path(name))
    else:
        yield name


def _in_folder(
    folder: Path, left_out: Counter[str], apart: Path | None, *, everything: bool
) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise UsageError(f"cannot read the folder {error.filename}: {(error.strerror or str(error)).lower()}")

    inside = folder.resolve()
    avoided = None if apart is None else apart.resolve()
    for root, folders, files in os.walk(folder, onerror=refuse):
        here = Path(root)
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".") and (avoided is None or (here / each).resolve() != avoided)
        )
        for file in sorted(files):
            path = here / file
            why = _left_out(path, inside, everything=everything)
            if why is None:
                yield str(path)
            else:
                left_out[why] += 1


def _left_out(path: Path, inside: Path, *, everything: bool) -> str | None:
    """Why a file of a folder is not taken, ``None`` if it is."""
    if path.name.startswith("."):
        return "hidden"
    if not everything and path.suffix.lower() not in MEDIA:
        return "of no media suffix"
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            return "links out of the folder"
        if not stat.S_ISREG(path.stat().st_mode):
            return "no regular files"
    except (OSError, RuntimeError):  # a link to nothing, or in a circle
        return "links to nothing"
    return None


def _in_list(path: Path) -> Iterator[str]:
    try:
        if path.stat().st_size > _LIST_BYTES:
            raise UsageError(f"{path} is too large for a list of files")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from error
    lines = data.split(b"\0") if b"\0" in data else data.splitlines()
    for line in lines:
        if line:
            yield str(path.parent / os.fsdecode(line))
