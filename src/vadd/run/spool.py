"""Rows in a file, to be read in any order without being held: sixteen bytes a row are remembered."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from typing import BinaryIO

from vadd.detect.verdict import Outcome
from vadd.errors import StoreError
from vadd.run.rows import Row

__all__ = ["ORDERS", "Spool"]

#: ``score``: the highest first, then the unscored, then the failed. ``path``: as they were put in.
ORDERS = ("score", "path")
#: After all scores, which count from -1 to 0.
_UNSCORED, _FAILED = 1.0, 2.0


class Spool:
    """JSON Lines of rows, and where each begins.

    Args:
        file: Open for reading and, if rows are added, for writing; what it holds already is not looked at.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0
        self._starts, self._ranks = array("q"), array("d")

    @classmethod
    def of(cls, file: BinaryIO, source: str) -> Spool:
        """The rows that a file holds.

        Args:
            file: Open for reading, at its start.
            source: What to call it in an error.

        Raises:
            StoreError: If a line is no row.
        """
        spool = cls(file)
        for number, line in enumerate(file, 1):
            try:
                row = Row.from_json(json.loads(line))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise StoreError(f"{source}, line {number}: no row: {error}") from error
            spool._note(row, len(line))
        return spool

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, row: Row) -> None:
        """Write a row at the end; none may have been read since the last one was added.

        Raises:
            OSError: If it cannot be written.
        """
        line = json.dumps(row.to_json(), separators=(", ", ": "), allow_nan=False).encode() + b"\n"
        self._file.write(line)
        self._note(row, len(line))

    def rows(self, order: str = "path") -> Iterator[Row]:
        """All rows, read one by one.

        Args:
            order: One of :data:`ORDERS`; among equal scores the order of the paths.
        """
        if order not in ORDERS:
            raise ValueError(f"rows are ordered by {', '.join(ORDERS)}, not {order!r}")
        self._file.flush()
        wanted = range(len(self._starts))
        for at in sorted(wanted, key=self._ranks.__getitem__) if order == "score" else wanted:
            self._file.seek(self._starts[at])
            yield Row.from_json(json.loads(self._file.readline()))

    def _note(self, row: Row, length: int) -> None:
        self._starts.append(self._end)
        self._end += length
        if row.verdict == Outcome.FAILED:
            self._ranks.append(_FAILED)
        else:
            self._ranks.append(_UNSCORED if row.score is None else -row.score)
