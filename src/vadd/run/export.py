"""The rows that somebody asked for, written elsewhere; that they can be is made sure of before the work."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from vadd.errors import OutputError, UsageError
from vadd.report.output import prepare_folder, probe_file, write
from vadd.run.index import index_name, index_pages
from vadd.run.spool import Spool
from vadd.run.summary import Choice, Summary
from vadd.run.tables import NEEDS_PARQUET, has_parquet, table

__all__ = ["Exports"]


class Exports:
    """Tables and index of chosen rows.

    Args:
        folder: The results, into which nothing is exported.
        csv: Where the table goes, as the user named it, ``None`` for none; likewise the others.
        jsonl: JSON Lines.
        parquet: Parquet.
        html: A folder for the index.

    Raises:
        UsageError: If a path is empty, named twice or in the results, or an extra is missing.
        OutputError: If a file could not be written.
    """

    def __init__(
        self, folder: Path, *, csv: str | None, jsonl: str | None, parquet: str | None, html: str | None
    ) -> None:
        self._folder = folder
        self._html = None if html is None else self._outside(html)
        if parquet is not None and not has_parquet():
            raise UsageError(NEEDS_PARQUET)
        wanted = {"csv": csv, "jsonl": jsonl, "parquet": parquet}
        self._tables = {kind: self._outside(path) for kind, path in wanted.items() if path is not None}
        if len({path.resolve() for path in self._tables.values()}) < len(self._tables):
            raise UsageError("two tables would go to the same file")
        for path in self._tables.values():
            probe_file(path)
        if self._html is not None:
            prepare_folder(self._html)

    def write(self, spool: Spool, choice: Choice, summary: Summary) -> list[str]:
        """Write what was asked for.

        Returns:
            What was written and where, for people, a line each.

        Raises:
            OutputError: If it cannot be written.
        """
        if not self._tables and self._html is None:
            return []
        count = 0
        with ExitStack() as stack:
            tables = [stack.enter_context(table(kind, path)) for kind, path in self._tables.items()]
            for row in choice.of(spool):
                count += 1
                for each in tables:
                    each.add(row)
        if self._html is not None:
            self._index(self._html, spool, choice, summary, count)
        places = [*map(str, self._tables.values()), *([] if self._html is None else [str(self._html)])]
        return [f"  {count} rows: {place}" for place in places]

    def _index(self, place: Path, spool: Spool, choice: Choice, summary: Summary, count: int) -> None:
        way = Path(os.path.relpath(self._folder.resolve(), place.resolve())).as_posix()
        names = set()
        for name, data in index_pages(choice.of(spool), count, summary, order=choice.order, prefix=f"{way}/"):
            write(place / name, data.decode("utf-8"))
            names.add(name)
        number = len(names) + 1
        while (place / index_name(number)).is_file():  # of an earlier export of more rows
            try:
                (place / index_name(number)).unlink()
            except OSError as error:
                raise OutputError(f"cannot remove {place / index_name(number)}: {error.strerror}") from error
            number += 1

    def _outside(self, wanted: str) -> Path:
        if not wanted:
            raise UsageError("the path for an export is empty")
        if wanted == "-":
            raise UsageError("an export goes to a file, not to the standard output (./- is a file called -)")
        path = Path(wanted)
        if path.resolve().is_relative_to(self._folder.resolve()):
            raise UsageError(f"{path} lies in the results, which hold nothing but what vadd keeps there")
        return path
