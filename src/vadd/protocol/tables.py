"""Tables that people bring along: CSV whatever wrote it, and every mistake with its line."""

from __future__ import annotations

import csv
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vadd.errors import ProtocolError, UsageError

__all__ = ["records", "rows", "unswept"]

#: What may stand between the fields of a table; the first line tells which it is.
_DELIMITERS = ",;\t"
#: A field beyond this is no name and no list of spans.
_LONGEST = 100_000


def rows(
    path: Path, required: Sequence[str], *, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a table as column → field; else as :func:`records`."""
    columns = (*required, *optional)
    for number, fields in records(path, required, optional=optional):
        yield number, dict(zip(columns, fields, strict=True))


def records(
    path: Path, required: Sequence[str], *, optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table with their numbers; for tables of a million lines.

    A byte-order mark, line ends of any kind, and semicolons or tabs for commas are taken as they come;
    columns may stand in any order, and further ones are passed over.

    Args:
        path: The file.
        required: Columns that must be there.
        optional: Columns that are given as empty where they are not there.

    Yields:
        Line number, from 2 on, and the fields of the required and then of the optional columns, with the
        space around them taken off.

    Raises:
        UsageError: If the file cannot be read.
        ProtocolError: If it is no such table; names file and line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            delimiter = max(_DELIMITERS, key=head.count)
            file.seek(0)
            csv.field_size_limit(_LONGEST)
            table = csv.reader(file, delimiter=delimiter, strict=True)
            names = [name.strip() for name in next(_parsed(table, path), [])]
            missing = [column for column in required if column not in names]
            if missing:
                raise ProtocolError(f"{path}, line 1: there is no column {missing[0]!r}")
            twice = [column for column in (*required, *optional) if names.count(column) > 1]
            if twice:
                raise ProtocolError(f"{path}, line 1: the column {twice[0]!r} is there twice")
            width = len(names)
            # A column that is not there stands behind the last, where each line gets an empty field.
            places = [names.index(name) if name in names else width for name in (*required, *optional)]
            for fields in _parsed(table, path):
                if not fields:
                    continue
                if len(fields) != width:
                    raise ProtocolError(
                        f"{path}, line {table.line_num}: it has {len(fields)} fields, not {width}"
                    )
                fields.append("")
                yield table.line_num, [fields[at].strip() for at in places]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{path}, line {_undecodable(path)}: it is no table in UTF-8: {error}") from error


def _parsed(table: Any, path: Path) -> Iterator[list[str]]:
    """The fields of each line, and with what is no table the line."""
    try:
        yield from table
    except csv.Error as error:
        raise ProtocolError(f"{path}, line {table.line_num}: it is no table: {error}") from error


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8; decoders count from where they last stopped, not from a line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1


@contextmanager
def unswept() -> Iterator[None]:
    """Do not look for cycles meanwhile: where millions of objects are made, it takes half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
