"""The command line: a face of the library, with no logic of its own."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]

#: Exit status of a bug (``EX_SOFTWARE`` of sysexits.h): Python's own 1 would read as "discrepant".
BUG = 70
#: As a shell reports a command that Ctrl-C, or a reader that went away, has ended.
INTERRUPTED, BROKEN_PIPE = 130, 141


def main(args: Sequence[str] | None = None) -> int:
    """Run ``vadd``.

    Args:
        args: Arguments after the program's name; those of the process if not given.

    Returns:
        The exit status: 0 consistent or done, 1 discrepant, 2 a wrong call, 3 inconclusive, 4 failed, 70 a
        bug of vadd (its traceback is on the standard error), 130 interrupted, 141 the reader went away.
    """
    import os
    import sys

    try:
        from vadd.cli.group import run

        status = run(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes once more at its end; with nowhere to write that would be an error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception:  # noqa: BLE001 - shown in full; only the exit status is ours
        import traceback

        traceback.print_exc()
        return BUG
    return status
