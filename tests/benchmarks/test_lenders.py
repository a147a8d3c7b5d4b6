"""Ambient recordings are lent to whom they are foreign, each sound once."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from vadd.protocol.manifest import Party, entry, read_manifest, read_origin, write_manifest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import lenders


def clip(name: str, label: str) -> Party:
    return Party(name, label, label, "a", name)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "sounds").mkdir()
    for name in ("a__birds.ogg", "b__birds-tree.ogg", "a__x__traffic.mp3", "a__cows.mp3", "a__rain.mp3"):
        (tmp_path / "sounds" / name).write_bytes(b"")
    return tmp_path / "sounds"


def test_own_sounds_stay_and_others_are_lent(tmp_path, folder):
    clips = [clip("c1", "car"), clip("c2", "dog")]
    trials = [entry(each, each, 1, manipulated=False) for each in clips]
    trials += [entry(one, other, 1, manipulated=True) for one, other in itertools.permutations(clips)]
    write_manifest(tmp_path / "m.csv", trials, {"seed": 1, "donors": "others"})
    lenders.lend(tmp_path / "m.csv", folder, 1)
    lent = read_manifest(tmp_path / "m.csv")
    assert {each for each in lent if not each.manipulated} == set(trials[:2])
    sounds = {each.picture.name: each.sound for each in lent if each.manipulated}
    # To a street birds and traffic are not foreign, rain is to nobody: the cows are what is left.
    assert sounds["c1"].name == "a__cows"
    assert sounds["c2"].name == "a__x__traffic"
    assert read_origin(tmp_path / "m.csv")["donors"] == "an ambient recording"
    before = (tmp_path / "m.csv").read_bytes()
    write_manifest(tmp_path / "m.csv", reversed(trials), {"seed": 1, "donors": "others"})
    lenders.lend(tmp_path / "m.csv", folder, 1)
    assert (tmp_path / "m.csv").read_bytes() == before


def test_two_recordings_of_one_sound_are_one_lender(tmp_path, folder):
    pictures = [clip(f"c{at}", "bang") for at in range(4)]
    trials = [entry(each, pictures[at - 1], 1, manipulated=True) for at, each in enumerate(pictures)]
    write_manifest(tmp_path / "m.csv", trials[:2], {})
    lenders.lend(tmp_path / "m.csv", folder, 1)
    assert len({each.sound.location for each in read_manifest(tmp_path / "m.csv")}) == 2
    write_manifest(tmp_path / "m.csv", trials, {})
    with pytest.raises(SystemExit, match="no recording is left"):
        lenders.lend(tmp_path / "m.csv", folder, 1)


def test_every_recording_named_is_there(shared):
    near, same = lenders.read_near(lenders.NEAR)
    there = {path.stem.rpartition("__")[2] for path in (shared / "sounds").iterdir()}
    assert set().union(*near.values(), same) <= there
