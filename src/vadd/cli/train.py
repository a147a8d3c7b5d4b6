"""``vadd train``: a classifier from an embedding store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

__all__ = ["train"]

_PLACEMENTS = "ns|es|ms|ls|es+ls|ms+ls|es+ms|es+ms+ls|hybrid|contrastive"


@click.command(short_help="Train a classifier on a store.")
@click.option("--store", "place", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The classifier.")
@click.option(
    "--modality", type=click.Choice(["joint", "visual", "audio"]), default="joint", show_default=True,
)  # fmt: skip
@click.option(
    "--classes", type=click.Choice(["10", "3", "2"]), default="10", show_default=True,
    help="Scenes of TAU; indoor, outdoor, vehicle; indoor, outdoor.",
)  # fmt: skip
@click.option(
    "--fusion", type=click.Choice(_PLACEMENTS.split("|")), default="ls", show_default=True,
    metavar=_PLACEMENTS, help="Where attention stands, or another kind of network.",
)  # fmt: skip
@click.option(
    "--attention", type=click.Choice(["clip", "batch"]), default="clip", show_default=True,
    help="Within a clip, or across the batch as the paper's authors do: for the record only.",
)  # fmt: skip
@click.option(
    "--instance", type=click.Choice(["second", "clip"]), default="second", show_default=True,
    help="Whether the seconds of a clip attend to each other.",
)  # fmt: skip
@click.option("--embedders", metavar="NAME,...", help="Only these of the store's.")
@click.option(
    "--recipe", "recipe_name", type=click.Choice(["paper", "authors", "ours"]), default="paper",
    show_default=True, help="As in the paper's text, as in its authors' code, or ours.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Instead of the recipe's.")
@click.option(
    "--validation", type=float, metavar="SHARE",
    help="Share of each scene's locations that is kept from training, instead of the recipe's; "
    "`vadd detector build` needs some.",
)  # fmt: skip
@click.option(
    "--augment/--no-augment", default=None,
    help="Double the set by its augmented twins; by default if the store has them.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace a classifier that is there.")
def train(place: Path, out: Path, overwrite: bool, **wanted: Any) -> int:
    """Train a classifier on the train fold of a store; the test fold is not looked at.

    A run that was ended goes on after its last whole epoch. The folder gets the weights, a card that says
    what they came from, and curves.png.
    """
    from vadd.classify.choose import spec_for
    from vadd.classify.lesson import prepare
    from vadd.classify.recipe import recipe
    from vadd.classify.train import train as run
    from vadd.cli.terminal import Progress, say
    from vadd.embed.checkpoint import require_extra
    from vadd.embed.store import Store
    from vadd.report.curves import curves

    require_extra("torch", "safetensors", "pyarrow", "matplotlib")
    how = recipe(wanted["recipe_name"])
    changes = {name: wanted[name] for name in ("epochs", "validation") if wanted[name] is not None}
    how = replace(how, **changes)
    store = Store.open(place)
    spec = spec_for(
        store,
        modality=wanted["modality"],
        classes=int(wanted["classes"]),
        fusion=wanted["fusion"],
        attention=wanted["attention"],
        instance=wanted["instance"],
        embedders=[name.strip() for name in (wanted["embedders"] or "").split(",") if name.strip()],
        dropout=how.dropout,
    )
    lesson = prepare(store, spec, validation=how.validation, seed=wanted["seed"], augment=wanted["augment"])
    with Progress(out, wanted=True) as progress:
        card = run(
            lesson,
            spec,
            how,
            out,
            seed=wanted["seed"],
            threads=wanted["threads"],
            overwrite=overwrite,
            progress=progress,
        )
    history: Any = card.metrics["history"]
    curves(history, out / "curves.png", out.name, synthetic=lesson.synthetic)
    last = history[int(str(card.metrics["kept_epoch"])) - 1]
    told = f"{out}: epoch {last['epoch']} of {len(history)}, loss {last['loss']:.4f}"
    if "validation_accuracy" in last:
        clips = card.data["validation_clips"]
        told += f", {last['validation_accuracy']:.2%} of {clips} validation clips right"
    say(f"{told}{' (synthetic data)' if lesson.synthetic else ''}")
    return 0
