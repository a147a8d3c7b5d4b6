"""Makes the clips of spliced.py and measures them: joined clips, each as it is and spliced, in two halves.

The clips of ``data/clips`` whose sound was recorded with the picture, and the recordings of ``data/sounds``,
are parted in two halves that share no place and no group of recordings. Each half is joined, spliced and
rendered by vadd's own commands. What the networks make of each second is kept in one file a trial, so that
whoever changes how it is judged need not decode again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from clips_protocol import done
from lenders import NEAR, read_near
from vadd.embed.extract import DEFAULT_EMBEDDERS, Extraction, PictureTrack, SoundTrack, extract
from vadd.protocol.join import Joined, Stock
from vadd.protocol.joined import read_joins, read_stock
from vadd.protocol.manifest import Entry, read_manifest

HERE = Path(__file__).parent
MORE_NEAR = HERE / "spliced_near.txt"
HALVES = (0, 1)
#: What the table of trials is called, and the folder of what was measured.
TRIALS, TRACKS = "trials.json", "tracks"
COLUMNS = ("clip", "scene", "kind", "city", "location")
#: The collection that all recordings are from, in the lists: a group of recordings is a place, whoever
#: published it.
AMBIENCE = "ambience"


@dataclass(frozen=True)
class Trial:
    """A trial and what is true of it.

    Attributes:
        trial: Its name.
        clip: The joined clip.
        half: 0 or 1.
        manipulated: Whether it is spliced.
        seconds: Its length.
        spans: Start and end of each foreign span, seconds.
        joins: Where one piece ends and the next begins, seconds.
        pieces: Of each its ``source``, ``class``, ``kind``, ``start`` and ``end``.
        donor: Name, class and kind of the foreign sound of the clip's spliced trial, in both its trials.
    """

    trial: str
    clip: str
    half: int
    manipulated: bool
    seconds: float
    spans: list[tuple[float, float]]
    joins: list[float]
    pieces: list[dict[str, Any]]
    donor: dict[str, str]

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of all clips that either trial of the joined clip is made of."""
        kinds = {piece["kind"] for piece in self.pieces}
        return frozenset(kinds if self.donor["collection"] == AMBIENCE else kinds | {self.donor["kind"]})

    @property
    def sources(self) -> tuple[str, ...]:
        """The clips that it is made of, without the donor."""
        return tuple(piece["source"] for piece in self.pieces)


def make(work: Path, data: Path, clips: int, seed: int, *joining: str) -> list[Trial]:
    """Make what is not there yet.

    Args:
        work: Folder of all that is made; the same call goes on in it.
        data: The shared data.
        clips: Joined clips of each half.
        seed: Of everything that is drawn.
        joining: Further options of `vadd protocol join`.
    """
    work.mkdir(parents=True, exist_ok=True)
    write_lists(work, data)
    trials: list[Trial] = []
    for half in HALVES:
        folder = work / f"half{half}"
        listed, manifest = work / f"half{half}.csv", folder / "manifest.csv"
        drawn = str(seed * len(HALVES) + half)
        done(["protocol", "join", "--clips", str(listed), "--media", str(data), "--count", str(clips),
              "--seed", drawn, *joining, "--out", str(folder / "joined")])  # fmt: skip
        done(["protocol", "splice", str(folder / "joined" / "joins.csv"), "--clips", str(listed), "--near",
              str(work / "near.txt"), "--seed", drawn, "--out", str(manifest)])  # fmt: skip
        done(["protocol", "render", str(manifest), "--media", str(folder / "joined"), "--out",
              str(folder / "rendered")])  # fmt: skip
        joined = {clip.name: clip for clip in read_joins(folder / "joined" / "joins.csv")}
        trials += told(read_manifest(manifest), joined, half)
        measure([each for each in trials if each.half == half], folder / "rendered", work / TRACKS)
    (work / TRIALS).write_text(json.dumps([asdict(each) for each in trials], indent=1) + "\n")
    return trials


def told(entries: tuple[Entry, ...], joined: dict[str, Joined], half: int) -> Iterator[Trial]:
    """A manifest's trials with what is known of their clips."""
    donors = {each.picture.name: each.sound for each in entries if each.manipulated}
    for each in entries:
        clip, donor = joined[each.picture.name], donors[each.picture.name]
        yield Trial(
            each.trial,
            clip.name,
            half,
            each.manipulated,
            float(clip.seconds),
            [(float(span.start), float(span.end)) for span in each.spans],
            [float(join) for join in clip.joins],
            [
                {"source": piece.source.name, "class": piece.source.label, "kind": piece.source.kind,
                 "start": float(piece.span.start), "end": float(piece.span.end)}
                for piece in clip.pieces
            ],
            {"name": donor.name, "class": donor.label, "kind": donor.scene, "collection": donor.city},
        )  # fmt: skip


