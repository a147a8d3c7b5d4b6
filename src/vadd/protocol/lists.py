"""The paper's own form of a benchmark: three text files of a set of classes, one Python literal a line.

==============================  ==========================================
File                            Line
==============================  ==========================================
``vadd_10_pristine.txt``        ``['NAME.mp4', 'CLASS']``
``vadd_10_manipulated.txt``     likewise; whose sound it gets is not told
``vadd_10_swaps.txt``           as we write it: ``('PICTURE.mp4', 'SOUND.mp4')``
==============================  ==========================================

The published ``swaps`` files are the ``pristine`` ones over again. Lines are read as literals, nothing in
them is ever run.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.tau import TauClip, named
from vadd.scenes import TAU, by_size, coarsen

__all__ = ["SUFFIX", "Anomaly", "Listed", "Lists", "anomalies", "by_city", "file_name", "read_lists", "sizes"]

#: What the names carry in these files.
SUFFIX = ".mp4"
#: No line of a list is longer.
_LONGEST = 4096
#: From this share (0-1) on nearly all clips of a city are in one half.
_NEARLY = 0.95


@dataclass(frozen=True, slots=True)
class Listed:
    """A line: a clip's name without suffix, its class, and where it stands."""

    name: str
    label: str
    path: Path
    line: int

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.path}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Lists:
    """The three files of a set of classes.

    Attributes:
        classes: How many.
        pristine: Clips that keep their sound.
        manipulated: Clips that get another.
        swaps: Picture and sound, names without suffix, with the line; ``None`` where the file does not
            say, or is not there.
        repeated: Whether the swaps file is the pristine one over again, byte by byte.
    """

    classes: int
    pristine: tuple[Listed, ...]
    manipulated: tuple[Listed, ...]
    swaps: tuple[tuple[str, str, int], ...] | None
    repeated: bool


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that should not be.

    Attributes:
        kind: A code: ``no_donors``, ``city``, ``both``, ``twice``, ``unknown``, ``label``.
        count: How often.
        told: A sentence; names the first place where there is one.
    """

    kind: str
    count: int
    told: str


def file_name(classes: int | str, what: str) -> str:
    """The name of the ``pristine``, ``manipulated`` or ``swaps`` file."""
    return f"vadd_{classes}_{what}.txt"


def sizes(folder: Path) -> tuple[int, ...]:
    """For which numbers of classes a folder has lists, most first.

    Raises:
        UsageError: If it is no folder, or has none.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    found = tuple(size for size in (10, 3, 2) if (folder / file_name(size, "manipulated")).is_file())
    if not found:
        raise UsageError(
            f"there is no {file_name(10, 'manipulated')} or {file_name(3, 'manipulated')} in {folder}"
        )
    return found


def read_lists(folder: Path, classes: int) -> Lists:
    """Read the lists of a set of classes.

    Raises:
        UsageError: If a file is missing or cannot be read.
        ProtocolError: If a line is no such literal, or names nothing; names file and line.
    """
    paths = {what: folder / file_name(classes, what) for what in ("pristine", "manipulated", "swaps")}
    halves = {
        what: tuple(
            Listed(_bare(first), second, paths[what], line) for line, first, second in _pairs(paths[what])
        )
        for what in ("pristine", "manipulated")
    }
    if not halves["manipulated"]:
        raise ProtocolError(f"{paths['manipulated']} names no clips")
    swaps = None
    repeated = False
    if paths["swaps"].is_file():
        pairs = list(_pairs(paths["swaps"]))
        repeated = paths["swaps"].read_bytes() == paths["pristine"].read_bytes()
        if pairs and not repeated and all(second.endswith(SUFFIX) for _, _, second in pairs):
            swaps = tuple((_bare(first), _bare(second), line) for line, first, second in pairs)
    return Lists(classes, halves["pristine"], halves["manipulated"], swaps, repeated)


