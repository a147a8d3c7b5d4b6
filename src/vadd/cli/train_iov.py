"""``vadd train-iov``: weights for the IOV embedder, of which none are published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vadd.classify.iov_seconds import Recording

__all__ = ["train_iov"]


@click.command("train-iov")
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[FOLDER]")
@click.option(
    "--tau", type=click.Path(path_type=Path), metavar="DIR",
    help="Take the training fold of TAU in this folder (with meta and audio) instead.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="For the weights.")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def train_iov(folder: Path | None, tau: Path | None, out: Path, epochs: int, seed: int, threads: int) -> int:
    """Train the indoor/outdoor/vehicle network on sound files.

    FOLDER has the folders indoor, outdoor and vehicle with recordings in any format. A run that was
    ended goes on after its last whole epoch.
    """
    from vadd.cli.terminal import Progress, say
    from vadd.embed.checkpoint import require_extra
    from vadd.report.text import printable

    if (folder is None) == (tau is None):
        raise click.UsageError("name either a FOLDER or --tau DIR")
    require_extra("torch", "safetensors")
    from vadd.classify import train_iov as trainer
    from vadd.classify.iov_seconds import find_recordings

    recordings = _of_tau(tau) if tau is not None else find_recordings(folder or Path())
    with (
        Progress(Path("sound"), wanted=True) as preparing,
        Progress(Path("training"), wanted=True) as training,
    ):
        done = trainer.train_iov(
            recordings,
            out,
            trainer.IovRecipe(epochs=epochs, seed=seed),
            threads=threads,
            preparing=preparing,
            training=training,
        )
    for _, reason in done.failures:
        sys.stderr.write(f"vadd: {printable(reason)}\n")
    right = f"{done.accuracy:.1%} of the validation seconds right"
    say(f"{done.weights}: {right}, {len(done.failures)} recordings unreadable")
    say(f"use it with: vadd models add iov_cnn420 {done.weights} --unpublished")
    return 0


def _of_tau(folder: Path) -> tuple[Recording, ...]:
    from vadd.classify.iov_seconds import Recording
    from vadd.errors import UsageError
    from vadd.protocol.tau import read_clips
    from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, TAU, coarsen

    kinds = coarsen(TAU, INDOOR_OUTDOOR_VEHICLE)
    found = []
    for clip in read_clips(folder):
        kind = kinds[TAU.index(clip.scene)]
        if clip.split == "train" and kind is not None:
            path = folder / "audio" / f"{clip.name}.wav"
            found.append(Recording(path, INDOOR_OUTDOOR_VEHICLE.scenes[kind], f"{clip.city}-{clip.location}"))
    missing = [each.path for each in found if not each.path.is_file()]
    if missing:
        raise UsageError(f"{len(missing)} recordings are not there, the first is {missing[0]}")
    return tuple(found)
