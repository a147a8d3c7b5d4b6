"""``vadd store``: what a store holds, whether it is whole, and features of others brought into one."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["store"]

_STORE = click.option(
    "--store", "place", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The store."
)


@click.group(short_help="Look into embedding stores, and import into them.")
def store() -> None:
    """Look into embedding stores, check them, and bring published features into one."""


@store.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.pkl...")
@_STORE
@click.option(
    "--list", "listed", required=True, type=click.Path(path_type=Path), metavar="CSV|DIR",
    help="The clips that the vectors are of: clip,scene,city,location,fold1 or TAU's meta folder.",
)  # fmt: skip
def import_(files: tuple[Path, ...], place: Path, listed: Path) -> int:
    """Read the authors' feature pickles, called feats_NAME.pkl, into a store.

    Nothing in a pickle is run: one that holds more than arrays of numbers in lists is refused.
    """
    from vadd.cli.terminal import Progress, say
    from vadd.protocol.authors import import_features
    from vadd.protocol.tau import read_clips

    with Progress(place, wanted=True) as progress:
        names = import_features(place, files, read_clips(listed), progress=progress)
    say(f"{place}: {', '.join(names)}")
    return 0


@store.command("info")
@_STORE
def info(place: Path) -> int:
    """Say what is in a store."""
    from vadd.cli.terminal import say
    from vadd.embed.store import Store

    opened = Store.open(place)
    if opened.synthetic:
        say("synthetic: made-up vectors, no clip was ever seen")
    for record in opened.embedders.values():
        clips, twins = opened.clips([record.name]), opened.clips([record.name], augmented=True)
        say(
            f"{record.name}  {record.modality.value}  {record.dim} numbers  {len(clips)} clips, "
            f"{len(twins)} augmented  {record.identity[:20]}"
        )
    for split in sorted({clip.split for clip in opened.clips()}):
        say(f"fold {split or 'none'}: {len(opened.clips(split=split))} clips")
    for key, value in sorted({**opened.recipe, **opened.metadata}.items()):
        say(f"{key}: {value}")
    return 0


@store.command("check")
@_STORE
def check(place: Path) -> int:
    """Read every vector of a store; the first that is damaged or missing is named, with status 2."""
    from vadd.cli.terminal import say
    from vadd.embed.store import Store

    say(f"{place}: {Store.open(place).check()} vectors, all whole")
    return 0
