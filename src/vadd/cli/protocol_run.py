"""``vadd protocol run``: a detector judged by a benchmark, in one go."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vadd.cli.options import share

__all__ = ["run_"]


@click.command("run", short_help="Judge the trials of a manifest, and score that.")
@click.argument("manifest", type=click.Path(path_type=Path), metavar="MANIFEST")
@click.option(
    "--model", default="everyday", show_default=True, metavar="NAME|DIR",
    help="The detector: a name of `vadd models list`, or a folder of `vadd detector build`.",
)  # fmt: skip
@click.option(
    "--media", type=click.Path(path_type=Path), metavar="DIR",
    help="The clips: the picture of one is judged with the sound of the other.",
)  # fmt: skip
@click.option(
    "--rendered", type=click.Path(path_type=Path), metavar="DIR",
    help="The rendered clips of `vadd protocol render`; sounds replaced in spans need them.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--false-alarms", type=float, callback=share, default=0.10, show_default=True, metavar="SHARE",
    help="Share of clips with their own sound that may be called discrepant.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one a core]")
@click.option("--bootstraps", type=click.IntRange(0, 100_000), default=1_000, show_default=True, metavar="N")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
def run_(
    manifest: Path, model: str, media: Path | None, rendered: Path | None, out: Path, false_alarms: float,
    workers: int | None, bootstraps: int, seed: int, as_json: bool,
) -> int:  # fmt: skip
    """Judge every trial of MANIFEST with a detector, and score what it says.

    DIR gets predictions.csv, a log of what was judged, and the pages of `vadd protocol score`. A run that
    was ended goes on where it was. A file that cannot be judged is told as failed and ends nothing.
    """
    if (media is None) == (rendered is None):
        raise click.UsageError("name either --media or --rendered")

    from vadd.cli.protocol_score import tell
    from vadd.cli.terminal import Progress, say
    from vadd.protocol.judge_run import PREDICTIONS, identity, judge_all, pair_tasks, rendered_tasks
    from vadd.protocol.manifest import read_manifest
    from vadd.protocol.predictions import read_predictions
    from vadd.protocol.scoring import Options
    from vadd.protocol.truth import truth_of
    from vadd.report.output import prepare_folder

    entries = read_manifest(manifest)
    run = identity(model, false_alarms, manifest, "pairs" if rendered is None else "rendered")
    if rendered is not None:
        tasks = rendered_tasks(entries, rendered)
    else:
        tasks = pair_tasks(entries, media or Path())
    prepare_folder(out)
    with Progress(manifest, wanted=not as_json) as progress:
        judged = judge_all(
            tasks, out, run, model=model, false_alarms=false_alarms,
            workers=workers or len(os.sched_getaffinity(0)), progress=progress,
        )  # fmt: skip
    if not as_json:
        say(f"{judged} trials judged now, {len(tasks) - judged} before")
    truth = truth_of(entries)
    tell(
        truth, read_predictions(out / PREDICTIONS, truth), Options(draws=bootstraps, seed=seed),
        manifest=manifest, predictions=out / PREDICTIONS, out=out, as_json=as_json, about=run,
    )  # fmt: skip
    return 0
