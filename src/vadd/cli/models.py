"""``vadd models``: what the verdicts are made with."""

from __future__ import annotations

from pathlib import Path

import click

from vadd.errors import ModelError

__all__ = ["models"]


@click.group(short_help="List, show, verify and add models.")
def models() -> None:
    """List, show and verify the models; add weights that do not come with vadd."""


@models.command("list", short_help="Name every model, with its kind.")
def list_() -> int:
    """Name every model, with its kind, and say which weights are not here."""
    from vadd.cli.shelf import shelf
    from vadd.cli.terminal import say

    entries = shelf()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        say(f"{entry.name:{width}}  {entry.kind:8}  {entry.summary}")
    return 0


@models.command("show", short_help="Print all that is known of a model.")
@click.argument("name", metavar="NAME|DIR")
def show_(name: str) -> int:
    """Print all that is known of the model NAME, or of the detector or classifier in the folder DIR."""
    from vadd.cli.shelf import find
    from vadd.cli.terminal import say

    entry = find(name)
    facts = [("kind", entry.kind), *entry.facts]
    if entry.missing is not None:
        facts.append(("get", entry.missing()))
    width = max(len(key) for key, _ in facts)
    for key, value in facts:
        say(f"{key:{width}}  {value}")
    return 0


@models.command("verify", short_help="Compare models' files with their recorded hashes.")
@click.argument("names", nargs=-1, metavar="[NAME|DIR]...")
def verify(names: tuple[str, ...]) -> int:
    """Read the files of every model, or of those named, and compare their hashes with the recorded ones.

    DIR is the folder of a detector or a classifier. Weights that were never added are named, and are no
    damage.
    """
    from vadd.cli.shelf import find, shelf
    from vadd.cli.terminal import say

    damaged = 0
    for entry in [find(name) for name in names] if names else shelf():
        if entry.missing is not None:
            say(f"{entry.name}: not here")
            continue
        try:
            entry.verify()
        except ModelError as error:
            damaged += 1
            say(f"{entry.name}: {error}")
        else:
            say(f"{entry.name}: as recorded")
    return ModelError.exit_status if damaged else 0


_REPLACE = click.option("--replace", is_flag=True, help="Put it in the place of other weights added before.")


@models.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--link", is_flag=True, help="Point to the file instead of copying it.")
@click.option(
    "--unpublished", is_flag=True, help="Take a file that is not the published one, if it fits the network."
)
@_REPLACE
def add_(name: str, path: Path, *, link: bool, unpublished: bool, replace: bool) -> int:
    """Check the weights file PATH and keep it for the embedder NAME.

    Its SHA-256 is recorded and compared at every use from then on.
    """
    from vadd.cli.terminal import say
    from vadd.embed import shelf

    sha256 = shelf.add(name, path, link=link, replaced=replace, published=not unpublished)
    say(f"{name}: added, SHA-256 {sha256}")
    return 0


@models.command("download", short_help="Fetch published weights.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@_REPLACE
def download_(names: tuple[str, ...], *, replace: bool) -> int:
    """Bring the published weights of the embedders NAME from their publishers, and keep them."""
    from vadd.cli.terminal import Progress, say
    from vadd.embed import shelf

    for name in names:
        with Progress(Path(name), wanted=True) as progress:
            sha256 = shelf.download(name, replaced=replace, progress=progress)
        say(f"{name}: here, SHA-256 {sha256}")
    return 0
