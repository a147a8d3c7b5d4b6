"""``vadd protocol``: benchmarks of swapped sounds, each command imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["protocol"]

_COMMANDS = {
    "audit": "vadd.cli.protocol_audit",
    "export": "vadd.cli.protocol_make",
    "import": "vadd.cli.protocol_make",
    "make": "vadd.cli.protocol_make",
    "render": "vadd.cli.protocol_render",
    "run": "vadd.cli.protocol_run",
    "score": "vadd.cli.protocol_score",
}


class _Commands(click.Group):
    """Finds a command in its module, where ``import`` is called ``import_``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(module), f"{cmd_name}_")
        return command


@click.command(cls=_Commands, short_help="Make, render, audit and score benchmarks of swapped sounds.")
def protocol() -> None:
    """Make, render, audit and score benchmarks of swapped sounds."""
