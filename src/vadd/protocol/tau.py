"""TAU Urban Audio-Visual Scenes 2021: its clips, their scenes, cities, locations and folds.

Read from the data set's own ``meta`` folder, or from one CSV with the columns ``clip``, ``scene``,
``city``, ``location`` and ``fold1``. Any other collection in either form will do as well. The evaluation
set, whose clips last 2 s, has no scenes and no places: only names.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vadd.embed.pipeline import Source
from vadd.errors import ProtocolError, UsageError
from vadd.protocol.tau_folder import FOLD, Line, media_path, read_lines, setup_folder
from vadd.scenes import TAU

__all__ = [
    "TauClip", "evaluation_sources", "file_order", "labelled", "named", "read_clips", "read_evaluation",
    "tau_sources",
]  # fmt: skip

COLUMNS = ("clip", "scene", "city", "location", "fold1")
SPLITS = ("train", "test")


@dataclass(frozen=True, slots=True)
class TauClip:
    """A clip as the lists name it.

    Attributes:
        name: ``scene-city-location-segment``, without file suffix; 10 s clips may end in a device code.
        scene: One of the ten scenes.
        city: Where it was recorded.
        location: Number of the place, unique over all cities.
        split: ``train`` or ``test``.
    """

    name: str
    scene: str
    city: str
    location: str
    split: str


def named(name: str) -> tuple[str, str, str] | None:
    """Scene, city and location that a clip's name tells, or ``None`` if it is not named as TAU's are."""
    parts = name.split("-")
    if len(parts) not in (4, 5) or parts[0] not in TAU.scenes or not all(parts):
        return None
    return parts[0], parts[1], parts[2]


def read_clips(place: Path) -> tuple[TauClip, ...]:
    """The clips of a list.

    Args:
        place: A CSV with the columns above, the data set's folder, or its ``meta`` folder. In a folder the
            third official list, ``fold1_evaluate.csv``, must agree with the test fold where it is there.

    Returns:
        The clips, sorted by name.

    Raises:
        UsageError: If there is no such file or folder.
        ProtocolError: If a line makes no sense, a clip is there twice, or lists contradict each other; names
            file and line.
    """
    if place.is_dir():
        clips = list(_from_meta(place))
    elif place.is_file():
        clips = list(_from_csv(place))
    else:
        raise UsageError(f"there is no list {place}")
    if not clips:
        raise ProtocolError(f"{place} names no clips")
    return tuple(sorted(clips, key=lambda clip: clip.name))


def read_evaluation(place: Path) -> tuple[str, ...]:
    """The clips of the evaluation set, of which only the names are public.

    Args:
        place: The list ``fold1_test.csv`` of the evaluation set, its folder, or its ``meta`` folder.

    Returns:
        Names without file suffix, in the list's order, which is that of a submission.

    Raises:
        UsageError: If there is no such list.
        ProtocolError: If a line makes no sense, or the folder is that of the development set.
    """
    if place.is_dir():
        setup = setup_folder(place)
        if (setup / FOLD["train"]).is_file():
            raise ProtocolError(f"{setup} has a {FOLD['train']}: it is not of the evaluation set")
        place = setup / FOLD["test"]
    names = tuple(line.name for line in _lines(place))
    if not names:
        raise ProtocolError(f"{place} names no clips")
    return names


def file_order(clips: Iterable[TauClip]) -> tuple[TauClip, ...]:
    """The clips as their video files are sorted, which is how the authors number them."""
    return tuple(sorted(clips, key=lambda clip: f"{clip.name}.mp4"))


def tau_sources(folder: Path) -> tuple[Source, ...]:
    """The clips of a data set's folder, which keeps pictures in ``video`` and sounds in ``audio``.

    Raises:
        UsageError: If a file that the list names is not there; says how many.
        ProtocolError: If the list makes no sense.
    """
    sources = []
    for clip in read_clips(folder):
        picture, sound = (media_path(folder, kind, clip.name, clip.scene) for kind in ("video", "audio"))
        sources.append(Source(clip.name, picture, sound, clip.scene, clip.city, clip.location, clip.split))
    return _all_there(folder, sources)


def evaluation_sources(folder: Path) -> tuple[Source, ...]:
    """The clips of the evaluation set's folder, sorted as the list is, without labels.

    Raises:
        UsageError: If a file that the list names is not there; says how many.
        ProtocolError: If the list makes no sense.
    """
    sources = [
        Source(name, media_path(folder, "video", name), media_path(folder, "audio", name))
        for name in read_evaluation(folder)
    ]
    return _all_there(folder, sources)


def _all_there(folder: Path, sources: list[Source]) -> tuple[Source, ...]:
    paths = (path for source in sources for path in (source.picture, source.sound))
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise UsageError(f"{len(missing)} files that {folder} lists are not there, the first is {missing[0]}")
    return tuple(sources)


def labelled(sources: Iterable[Source], clips: Iterable[TauClip] | None = None) -> tuple[Source, ...]:
    """Sources with the labels of a list, or with what their names tell.

    Args:
        sources: Found in a folder; a clip is known by the last part of its name.
        clips: The list; sources that it does not name stay without labels.
    """
    known = None if clips is None else {clip.name: clip for clip in clips}
    result = []
    for source in sources:
        name = source.name.rpartition("/")[2]
        if known is not None:
            clip = known.get(name)
        else:
            told = named(name)
            clip = None if told is None else TauClip(name, *told, split="")
        if clip is not None:
            labels = (clip.scene, clip.city, clip.location, clip.split)
            source = Source(source.name, source.picture, source.sound, *labels)
        result.append(source)
    return tuple(result)


def _from_csv(path: Path) -> Iterator[TauClip]:
    for number, row in _rows(path, COLUMNS):
        clip, scene, city, location, split = (row[column] for column in COLUMNS)
        yield _checked(path, number, TauClip(clip, scene, city, location, split))


def _from_meta(folder: Path) -> Iterator[TauClip]:
    setup = setup_folder(folder)
    if not (setup / FOLD["train"]).is_file():
        raise UsageError(f"there is no {FOLD['train']} in {setup}: the evaluation set has no folds")
    seen: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    for split in SPLITS:
        path = setup / FOLD[split]
        for line in _lines(path):
            told = named(line.name)
            if told is None:
                raise ProtocolError(
                    f"{path}, line {line.number}: {line.name!r} is not scene-city-location-segment"
                )
            if line.scene not in ("", told[0]):
                raise ProtocolError(f"{path}, line {line.number}: {line.name} is called {line.scene!r}")
            if split == "test" and line.name in seen["train"]:
                raise ProtocolError(f"{path}, line {line.number}: {line.name} is in {FOLD['train']} too")
            seen[split][line.name] = line.number
            yield _checked(path, line.number, TauClip(line.name, *told, split=split))
    if (setup / FOLD["evaluate"]).is_file():
        _agreeing(setup / FOLD["evaluate"], seen["test"])


def _agreeing(path: Path, tested: dict[str, int]) -> None:
    """Make sure that the list with the test fold's scenes names the clips of the test fold."""
    left = dict(tested)
    for line in _lines(path):
        told = named(line.name)
        if left.pop(line.name, None) is None or told is None:
            raise ProtocolError(f"{path}, line {line.number}: {line.name!r} is not in {FOLD['test']}")
        if line.scene not in ("", told[0]):
            raise ProtocolError(f"{path}, line {line.number}: {line.name} is called {line.scene!r}")
    if left:
        name, number = next(iter(left.items()))
        raise ProtocolError(f"{path} lacks {name}, which {FOLD['test']} has in line {number}")


