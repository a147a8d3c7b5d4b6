"""``vadd embed``: a folder of clips into an embedding store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vadd.embed.pipeline import Failure, Source

__all__ = ["embed"]


@click.command(short_help="Turn a folder of clips into vectors, kept in a store.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--embedders", default="default", show_default=True, metavar="paper|default|NAME,...", help="The nets."
)
@click.option("--store", "place", required=True, type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--list", "listed", type=click.Path(path_type=Path), metavar="CSV|DIR",
    help="Scenes, cities, locations and folds of the clips: clip,scene,city,location,fold1 or TAU's meta.",
)  # fmt: skip
@click.option(
    "--augment", is_flag=True, help="Also embed every clip changed at random, but for the test fold."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of --augment.")
@click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads that a net may use."
)
@click.option("--rehash", is_flag=True, help="Read files again that look unchanged since they were embedded.")
def embed(
    folder: Path,
    embedders: str,
    place: Path,
    listed: Path | None,
    augment: bool,
    seed: int,
    threads: int,
    rehash: bool,
) -> int:
    """Turn every clip in the folder DIR into vectors, one a second and net, kept in a store.

    What the store has already is skipped, so a run that was ended goes on where it was. A folder with
    TAU's meta is read by its lists, pictures from video and sounds from audio. Clips that cannot be read
    are named and counted.

    Exit status: 0 if every clip is in the store, 4 if some could not be read, 2 for a wrong call.
    """
    from vadd.cli.terminal import Progress, say
    from vadd.embed import catalog
    from vadd.embed.many import chosen, embed_into, open_or_create
    from vadd.errors import MediaError
    from vadd.media.limits import Limits

    sources = _sources(folder, listed)
    nets = [catalog.load(name, threads=threads) for name in chosen(embedders)]
    drawn = seed if augment else None
    with (
        open_or_create(place, nets, limits=Limits(), seed=drawn) as store,
        Progress(folder, wanted=True) as progress,
    ):
        summary = embed_into(
            store, sources, nets, seed=drawn, rehash=rehash, progress=progress, failed=_complain
        )
    say(
        f"{place}: {summary.written} clips embedded, {summary.skipped} were there already, "
        f"{len(summary.failures)} could not be read"
    )
    return MediaError.exit_status if summary.failures else 0


def _sources(folder: Path, listed: Path | None) -> tuple[Source, ...]:
    from vadd.embed.many import find_sources
    from vadd.protocol.tau import labelled, read_clips, tau_sources

    if listed is None and (folder / "meta" / "evaluation_setup" / "fold1_train.csv").is_file():
        return tau_sources(folder)
    clips = None if listed is None else read_clips(listed)
    return labelled(find_sources(folder), clips)


def _complain(failure: Failure) -> None:
    from vadd.report.text import printable

    sys.stderr.write(f"vadd: {printable(failure.reason)}\n")
