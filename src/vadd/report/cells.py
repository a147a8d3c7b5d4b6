"""Cells of a CSV: names from outside run nothing in a spreadsheet, numbers are plain."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from vadd.report.text import printable

__all__ = ["as_csv", "number_cell", "text_cell"]

#: How a cell starts that a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Rows as CSV with a header (RFC 4180 quoting, newline line ends).

    Args:
        columns: Names of the columns, in order.
        rows: A cell for each column.

    Raises:
        ValueError: If a row has a cell of another name.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def number_cell(value: float | None) -> str:
    """A number with up to six decimals and no exponent; empty for ``None``."""
    if value is None:
        return ""
    return f"{round(value, 6) + 0.0:.6f}".rstrip("0").rstrip(".")  # + 0.0 turns -0.0 into 0.0


def text_cell(value: str) -> str:
    """A text in one line; one that a spreadsheet would run as a formula gets a leading ``'``."""
    safe = printable(value)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULA) else safe
