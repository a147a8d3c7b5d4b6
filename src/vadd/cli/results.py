"""``vadd results``: what a results folder holds, and whether it is as it was written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vadd.run.findings import Verification
    from vadd.run.spool import Spool
    from vadd.run.summary import Choice, Summary

__all__ = ["results"]

_FOLDER = click.Path(path_type=Path)
_VERDICTS = ("consistent", "discrepant", "inconclusive", "failed")
#: Rows that are listed if nobody says how many; exports hold all.
_LISTED = 20
#: Lines of what is unused; `--json` has all.
_UNUSED = 10


class _Default(click.Group):
    """A group whose command ``show`` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name in where there is none."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Default, short_help="Look into, export and verify results.", no_args_is_help=True)
def results() -> None:
    """Look into the RESULTS of `vadd check --out RESULTS`.

    `vadd results RESULTS` is short for `vadd results show RESULTS`.
    """


@results.command("show", short_help="Summarise, list and export (the default).")
@click.argument("folder", type=_FOLDER, metavar="RESULTS")
@click.option(
    "--verdict", "verdicts", multiple=True, type=click.Choice(_VERDICTS), help="Only these; may be repeated."
)
@click.option("--reason", "reasons", multiple=True, metavar="REASON", help="Only for this; may be repeated.")
@click.option("--min-score", type=click.FloatRange(0, 1), help="Only with at least this score.")
@click.option(
    "--sort", type=click.Choice(["score", "path"]), default="score", show_default=True,
    help="The highest score first, or by path.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(0), metavar="N", help=f"At most N; the list has {_LISTED}.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
@click.option("--csv", metavar="PATH", help="Write the rows as a table.")
@click.option("--jsonl", metavar="PATH", help="Write the rows as JSON Lines.")
@click.option("--parquet", metavar="PATH", help="Write the rows as parquet (needs vadd[run]).")
@click.option("--html", metavar="DIR", help="Write an index of the rows into a folder.")
def show(
    folder: Path,
    verdicts: tuple[str, ...],
    reasons: tuple[str, ...],
    min_score: float | None,
    sort: str,
    limit: int | None,
    as_json: bool,
    csv: str | None,
    jsonl: str | None,
    parquet: str | None,
    html: str | None,
) -> int:
    """Say what a results folder holds, list its files, and export those that are asked for.

    Tables and index in the folder are made anew if they are not those of its records.
    """
    from vadd.cli.terminal import emit, say
    from vadd.run.card import read_card
    from vadd.run.export import Exports
    from vadd.run.listing import HEADER, row_lines, summary_lines
    from vadd.run.refresh import opened_rows
    from vadd.run.summary import Choice, Summary

    choice = Choice(frozenset(verdicts), frozenset(_known(reasons)), min_score, sort, limit)
    card = read_card(folder)
    exports = Exports(folder, csv=csv, jsonl=jsonl, parquet=parquet, html=html)
    for line in _refreshed(folder):
        if not as_json:
            say(line)
    with opened_rows(folder) as spool:
        summary = Summary.of(card, spool.rows())
        written = exports.write(spool, choice, summary)
        if as_json:
            _emit_document(spool, choice, summary)
            return 0
        for line in [*summary_lines(summary), *written]:
            say(line)
        listed = _LISTED if limit is None else limit
        if not summary.files or not listed:
            return 0
        say("")
        count = 0
        colour = sys.stdout is not None and sys.stdout.isatty()
        for line in row_lines(choice.of(spool), colour=colour):
            if count == 0:
                say(HEADER)
            if count < listed:
                emit(f"{line}\n")
            count += 1
        if count == 0:
            say("no file is like that")
        elif count > listed:
            say(f"and {count - listed} more (--limit {count} lists all)")
    return 0


@results.command("verify", short_help="Check that nothing was changed or lost.")
@click.argument("place", type=_FOLDER, metavar="RESULTS|FILE")
@click.option("--inputs", is_flag=True, help="Read the media files too, and compare their digests.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
def verify(place: Path, *, inputs: bool, as_json: bool) -> int:
    """Check that records, measurements, reports, tables and ledger are as they were written and agree.

    FILE is a single report (.html), strip (.svg), record (.json) or measurement (.vadd). Exit status: 0 all
    is right, 1 something is wrong and is named, 2 for a wrong call.
    """
    from vadd.cli.terminal import Progress, emit, say
    from vadd.run.findings import verify_file
    from vadd.run.verify import verify as verify_folder

    if not place.is_dir():
        if inputs:
            raise click.UsageError("--inputs goes with a results folder")
        told = verify_file(place)
    else:
        with Progress(place, wanted=inputs) as progress:
            told = verify_folder(place, inputs=inputs, progress=progress)
    if as_json:
        emit(json.dumps(told.to_json()) + "\n")
    else:
        for line in _verified(told):
            say(line)
    return 0 if told.right else 1


def _verified(told: Verification) -> list[str]:
    lines = [f"{each.path}: {each.message}" for each in told.wrong]
    lines += [f"not used: {each.path} ({each.message})" for each in told.unused[:_UNUSED]]
    if len(told.unused) > _UNUSED:
        lines.append(f"not used: {len(told.unused) - _UNUSED} more")
    checked = ", ".join(f"{count} {what}" for what, count in told.checked.items()) or "nothing"
    verdict = "all is right" if told.right else f"{len(told.wrong)} wrong"
    return [*lines, f"checked {checked}: {verdict}"]


def _known(reasons: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons, if they are some: a wrong one would quietly find nothing."""
    from vadd.detect.verdict import Reason

    for each in reasons:
        if each not in set(Reason):
            raise click.BadParameter(f"{each!r} is none of {', '.join(Reason)}", param_hint="'--reason'")
    return reasons


def _refreshed(folder: Path) -> list[str]:
    """Make the tables those of the records; results that one may only read can be looked at as well."""
    from vadd.errors import OutputError
    from vadd.report.text import printable
    from vadd.run.refresh import refresh

    try:
        return refresh(folder)
    except OutputError as error:
        click.echo(printable(f"vadd: tables and index are not made anew: {error}"), err=True)
        return []


def _emit_document(spool: Spool, choice: Choice, summary: Summary) -> None:
    """One document, written row by row."""
    from vadd.cli.terminal import emit
    from vadd.run.summary import SCHEMA

    head = json.dumps({"schema": SCHEMA, "summary": summary.to_json()})
    emit(f'{head[:-1]}, "rows": [')
    for at, row in enumerate(choice.of(spool)):
        emit(f"{',' if at else ''}\n{json.dumps(row.to_json())}")
    emit("\n]}\n")
