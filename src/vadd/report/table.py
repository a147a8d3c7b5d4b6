"""One row a file, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable

from vadd.detect.verdict import Verdict
from vadd.report.cells import as_csv, number_cell, text_cell
from vadd.report.document import document

__all__ = ["COLUMNS", "row", "table"]

COLUMNS = (
    "file", "verdict", "reason", "score", "probability", "threshold", "false_alarms", "duration", "spans",
    "picture", "sound", "sha256", "model", "version", "explanation",
)  # fmt: skip

_TOP = 3


def row(verdict: Verdict, file: str) -> dict[str, str]:
    """One verdict as cells of text.

    Args:
        verdict: Any verdict.
        file: What to call the input, as the user named it.

    Returns:
        A cell for each of :data:`COLUMNS`; empty for what is not known. ``spans`` is ``start-end`` in
        seconds, separated by ``;``. A text that a spreadsheet would run as a formula gets a leading ``'``.
    """
    d = document(verdict)
    inputs = d["provenance"]["inputs"]
    return {
        "file": text_cell(file),
        "verdict": d["verdict"],
        "reason": d["reason"] or "",
        **{
            key: number_cell(d[key])
            for key in ("score", "probability", "threshold", "false_alarms", "duration")
        },
        "spans": ";".join(f"{number_cell(s['start'])}-{number_cell(s['end'])}" for s in d["spans"]),
        "picture": text_cell("; ".join(c["name"] for c in d["picture"][:_TOP])),
        "sound": text_cell("; ".join(c["name"] for c in d["sound"][:_TOP])),
        "sha256": " ".join(i["sha256"] or "-" for i in inputs)
        if len(inputs) > 1
        else inputs[0]["sha256"] or "",
        "model": text_cell(d["provenance"]["model"]),
        "version": d["provenance"]["version"],
        "explanation": text_cell(d["explanation"]),
    }


def table(rows: Iterable[dict[str, str]]) -> str:
    """Rows of :func:`row` as CSV with a header (RFC 4180 quoting, newline line ends)."""
    return as_csv(COLUMNS, rows)
