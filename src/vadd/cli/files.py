"""What the user named: inputs that can be opened and outputs that can be written, known before the work."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path, PurePath

from vadd.errors import UsageError
from vadd.report.output import is_folder, page_names, prepare_folder, probe_file

__all__ = ["plan_pages", "plan_subtitles", "plan_table", "require_inputs"]


def require_inputs(paths: Sequence[Path]) -> None:
    """Refuse the call if any input does not exist, is not a file, or cannot be opened.

    Raises:
        UsageError: Naming the first such input.
    """
    for path in paths:
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise UsageError(f"{path} is a folder; name the files in it")
            if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
                raise UsageError(f"{path} is not a regular file")
            path.open("rb").close()
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {path}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot open {path}: {reason.lower()}") from error


def plan_pages(
    wanted: str, names: Sequence[str], inputs: Sequence[Path], *, folder: bool = False
) -> list[Path]:
    """Where each page will go; makes sure that it can.

    Args:
        wanted: What the user asked for: a file for one page, a folder for several (made if need be), or
            for one page a folder that exists or ends in ``/``.
        names: File names of the inputs, one a page.
        inputs: Files that must not be overwritten.
        folder: Whether a folder is meant, also for one page.

    Raises:
        OutputError: If a page could not be written there.
        UsageError: If ``wanted`` names nothing or a page would replace an input.
    """
    return _plan(wanted, "page", page_names(list(names)), inputs, folder=folder)


def plan_subtitles(wanted: str, names: Sequence[str], kept: Sequence[Path]) -> list[Path]:
    """Where the subtitles of each input will go; makes sure that they can.

    In a folder they are called like the video with ``.srt`` in place of its suffix, as players look for them.

    Args:
        wanted: As for :func:`plan_pages`.
        names: File names of the inputs.
        kept: Files that must not be overwritten.

    Raises:
        OutputError: If one could not be written there.
        UsageError: If ``wanted`` names nothing or one would replace a file that is kept.
    """
    stems = [PurePath(name).stem for name in names]
    return _plan(wanted, "subtitle file", page_names(stems, ".srt"), kept)


def plan_table(wanted: str, kept: Sequence[Path], what: str = "table") -> Path:
    """Where a file of all inputs will go; makes sure that it can.

    Args:
        wanted: What the user asked for.
        kept: Files that must not be overwritten: inputs and other outputs.
        what: What to call it.

    Raises:
        OutputError: If it could not be written there.
        UsageError: If ``wanted`` names nothing or it would replace a file that is kept.
    """
    place = _place(wanted, what)
    probe_file(place)
    _spare(place, kept)
    return place


def _plan(
    wanted: str, what: str, names: Sequence[str], kept: Sequence[Path], *, folder: bool = False
) -> list[Path]:
    """One file or a folder of files of these names."""
    place = _place(wanted, what)
    if folder or len(names) > 1 or wanted.endswith("/") or is_folder(place):
        prepare_folder(place)
        found = [place / name for name in names]
    else:
        found = [place]
    for each in found:
        probe_file(each)
        _spare(each, kept)
    return found


def _place(wanted: str, what: str) -> Path:
    if not wanted:  # an unset variable of a script; as a path it would be the present folder
        raise UsageError(f"the path for the {what} is empty")
    if wanted == "-":  # elsewhere that is the standard output, where the text goes
        raise UsageError(f"the {what} goes to a file, not to the standard output (./- is a file called -)")
    return Path(wanted)


def _spare(output: Path, kept: Sequence[Path]) -> None:
    for path in kept:
        same = path.resolve() == output.resolve()
        if same or (output.exists() and path.exists() and output.samefile(path) and output.is_file()):
            raise UsageError(f"{output} would replace {path}")