def _lines(path: Path) -> Iterator[Line]:
    """The lines of an official list, each clip at most once and its sound called as its picture is."""
    seen: set[str] = set()
    for line in read_lines(path):
        if line.name in seen:
            raise ProtocolError(f"{path}, line {line.number}: {line.name!r} is listed twice")
        if line.sound != line.name:
            raise ProtocolError(
                f"{path}, line {line.number}: the sound of {line.name} is called {line.sound!r}"
            )
        seen.add(line.name)
        yield line


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a table with their numbers; each clip, the first column, at most once."""
    seen: set[str] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(",;\t", key=file.readline().count)  # the first line tells which it is
            file.seek(0)
            table = csv.DictReader(file, delimiter=delimiter)
            missing = [column for column in columns if column not in (table.fieldnames or ())]
            if missing:
                raise ProtocolError(f"{path}, line 1: there is no column {missing[0]!r}")
            for row in table:
                if any(row[column] is None for column in columns):
                    raise ProtocolError(f"{path}, line {table.line_num}: it has too few columns")
                name = row[columns[0]]
                if name in seen:
                    raise ProtocolError(f"{path}, line {table.line_num}: {name!r} is listed twice")
                seen.add(name)
                yield table.line_num, row
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProtocolError(f"{path} is no table: {error}") from error


def _checked(path: Path, number: int, clip: TauClip) -> TauClip:
    if not clip.name or clip.split not in SPLITS:
        raise ProtocolError(f"{path}, line {number}: the fold is {clip.split!r}, not train or test")
    return clip
