"""``vadd reproduce``: the paper's tables, each with one command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from vadd.protocol.reproduce.campaign import Campaign, Trained
    from vadd.protocol.reproduce.page import Result

__all__ = ["reproduce"]

_PLACEMENTS = "ns|es|ms|ls|es+ls|ms+ls|es+ms|es+ms+ls"

Command = TypeVar("Command", bound=Callable[..., Any])


def _common(recipe: str) -> Callable[[Command], Command]:
    """The options that all tables have."""
    options = (
        click.option("--store", "place", required=True, type=click.Path(path_type=Path), metavar="DIR"),
        click.option(
            "--out", required=True, type=click.Path(path_type=Path), metavar="DIR",
            help="Page, tables, pictures, and the classifiers, which a later run takes up.",
        ),
        click.option(
            "--recipe", "recipe_name", type=click.Choice(["paper", "authors", "ours"]), default=recipe,
            show_default=True, help="How the classifiers are trained.",
        ),
        click.option("--epochs", type=click.IntRange(1), metavar="N", help="Instead of the recipe's."),
        click.option(
            "--seeds", default="3", show_default=True, metavar="N|A,B,...",
            help="How many, from 0 on, or which (7, is seed 7 alone).",
        ),
        click.option("--embedders", metavar="NAME,...", help="Only these of the store's."),
        click.option("--threads", type=click.IntRange(1), default=2, show_default=True),
    )  # fmt: skip

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_FUSION = click.option(
    "--fusion", type=click.Choice(_PLACEMENTS.split("|")), default="ls", show_default=True,
    metavar=_PLACEMENTS, help="Where attention stands.",
)  # fmt: skip
_EITHER = click.option(
    "--classes", type=click.Choice(["10", "3"]), default="10", show_default=True,
    help="Scenes of TAU, or indoor, outdoor, vehicle.",
)  # fmt: skip
_BOTH = click.option(
    "--classes", type=click.Choice(["10", "3"]), help="Only these; the others are then not measured."
)


@click.group(short_help="Make the paper's tables.")
def reproduce() -> None:
    """Train and measure all that a table of the paper needs, on a store with train and test fold.

    The folder gets a Markdown page, CSV files, pictures and a JSON document that says what they came from.
    A run that was ended goes on where it was; classifiers that are there are not trained again.
    """


@reproduce.command(short_help="Accuracy by both streams, sound, picture; F1 on swaps.")
@_common("paper")
@_BOTH
@_FUSION
def table1(classes: str | None, fusion: str, **common: Any) -> int:
    """The first table: how well scenes are told by both streams, by the sound and by the picture.

    Ten classes and three, these by a head of their own and by sums of the ten, and the F1 of finding swapped
    sounds with them.
    """
    from vadd.protocol.reproduce.table1 import table1 as run

    return _write(common["out"], run(_campaign(**common), classes=_numbers(classes), fusion=fusion))


@reproduce.command(short_help="Where attention stands, and augmentation.")
@_common("paper")
@_EITHER
def table2(classes: str, **common: Any) -> int:
    """The second table: eight placements of attention, augmentation, and hybrid fusion."""
    from vadd.protocol.reproduce.table2 import table2 as run

    return _write(common["out"], run(_campaign(**common), classes=int(classes)))


@reproduce.command("vadd", short_help="Swapped sounds, by every scorer.")
@_common("paper")
@_BOTH
@_FUSION
@click.option("--contrastive", is_flag=True, help="Also train and apply a contrastive network.")
def swapped(classes: str | None, fusion: str, contrastive: bool, **common: Any) -> int:
    """The benchmark: swapped sounds in the paper's design, found by each scorer.

    Thresholds come from locations of the train fold that are kept from training.
    """
    from vadd.protocol.reproduce.vadd_table import vadd_table as run

    result = run(_campaign(**common), classes=_numbers(classes), fusion=fusion, contrastive=contrastive)
    return _write(common["out"], result)


@reproduce.command(short_help="What attention across the batch does.")
@_common("authors")
@_EITHER
@_FUSION
@click.option(
    "--modality", type=click.Choice(["joint", "visual", "audio"]), default="joint", show_default=True
)
def leak(classes: str, fusion: str, modality: Any, **common: Any) -> int:
    """Show what attention across the batch, as in the paper's published code, does to accuracy.

    The same clips are shown sorted by class, shuffled, clip by clip and second by second.
    """
    from vadd.protocol.reproduce.leak import leak as run

    result = run(_campaign(**common), modality=modality, classes=int(classes), fusion=fusion)
    return _write(common["out"], result)


def _numbers(classes: str | None) -> tuple[int, ...]:
    return (10, 3) if classes is None else (int(classes),)


def _campaign(
    *,
    place: Path,
    out: Path,
    recipe_name: str,
    epochs: int | None,
    seeds: str,
    embedders: str | None,
    threads: int,
) -> Campaign:
    from dataclasses import replace

    from vadd.classify.recipe import recipe
    from vadd.cli.terminal import Progress
    from vadd.embed.checkpoint import require_extra
    from vadd.embed.store import Store
    from vadd.protocol.reproduce.campaign import Campaign
    from vadd.report.output import prepare_folder

    require_extra("torch", "safetensors", "pyarrow", "matplotlib")
    how = recipe(recipe_name)
    campaign = Campaign(
        Store.open(place),
        out,
        how if epochs is None else replace(how, epochs=epochs),
        seeds=_seeds(seeds),
        threads=threads,
        embedders=[name.strip() for name in (embedders or "").split(",") if name.strip()],
        watch=lambda name: Progress(Path(name), wanted=True),
        told=_tell,
    )
    prepare_folder(out)
    return campaign


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise click.BadParameter(
            f"{text!r} is neither a number of seeds nor a list of them", param_hint="'--seeds'"
        )
    return tuple(int(part) for part in parts) if "," in text else tuple(range(int(text)))


def _tell(trained: Trained) -> None:
    from vadd.cli.terminal import say

    say(f"{trained.name}: {'was there' if trained.reused else 'trained'}")


def _write(out: Path, result: Result) -> int:
    """Put a table into its folder, the page last: when it is there, all is."""
    import json

    from vadd.cli.terminal import say
    from vadd.report.matrix import matrix
    from vadd.report.output import write

    for each in result.matrices:
        write(out / f"{each.name}.csv", each.csv())
        matrix(
            out / f"{each.name}.png",
            title=each.title,
            down=each.down,
            across=each.across,
            rows=each.rows,
            columns=each.columns,
            values=each.values,
            shades=each.shades,
            decimals=each.decimals,
            synthetic=result.synthetic,
        )
    for name, text in result.tables.items():
        write(out / name, text)
    write(out / f"{result.name}.json", json.dumps(result.document, indent=1, allow_nan=False) + "\n")
    write(out / f"{result.name}.md", result.markdown)
    say(f"{out / result.name}.md{' (synthetic data)' if result.synthetic else ''}")
    return 0