def anomalies(lists: Lists, clips: Iterable[TauClip] | None = None) -> tuple[Anomaly, ...]:
    """What is not as it should be.

    Args:
        lists: The lists.
        clips: All clips that there are, to know the names by; without them names are looked at alone.
    """
    found = []
    swaps = file_name(lists.classes, "swaps")
    if lists.repeated:
        found.append(Anomaly("no_donors", 1, (
            f"{swaps} is {file_name(lists.classes, 'pristine')} over again, byte by byte: whose sound the "
            "manipulated clips get is not published"
        )))  # fmt: skip
    elif lists.swaps is None:
        found.append(Anomaly("no_donors", 1, f"{swaps} does not say whose sound the manipulated clips get"))
    found += _cities(lists)
    both = {each.name for each in lists.pristine} & {each.name for each in lists.manipulated}
    found += _told("both", "are in both lists", [each for each in lists.manipulated if each.name in both])
    for half in (lists.pristine, lists.manipulated):
        times = Counter(each.name for each in half)
        found += _told("twice", "are listed more than once", [e for e in half if times[e.name] > 1], times=2)
    known = None if clips is None else {clip.name: clip.scene for clip in clips}
    labels = scene_labels(lists.classes)
    strange, wrong = [], []
    for each in (*lists.pristine, *lists.manipulated):
        scene = known.get(each.name) if known is not None else (named(each.name) or (None,))[0]
        if scene is None:
            strange.append(each)
        elif labels.get(scene) != each.label:
            wrong.append(each)
    unknown = "are named as no clip of TAU is" if known is None else "are not among the clips"
    found += _told("unknown", unknown, strange)
    found += _told("label", "are of a class that does not go with their name", wrong)
    return tuple(found)


def by_city(lists: Lists) -> dict[str, tuple[int, int]]:
    """City → pristine and manipulated clips; names that tell no city are passed over."""
    counts: dict[str, list[int]] = {}
    for half, listed in enumerate((lists.pristine, lists.manipulated)):
        for each in listed:
            told = named(each.name)
            if told is not None:
                counts.setdefault(told[1], [0, 0])[half] += 1
    return {city: (kept, changed) for city, (kept, changed) in sorted(counts.items())}


def scene_labels(classes: int) -> Mapping[str, str]:
    """TAU scene → class, without the scenes that the classes leave out."""
    scenes = by_size(classes)
    into = zip(TAU.scenes, coarsen(TAU, scenes), strict=True)
    return {scene: scenes.scenes[at] for scene, at in into if at is not None}


def _cities(lists: Lists) -> Iterator[Anomaly]:
    cities = by_city(lists)
    halves = ("keep their sound", "get another sound")
    for at, words in enumerate(halves):
        whole = [city for city, counts in cities.items() if not counts[1 - at]]
        nearly = [
            city for city, counts in cities.items()
            if counts[1 - at] and counts[at] >= _NEARLY * sum(counts)
        ]  # fmt: skip
        for quantity, group in (("all", whole), ("nearly all", nearly)):
            if group and len(cities) > 1:
                told = ", ".join(f"{city} {cities[city][at]} of {sum(cities[city])}" for city in group)
                yield Anomaly("city", len(group), f"{quantity} clips of these cities {words}: {told}")


def _told(kind: str, what: str, where: list[Listed], *, times: int = 1) -> Iterator[Anomaly]:
    if where:
        first = where[times - 1] if times > 1 else where[0]
        yield Anomaly(
            kind, len(where), f"{len(where)} lines name clips that {what}: {first.where}, {first.name!r}"
        )


def _bare(name: str) -> str:
    return name.removesuffix(SUFFIX)


def _pairs(path: Path) -> Iterator[tuple[int, str, str]]:
    """The lines of a file that hold something, with their numbers: two strings each."""
    try:
        with path.open(encoding="utf-8-sig") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange escapes in literals
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), ""), start=1):
                if not line.strip():
                    continue
                try:
                    value = ast.literal_eval(line.strip()) if len(line) < _LONGEST else None
                except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                    value = None
                if (
                    not isinstance(value, list | tuple)
                    or len(value) != 2
                    or not all(isinstance(part, str) and part for part in value)
                ):
                    raise ProtocolError(
                        f"{path}, line {number}: not ['NAME{SUFFIX}', 'CLASS'] but {line.strip()[:60]!r}"
                    )
                yield number, value[0], value[1]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{path} is no text in UTF-8: {error}") from error
