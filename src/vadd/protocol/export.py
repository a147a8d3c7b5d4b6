"""Benchmarks and predictions in the forms that other tools read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from vadd.errors import ProtocolError
from vadd.protocol.lists import SUFFIX, file_name
from vadd.protocol.manifest import Entry, Party
from vadd.protocol.tables import rows
from vadd.scenes import SCENE_SETS, TAU

__all__ = ["EVALUATION_CLIPS", "dcase_table", "vadd_lists", "write_lists"]

#: Clips of TAU's evaluation set.
EVALUATION_CLIPS = 72_000
#: How far the probabilities of a clip may be from a sum of 1: they are written with few digits.
_TOLERANCE = 0.01


def vadd_lists(entries: Sequence[Entry], classes: str | None = None) -> dict[str, str]:
    """A benchmark as the paper's authors write theirs.

    Pristine and manipulated clips stand in their lists as ``['NAME.mp4', 'CLASS']``, sorted; whose sound a
    manipulated clip gets stands in the swaps as ``('PICTURE.mp4', 'SOUND.mp4')``, in the same order.
    :func:`vadd.protocol.lists.read_lists` reads them back.

    Args:
        entries: The trials.
        classes: What the files' names carry: the number of classes, or ``own``; ``None``: the number of
            the smallest of our scene sets that has all labels.

    Returns:
        File name → text.

    Raises:
        ProtocolError: If the form cannot hold it: sounds that are foreign in spans, a picture with two
            foreign sounds.
    """
    pristine = sorted((each.picture for each in entries if not each.manipulated), key=_name)
    swapped = sorted((each for each in entries if each.manipulated), key=lambda each: _name(each.picture))
    spliced = next((each.trial for each in entries if each.spans), None)
    if spliced is not None:
        raise ProtocolError(
            f"the sound of the trial {spliced} is foreign in spans, which the paper's form has no place for"
        )
    for half in (pristine, [each.picture for each in swapped]):
        for one, other in pairwise(half):
            if one.name == other.name:
                raise ProtocolError(
                    f"{one.name} is shown twice in one half, which the paper's form has no place for"
                )
    classes = classes or _classes({party.label for each in entries for party in (each.picture, each.sound)})
    texts: dict[str, list[list[str] | tuple[str, str]]] = {
        "pristine": [[_name(party), party.label] for party in pristine],
        "manipulated": [[_name(each.picture), each.picture.label] for each in swapped],
        "swaps": [(_name(each.picture), _name(each.sound)) for each in swapped],
    }
    return {
        file_name(classes, what): "".join(f"{line!r}\n" for line in lines) for what, lines in texts.items()
    }


def write_lists(folder: Path, texts: dict[str, str]) -> None:
    """Write the lists into a folder, all or none.

    Raises:
        OutputError: If they cannot be written.
    """
    from vadd.classify.card import publish

    publish(folder, {name: text.encode("utf-8") for name, text in texts.items()}, what="the lists into")


def dcase_table(path: Path) -> tuple[str, int]:
    """Predictions of scenes in the form in which DCASE 2021 takes them for its task 1B.

    That form is a table separated by tabs: ``filename``, ``scene_label``, and the probability of each of the
    ten scenes in alphabetical order, with a header row that names them; one row a file, in any order. File
    names are passed on as they are in the table, as the evaluation set's own list writes them.

    Args:
        path: A table with ``filename`` (or ``clip``) and a column for each scene; ``scene_label`` (or
            ``answer``) is the most probable scene where the table has no such column. What ``vadd evaluate
            --out`` writes is such a table.

    Returns:
        The text, and the number of files.

    Raises:
        UsageError: If the table cannot be read.
        ProtocolError: If a column is missing, a file is there twice, or numbers are no probabilities; names
            file and line.
    """
    table = ["\t".join(("filename", "scene_label", *TAU.scenes))]
    lines: dict[str, int] = {}
    for number, row in rows(path, TAU.scenes, optional=("filename", "clip", "scene_label", "answer")):
        where = f"{path}, line {number}"
        name = row["filename"] or row["clip"]
        if not name:
            raise ProtocolError(f"{where}: there is no filename")
        if re.search(r"[\t\r\n]", name):
            raise ProtocolError(f"{where}: the filename {name!r} cannot stand in a table separated by tabs")
        if name in lines:
            raise ProtocolError(f"{where}: {name} is in line {lines[name]} already")
        lines[name] = number
        shares = [_share(row[scene], scene, where) for scene in TAU.scenes]
        if abs(sum(shares) - 1) > _TOLERANCE:
            raise ProtocolError(f"{where}: the probabilities of {name} sum up to {sum(shares):.4f}, not 1")
        label = row["scene_label"] or row["answer"] or TAU.scenes[shares.index(max(shares))]
        if label not in TAU.scenes:
            raise ProtocolError(f"{where}: {label!r} is not one of the scenes: {', '.join(TAU.scenes)}")
        table.append("\t".join((name, label, *(row[scene] for scene in TAU.scenes))))
    if not lines:
        raise ProtocolError(f"{path} has no predictions")
    return "\n".join(table) + "\n", len(lines)


def _share(text: str, scene: str, where: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ProtocolError(f"{where}: {text!r} is no probability of {scene}")
    return share


def _name(party: Party) -> str:
    return f"{party.name}{SUFFIX}"


def _classes(labels: set[str]) -> str:
    """The number of classes of the smallest set that has all labels, or ``own``."""
    fitting = [len(each) for each in SCENE_SETS.values() if labels <= set(each.scenes)]
    return str(min(fitting)) if fitting else "own"
