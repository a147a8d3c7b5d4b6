"""``vadd detector``: two classifiers become a detector."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["detector"]

_FOLDER = click.Path(path_type=Path)


@click.group(short_help="Make a detector of two trained classifiers.")
def detector() -> None:
    """Make a detector that `vadd check --model DIR` judges files with."""


@detector.command("build", short_help="Join a visual and an audio classifier.")
@click.option("--visual", required=True, type=_FOLDER, metavar="DIR", help="The visual classifier.")
@click.option("--audio", required=True, type=_FOLDER, metavar="DIR", help="The audio classifier.")
@click.option("--store", "place", required=True, type=_FOLDER, metavar="DIR", help="With validation clips.")
@click.option("--out", required=True, type=_FOLDER, metavar="DIR", help="Where the detector goes.")
@click.option(
    "--scorer", default="graded", show_default=True, metavar="NAME",
    help="Of graded, confusions, divergence, bhattacharyya, seconds and hard.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw of foreign sounds."
)
@click.option("--overwrite", is_flag=True, help="Replace a detector that is there.")
def build_(visual: Path, audio: Path, place: Path, out: Path, scorer: str, seed: int, overwrite: bool) -> int:
    """Join two classifiers, calibrated on clips from locations that neither has learnt from.

    Both must have been trained with the same --validation SHARE and --seed. The test fold is never looked
    at. The scorer says how picture and sound are compared; confusions learns from the same clips how either
    classifier errs. Export the classifiers first, and the detector runs without torch where its embedders do.
    """
    from vadd.cli.terminal import Progress, say
    from vadd.detect.build import build
    from vadd.embed.store import Store

    with Progress(out, wanted=True) as progress:
        built = build(
            visual,
            audio,
            Store.open(place),
            out,
            scorer=scorer,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    say(f"{out}: calibrated on {built.clips} clips of {built.locations} locations and {built.swaps} swaps")
    say(f"lowest false-alarm rate that it can promise: {built.lowest:.2%}")
    if built.synthetic:
        say("made from synthetic vectors: it judges no file")
    return 0
