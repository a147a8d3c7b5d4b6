"""``vadd protocol import``, ``make`` and ``export``: benchmarks on paper, ours and the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vadd.protocol.donors import Evidence
    from vadd.protocol.lists import Anomaly, Lists

__all__ = ["export_", "import_", "make_"]

_CLIPS = "clip,scene,city,location,fold1, or TAU's folder."
_JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
_SEED = click.option("--seed", type=int, default=0, show_default=True, metavar="N")


@click.command("import", short_help="Read the published lists, and say what is wrong with them.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--classes",
    type=click.Choice(["10", "3", "2"]),
    help="Which lists become the manifest.  [default: the most classes that there are]",
)
@click.option(
    "--pairing",
    type=click.Choice(["neighbours", "swaps"]),
    help="Where the sounds come from: neighbours in the list of manipulated clips exchange theirs, or the "
    "swaps file says.  [default: the swaps file if it says, else the neighbours]",
)
@click.option(
    "--clips",
    "listed",
    type=click.Path(path_type=Path),
    metavar="CSV|DIR",
    help=f"All clips that there are, to know names by: {_CLIPS}",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="MANIFEST.csv",
    help="Without it the lists are only looked at.",
)
@_SEED
@_JSON
def import_(
    folder: Path, classes: str | None, pairing: str | None, listed: Path | None, out: Path | None, seed: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Read the published lists in DIR: vadd_10_pristine.txt, _manipulated, _swaps, and those of 3 classes.

    Says what is odd about them, and how probable it is that neighbours in the list exchanged their sounds.
    Nothing in the files is run. No list comes with vadd.
    """
    from vadd.cli.terminal import emit, say
    from vadd.protocol.donors import evidence, rebuilt
    from vadd.protocol.lists import anomalies, read_lists, sizes
    from vadd.protocol.manifest import write_manifest
    from vadd.protocol.tau import read_clips

    there = sizes(folder)
    chosen = int(classes) if classes else there[0]
    if chosen not in there:
        raise click.BadParameter(f"{folder} has lists of {there} classes", param_hint="'--classes'")
    _writable(out)
    clips = read_clips(listed) if listed is not None else None
    found: dict[int, dict[str, Any]] = {}
    for size in there:
        lists = read_lists(folder, size)
        odd, proof = anomalies(lists, clips), evidence(lists, seed=seed)
        found[size] = _facts(lists, odd, proof)
        if not as_json:
            say(
                f"{size} classes: {len(lists.pristine)} clips with their own sound, "
                f"{len(lists.manipulated)} with another"
            )
            for each in odd:
                say(f"  {each.told}")
            if lists.swaps is None:
                say(f"  {proof.told}")
    if out is None:
        if as_json:
            emit(json.dumps({"lists": found}) + "\n")
        return 0
    lists = read_lists(folder, chosen)
    pairing = pairing or ("neighbours" if lists.swaps is None else "swaps")
    entries = rebuilt(lists, pairing, clips, seed=seed)
    origin = {
        "design": "published", "classes": str(chosen), "seed": seed, "pairing": pairing,
        "trials": len(entries), "pristine": len(lists.pristine), "manipulated": len(lists.manipulated),
        "lists": found[chosen],
    }  # fmt: skip
    write_manifest(out, entries, origin)
    if as_json:
        emit(json.dumps({"manifest": str(out), **origin, "lists": found}) + "\n")
    else:
        say(f"{out}: {len(entries)} trials of {chosen} classes, sounds from {_PAIRED[pairing]}")
    return 0


_PAIRED = {"neighbours": "neighbours in the list, which is a guess", "swaps": "the swaps file"}


