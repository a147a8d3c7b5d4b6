"""Tables of joined clips, one line a piece, and of the clips that they are joined of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.join import Joined, Piece, Stock
from vadd.protocol.manifest import read_spans
from vadd.protocol.tables import rows
from vadd.timeline import Span

__all__ = ["COLUMNS", "FORM", "joins_table", "read_joins", "read_near", "read_stock"]

#: Name and version of the form.
FORM = "vadd.joins/1"
COLUMNS = (
    "joins", "clip", "seed", "source", "class", "kind", "city", "location", "cut", "span",
)  # fmt: skip


def read_stock(path: Path) -> tuple[Stock, ...]:
    """The clips of a list, in its order.

    Args:
        path: A CSV with the columns ``clip``, ``scene`` (the class), ``city`` and ``location``, and maybe
            ``kind``, what is seen and heard where that is finer than the class.

    Raises:
        UsageError: If the file cannot be read.
        ProtocolError: If a line makes no sense; names file and line.
    """
    found: dict[str, Stock] = {}
    needed = ("clip", "scene", "city", "location")
    for number, row in rows(path, needed, optional=("kind",)):
        name, label = row["clip"], row["scene"]
        for what, word in (("name", name), ("scene", label), ("location", row["location"])):
            if not word:
                raise ProtocolError(f"{path}, line {number}: a clip without a {what}")
        if "/" in name or name[0] == ".":
            raise ProtocolError(f"{path}, line {number}: {name!r} is no name of a clip")
        if name in found:
            raise ProtocolError(f"{path}, line {number}: the clip {name} is there twice")
        found[name] = Stock(name, label, row["kind"] or label, row["city"], row["location"])
    if not found:
        raise ProtocolError(f"{path} names no clips")
    return tuple(found.values())


def joins_table(clips: Iterable[Joined]) -> bytes:
    """Joined clips as a table, sorted by name, so that order tells nothing."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for clip in sorted(clips, key=lambda clip: clip.name):
        for piece in clip.pieces:
            source, span = piece.source, piece.span
            cut = f"{_number(piece.start)}-{_number(piece.start + span.duration)}"
            where = f"{_number(span.start)}-{_number(span.end)}"
            words = (source.name, source.label, source.kind, source.city, source.location)
            table.writerow((FORM, clip.name, clip.seed, *words, cut, where))
    return text.getvalue().encode("utf-8", "surrogatepass")


def read_joins(path: Path) -> tuple[Joined, ...]:
    """The joined clips of a table.

    Raises:
        UsageError: If the file cannot be read.
        ProtocolError: If it is no such table, or a line makes no sense; names file and line.
    """
    found: dict[str, Joined] = {}
    for number, row in rows(path, COLUMNS):
        where = f"{path}, line {number}"
        if row["joins"] != FORM:
            raise ProtocolError(f"{where}: joins of the form {row['joins']!r}, not {FORM}")
        if not row["clip"] or not row["source"]:
            raise ProtocolError(f"{where}: a piece has a clip and a source")
        try:
            seed = int(row["seed"])
        except ValueError as error:
            raise ProtocolError(f"{where}: the seed {row['seed']!r} is no whole number") from error
        piece = _piece(row, where)
        before = found.get(row["clip"])
        if piece.span.start != (before.seconds if before else 0):
            raise ProtocolError(f"{where}: the piece does not begin where the one before ends")
        if before is not None and before.seed != seed:
            raise ProtocolError(f"{where}: the seed of {row['clip']} is {before.seed} in the line before")
        pieces = (*before.pieces, piece) if before else (piece,)
        found[row["clip"]] = Joined(row["clip"], seed, pieces)
    if not found:
        raise ProtocolError(f"{path} has no joined clips")
    return tuple(found.values())


def read_near(path: Path) -> frozenset[frozenset[str]]:
    """Pairs of classes or kinds that are near each other: ``one two`` on a line, ``#`` for comments.

    Raises:
        UsageError: If the file cannot be read.
        ProtocolError: If a line is no pair; names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text in UTF-8"
        raise UsageError(f"cannot read {path}: {str(reason).lower()}") from error
    pairs = set()
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if len(words) not in (0, 2):
            raise ProtocolError(f"{path}, line {number}: {len(words)} words are no pair of classes")
        if words:
            pairs.add(frozenset(words))
    return frozenset(pairs)


def _piece(row: Mapping[str, Any], where: str) -> Piece:
    cut, span = _span(row["cut"], where), _span(row["span"], where)
    if cut.duration != span.duration:
        raise ProtocolError(f"{where}: {row['cut']} and {row['span']} are not of the same length")
    names = (row[name] for name in ("source", "class", "kind", "city", "location"))
    return Piece(Stock(*names), cut.start, span)


def _span(text: str, where: str) -> Span:
    spans = read_spans(text, where)
    if len(spans) != 1:
        raise ProtocolError(f"{where}: {text!r} is no span of seconds")
    return spans[0]


def _number(time: Fraction) -> str:
    return f"{float(time):.6f}".rstrip("0").rstrip(".")
