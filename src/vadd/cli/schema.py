"""``vadd schema``: the form of a result document."""

from __future__ import annotations

import json

import click

__all__ = ["schema"]


@click.command(short_help="Print the schema of the JSON documents.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="JSON Schema (draft 2020-12), or a page for people.",
)
def schema(form: str) -> int:
    """Print the schema of the documents that `vadd check --json` writes."""
    from vadd.cli.terminal import emit

    if form == "json":
        from vadd.report.schema import json_schema

        emit(json.dumps(json_schema(), indent=2) + "\n")
    else:
        from vadd.report.schema_page import markdown

        emit(markdown())
    return 0
