"""``vadd check``: judge files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vadd.cli.options import share

if TYPE_CHECKING:
    from vadd.detect.verdict import Verdict

__all__ = ["check"]

#: Whether a file can be read is told once, for all kinds of reasons, by `require_inputs`.
_FILE = click.Path(path_type=Path, readable=False)


@click.command()
@click.argument("files", nargs=-1, type=_FILE, metavar="FILE...")
@click.option("--picture", type=_FILE, metavar="FILE", help="Take the picture of this file ...")
@click.option("--sound", type=_FILE, metavar="FILE", help="... and the sound of this one.")
@click.option(
    "--json", "as_json", is_flag=True, help="Write JSON Lines, one document a file, and nothing else."
)
@click.option("--html", metavar="PATH", help="Write a page; with several files, a folder of pages.")
@click.option("--csv", "csv_path", metavar="PATH", help="Write one table with a row for each file.")
@click.option(
    "--srt",
    metavar="PATH",
    help="Write subtitles of what does not fit; with several files, a folder of them.",
)
@click.option(
    "--spans", metavar="PATH", help="Write one table with a row for each flagged span of all files."
)
@click.option("--avdf", metavar="PATH", help="Write the flagged spans of all files as AV-Deepfake1M's JSON.")
@click.option(
    "--model",
    default="everyday",
    show_default=True,
    metavar="NAME|DIR",
    help="The detector: a name of `vadd models list`, or a folder of `vadd detector build`.",
)
@click.option(
    "--false-alarms",
    type=float,
    callback=share,
    default=0.10,
    show_default=True,
    metavar="SHARE",
    help="Share of clips with their own sound that may be called discrepant.",
)
@click.option("-q", "--quiet", is_flag=True, help="Write no text and no progress; the exit status tells.")
def check(
    files: tuple[Path, ...],
    picture: Path | None,
    sound: Path | None,
    as_json: bool,
    html: str | None,
    csv_path: str | None,
    srt: str | None,
    spans: str | None,
    avdf: str | None,
    model: str,
    false_alarms: float,
    quiet: bool,
) -> int:
    """Judge whether the sound of each FILE belongs to its picture.

    Exit status: 0 consistent, 1 discrepant, 3 inconclusive, 4 failed, 2 for a wrong call. With several
    files the first of these that occurs counts: discrepant, failed, inconclusive, consistent.
    """
    from vadd.cli.exports import Exports, Judged
    from vadd.cli.files import require_inputs

    pair = _pair(picture, sound, files)
    require_inputs(pair or files)
    judged = [Judged.of_pair(*pair)] if pair else [Judged.of_file(file) for file in files]
    exports = Exports(judged, html=html, srt=srt, csv=csv_path, spans=spans, avdf=avdf)

    from vadd.cli.status import exit_status, summary
    from vadd.cli.terminal import emit, say, show
    from vadd.report.document import line

    talk = not (as_json or quiet)
    outcomes = []
    for i, verdict in enumerate(
        _judge(files, pair, model, false_alarms, exports.pictures, progress=not quiet)
    ):
        outcomes.append(verdict.verdict)
        if as_json:
            emit(f"{line(verdict)}\n")
        elif talk:
            if i:
                say("")
            show(verdict, judged[i].label)
        for written in exports.add(verdict):
            if talk:
                say(f"  {written}")
    exports.finish()
    if talk and len(outcomes) > 1:
        say("")
        say(summary(outcomes))
    return exit_status(outcomes)


def _pair(picture: Path | None, sound: Path | None, files: Sequence[Path]) -> tuple[Path, Path] | None:
    if picture is None and sound is None:
        if not files:
            raise click.UsageError("name a file, or --picture and --sound")
        return None
    if picture is None or sound is None:
        raise click.UsageError("--picture and --sound go together")
    if files:
        raise click.UsageError("--picture and --sound take the place of FILE")
    return picture, sound


def _judge(
    files: Sequence[Path],
    pair: tuple[Path, Path] | None,
    model: str,
    false_alarms: float,
    exhibit: bool,
    *,
    progress: bool,
) -> Iterator[Verdict]:
    """One verdict a file, each as soon as it is there.

    One of several that is gone by its turn gets a verdict too: it must not end the others.
    """
    from vadd.cli.terminal import Progress
    from vadd.detect.detector import Detector
    from vadd.errors import UsageError

    detector = Detector(model, false_alarms=false_alarms)
    if pair:
        with Progress(pair[0], wanted=progress) as shown:
            verdict = detector.check_pair(*pair, exhibit=exhibit, progress=shown)
        yield verdict
        return
    for file in files:
        with Progress(file, wanted=progress) as shown:
            try:
                verdict = detector.check(file, exhibit=exhibit, progress=shown)
            except UsageError as error:  # it was there before the start and is gone by now
                if len(files) == 1:
                    raise
                verdict = detector.unreadable(file, str(error))
        yield verdict
