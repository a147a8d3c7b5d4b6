"""``vadd adapt``: clips of one's own recalibrate a detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vadd.cli.options import share

if TYPE_CHECKING:
    from vadd.detect.adapted_report import Adapted, Tally

__all__ = ["adapt"]

_FOLDER = click.Path(path_type=Path)


@click.command(short_help="Recalibrate a detector on clips of your own.")
@click.argument("folder", type=_FOLDER, metavar="FOLDER")
@click.option("--out", required=True, type=_FOLDER, metavar="DIR", help="Where the detector goes.")
@click.option(
    "--model",
    default="everyday",
    show_default=True,
    metavar="NAME|DIR",
    help="The detector to adapt.",
)
@click.option(
    "--false-alarms",
    type=float,
    callback=share,
    default=0.10,
    show_default=True,
    metavar="SHARE",
    help="Share of false alarms to try it at; the lower, the more clips it takes.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw of foreign sounds."
)
@click.option("--overwrite", is_flag=True, help="Replace a detector that is there.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
def adapt(
    folder: Path, out: Path, model: str, false_alarms: float, seed: int, overwrite: bool, as_json: bool
) -> int:
    """Recalibrate a detector on the clips in FOLDER, all taken as authentic, and save it.

    Clips of another camera are not exchangeable with those that a detector was calibrated on, and its promise
    about false alarms does not hold for them. Says what the rate is on these clips, before and after.
    """
    from vadd.cli.terminal import Progress, emit
    from vadd.detect.adapt import adapt as run

    with Progress(folder.resolve(), wanted=True) as progress:
        done = run(
            folder,
            out,
            model=model,
            false_alarms=false_alarms,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        emit(json.dumps({"detector": str(out), **done.document()}) + "\n")
    else:
        _tell(done, out)
    return 0


_CURVES = {
    "kept": "{base}'s curve, which these clips bear out best",
    "moved": "{base}'s curve, moved with the threshold",
    "logistic": "a logistic curve fitted to these clips",
    "isotonic": "an isotonic curve fitted to these clips",
}


def _tell(done: Adapted, out: Path) -> None:
    from vadd.cli.terminal import say
    from vadd.detect.score import to_unit

    left = sum(done.left_out.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in done.left_out.items())
    say(
        f"{done.clips} clips used, {left} file{'' if left == 1 else 's'} left out"
        + (f": {reasons}" if reasons else "")
    )
    say(f"lowest false-alarm rate that can be promised: {done.lowest:.2%}")
    say(f"at {done.false_alarms:.2%} asked for:")
    if done.before is None:
        say(f"  {done.base} has too few calibration clips to promise it")
    else:
        _tally(done.base, done.before, done.swaps_before)
    _tally("adapted, each clip judged by what the others teach", done.after, done.swaps_after)
    was = "" if done.threshold_before is None else f" (was {to_unit(done.threshold_before):.2f})"
    say(f"threshold: {to_unit(done.threshold):.2f}{was}")
    area = "" if done.area is None else f" (area under the curve {done.area:.2f})"
    if done.swaps_after is not None:
        say(f"foreign sounds: {done.swaps} swaps of the clips' sounds{area}")
    else:
        say(f"foreign sounds: none, as swaps of the clips' sounds do not stand out{area}")
    say(f"probability: {_CURVES[done.curve].format(base=done.base)}")
    say(f"called consistent: {_changed(done)}")
    if done.spans != "none":
        what = "kept" if done.spans == "kept" else "raised to what these clips ask for"
        say(f"threshold of stretches: {what} ({done.long} clips of 20 s or more)")
    if done.wider:
        say(f"more is taken for a known scene: the bound of the {' and the '.join(done.wider)} was raised")
    say(f"saved: {out}")
    say(f"use it: vadd check --model {out} FILE")


def _changed(done: Adapted) -> str:
    """When a clip is called consistent now."""
    from vadd.detect.score import to_unit

    before, now = done.abstention_before, done.abstention
    told = [f"below a probability of {now.consistent:.2f}"]
    if now.below is not None:
        told.append(f"only below a score of {to_unit(now.below):.2f}")
    if now.doubt != before.doubt:
        told.append(f"with a doubt of {now.doubt:g} under speech and music (was {before.doubt:g})")
    return ", ".join(told)


def _tally(name: str, tally: Tally, swaps: Tally | None) -> None:
    from vadd.cli.terminal import say

    told = tally.document()
    low, high = told["false_alarm_interval"]
    say(f"  {name}:")
    say(
        f"    called discrepant {tally.discrepant} of {tally.clips}: {told['false_alarm_rate']:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%}); left open {told['abstention_rate']:.1%}"
    )
    if swaps is not None:
        found = swaps.of_swaps()
        say(
            f"    of foreign sounds caught {found['caught_rate']:.1%}, called consistent "
            f"{found['missed_rate']:.1%}, left open {found['abstention_rate']:.1%}"
        )
