"""Benchmarks that we make: what every design keeps to, in any order of the clips and on every machine."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.designs import DESIGNS, draw
from vadd.protocol.halves import couples
from vadd.protocol.make import Order, made, summary
from vadd.protocol.manifest import Party, read_manifest, write_manifest
from vadd.protocol.pairing import exchange, hopeless
from vadd.protocol.splice import SHORTEST, Splice
from vadd.protocol.synth import invented_clips
from vadd.protocol.tau import TauClip, read_clips
from vadd.scenes import TAU
from vadd.timeline import Span

LABELS = "abcd"


def parties(kinds) -> list[Party]:
    """One clip for each (label, city, place)."""
    return [
        Party(f"{label}-{city}-{place}-{at}", label, label, city, f"{city}{place}")
        for at, (label, city, place) in enumerate(kinds)
    ]


KINDS = st.tuples(st.sampled_from(LABELS), st.sampled_from(["oslo", "rome"]), st.integers(0, 3))
CLIPS = st.lists(KINDS, min_size=2, max_size=40).map(parties)
#: Classes and places one within the other, as in TAU, or each in every other.
GROUPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=14)


def fit(one, other) -> bool:
    return one[0] != other[0] and one[1] != other[1]


def most(groups, times=1) -> int:
    """How many clips can get a sound, by the textbook: augmenting paths between single clips."""
    sounds = [at for at in range(len(groups)) for _ in range(times)]
    owner = {}

    def serve(at, seen):
        for copy, sound in enumerate(sounds):
            if copy not in seen and fit(groups[at], groups[sound]):
                seen.add(copy)
                if copy not in owner or serve(owner[copy], seen):
                    owner[copy] = at
                    return True
        return False

    return sum(serve(at, set()) for at in range(len(groups)))


@settings(max_examples=300)
@given(GROUPS, st.integers(1, 3), st.randoms(use_true_random=False))
def test_as_many_clips_as_possible_get_a_sound(groups, times, rng):
    order = list(range(len(groups)))
    rng.shuffle(order)
    given_ = exchange(groups, order, reuse=times)
    served = {at: sound for at, sound in enumerate(given_) if sound is not None}
    assert all(fit(groups[at], groups[sound]) for at, sound in served.items())
    assert len(served) == most(groups, times)
    assert max(Counter(served.values()).values(), default=0) <= times
    if times == 1:
        assert set(served) == set(served.values())
    alone = {group for group in groups if not any(fit(group, other) for other in groups)}
    assert hopeless(groups) == alone


@given(st.integers(2, 400), st.integers(2, 400))
def test_two_classes_and_a_surplus(one, other):
    groups = [(0, 0)] * one + [(1, 1)] * other
    given_ = exchange(groups, list(range(one + other)))
    assert sum(sound is not None for sound in given_) == 2 * min(one, other)


@given(CLIPS, st.integers(0, 3))
def test_halves_are_alike_in_all_that_is_known(clips, seed):
    twos = couples(clips, seed)
    assert sorted(clip.name for two in twos for clip in two if clip) == sorted(clip.name for clip in clips)
    assert sum(other is None for _, other in twos) == len(clips) % 2
    for depth in (1, 2, 3, 4):

        def kind(clip, depth=depth):
            return (clip.label, clip.scene, clip.city, clip.location)[:depth]

        kept = Counter(kind(one) for one, _ in twos)
        changed = Counter(kind(other) for _, other in twos if other)
        assert all(abs(kept[each] - changed[each]) <= 1 for each in kept | changed)


@pytest.mark.parametrize("name", DESIGNS)
@settings(max_examples=60)
@given(CLIPS, st.integers(0, 3), st.integers(1, 3), st.randoms(use_true_random=False))
def test_what_every_design_keeps_to(name, clips, seed, reuse, rng):
    design = DESIGNS[name]
    try:
        drawn = draw(design, clips, seed, reuse=reuse)
    except ProtocolError as error:
        assert "can get a sound" in str(error)  # noqa: PT017 - some of what is drawn cannot be made
        return
    shuffled = list(clips)
    rng.shuffle(shuffled)
    assert draw(design, shuffled, seed, reuse=reuse) == drawn
    for picture, sound in drawn.manipulated:
        assert (picture.city, picture.location) != (sound.city, sound.location)
        assert (picture.label == sound.label) == (name == "control")
        assert name != "same-city" or picture.city == sound.city
    lent = Counter(sound.name for _, sound in drawn.manipulated)
    assert max(lent.values()) <= reuse
    shown = [picture.name for picture, _ in drawn.manipulated]
    if reuse == 1:
        assert sorted(lent) == shown
    pristine = [clip.name for clip in drawn.pristine]
    everyone = sorted(clip.name for clip in clips)
    out = [clip.name for clip in (*drawn.surplus, *drawn.partners)]
    if name == "paired":
        assert shown == pristine
        assert sorted(shown + out) == everyone
        groups = [(LABELS.index(c.label), hash((c.city, c.location))) for c in clips]
        assert len(shown) == most(groups, reuse)
    else:
        assert sorted(shown + pristine + out) == everyone
        assert 0 <= len(pristine) - len(shown) <= 1
        assert len(drawn.surplus) == len(drawn.partners)
        kept = Counter(clip.label for clip in drawn.pristine)
        changed = Counter(picture.label for picture, _ in drawn.manipulated)
        # One clip of a class may be without a counterpart in it; it may be left out with one of another.
        assert all(abs(kept[label] - changed[label]) <= 2 for label in LABELS)


def collection(*groups: tuple[str, int, str], places: int = 3) -> list[TauClip]:
    """So many clips of a scene in a city, in places of their own."""
    return [
        TauClip(f"{scene}-{city}-{group}{at % places}-{at}", scene, city, f"{group}{at % places}", "test")
        for group, (scene, count, city) in enumerate(groups)
        for at in range(count)
    ]


MIXED = collection(*((scene, 9 + at % 4, ("oslo", "rome")[at % 2]) for at, scene in enumerate(TAU.scenes)))


def digest(tmp_path, order, clips=MIXED) -> str:
    benchmark = made(clips, order)
    path = tmp_path / "m.csv"
    write_manifest(path, benchmark.entries, benchmark.origin)
    assert len(read_manifest(path)) == benchmark.origin["trials"]
    both = path.read_bytes() + path.with_name("m.csv.json").read_bytes()
    return hashlib.sha256(both).hexdigest()[:12]


@pytest.mark.parametrize(
    ("order", "want"),
    [
        (Order("10", "paper", 7), "392b58d81262"),
        (Order("3", "paper", 7), "702117e1fa9d"),
        (Order("2", "paired", 7), "2eddc1f38565"),
        (Order("3", "same-city", 7, reuse=2), "ad5a7e7e697e"),
        (Order("10", "control", 7, splice=Splice.parse("2", Fraction(10))), "ea38dc203579"),
        (
            Order("own", "paired", -1, split="all", splice=Splice.parse("2-5;7-9", Fraction(10))),
            "a922b239622e",
        ),
    ],
    ids=lambda each: f"{each.design}-{each.classes}" if isinstance(each, Order) else "",
)
def test_the_same_on_every_machine(tmp_path, order, want):
    """Bytes of the manifest and of what is kept beside it."""
    assert digest(tmp_path, order) == want
    shuffled = list(MIXED)
    random.Random(3).shuffle(shuffled)
    assert digest(tmp_path, order, shuffled) == want
    assert digest(tmp_path, replace(order, seed=8)) != want


def test_vehicles_are_left_out_and_counted():
    benchmark = made(MIXED, Order("2", "paper", 0))
    assert benchmark.origin["scenes_left_out"] == {
        scene: sum(clip.scene == scene for clip in MIXED) for scene in ("bus", "metro", "tram")
    }
    assert {each.picture.label for each in benchmark.entries} == {"indoor", "outdoor"}
    assert "bus, metro, tram are of none of the classes" in " ".join(summary(benchmark.origin))


def test_a_surplus_is_left_out_and_counted_or_lent_more_often():
    clips = collection(("park", 60, "oslo"), ("bus", 20, "oslo"), ("park", 8, "rome"), ("bus", 8, "rome"))
    once = made(clips, Order("3", "same-city", 0))
    assert once.origin["without_donor"] == {
        "clips": 20, "counterparts": 20, "by_class": {"outdoor": 20}, "by_city": {"oslo": 20},
    }  # fmt: skip
    assert once.origin["trials"] == 96 - 40
    assert "no sound is left for 20 pictures (outdoor 20; oslo 20): they are left out, and 20" in "".join(
        summary(once.origin)
    )
    often = made(clips, Order("3", "same-city", 0, reuse=3))
    assert often.origin["without_donor"]["clips"] == 0
    lent = Counter(each.sound.name for each in often.entries if each.manipulated)
    assert max(lent.values()) == 3
    assert "lent more than once, up to 3 times" in " ".join(summary(often.origin))


def test_labels_of_one_s_own():
    clips = [
        TauClip(f"{label}{at}", label, "", f"{label}{at % 3}", "test")
        for label in ("kitchen", "forest", "bar, loud")
        for at in range(12)
    ]
    benchmark = made(clips, Order("own", "paper", 1))
    assert benchmark.origin["by_class"] == {"bar, loud": 6, "forest": 6, "kitchen": 6}
    with pytest.raises(
        ProtocolError, match="the scene 'kitchen', which is none of TAU's; with classes 'own'"
    ):
        made(clips, Order("3", "paper", 1))
    with pytest.raises(ProtocolError, match="not known in which city the clip kitchen0 was recorded"):
        made(clips, Order("own", "same-city", 1))


BUSES = collection(("bus", 9, "oslo"), ("tram", 9, "oslo"))


@pytest.mark.parametrize(
    ("clips", "order", "error", "told"),
    [
        (BUSES, Order("3", "paper", 0), ProtocolError,
         "none of the 18 clips of the class vehicle can get a sound from another class and another location"),
        (collection(("bus", 9, "oslo"), ("park", 9, "rome")), Order("3", "same-city", 0), ProtocolError,
         "none of the 9 clips of the class outdoor can .* of the same city"),
        (collection(("bus", 9, "oslo"), ("park", 9, "rome"), places=1), Order("3", "control", 0),
         ProtocolError, "none of the 9 clips of the class outdoor can .* in the same class"),
        (BUSES[:1], Order("10", "paper", 0), ProtocolError, "1 clips are too few"),
        ([*BUSES, BUSES[3]], Order("10", "paper", 0), ProtocolError, "clip bus-oslo-00-3 is there twice"),
        (BUSES, Order("10", "paper", 0, split="train"), ProtocolError, "none of the 18 clips is of the tr"),
        ([replace(BUSES[0], scene="")], Order("own", "paper", 0), ProtocolError, "has no scene"),
        ([replace(BUSES[0], location="")], Order("10", "paper", 0), ProtocolError, "not known where the"),
        (BUSES, Order("10", "papers", 0), UsageError, "no design 'papers'; there are paper, paired"),
        (BUSES, Order("7", "paper", 0), UsageError, "no '7' classes"),
        (BUSES, Order("10", "paper", 0, reuse=0), UsageError, "used once at least"),
    ],
)  # fmt: skip
def test_what_cannot_be_made(clips, order, error, told):
    with pytest.raises(error, match=told):
        made(clips, order)


@settings(max_examples=300)
@given(st.integers(1, 4), st.integers(0, 40), st.integers(0, 99))
def test_spans_that_are_drawn(count, more, seed):
    seconds = count * SHORTEST + max(SHORTEST, Fraction(count - 1, 2)) + Fraction(more, 4)
    spans = Splice.parse(str(count), seconds).draw(seed, "x")
    assert len(spans) == count
    assert all(span.duration >= 1 for span in spans)
    assert all(two.start - one.end >= Fraction(1, 2) for one, two in pairwise(spans))
    assert spans[-1].end <= seconds
    assert sum(span.duration for span in spans) <= seconds - 1


def test_drawn_spans_are_anywhere():
    splice = Splice.parse("1", Fraction(10))
    drawn = [splice.draw(0, str(at))[0] for at in range(2000)]
    lengths = Counter(int(span.duration) for span in drawn)
    assert all(lengths[whole] > 200 for whole in range(1, 9))
    for second in range(10):
        middle = Fraction(2 * second + 1, 2)
        assert sum(span.start <= middle < span.end for span in drawn) > 100
    assert splice.draw(0, "1") == splice.draw(0, "1") != splice.draw(1, "1")


def test_spans_that_are_given():
    splice = Splice.parse("2-5;7-9", Fraction(10))
    assert (
        splice.draw(0, "x")
        == splice.draw(1, "y")
        == (Span(Fraction(2), Fraction(5)), Span(Fraction(7), Fraction(9)))
    )
    entries = made(MIXED, Order("10", "paired", 0, splice=splice)).entries
    assert all(each.spans == (splice.spans if each.manipulated else ()) for each in entries)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0", "one span at least"), (";", "one span at least"), ("99", "no room for 99 spans"),
        ("9" * 5000, "no room"), ("10", "no room for 10"), ("1-1.5", "lasts 1 s at least, not 0.5"),
        ("8-11", "no second 11"), ("0-9.5", "less than 1 s keeps its sound"), ("5-2", "is no span"),
        ("3-5;1-2", "not in order"), ("x", "is no span"), ("²", "is no span"),
    ],
)  # fmt: skip
def test_splices_that_make_no_sense(text, told):
    with pytest.raises(UsageError, match=told):
        Splice.parse(text, Fraction(10))


def areas(entries) -> dict[str, float]:
    """Of each single fact about a trial: the area under the curve of its rates, learnt elsewhere.

    Elsewhere is four fifths of the locations: halves are equal within a location, so that a part of its
    trials would tell of the rest by counting.
    """
    truth = np.array([each.manipulated for each in entries])
    found = {}
    for side in ("picture", "sound"):
        places = [f"{getattr(e, side).city} {getattr(e, side).location}" for e in entries]
        _, place = np.unique(places, return_inverse=True)
        fold = np.random.default_rng(0).permutation(place.max() + 1)[place] % 5
        for what in ("label", "scene", "city", "location", "scene city"):
            values = [" ".join(getattr(getattr(e, side), w) for w in what.split()) for e in entries]
            _, index = np.unique(values, return_inverse=True)
            score = np.zeros(len(entries))
            for held in range(5):
                learn = fold != held
                hits = np.bincount(index[learn], weights=truth[learn], minlength=index.max() + 1)
                seen = np.bincount(index[learn], minlength=index.max() + 1)
                score[~learn] = ((hits + 1) / (seen + 2))[index[~learn]]
            found[f"{side} {what}"] = area(score, truth)
    return found


def area(score, truth) -> float:
    values = np.unique(score)
    rank = np.array([np.mean(score < value) + np.mean(score == value) / 2 for value in values])
    ranks = rank[np.searchsorted(values, score)]
    return float(0.5 + (ranks[truth].mean() - ranks[~truth].mean()))


@pytest.mark.parametrize("name", ["paper", "paired", "same-city", "control"])
def test_no_fact_about_a_clip_tells_whether_it_is_manipulated(name):
    clips = [replace(clip, split="test") for clip in invented_clips(3000, seed=4)]
    for classes in ("10", "3"):
        found = areas(made(clips, Order(classes, name, 0)).entries)
        assert all(abs(each - 0.5) <= 0.03 for each in found.values()), found


@pytest.fixture(scope="module")
def tau():
    import os
    from pathlib import Path

    folder = os.environ.get("VADD_SHARED")
    if not folder:
        pytest.skip("VADD_SHARED names no folder")
    return read_clips(Path(folder) / "data" / "tau" / "development.csv")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "classes", "trials"),
    [
        ("paper", "10", 3645), ("paper", "3", 3645), ("paper", "2", 2108),
        ("paired", "10", 7290), ("paired", "3", 7290), ("paired", "2", 4216),
        ("same-city", "10", 3645), ("same-city", "3", 3511), ("same-city", "2", 2108),
        ("control", "10", 3645), ("control", "3", 3645), ("control", "2", 2650),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1])
def test_the_true_test_fold(tau, name, classes, trials, seed):
    benchmark = made(tau, Order(classes, name, seed))
    # Which clips are in which half decides about a few clips of London and Paris.
    assert abs(benchmark.origin["trials"] - trials) <= (8 if name == "same-city" else 0)
    found = areas(benchmark.entries)
    assert all(abs(each - 0.5) <= 0.03 for each in found.values()), found


@pytest.mark.shared
def test_paris_has_too_many_streets(tau):
    paris = [clip for clip in tau if clip.split == "test" and clip.city == "paris"]
    streets = {"park", "public_square", "street_pedestrian", "street_traffic"}
    assert sum(clip.scene in streets for clip in paris) == 171
    assert len(paris) - 171 == 46
    lacking = made(tau, Order("3", "same-city", 0)).origin["without_donor"]
    assert lacking["by_class"] == {"outdoor": lacking["clips"]}
    assert lacking["by_city"]["paris"] > 60
    assert made(tau, Order("3", "same-city", 0, reuse=4)).origin["without_donor"]["clips"] == 0
