"""Flagged spans as AV-Deepfake1M's tools and ``vadd protocol score`` read them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from vadd.detect.verdict import Verdict
from vadd.report.document import PLACES
from vadd.report.text import storable

__all__ = ["avdf", "proposals"]

#: Score (0-1), start and end in seconds.
Proposal = tuple[float, float, float]


def proposals(verdict: Verdict) -> list[Proposal]:
    """The flagged spans, highest score first; of equal ones the earlier first."""
    found = [
        (
            round(each.score, PLACES),
            round(float(each.span.start), PLACES),
            round(float(each.span.end), PLACES),
        )
        for each in verdict.spans
    ]
    return sorted(found, key=lambda each: -each[0])


def avdf(files: Sequence[tuple[str, Sequence[Proposal]]]) -> str:
    """The JSON of AV-Deepfake1M's temporal localisation: ``{"FILE": [[score, start, end], ...], ...}``.

    Args:
        files: (path as the user named it, :func:`proposals`); a path may repeat.

    Returns:
        One line of ASCII that ends in a newline. Files are named without their folders, as the format does;
        where two would have one name, by their paths. Each is there, also those in which nothing is flagged.
    """
    paths = [storable(path) for path, _ in files]
    names = [PurePath(path).name or path for path in paths]
    count = Counter(names)
    table: dict[str, list[Proposal]] = {}
    for path, name, (_, found) in zip(paths, names, files, strict=True):
        table[_free(name if count[name] == 1 else path, table)] = list(found)
    return json.dumps(table, allow_nan=False) + "\n"


def _free(name: str, taken: dict[str, list[Proposal]]) -> str:
    """The name, with a number behind it if another file has it already."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
