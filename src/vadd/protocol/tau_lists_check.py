"""Whether TAU's lists are what they should be: counts, names, scenes, folds that share nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vadd.protocol.tau import named
from vadd.protocol.tau_folder import FOLD, Line, read_lines, setup_folder

__all__ = ["EXPECTED", "KINDS", "Lists", "Problem", "check_lists"]

#: Clips of each fold of the two sets, as published.
EXPECTED = {"development": {"train": 8646, "test": 3645}, "evaluation": {"test": 72_000}}
#: What may be wrong, and what that means.
KINDS = {
    "count": "numbers of clips that are not those published",
    "name": "names that are not scene-city-location-segment",
    "scene": "scenes that a list calls otherwise than the name does",
    "twice": "clips that are listed twice",
    "pair": "lines whose picture and sound have different names",
    "evaluate": f"lines in which {FOLD['evaluate']} and {FOLD['test']} disagree",
    "location": "places that are in both folds",
    "missing": "files that are listed and not there",
    "unlisted": "files that are there and not listed",
    "unreadable": "files that cannot be read",
    "duration": "files that are too long or too short",
    "lengths": "clips whose picture and sound have different lengths",
    "changed": "files that are not what they were when they came",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        kind: One of :data:`KINDS`.
        what: The clip, the file or the place that it is about.
        text: One line for a person.
    """

    kind: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Lists:
    """What the lists say.

    Attributes:
        which: ``development``, or ``evaluation`` where there is no training fold.
        folds: Fold → its lines.
        problems: What is wrong with them.
    """

    which: str
    folds: Mapping[str, tuple[Line, ...]]
    problems: tuple[Problem, ...]

    def counts(self) -> dict[str, dict[str, int]]:
        """Fold → scene → clips; the scene is empty where a name does not tell it."""
        found = {
            fold: Counter((named(line.name) or ("",))[0] for line in lines)
            for fold, lines in self.folds.items()
        }
        return {fold: dict(sorted(counts.items())) for fold, counts in found.items()}


def check_lists(folder: Path, *, part: bool = False) -> Lists:
    """Read the official lists and hold them against what is published, and against each other.

    Args:
        folder: The data set's folder.
        part: Whether these need not be all clips.

    Raises:
        UsageError: If there are no lists.
        ProtocolError: If one is no table.
    """
    setup = setup_folder(folder)
    which = "development" if (setup / FOLD["train"]).is_file() else "evaluation"
    folds = {fold: tuple(read_lines(setup / FOLD[fold])) for fold in EXPECTED[which]}
    problems: list[Problem] = []
    for fold, lines in folds.items():
        wanted = EXPECTED[which][fold]
        if not part and len(lines) != wanted:
            text = f"{FOLD[fold]} names {len(lines):,} clips, not {wanted:,}"
            problems.append(Problem("count", fold, text))
    seen: dict[str, str] = {}
    for fold, lines in folds.items():
        problems += _of_lines(FOLD[fold], lines, seen, labelled=which == "development")
    if which == "development":
        problems += _shared_places(folds)
        if (setup / FOLD["evaluate"]).is_file():
            problems += _disagreements(folds["test"], tuple(read_lines(setup / FOLD["evaluate"])))
    return Lists(which, folds, tuple(problems))


def _of_lines(file: str, lines: Iterable[Line], seen: dict[str, str], *, labelled: bool) -> Iterable[Problem]:
    for line in lines:
        where = f"{file}, line {line.number}"
        if line.name in seen:
            yield Problem("twice", line.name, f"{where}: {line.name} is in {seen[line.name]} already")
        else:
            seen[line.name] = where
        if line.sound != line.name:
            yield Problem("pair", line.name, f"{where}: the sound of {line.name} is called {line.sound!r}")
        told = named(line.name)
        if not labelled:
            continue
        if told is None:
            yield Problem("name", line.name, f"{where}: {line.name!r}")
        elif line.scene not in ("", told[0]):
            yield Problem("scene", line.name, f"{where}: {line.name} is called {line.scene!r}")


def _shared_places(folds: Mapping[str, tuple[Line, ...]]) -> Iterable[Problem]:
    places = {
        fold: Counter(told[1:] for line in lines if (told := named(line.name)) is not None)
        for fold, lines in folds.items()
    }
    for city, location in sorted(places["train"].keys() & places["test"].keys()):
        clips = {fold: counts[city, location] for fold, counts in places.items()}
        text = f"{city} {location}: {clips['train']} clips in train, {clips['test']} in test"
        yield Problem("location", f"{city}-{location}", text)


def _disagreements(tested: tuple[Line, ...], evaluated: tuple[Line, ...]) -> Iterable[Problem]:
    names = {line.name for line in tested}
    for line in evaluated:
        told = named(line.name)
        where = f"{FOLD['evaluate']}, line {line.number}"
        if line.name not in names:
            yield Problem("evaluate", line.name, f"{where}: {line.name} is not in {FOLD['test']}")
        elif told is not None and line.scene not in ("", told[0]):
            yield Problem("evaluate", line.name, f"{where}: {line.name} is called {line.scene!r}")
    there = {line.name for line in evaluated}
    for line in tested:
        if line.name not in there:
            text = f"{FOLD['test']}, line {line.number}: {line.name} is not in {FOLD['evaluate']}"
            yield Problem("evaluate", line.name, text)
