"""``vadd check``: judge files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
@click.option(
    "--out",
    type=_FILE,
    metavar="RESULTS",
    help="Judge all files of folders, patterns and lists (.txt) and keep what comes of it in this folder; "
    "the same command goes on where it was stopped.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="With --out: files judged at the same time.  [default: one for each processor]",
)
@click.option(
    "--reports",
    type=click.Choice(["all", "discrepant", "none"]),
    help="With --out: which files get a page.  [default: all]",
)
@click.option("--shard", metavar="K/N", help="With --out: judge only the K-th of N parts, for job arrays.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    help="With --out: where they are judged.  [default: local]",
)
@click.option("--address", metavar="ADDRESS", help="With --engine ray: an existing cluster.")
@click.option(
    "--all-files", is_flag=True, help="With --out: take files of any suffix from folders, not media alone."
)
@click.option("--rehash", is_flag=True, help="With --out: read also the files that seem unchanged.")
@click.option(
    "--retry", is_flag=True, help="With --out: judge anew what crashed or ran out of time or memory."
)
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
    out: Path | None,
    **many: Any,
) -> int:
    """Judge whether the sound of each FILE belongs to its picture.

    Exit status: 0 consistent, 1 discrepant, 3 inconclusive, 4 failed, 2 for a wrong call. With several
    files the first of these that occurs counts: discrepant, failed, inconclusive, consistent. With --out 0
    when all files were judged, whatever the verdicts.
    """
    singly = {"--picture": picture, "--sound": sound, "--html": html, "--csv": csv_path, "--srt": srt}
    singly |= {"--spans": spans, "--avdf": avdf}
    if out is not None:
        return _many(files, out, model, false_alarms, singly, many, as_json=as_json, quiet=quiet)
    for name, value in many.items():
        if value:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --out")
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


def _many(
    files: Sequence[Path],
    out: Path,
    model: str,
    false_alarms: float,
    singly: Mapping[str, object],
    many: Mapping[str, Any],
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    for name, value in singly.items():
        if value is not None:
            raise click.UsageError(f"{name} does not go with --out, which keeps all of that")
    if not files:
        raise click.UsageError("name a folder, a pattern, a list or files")
    if many["address"] and many["engine"] != "ray":
        raise click.UsageError("--address goes with --engine ray")
    from vadd.cli.check_many import check_many
    from vadd.run.settings import Settings

    return check_many(
        files,
        out,
        Settings(model=model, false_alarms=false_alarms, reports=many["reports"] or "all"),
        workers=many["workers"],
        engine=many["engine"] or "local",
        address=many["address"],
        shard=many["shard"],
        everything=many["all_files"],
        rehash=many["rehash"],
        retry=many["retry"],
        as_json=as_json,
        quiet=quiet,
    )


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
