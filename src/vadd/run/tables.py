"""Tables of rows: JSON Lines, CSV and parquet, written row by row and the same bytes each time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from vadd.errors import UsageError
from vadd.report.cells import as_csv, number_cell, text_cell
from vadd.report.output import writing
from vadd.run.rows import SCHEMA, Row
from vadd.run.spool import Spool

__all__ = ["COLUMNS", "NEEDS_PARQUET", "Csv", "JsonLines", "Parquet", "Table", "has_parquet", "table"]

#: Columns of the CSV; those of ``vadd check --csv`` are called as they are there.
COLUMNS = (
    "file", "verdict", "reason", "score", "probability", "threshold", "false_alarms", "duration", "spans",
    "picture", "sound", "size", "sha256", "model", "version", "key", "record", "report", "strip", "notes",
    "explanation",
)  # fmt: skip
#: What a person is told who has no parquet.
NEEDS_PARQUET = "parquet needs: pip install 'vadd[run]'"
#: Rows of a row group: a few megabytes before they are written.
_GROUP = 4096


class Table(ABC):
    """Writes rows into a file that is open for writing; :meth:`finish` comes last."""

    @abstractmethod
    def add(self, row: Row) -> None:
        """Write a row, now or later."""

    def finish(self) -> None:  # noqa: B027 - most have nothing left to write
        """Write what is left."""

    def give_up(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of the file, which nobody will see."""


class JsonLines(Table):
    """One JSON document a line, ASCII.

    Attributes:
        spool: The rows, to be read again while the file is open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.spool = Spool(file)

    def add(self, row: Row) -> None:
        """See :class:`Table`."""
        self.spool.add(row)


class Csv(Table):
    """A header and a line a row (RFC 4180 quoting, newline line ends); no cell is a formula."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.write(as_csv(COLUMNS, []).encode())
        self._header = len(as_csv(COLUMNS, []))

    def add(self, row: Row) -> None:
        """See :class:`Table`."""
        self._file.write(as_csv(COLUMNS, [_cells(row)])[self._header :].encode())


class Parquet(Table):
    """Apache Parquet with typed columns, in groups of some thousand rows.

    Raises:
        UsageError: If pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO) -> None:
        if not has_parquet():
            raise UsageError(NEEDS_PARQUET)
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        self._schema = _schema(pyarrow)
        self._writer = pyarrow.parquet.ParquetWriter(
            file, self._schema, compression="zstd", version="2.6", write_page_checksum=True
        )
        self._rows: list[dict[str, Any]] = []

    def add(self, row: Row) -> None:
        """See :class:`Table`."""
        told = row.to_json()
        del told["schema"]
        told["path_bytes"] = row.path_bytes
        self._rows.append(told)
        if len(self._rows) == _GROUP:
            self._flush()

    def finish(self) -> None:
        """Write the last group and the footer."""
        if self._rows:
            self._flush()
        self._writer.close()

    def give_up(self) -> None:
        """Close the writer while its file is still open: later it would complain."""
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()


_KINDS: dict[str, Callable[[BinaryIO], Table]] = {"jsonl": JsonLines, "csv": Csv, "parquet": Parquet}


@contextmanager
def table(kind: str, path: Path, scratch: Path | None = None) -> Iterator[Table]:
    """A table that is there whole once the block ends, and not at all if it ends in an error.

    Args:
        kind: ``jsonl``, ``csv`` or ``parquet``.
        path: Where it goes.
        scratch: Where it lies until it is whole (:func:`vadd.report.output.writing`).

    Raises:
        OutputError: If it cannot be written.
        UsageError: If it needs an extra that is not installed.
    """
    with writing(path, scratch) as file:
        made = _KINDS[kind](file)
        try:
            yield made
        except BaseException:
            made.give_up()
            raise
        made.finish()


def has_parquet() -> bool:
    """Whether parquet can be written here."""
    return find_spec("pyarrow") is not None


def _cells(row: Row) -> dict[str, str]:
    texts = ("verdict", "reason", "sha256", "model", "version", "key", "record", "report", "strip")
    numbers = ("score", "probability", "threshold", "false_alarms", "duration")
    return {
        "file": text_cell(row.path),
        **{name: text_cell(getattr(row, name) or "") for name in texts},
        **{name: number_cell(getattr(row, name)) for name in numbers},
        "spans": ";".join(f"{number_cell(s.start)}-{number_cell(s.end)}" for s in row.spans),
        "picture": text_cell("; ".join(row.picture)),
        "sound": text_cell("; ".join(row.sound)),
        "size": "" if row.size is None else str(row.size),
        "notes": text_cell("; ".join(row.notes)),
        "explanation": text_cell(row.explanation),
    }


def _schema(arrow: Any) -> Any:
    """The columns in the order of a row's JSON, with their types; what may be missing may be null."""
    text, number = arrow.string(), arrow.float64()
    span = arrow.struct(
        [arrow.field(name, number, nullable=False) for name in ("start", "end", "score", "probability")]
    )
    types = {
        "path": text, "path_bytes": arrow.binary(), "name": text, "sha256": text, "size": arrow.int64(),
        "verdict": text, "reason": text, "explanation": text, "score": number, "probability": number,
        "threshold": number, "false_alarms": number, "duration": number, "spans": arrow.list_(span),
        "picture": arrow.list_(text), "sound": arrow.list_(text), "notes": arrow.list_(text), "model": text,
        "version": text, "key": text, "record": text, "report": text, "strip": text,
    }  # fmt: skip
    always = {"path", "name", "verdict", "explanation", "spans", "picture", "sound", "notes"}
    return arrow.schema(
        [arrow.field(name, kind, nullable=name not in always) for name, kind in types.items()],
        metadata={"form": SCHEMA},
    )
