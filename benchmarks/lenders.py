"""Lends the sounds of ambient recordings to the manipulated trials of a manifest.

`vadd protocol make` takes lists of clips that have a picture; which trials there are, and in which spans
their sound is foreign, stays as it drew it. ``sounds_near.txt`` says to whom a recording may be lent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vadd.protocol.halves import lot
from vadd.protocol.manifest import Entry, Party, entry, read_manifest, read_origin, write_manifest

NEAR = Path(__file__).with_name("sounds_near.txt")


def lend(manifest: Path, folder: Path, seed: int) -> None:
    """Give every manipulated trial the sound of a recording, each sound once.

    Args:
        manifest: Written by `vadd protocol make`; is written anew.
        folder: The recordings, ``COLLECTION__..__NAME.mp3`` and the like.
        seed: Of the draw.

    Raises:
        SystemExit: If there are too few recordings that are foreign.
    """
    near, same = read_near(NEAR)
    lenders: dict[str, list[Party]] = {}
    for path in sorted(folder.iterdir()):
        name = path.stem.rpartition("__")[2]
        if name not in near["any"]:
            group = same.get(name, name)
            lenders.setdefault(group, []).append(
                Party(path.stem, name, name, path.stem.split("__")[0], group)
            )
    entries = read_manifest(manifest)
    origin = read_origin(manifest)
    swapped = [each for each in entries if each.manipulated]
    given = matched(swapped, lenders, near, seed)
    kept = [each for each in entries if not each.manipulated]
    made = [
        entry(each.picture, sound, seed, manipulated=True, spans=each.spans)
        for each, sound in zip(swapped, given, strict=True)
    ]
    told = {name: value for name, value in origin.items() if name not in ("manifest", "sha256")}
    write_manifest(manifest, [*kept, *made], {
        **told, "donors": "an ambient recording", "lenders": len(lenders), "sounds_lent": {"1": len(made)},
    })  # fmt: skip


def matched(
    trials: Sequence[Entry], lenders: Mapping[str, Sequence[Party]], near: Mapping[str, set[str]], seed: int
) -> list[Party]:
    """A recording for each trial, no group of recordings twice: a matching along augmenting paths."""
    holder: dict[str, int] = {}

    def fits(at: int) -> dict[str, Party]:
        """Group → the recording of it that is drawn; groups in an order that is drawn for the trial."""
        picture = trials[at].picture
        foreign = [
            each for group in lenders.values() for each in group if each.label not in near[picture.label]
        ]
        foreign.sort(key=lambda each: lot(seed, f"lend {picture.name}", each.name))
        return {each.location: each for each in reversed(foreign)}

    choices = [fits(at) for at in range(len(trials))]

    def place(at: int, seen: set[str]) -> bool:
        for group in choices[at]:
            if group not in seen:
                seen.add(group)
                if group not in holder or place(holder[group], seen):
                    holder[group] = at
                    return True
        return False

    for at in range(len(trials)):
        if not place(at, set()):
            raise SystemExit(f"no recording is left for {trials[at].picture.name}")
    group_of = {at: group for group, at in holder.items()}
    return [choices[at][group_of[at]] for at in range(len(trials))]


def read_near(path: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Class → names of recordings that are not foreign to it; and name → what stands for its group."""
    near: dict[str, set[str]] = {}
    same: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            head, _, names = (part.strip() for part in line.partition("|"))
            if head == "same":
                same |= dict.fromkeys(names.split(), names.split()[0])
            else:
                near[head] = set(names.split())
    return near, same
