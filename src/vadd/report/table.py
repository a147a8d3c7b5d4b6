"""One row a file, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from vadd.detect.verdict import Verdict
from vadd.report.document import document
from vadd.report.text import printable

__all__ = ["COLUMNS", "row", "table"]

COLUMNS = (
    "file", "verdict", "reason", "score", "probability", "threshold", "false_alarms", "duration", "spans",
    "picture", "sound", "sha256", "model", "version", "explanation",
)  # fmt: skip

#: How a cell starts that a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")

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
        "file": _text(file),
        "verdict": d["verdict"],
        "reason": d["reason"] or "",
        **{key: _number(d[key]) for key in ("score", "probability", "threshold", "false_alarms", "duration")},
        "spans": ";".join(f"{_number(s['start'])}-{_number(s['end'])}" for s in d["spans"]),
        "picture": _text("; ".join(c["name"] for c in d["picture"][:_TOP])),
        "sound": _text("; ".join(c["name"] for c in d["sound"][:_TOP])),
        "sha256": " ".join(i["sha256"] or "-" for i in inputs)
        if len(inputs) > 1
        else inputs[0]["sha256"] or "",
        "model": _text(d["provenance"]["model"]),
        "version": d["provenance"]["version"],
        "explanation": _text(d["explanation"]),
    }


def table(rows: Iterable[dict[str, str]]) -> str:
    """Rows of :func:`row` as CSV with a header (RFC 4180 quoting, newline line ends)."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _text(value: str) -> str:
    safe = printable(value)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULA) else safe
