"""The hand-made tables: complete, consistent, and read as they are written."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from vadd.classify import concepts as module
from vadd.classify.concepts import concepts
from vadd.embed import catalog

ROOT = Path(__file__).parents[2]
TABLES = concepts()
SEEN = {name: at for at, name in enumerate(TABLES.seen)}
HEARD = {name: at for at, name in enumerate(TABLES.heard)}


def text(name: str) -> str:
    return files("vadd.classify").joinpath("data", name).read_text(encoding="utf-8")


def members(name: str) -> dict[str, set[int]]:
    """Concept → classes, by another reader than the package's."""
    found = {}
    for row in re.findall(r"^([^#\s|]+) *\|[^|]*\|([^|\n]*)", text(name), re.MULTILINE):
        classes = re.sub(r"scene:\w+", "", row[1])
        ranges = re.findall(r"(\d+)(?:-(\d+))?", classes)
        found[row[0]] = {n for first, last in ranges for n in range(int(first), int(last or first) + 1)}
    return found


def test_names_and_words():
    for names, words in ((TABLES.seen, TABLES.seen_words), (TABLES.heard, TABLES.heard_words)):
        assert len(set(names)) == len(names) == len(words)
        assert all(words)
    assert TABLES.expected.shape == (len(TABLES.seen), len(TABLES.heard))


@pytest.mark.parametrize(
    ("table", "network"),
    [(TABLES.seen_of_class, "efficientnet_lite0"), (TABLES.heard_of_class, "yamnet")],
    ids=["seen", "heard"],
)
def test_every_class_of_the_network_is_covered(table, network):
    assert len(table) == len(catalog.card(network).scores)
    assert table.min() >= 0
    assert np.abs(table.sum(axis=1) - 1).max() < 1e-6


def test_every_concept_is_reached():
    assert (TABLES.heard_of_class.sum(axis=0) > 0).all()
    reached = TABLES.seen_of_class.sum(axis=0) + TABLES.seen_of_scene.sum(axis=0)
    assert (reached > 0).all()


def test_every_scene_has_one_concept_of_its_own():
    assert sorted(TABLES.seen_of_scene.sum(axis=1).tolist()) == [1.0] * len(TABLES.scenes)
    assert sorted(TABLES.seen_of_scene.max(axis=1).tolist()) == [1.0] * len(TABLES.scenes)


def test_scenes_are_the_classes_of_the_photographs_that_the_probe_learnt():
    with np.load(ROOT / "tools" / "features" / "images.npz") as images:
        assert TABLES.scenes == tuple(np.unique(images["scene"][~images["test"]]).tolist())


def test_expectations_are_distributions():
    assert TABLES.expected.min() > 0
    assert np.abs(TABLES.expected.sum(axis=1) - 1).max() < 1e-6


@pytest.mark.parametrize("side", ["seen", "heard"])
def test_memberships_against_another_reader(side):
    table = getattr(TABLES, f"{side}_of_class")
    names = getattr(TABLES, side)
    found = members(f"{side}.txt")
    assert list(found) == list(names)
    shared = np.array([sum(at in classes for classes in found.values()) for at in range(len(table))])
    for column, name in enumerate(names):
        want = [(at in found[name]) / shared[at] for at in range(len(table))]
        assert np.allclose(table[:, column], want)


@pytest.mark.parametrize(
    ("label", "concept", "others"),
    [
        ("golden retriever", "dog", 0),
        ("grand piano, grand", "piano", 0),
        ("acoustic guitar", "guitar", 0),
        ("envelope", "desk", 1),
        ("traffic light, traffic signal, stoplight", "cab", 0),
    ],
)
def test_picture_classes_stand_where_their_names_belong(label, concept, others):
    at = catalog.card("efficientnet_lite0").scores.index(label)
    assert np.count_nonzero(TABLES.seen_of_class[at]) == 1 + others
    assert TABLES.seen_of_class[at, SEEN[concept]] == pytest.approx(1 / (1 + others))


@pytest.mark.parametrize(
    ("label", "concept", "others"),
    [
        ("Speech", "speech", 0),
        ("Bark", "dog", 0),
        ("Piano", "piano", 0),
        ("Silence", "silence", 0),
        ("Whistling", "whistle", 1),
        ("Water", "stream", 3),
    ],
)
def test_sound_classes_stand_where_their_names_belong(label, concept, others):
    at = catalog.card("yamnet").scores.index(label)
    assert np.count_nonzero(TABLES.heard_of_class[at]) == 1 + others
    assert TABLES.heard_of_class[at, HEARD[concept]] == pytest.approx(1 / (1 + others))


def test_a_row_of_expectations_by_hand():
    # seen.txt: piano | ... | piano 9 music 6 singing 1; base.txt names eight sounds, all others have 0.15.
    halves = ("singing", "noise", "silence", "smallroom", "urban", "rural")
    base = {"speech": 1.0, "music": 1.0, **dict.fromkeys(halves, 0.5)}
    want = np.array([base.get(name, 0.15) for name in TABLES.heard])
    for name, weight in (("piano", 9), ("music", 6), ("singing", 1)):
        want[HEARD[name]] += weight
    assert np.allclose(TABLES.expected[SEEN["piano"]], want / want.sum())


def test_generic_sounds_are_those_of_the_table():
    named = {word for line in text("generic.txt").splitlines() if line[:1] != "#" for word in line.split()}
    assert {name for name, at in HEARD.items() if TABLES.generic[at]} == named
    assert {"speech", "music"} <= named


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("seen.txt", "thing | a thing | 5 | no_such_sound 3"),
        ("seen.txt", "thing | a thing | 5 six | dog 3"),
        ("seen.txt", "thing | a thing | 1000 | dog 3"),
        ("seen.txt", "thing | a thing | 5 | dog 3 cat"),
        ("seen.txt", "thing | a thing | 5 | dog much"),
        ("heard.txt", "thing | a thing | 521"),
        ("heard.txt", "thing | a thing | Bark"),
        ("base.txt", "no_such_sound 1"),
        ("generic.txt", "no_such_sound"),
    ],
)
def test_an_unknown_term_is_no_silent_gap(monkeypatch, table, line):
    lines = module._lines
    monkeypatch.setattr(module, "_lines", lambda name: lines(name) + ([line] if name == table else []))
    with pytest.raises((ValueError, IndexError)):
        concepts.__wrapped__()
