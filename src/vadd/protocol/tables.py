"""Tables that people bring along: CSV whatever wrote it, and every mistake with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from vadd.errors import ProtocolError, UsageError

__all__ = ["rows"]

#: What may stand between the fields of a table; the first line tells which it is.
_DELIMITERS = ",;\t"
#: A field beyond this is no name and no list of spans.
_LONGEST = 100_000


def rows(
    path: Path, required: Sequence[str], *, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a table with their numbers.

    A byte-order mark, line ends of any kind, and semicolons or tabs for commas are taken as they come;
    columns may stand in any order, and further ones are passed over.

    Args:
        path: The file.
        required: Columns that must be there.
        optional: Columns that are given as empty where they are not there.

    Yields:
        Line number, from 2 on, and column → field with the space around it taken off.

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
            names = [name.strip() for name in next(table, [])]
            missing = [column for column in required if column not in names]
            if missing:
                raise ProtocolError(f"{path}, line 1: there is no column {missing[0]!r}")
            places = {name: names.index(name) for name in (*required, *optional) if name in names}
            absent = dict.fromkeys((name for name in optional if name not in names), "")
            for fields in table:
                if not fields:
                    continue
                if len(fields) != len(names):
                    raise ProtocolError(
                        f"{path}, line {table.line_num}: it has {len(fields)} fields, not {len(names)}"
                    )
                yield table.line_num, {**{n: fields[at].strip() for n, at in places.items()}, **absent}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except csv.Error as error:
        raise ProtocolError(f"{path} is no table: {error}") from error
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{path} is no table in UTF-8: {error}") from error
