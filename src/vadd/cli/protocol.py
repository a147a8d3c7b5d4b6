"""``vadd protocol``: benchmarks of swapped sounds, each command imported only when it is asked for."""

from __future__ import annotations

import click

from vadd.cli.lazy import LazyGroup

__all__ = ["protocol"]

_COMMANDS = {
    "audit": "vadd.cli.protocol_audit:audit_",
    "distort": "vadd.cli.protocol_distort:distort_",
    "export": "vadd.cli.protocol_make:export_",
    "import": "vadd.cli.protocol_make:import_",
    "join": "vadd.cli.protocol_join:join_",
    "make": "vadd.cli.protocol_make:make_",
    "render": "vadd.cli.protocol_render:render_",
    "run": "vadd.cli.protocol_run:run_",
    "score": "vadd.cli.protocol_score:score_",
    "splice": "vadd.cli.protocol_join:splice_",
}


@click.command(
    cls=LazyGroup, table=_COMMANDS, short_help="Make, render, audit and score benchmarks of swapped sounds."
)
def protocol() -> None:
    """Make, render, audit and score benchmarks of swapped sounds."""