@click.command("make", short_help="Draw a benchmark from a list of clips.")
@click.option(
    "--clips",
    "listed",
    required=True,
    type=click.Path(path_type=Path),
    metavar="CSV|DIR",
    help=f"The clips: {_CLIPS}",
)
@click.option(
    "--classes",
    type=click.Choice(["10", "3", "2", "own"]),
    default="10",
    show_default=True,
    help="TAU's scenes; indoor, outdoor, vehicle; the first two; or the list's scenes, whatever they are.",
)
@click.option(
    "--design",
    type=click.Choice(["paper", "paired", "same-city", "control"]),
    default="paper",
    show_default=True,
    help="Half and half; every clip with its own and with a foreign sound; sounds of the same city; sounds "
    "of the same class.",
)
@_SEED
@click.option("--split", type=click.Choice(["test", "train", "all"]), default="test", show_default=True)
@click.option(
    "--reuse",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="How often a sound may be lent.",
)
@click.option(
    "--splice",
    metavar="N|SPANS",
    help="Foreign sound only in so many spans, drawn for each trial, or in these: '2-5;7-9' (seconds).",
)
@click.option(
    "--seconds",
    type=float,
    default=10,
    show_default=True,
    metavar="S",
    help="Length of the clips, for --splice.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="MANIFEST.csv")
@_JSON
def make_(
    listed: Path, classes: str, design: str, seed: int, split: str, reuse: int, splice: str | None,
    seconds: float, out: Path, as_json: bool,
) -> int:  # fmt: skip
    """Draw a benchmark of swapped sounds.

    A foreign sound never comes from the picture's own location, and is used once. The halves have equal
    shares of each class, scene, city and location. The same clips and seed give the same manifest
    everywhere. What had to be left out is told, and kept beside the manifest.
    """
    from vadd.cli.terminal import emit, say
    from vadd.errors import ProtocolError
    from vadd.protocol.make import Order, made, summary
    from vadd.protocol.manifest import write_manifest
    from vadd.protocol.tau import read_clips

    order = Order(classes, design, seed, split, reuse, _splice(splice, seconds))
    _writable(out)
    clips = read_clips(listed)
    try:
        benchmark = made(clips, order)
    except ProtocolError as error:
        raise ProtocolError(f"{listed}: {error}") from error
    write_manifest(out, benchmark.entries, benchmark.origin)
    if as_json:
        emit(json.dumps({"manifest": str(out), **benchmark.origin}) + "\n")
        return 0
    for line in summary(benchmark.origin):
        say(line)
    say(str(out))
    return 0


@click.command("export", short_help="Write a benchmark, or predictions, in the form of others.")
@click.argument("source", type=click.Path(path_type=Path), metavar="MANIFEST|PREDICTIONS")
@click.option("--format", "form", required=True, type=click.Choice(["vadd", "dcase"]))
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="PATH")
def export_(source: Path, form: str, out: Path) -> int:
    """Write a manifest as the paper's authors write theirs, or predictions as DCASE 2021 takes them.

    vadd: three text files in the folder PATH, which 'vadd protocol import' reads back. dcase: the
    submission of task 1B for the evaluation set of 2 s clips, from a table with a filename and the ten
    scenes' probabilities.
    """
    from vadd.cli.terminal import say
    from vadd.protocol.export import EVALUATION_CLIPS, dcase_table, vadd_lists, write_lists
    from vadd.protocol.manifest import read_manifest, read_origin
    from vadd.report.output import write

    if form == "dcase":
        text, count = dcase_table(source)
        write(out, text)
        say(f"{out}: {count} files")
        if count != EVALUATION_CLIPS:
            say(f"the evaluation set has {EVALUATION_CLIPS} files: this is not a whole submission")
        return 0
    classes = read_origin(source).get("classes")
    texts = vadd_lists(read_manifest(source), classes if classes in ("10", "3", "2", "own") else None)
    write_lists(out, texts)
    say(f"{out}: {', '.join(texts)}")
    return 0


def _splice(splice: str | None, seconds: float) -> Any:
    from decimal import Decimal
    from fractions import Fraction

    from vadd.protocol.splice import Splice

    if not 0 < seconds <= 7200:
        raise click.BadParameter(f"clips do not last {seconds:g} s", param_hint="'--seconds'")
    return None if splice is None else Splice.parse(splice, Fraction(Decimal(str(seconds))))


def _writable(out: Path | None) -> None:
    """Refuse before the work what cannot be written after it."""
    from vadd.protocol.manifest import place_of
    from vadd.report.output import probe_file

    if out is not None:
        place = place_of(out)
        if place.parent.is_dir():  # a folder that is not there will be made
            probe_file(place)


def _facts(lists: Lists, odd: tuple[Anomaly, ...], proof: Evidence) -> dict[str, Any]:
    from dataclasses import asdict

    from vadd.protocol.lists import by_city

    return {
        "pristine": len(lists.pristine),
        "manipulated": len(lists.manipulated),
        "anomalies": [asdict(each) for each in odd],
        "cities": {city: list(counts) for city, counts in by_city(lists).items()},
        "neighbours": asdict(proof),
    }