def write_lists(work: Path, data: Path) -> None:
    """Write each half's list, and which classes and kinds are near each other."""
    near, same = read_near(NEAR)
    near |= read_near(MORE_NEAR)[0]
    classes = class_of_kinds()
    stock = []
    with (data / "clips" / "clips.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["sound"] == "original":
                collection, _, rest = row["clip"].partition("__")
                # The street recordings name their place; of the others each is a place of its own.
                place = rest.split("_")[0] if collection == "beasteers" else rest
                label = classes.get(row["kind"], row["kind"])
                stock.append(Stock(row["clip"], label, row["kind"], collection, place))
    for path in sorted((data / "sounds").iterdir()):
        name = path.stem.rpartition("__")[2]
        if name not in near["any"]:
            group = same.get(name, name)
            stock.append(Stock(path.stem, name, group, AMBIENCE, group))
    half_of = halved(stock)
    for half in HALVES:
        with (work / f"half{half}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for each in stock:
                if half_of[each.place] == half:
                    table.writerow((each.name, each.label, each.kind, each.city, each.location))
        read_stock(work / f"half{half}.csv")
    pairs = sorted(f"{label} {name}" for label, names in near.items() for name in names if label != "any")
    (work / "near.txt").write_text("\n".join(pairs) + "\n")


def class_of_kinds() -> dict[str, str]:
    """Kind → class, for kinds that are near others: all that are linked by nearness are one class."""
    groups: dict[str, str] = {}
    for line in (HERE / "kinds_near.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            linked = {groups.get(kind, kind) for kind in line.split()}
            groups |= dict.fromkeys(
                [*line.split(), *(k for k, g in groups.items() if g in linked)], min(linked)
            )
    return groups


def halved(stock: list[Stock]) -> dict[tuple[str, str], int]:
    """Place → half: those of a class in turn, and the recordings' groups in turn."""
    half_of: dict[tuple[str, str], int] = {}
    turn = count()
    for each in sorted(stock, key=lambda each: ("" if each.city == AMBIENCE else each.label, each.place)):
        if each.place not in half_of:
            half_of[each.place] = next(turn) % len(HALVES)
    return half_of


def measure(trials: list[Trial], rendered: Path, tracks: Path) -> None:
    """Have the networks look at and listen to each clip, and keep what they say of it."""
    tracks.mkdir(exist_ok=True)

    def one(each: Trial) -> None:
        place = tracks / f"{each.trial}.npz"
        if not place.exists():
            path = rendered / f"{each.trial}.mp4"
            temporary = place.with_suffix(".part.npz")
            keep(extract(path, path), temporary)
            temporary.replace(place)

    with ThreadPoolExecutor(2) as pool:
        for at, _ in enumerate(pool.map(one, trials), 1):
            print(f"measured {at} of {len(trials)}", end="\r", flush=True)
    print()


def keep(extraction: Extraction, place: Path) -> None:
    """Write what was measured of a file to an ``.npz``."""
    arrays: dict[str, Any] = {"duration": str(extraction.duration)}
    for side, track in (("picture", extraction.picture), ("sound", extraction.sound)):
        arrays |= {f"{side}_{each.name}": getattr(track, each.name) for each in fields(track)}
    np.savez(place, **arrays)


def kept(place: Path) -> Extraction:
    """What was measured of a file, as :func:`keep` wrote it; nothing is known of the file itself."""
    with np.load(place, allow_pickle=False) as stored:
        values = {name: stored[name] if stored[name].ndim else stored[name].item() for name in stored.files}
    for name in ("drawn", "face"):  # measured before these were: then no second counts as a slide or a face
        values.setdefault(f"picture_{name}", np.zeros_like(values["picture_flat"]))
    picture = PictureTrack(**{each.name: values[f"picture_{each.name}"] for each in fields(PictureTrack)})
    sound = SoundTrack(**{each.name: values[f"sound_{each.name}"] for each in fields(SoundTrack)})
    assert (picture.embedder, sound.embedder) == DEFAULT_EMBEDDERS
    return Extraction((), Fraction(values["duration"]), picture, sound, (), (), None, 0.0)


def read_trials(work: Path) -> list[Trial]:
    """The trials that :func:`make` made."""
    return [Trial(**each) for each in json.loads((work / TRIALS).read_text())]
