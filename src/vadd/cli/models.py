"""``vadd models``: what the verdicts are made with."""

from __future__ import annotations

import click

from vadd.errors import ModelError

__all__ = ["models"]


@click.group()
def models() -> None:
    """List, show and verify the models that come with vadd."""


@models.command("list")
def list_() -> int:
    """Name every model, with its kind."""
    from vadd.cli.shelf import shelf
    from vadd.cli.terminal import say

    entries = shelf()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        say(f"{entry.name:{width}}  {entry.kind:8}  {entry.summary}")
    return 0


@models.command("show")
@click.argument("name")
def show_(name: str) -> int:
    """Print all that is known of the model NAME."""
    from vadd.cli.shelf import find
    from vadd.cli.terminal import say

    entry = find(name)
    facts = [("kind", entry.kind), *entry.facts]
    width = max(len(key) for key, _ in facts)
    for key, value in facts:
        say(f"{key:{width}}  {value}")
    return 0


@models.command("verify", short_help="Compare every model's files with their recorded hashes.")
def verify() -> int:
    """Read every model's files and compare their hashes with the recorded ones."""
    from vadd.cli.shelf import shelf
    from vadd.cli.terminal import say

    damaged = 0
    for entry in shelf():
        try:
            entry.verify()
        except ModelError as error:
            damaged += 1
            say(f"{entry.name}: {error}")
        else:
            say(f"{entry.name}: as recorded")
    return ModelError.exit_status if damaged else 0
