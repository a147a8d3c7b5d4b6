"""``vadd match``: what of a folder fits a file, and where its sound occurs."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from vadd.run.match import By

__all__ = ["match"]

_FILE = click.Path(path_type=Path, readable=False)


@click.command(short_help="Find what of a folder fits a file, and where its sound occurs.")
@click.argument("file", type=_FILE, metavar="FILE")
@click.argument("others", nargs=-1, required=True, metavar="DIR|FILE...")
@click.option(
    "--by",
    type=click.Choice(["sound", "picture"]),
    help="Look for pictures that its sound fits, or for sounds that its picture fits; both without this.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="Files of a ranking shown."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
@click.option("--csv", "csv_path", metavar="PATH", help="Write a table of all files.")
@click.option("--html", metavar="PATH", help="Write a page.")
@click.option("--cache", metavar="DIR", type=_FILE, help="Keep what is measured here, and look it up here.")
@click.option(
    "--model",
    default="everyday",
    show_default=True,
    metavar="NAME|DIR",
    help="The detector: a name of `vadd models list`, or a folder of `vadd detector build`.",
)
@click.option("-q", "--quiet", is_flag=True, help="Write no text and no progress.")
def match(
    file: Path,
    others: tuple[str, ...],
    by: By | None,
    top: int,
    as_json: bool,
    csv_path: str | None,
    html: str | None,
    cache: Path | None,
    model: str,
    quiet: bool,
) -> int:
    """Compare FILE with the media of folders, lists and files.

    It tells which of their pictures the sound of FILE fits, which of their sounds its picture fits, and where
    in them the very same sound occurs. Exit status: 0 when it is done, 2 for a wrong call.
    """
    from vadd.cli.files import plan_table, require_inputs
    from vadd.cli.terminal import emit, say
    from vadd.run.inputs import find

    require_inputs([file])
    paths = [Path(path) for path in find(others, apart=cache).paths]
    kept = [file, *paths]
    table_place = None if csv_path is None else plan_table(csv_path, kept)
    if table_place is not None:
        kept.append(table_place)
    page_place = None if html is None else plan_table(html, kept, "page")

    from vadd.report.output import write
    from vadd.run.match import match as compare
    from vadd.run.match_cache import Cache
    from vadd.run.match_document import document, table
    from vadd.run.match_text import lines

    with _Progress(wanted=not quiet) as shown:
        found = compare(
            file,
            paths,
            by=by,
            model=model,
            cache=None if cache is None else Cache(cache),
            progress=shown,
        )
    if table_place is not None:
        write(table_place, table(found))
    if page_place is not None:
        from vadd.run.match_page import page

        write(page_place, page(found, top))
    if as_json:
        emit(json.dumps(document(found, top), ensure_ascii=False, allow_nan=False) + "\n")
    elif not quiet:
        for line in lines(found, top):
            say(line)
    return 0


class _Progress:
    """Files done and left, on the standard error if that is a terminal; shown once the first is done."""

    def __init__(self, *, wanted: bool) -> None:
        import sys

        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int) -> None:
        if not self._wanted:
            return
        if self._bar is None or self._task is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("files"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("")
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
