"""The commands, each imported only when it is asked for, and what becomes of their errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from vadd._version import __version__
from vadd.cli.lazy import LazyGroup
from vadd.errors import VaddError

__all__ = ["cli", "run"]

_COMMANDS = {
    "adapt": "vadd.cli.adapt:adapt",
    "check": "vadd.cli.check:check",
    "demo": "vadd.cli.demo:demo",
    "detector": "vadd.cli.detector:detector",
    "embed": "vadd.cli.embed:embed",
    "evaluate": "vadd.cli.evaluate:evaluate",
    "export": "vadd.cli.export:export",
    "match": "vadd.cli.match:match",
    "models": "vadd.cli.models:models",
    "protocol": "vadd.cli.protocol:protocol",
    "reproduce": "vadd.cli.reproduce:reproduce",
    "results": "vadd.cli.results:results",
    "schema": "vadd.cli.schema:schema",
    "serve": "vadd.cli.serve:serve",
    "store": "vadd.cli.store:store",
    "synth": "vadd.cli.synth:synth",
    "tau": "vadd.cli.tau:tau",
    "train": "vadd.cli.train:train",
    "train-iov": "vadd.cli.train_iov:train_iov",
}


@click.command(
    cls=LazyGroup,
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="vadd %(version)s")
def cli() -> None:
    """Tells whether a video's sound belongs to its picture."""


def run(args: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status.

    Errors made on purpose become one line on the standard error.

    Raises:
        KeyboardInterrupt: If the user interrupts.
        BrokenPipeError: If the reader of the standard output goes away.
        Exception: Any bug.
    """
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal's encoding lacks must not end the run
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        context = cli.make_context("vadd", list(sys.argv[1:] if args is None else args))
        with context:
            status = cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as help_:
        click.echo(help_.format_message(), err=True)
        return VaddError.exit_status
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "vadd"
        _complain(f"{error.format_message().rstrip('.')} (see '{command} --help')")
        return VaddError.exit_status
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    except VaddError as error:
        _complain(str(error))
        return error.exit_status
    return status if isinstance(status, int) else 0


def _complain(message: str) -> None:
    from vadd.report.text import printable

    if sys.stderr is None:  # closed before the start: the exit status is all that can be told
        return
    sys.stderr.write(f"vadd: {printable(message)}\n")
