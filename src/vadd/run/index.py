"""The index of a results folder: pages of rows with thumbnails that lead to the single reports.

Each page stands alone: it loads nothing but the thumbnail strips beside it. One script of its own sorts and
filters its rows; without it the page can be read as well.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vadd.detect.verdict import Outcome, Reason
from vadd.report.seal import seal
from vadd.report.text import printable
from vadd.report.words import percent, short_reason
from vadd.run.rows import Row, RowSpan
from vadd.run.summary import VERDICTS, Summary
from vadd.timeline import clock

__all__ = ["ROWS", "form", "index_name", "index_pages"]

#: Rows of a page: more would be slow to scroll on a phone.
ROWS = 500
#: Flagged spans of a row that are written out.
_SPANS = 3


@dataclass(frozen=True, slots=True)
class _Pages:
    """Where a page stands among the others."""

    number: int
    count: int
    first: int
    last: int

    @property
    def before(self) -> str | None:
        return index_name(self.number - 1) if self.number > 1 else None

    @property
    def after(self) -> str | None:
        return index_name(self.number + 1) if self.number < self.count else None


def form() -> str:
    """Digest of what the pages are made from besides rows and version: our own templates."""
    sources = (_text("index.html"), _text("index.css", report="page.css"), _text("index.js"))
    return hashlib.sha256("\0".join(sources).encode("utf-8")).hexdigest()


def index_name(number: int) -> str:
    """Name of a page, counted from 1."""
    return "index.html" if number == 1 else f"index-{number}.html"


def index_pages(
    rows: Iterable[Row], shown: int, summary: Summary, *, order: str = "score", prefix: str = ""
) -> Iterator[tuple[str, bytes]]:
    """The pages, one by one.

    Args:
        rows: In the order in which they are shown.
        shown: How many there are.
        summary: Of all rows of the folder, also of those that are not shown.
        order: What that order is, one of :data:`vadd.run.spool.ORDERS`.
        prefix: What leads from the pages to the results folder, empty or ending in ``/``.

    Yields:
        Name and bytes, sealed; at least one page. The same rows always give the same bytes.
    """
    count = max(1, -(-shown // ROWS))
    style, script = _text("index.css", report="page.css"), _text("index.js")
    template = _environment().get_template("index.html")
    groups = iter(_groups(rows))
    for number in range(1, count + 1):
        group = next(groups, [])
        first = (number - 1) * ROWS
        page = template.render(
            style=Markup(style),  # noqa: S704 - our own file, not input
            script=Markup(script),  # noqa: S704 - likewise
            # 'self' means nothing to some browsers where a page is opened from a folder.
            policy=f"default-src 'none'; img-src 'self' file:; style-src '{_digest(style)}'; "
            f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'",
            summary=summary,
            shown=shown,
            order=order,
            counts=[(verdict.value, summary.verdicts[verdict]) for verdict in VERDICTS],
            here=_Pages(number, count, first + 1, first + len(group)),
            rows=[_told(row, quote(prefix)) for row in group],
            verdicts=[v.value for v in VERDICTS if any(row.verdict == v for row in group)],
        )
        yield index_name(number), seal(page)


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS:
            yield group
            group = []
    if group:
        yield group


def _told(row: Row, prefix: str) -> dict[str, Any]:
    """A row as the template shows it."""
    folder = str(PurePath(row.path).parent)
    reason = Reason(row.reason) if row.reason in set(Reason) else None
    # What is seen and heard stands by itself, and of most others the badge says enough.
    said = row.explanation.partition(" Seen: ")[0]
    told = row.verdict == Outcome.FAILED or (reason is not None and said != reason.sentence)
    return {
        "row": row,
        "name": printable(row.name),
        "folder": "" if folder == "." else printable(folder),
        "report": None if row.report is None else f"{prefix}{row.report}",
        "strip": None if row.strip is None else f"{prefix}{row.strip}",
        "reason": None if reason is None else short_reason(reason),
        "score": None if row.score is None else round(row.score * 100, 1),
        "threshold": None if row.threshold is None else round(row.threshold * 100, 1),
        "spans": [_clocks(span) for span in row.spans[:_SPANS]],
        "more": len(row.spans[_SPANS:]),
        "flagged": round(sum(span.end - span.start for span in row.spans), 3),
        "explanation": printable(said) if told else None,
        "seen": ", ".join(map(printable, row.picture)),
        "heard": ", ".join(map(printable, row.sound)),
    }


def _clocks(span: RowSpan) -> str:
    return f"{clock(Fraction(span.start))}-{clock(Fraction(span.end))}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vadd.run"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(printable=printable, percent=percent)
    return environment


@cache
def _text(name: str, report: str | None = None) -> str:
    """A file of this room, after one of the reports' that it adds to."""
    own = resources.files("vadd.run").joinpath("templates", name).read_text("utf-8")
    if report is None:
        return own
    return resources.files("vadd.report").joinpath("templates", report).read_text("utf-8") + own


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode('utf-8')).digest()).decode('ascii')}"
