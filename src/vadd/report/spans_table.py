"""One row a flagged span, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vadd.detect.verdict import Concept, SpanFinding, Verdict
from vadd.report.cells import as_csv, number_cell, text_cell
from vadd.report.text import printable
from vadd.report.words import NAMED, contribution, telling

__all__ = ["COLUMNS", "span_rows", "spans_table"]

COLUMNS = (
    "file", "start", "end", "score", "probability", "seen", "expected", "heard", "contribution", "effect",
)  # fmt: skip


def span_rows(verdict: Verdict, file: str) -> list[dict[str, str]]:
    """The flagged spans of a verdict as cells of text, in order; none if nothing is flagged.

    Args:
        verdict: Any verdict.
        file: What to call the input, as the user named it.

    Returns:
        For each span a cell for each of :data:`COLUMNS`: times in seconds, concepts with their shares
        separated by ``;``, then the concept that speaks most against a common origin and what it adds to the
        discrepancy, both empty if none does. No cell is a formula (:func:`vadd.report.cells.text_cell`).
    """
    return [_row(found, file) for found in verdict.spans]


def spans_table(rows: Iterable[dict[str, str]]) -> str:
    """Rows of :func:`span_rows` as CSV with a header; the header alone if there are none."""
    return as_csv(COLUMNS, rows)


def _row(found: SpanFinding, file: str) -> dict[str, str]:
    first = next((each for each in telling(found) if each.effect > 0), None)
    return {
        "file": text_cell(file),
        "start": number_cell(float(found.span.start)),
        "end": number_cell(float(found.span.end)),
        "score": number_cell(found.score),
        "probability": number_cell(found.probability),
        "seen": _concepts(found.picture),
        "expected": _concepts(found.expected),
        "heard": _concepts(found.sound),
        "contribution": text_cell(contribution(first)) if first else "",
        "effect": number_cell(first.effect) if first else "",
    }


def _concepts(concepts: Sequence[Concept]) -> str:
    return text_cell("; ".join(f"{printable(c.name)} ({c.probability:.2f})" for c in concepts[:NAMED]))
