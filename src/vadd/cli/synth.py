"""``vadd synth``: a made-up store whose best possible accuracy is known."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["synth"]


@click.command(short_help="Make a synthetic store in the shape of TAU.")
@click.option("--store", "place", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option("--clips", default="all", show_default=True, metavar="N|all", help="How many clips.")
@click.option(
    "--list", "listed", type=click.Path(path_type=Path), metavar="CSV|DIR",
    help="Take these clips, not invented ones: clip,scene,city,location,fold1 or TAU's meta folder.",
)  # fmt: skip
@click.option(
    "--confusability", type=float, default=1.0, show_default=True, metavar="X",
    help="How hard the scenes are to tell apart; 1 is about as hard as the paper found it.",
)  # fmt: skip
@click.option(
    "--dims",
    default=None,
    metavar="NAME=N,...",
    help="Embedders and their dimensions; the paper's if not given.",
)
@click.option("--augment", is_flag=True, help="Also make an augmented twin of every training clip.")
@click.option("--seed", required=True, type=click.IntRange(0), metavar="N", help="Of all that is drawn.")
def synth(
    place: Path,
    clips: str,
    listed: Path | None,
    confusability: float,
    dims: str | None,
    augment: bool,
    seed: int,
) -> int:
    """Make a store in the shape of TAU from random numbers with the structure of scenes.

    Whatever is computed from it says that it is synthetic. The best accuracy that any classifier can have
    on it is stored with it.
    """
    from vadd.cli.terminal import Progress, say
    from vadd.protocol.synth import DIMENSIONS, World, invented_clips, make, thinned
    from vadd.protocol.tau import read_clips

    count = _count(clips)
    if listed is not None:
        whole = read_clips(listed)
        chosen = whole if count is None else thinned(whole, count)
    else:
        chosen = invented_clips(seed=seed) if count is None else invented_clips(count, seed=seed)
    sizes = {name: dim for name, (_, dim) in DIMENSIONS.items()} if dims is None else _sizes(dims)
    world = World(chosen, sizes, confusability=confusability, seed=seed)
    with (
        Progress(place, wanted=True) as progress,
        make(place, chosen, world, confusability=confusability, twins=augment, progress=progress) as store,
    ):
        say(f"{place}: {len(store.clips())} synthetic clips")
        for classes, best in store.metadata["bayes"].items():
            shares = ", ".join(f"{name} {share:.2%}" for name, share in best.items())
            say(f"best possible accuracy, {classes} classes: {shares}")
    return 0


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is neither 'all' nor a number of clips", param_hint="'--clips'")
    return int(text)


def _sizes(text: str) -> dict[str, int]:
    sizes = {}
    for part in text.split(","):
        name, _, dim = part.strip().partition("=")
        if not name or not dim.isdecimal() or name in sizes:
            raise click.BadParameter(f"{part!r} is not NAME=N, or named twice", param_hint="'--dims'")
        sizes[name] = int(dim)
    return sizes
