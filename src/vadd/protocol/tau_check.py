"""Whether a folder holds TAU as it was published: lists, files, what the files declare, their bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vadd.errors import UsageError
from vadd.media.survey import Surveyed, survey
from vadd.protocol.tau import named
from vadd.protocol.tau_folder import Line, all_media, media_path
from vadd.protocol.tau_lists_check import EXPECTED, KINDS, Lists, Problem, check_lists
from vadd.protocol.tau_lock import LOCK, read_lock
from vadd.protocol.unzip import digests

__all__ = ["TOLERANCE", "Report", "check"]

#: Seconds that a clip lasts.
SECONDS = {"development": 10, "evaluation": 2}
#: Seconds that a clip may be off: half of what would make the grid of seconds another.
TOLERANCE = 0.25
_WORDS = {"video": "picture", "audio": "sound"}

_Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        folder: What was looked at.
        which: ``development`` or ``evaluation``.
        counts: Fold → scene → clips listed.
        expected: Fold → clips published.
        absent: Listed files that are not there.
        opened: Files whose streams were looked at.
        compared: Files whose bytes were compared with the lock file.
        problems: All that is wrong, by kind.
    """

    folder: Path
    which: str
    counts: Mapping[str, Mapping[str, int]]
    expected: Mapping[str, int]
    absent: int
    opened: int
    compared: int
    problems: tuple[Problem, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def by_kind(self) -> dict[str, list[Problem]]:
        """The problems in the order of :data:`vadd.protocol.tau_lists_check.KINDS`."""
        found = {kind: [each for each in self.problems if each.kind == kind] for kind in KINDS}
        return {kind: problems for kind, problems in found.items() if problems}

    def to_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {
            "folder": str(self.folder),
            "set": self.which,
            "whole": self.whole,
            "folds": {fold: sum(counts.values()) for fold, counts in self.counts.items()},
            "expected": dict(self.expected),
            "scenes": {fold: dict(counts) for fold, counts in self.counts.items()},
            "files_absent": self.absent,
            "files_opened": self.opened,
            "files_compared": self.compared,
            "problems": [{"kind": each.kind, "what": each.what, "text": each.text} for each in self.problems],
        }


def check(
    folder: Path,
    *,
    quick: bool = False,
    part: bool = False,
    compare: bool = False,
    tolerance: float = TOLERANCE,
    workers: int = 1,
    progress: _Progress | None = None,
) -> Report:
    """Check the folder of the development or the evaluation set.

    Args:
        folder: The data set's folder.
        quick: Look at lists and names alone, and open no file.
        part: The folder holds a part of the set: clips and files that lack are counted, and not wrong.
        compare: Also read every file and compare it with the SHA-256 of the lock file.
        tolerance: Seconds that a length may be off.
        workers: Processes that open files.
        progress: Called with (files done, files in all).

    Raises:
        UsageError: If there are no lists, or nothing to compare with, or the tolerance is no length.
        ProtocolError: If a list is no table, or the lock file is damaged.
    """
    if not 0 <= tolerance < float("inf"):
        raise UsageError(f"the tolerance is a number of seconds, not {tolerance}")
    lists = check_lists(folder, part=part)
    problems = list(lists.problems)
    kept = read_lock(folder).files if compare else {}
    if compare and not kept:
        raise UsageError(f"there is no {LOCK} in {folder} to compare with; vadd tau download writes it")
    present, absent = _files(folder, lists)
    if not part:
        problems += [Problem("missing", _short(path, folder), _short(path, folder)) for path in absent]
    known = {path for path, _, _ in present}
    strange = sorted(path for path in all_media(folder) if path not in known)
    problems += [Problem("unlisted", _short(path, folder), _short(path, folder)) for path in strange]
    opened = [] if quick else present
    total, done = len(opened) + len(kept), 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    found: dict[Path, Surveyed] = {}
    for result in survey([path for path, _, _ in opened], workers=workers):
        found[result.path] = result
        advance()
    problems += _of_media(opened, found, folder, SECONDS[lists.which], tolerance)
    for name, locked in kept.items():
        try:
            same = digests(folder / name)[1] == locked.sha256
        except FileNotFoundError:
            same = part or not name.startswith(("audio/", "video/"))
            text = f"{name}: it is gone"
        except OSError as error:
            same, text = False, f"{name}: {(error.strerror or str(error)).lower()}"
        else:
            text = f"{name}: its SHA-256 is not that of {LOCK}"
        if not same:
            problems.append(Problem("changed", name, text))
        advance()
    return Report(
        folder, lists.which, lists.counts(), EXPECTED[lists.which], len(absent), len(opened), len(kept),
        tuple(problems),
    )  # fmt: skip


def _files(folder: Path, lists: Lists) -> tuple[list[tuple[Path, str, str]], list[Path]]:
    """Files that are there, as (path, clip, kind), and paths of those that are not."""
    present: list[tuple[Path, str, str]] = []
    absent: list[Path] = []
    listed: dict[str, Line] = {line.name: line for lines in lists.folds.values() for line in lines}
    for line in listed.values():
        told = named(line.name)
        for kind, name in (("video", line.name), ("audio", line.sound)):
            path = media_path(folder, kind, name, "" if told is None else told[0])
            if path.is_file():
                present.append((path, line.name, kind))
            else:
                absent.append(path)
    return present, absent


def _of_media(
    opened: Iterable[tuple[Path, str, str]],
    found: Mapping[Path, Surveyed],
    folder: Path,
    seconds: int,
    tolerance: float,
) -> Iterable[Problem]:
    """What is wrong with the files, in their order."""
    lengths: dict[str, float] = {}
    for path, clip, kind in opened:
        short, result = _short(path, folder), found[path]
        if result.info is None:
            yield Problem("unreadable", short, result.problem)
            continue
        stream = result.info.video if kind == "video" else result.info.audio
        if stream is None:
            yield Problem("unreadable", short, f"{short}: there is no {_WORDS[kind]} in it")
            continue
        declared = stream.duration or result.info.duration
        if declared is None:
            yield Problem("duration", short, f"{short}: it does not say how long it is")
            continue
        if abs(declared - seconds) > Fraction(tolerance):
            yield Problem("duration", short, f"{short}: {float(declared):.3f} s, not {seconds} s")
        other = lengths.setdefault(clip, float(declared))
        if abs(other - float(declared)) > tolerance:
            text = f"{clip}: the picture lasts {other:.3f} s, the sound {float(declared):.3f} s"
            yield Problem("lengths", clip, text)


def _short(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
