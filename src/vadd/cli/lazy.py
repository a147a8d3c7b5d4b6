"""A group of commands, each imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Finds a command in the module of a table.

    Args:
        table: Name of a command → module and the command's name there, with a colon between.
        arguments: As for :class:`click.Group`.
    """

    def __init__(self, *, table: Mapping[str, str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; imports its module."""
        if cmd_name not in self._table:
            return None
        module, _, name = self._table[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command
