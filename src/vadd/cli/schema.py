"""``vadd schema``: the forms of the JSON documents."""

from __future__ import annotations

import json
from typing import Any

import click

__all__ = ["schema"]

_FORMS = ("result", "match", "row", "record", "results", "verification")


@click.command(short_help="Print the schemas of the JSON documents.")
@click.argument("name", type=click.Choice(_FORMS), default="result", metavar="[NAME]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="JSON Schema (draft 2020-12), or a page for people.",
)
def schema(name: str, form: str) -> int:
    """Print the schema of the documents called NAME.

    \b
    result        what `vadd check --json` writes (the default)
    match         what `vadd match --json` writes
    row           a line of results.jsonl in a results folder
    record        a file of records/ in a results folder
    results       what `vadd results --json` writes
    verification  what `vadd results verify --json` writes
    """  # noqa: D301 - click wants the character that \b stands for
    from vadd.cli.terminal import emit
    from vadd.report.schema_page import fields, markdown

    if form == "json":
        emit(json.dumps(_schema(name), indent=2) + "\n")
    else:
        emit(markdown() if name == "result" else fields(_schema(name)))
    return 0


def _schema(name: str) -> dict[str, Any]:
    if name == "result":
        from vadd.report.schema import json_schema

        return json_schema()
    if name == "match":
        from vadd.run.match_schema import json_schema as of_match

        return of_match()
    from vadd.run.schema import json_schema as of_results

    return of_results(name)
