"""A results folder as text for a terminal: what there is, and the rows that somebody asked for."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction

from rich.console import Console
from rich.text import Text

from vadd.detect.verdict import Outcome, Reason
from vadd.report.text import printable
from vadd.report.words import percent, short_reason
from vadd.run.rows import Row
from vadd.run.summary import VERDICTS, Summary
from vadd.timeline import clock

__all__ = ["HEADER", "row_lines", "summary_lines"]

#: Above the lines of :func:`row_lines`.
HEADER = "score  probability  verdict       file"
_STYLES = {
    Outcome.CONSISTENT: "green",
    Outcome.DISCREPANT: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.FAILED: "magenta",
}
#: Spans of a row that are written out.
_SPANS = 3


def summary_lines(summary: Summary) -> Iterator[str]:
    """What a folder holds, a line each."""
    card = summary.card
    counts = ", ".join(f"{summary.verdicts[v]} {v.value}" for v in VERDICTS if summary.verdicts[v])
    yield f"{summary.files} file{'' if summary.files == 1 else 's'}{f': {counts}' if counts else ''}"
    for (verdict, reason), count in sorted(summary.reasons.items(), key=lambda each: (-each[1], each[0])):
        yield f"  {verdict}: {count} {_reason(reason)}"
    yield (
        f"  model {printable(card.detector)}, vadd {printable(card.version)}, "
        f"{percent(card.false_alarms)} false alarms accepted"
    )
    if summary.recordless:
        yield f"  {summary.recordless} without a record: they could not be read"
    if summary.others:
        yield f"  {summary.others} judged with another model, version or configuration than that"
        for (model, version), count in sorted(summary.models.items()):
            yield f"    {count} by {printable(model)}, vadd {printable(version)}"


def row_lines(rows: Iterable[Row], *, colour: bool = False) -> Iterator[str]:
    """Rows as lines of text: score, probability, verdict, path, and what there is to tell of it.

    Args:
        rows: Some rows.
        colour: Whether to use the terminal's colours.
    """
    for row in rows:
        score = "" if row.score is None else f"{row.score:.2f}"
        probability = "" if row.probability is None else percent(row.probability)
        text = Text(f"{score:>5}  {probability:>11}  ")
        text.append(f"{row.verdict:12}", _STYLES[Outcome(row.verdict)])
        text.append(f"  {printable(row.path)}")
        text.append(_more(row), "dim")
        yield _rendered(text) if colour else text.plain


def _more(row: Row) -> str:
    if row.reason is not None:
        return f"  ({_reason(row.reason)})"
    if not row.spans:
        return ""
    told = ", ".join(
        f"{clock(Fraction(span.start))}-{clock(Fraction(span.end))}" for span in row.spans[:_SPANS]
    )
    more = len(row.spans[_SPANS:])
    return f"  ({told}{f' and {more} more' if more else ''})"


def _reason(reason: str) -> str:
    return short_reason(Reason(reason)) if reason in set(Reason) else printable(reason)


def _rendered(text: Text) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, highlight=False, legacy_windows=False)
    console.print(text, soft_wrap=True, end="")  # a path that is broken cannot be copied
    return out.getvalue()
