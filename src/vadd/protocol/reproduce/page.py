"""A table as it is told: Markdown, CSV, matrices to draw, and what made it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.reproduce.figures import Spread

__all__ = ["NOT_MEASURED", "Matrix", "Result", "csv_text", "markdown", "number", "percent", "share"]

#: What stands where nothing was measured.
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Numbers by two names, to write and to draw.

    Attributes:
        name: Of the files, without suffix.
        title: What it shows.
        down: What the rows are; ``across`` what the columns are.
        rows: Names; likewise ``columns``.
        values: ``(rows, columns)``; not a number where there is nothing.
        shades: The same shape, 0-1: how dark a field is drawn.
        decimals: Of the numbers in the picture.
    """

    name: str
    title: str
    down: str
    across: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    shades: NDArray[np.float64]
    decimals: int = 0

    @classmethod
    def of_confusion(cls, name: str, title: str, scenes: Sequence[str], counts: NDArray[np.int64]) -> Matrix:
        """True scenes down, answers across; shaded by the share of the true scene."""
        shades = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        names = tuple(scenes)
        return cls(name, title, "true scene", "answer", names, names, counts.astype(np.float64), shades)

    def csv(self) -> str:
        """The values, a line for each row; empty where there is nothing."""
        lines = [
            [row, *("" if np.isnan(value) else f"{value:.10g}" for value in values)]
            for row, values in zip(self.rows, self.values, strict=True)
        ]
        return csv_text([f"{self.down} \\ {self.across}", *self.columns], lines)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A finished table.

    Attributes:
        name: Of its files.
        markdown: The page.
        tables: File name → CSV.
        matrices: Each becomes a CSV and a picture.
        document: All figures and what made them, JSON-ready.
        synthetic: Whether no clip was ever seen.
    """

    name: str
    markdown: str
    document: Mapping[str, Any]
    synthetic: bool
    tables: Mapping[str, str] = field(default_factory=dict)
    matrices: tuple[Matrix, ...] = ()


def percent(value: float | Spread | None, decimals: int = 2) -> str:
    """A share (0-1) in percent, with the deviation over seeds; or that it was not measured."""
    return _told(value, 100, decimals)


def number(value: float | Spread | None, decimals: int = 3) -> str:
    """A number likewise."""
    return _told(value, 1, decimals)


def share(bounds: tuple[float, float] | None) -> str:
    """An interval of shares in percent."""
    return NOT_MEASURED if bounds is None else f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}"


def _told(value: float | Spread | None, factor: float, decimals: int) -> str:
    if value is None:
        return NOT_MEASURED
    if not isinstance(value, Spread):
        return f"{factor * value:.{decimals}f}"
    told = f"{factor * value.mean:.{decimals}f}"
    if value.deviation is None:
        return told
    return f"{told} ± {factor * value.deviation:.{decimals}f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its numbers to the right; ends without a line break."""
    cells = [[_cell(text) for text in row] for row in rows]
    lines = [[_cell(text) for text in header], ["---", *["---:"] * (len(header) - 1)], *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines as CSV (RFC 4180 quoting, newline line ends); ``None`` is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
