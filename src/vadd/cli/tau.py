"""``vadd tau``: the data set of the paper, fetched, checked and described."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vadd.protocol.tau_check import Report
    from vadd.protocol.tau_download import Plan

__all__ = ["tau"]

#: Problems of one kind that are told one by one; --json tells all.
_SHOWN = 10
_JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON document instead of text.")


@click.group(short_help="Fetch, check and describe the TAU data set.")
def tau() -> None:
    """Fetch, check and describe TAU Urban Audio-Visual Scenes 2021, the data set of the paper."""


@tau.command(short_help="Fetch the public record, or parts of it.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--set", "which", type=click.Choice(["development", "evaluation"]), default="development",
    show_default=True, help="Clips of 10 s with scenes, or of 2 s without; each needs a folder of its own.",
)  # fmt: skip
@click.option(
    "--parts", default="", metavar="PART,...",
    help="Only these: meta, audio, video, video.3, or 3 for the third part of both. [default: all]",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what there is and how large, and fetch nothing.")
@click.option("--keep", is_flag=True, help="Keep the archives after they are unpacked.")
@click.option("--url", metavar="URL", help="Address of the record's JSON on a mirror.")
def download(folder: Path, which: str, parts: str, dry_run: bool, keep: bool, url: str | None) -> int:
    """Fetch TAU's public record into DIR, compare it with its checksums, and unpack it.

    What is there already is not fetched again, and a part that broke off is gone on with. tau.lock.json in
    DIR holds the SHA-256 of all that came. This opens connections to zenodo.org, or to what --url names.
    """
    from vadd.cli.terminal import Progress, say
    from vadd.protocol.tau_download import address, carry_out, chosen, plan, require_room
    from vadd.protocol.zenodo import read_record

    record = read_record(url or address(which))
    files = chosen(record, [part.strip() for part in parts.split(",")] if parts else [])
    planned = plan(folder, record, files, keep=keep)
    _announce(planned)
    if dry_run:
        return 0
    require_room(planned)
    # A bar for each part: what is said while one is up would go to the standard error.
    for step in planned.steps:
        lines: list[str] = []
        with Progress(Path(step.file.name), wanted=True) as progress:
            carry_out(replace(planned, steps=(step,)), progress=progress, told=lines.append)
        for line in lines:
            say(line)
    say(f"{folder}: {len(planned.steps)} parts are here")
    return 0


def _announce(planned: Plan) -> None:
    from vadd.cli.terminal import say

    say(f"{planned.record.title or 'record'} ({planned.record.identity})")
    width = max(len(step.file.name) for step in planned.steps)
    for step in planned.steps:
        if step.here:
            state = "here"
        elif step.left < step.file.size:
            state = f"{_megabytes(step.left)} to fetch" if step.left else "to unpack"
        else:
            state = "to fetch"
        say(f"{step.file.name:{width}}  {_megabytes(step.file.size):>12}  {state}")
    say(
        f"{len(planned.steps)} parts, {_megabytes(planned.size)}, of which {_megabytes(planned.left)} are "
        f"to be fetched; the disk has {_megabytes(planned.free)} free, at least "
        f"{_megabytes(planned.need)} are needed"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


@tau.command(short_help="Say whether a folder holds the set as it was published.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--quick", is_flag=True, help="Look at lists and names, and open no file.")
@click.option("--part", is_flag=True, help="DIR holds a part of the set: what lacks is counted, not wrong.")
@click.option("--compare", is_flag=True, help="Also read every file and compare it with tau.lock.json.")
@click.option(
    "--tolerance", type=click.FloatRange(0, 10), default=0.25, show_default=True, metavar="SECONDS",
    help="How far a length may be off.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes that open files."
)
@_JSON
def check(
    folder: Path, quick: bool, part: bool, compare: bool, tolerance: float, workers: int, as_json: bool
) -> int:
    """Hold the folder DIR against what is published of TAU: counts, names, folds, files, lengths.

    A folder without fold1_train.csv is taken for the evaluation set. Files are probed, not decoded.

    Exit status: 0 if all is as it should be, 4 if something is wrong, 2 for a wrong call.
    """
    from vadd.cli.terminal import Progress, emit
    from vadd.errors import MediaError
    from vadd.protocol.tau_check import check as check_folder

    with Progress(folder, wanted=True) as progress:
        report = check_folder(
            folder, quick=quick, part=part, compare=compare, tolerance=tolerance, workers=workers,
            progress=progress,
        )  # fmt: skip
    if as_json:
        emit(json.dumps(report.to_json()) + "\n")
    else:
        _tell(report)
    return 0 if report.whole else MediaError.exit_status


def _tell(report: Report) -> None:
    from vadd.cli.terminal import say
    from vadd.protocol.tau_lists_check import KINDS

    say(f"{report.folder}: the {report.which} set")
    for fold, counts in report.counts.items():
        say(f"{fold}: {sum(counts.values()):,} clips listed, {report.expected[fold]:,} published")
        for scene, number in counts.items():
            if scene:
                say(f"  {scene:18}{number:6,}")
    say(f"{report.absent:,} files absent, {report.opened:,} opened, {report.compared:,} compared")
    for kind, problems in report.by_kind().items():
        say(f"{len(problems):,} {KINDS[kind]}:")
        for problem in problems[:_SHOWN]:
            say(f"  {problem.text}")
        if len(problems) > _SHOWN:
            say(f"  and {len(problems) - _SHOWN:,} more; --json names them all")
    say("nothing is wrong" if report.whole else f"{len(report.problems):,} things are wrong")


@tau.command(short_help="Print how many clips each class, city and fold has.")
@click.argument("place", type=click.Path(path_type=Path), metavar="[CSV|DIR]", default=".")
@_JSON
def info(place: Path, as_json: bool) -> int:
    """Print the table of classes, cities and folds of the data set in DIR, or of a list.

    A list is a CSV with the columns clip,scene,city,location,fold1. Each cell holds the clips to train on
    and those to test on.
    """
    from vadd.cli.terminal import emit, say
    from vadd.protocol.tau import read_clips
    from vadd.protocol.tau_info import spread

    found = spread(read_clips(place))
    if as_json:
        emit(json.dumps(found.to_json()) + "\n")
    else:
        for line in found.lines():
            say(line)
    return 0
