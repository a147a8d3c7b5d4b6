"""Which picture gets which sound: what every design keeps to, the same everywhere, and what is refused."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.errors import ProtocolError
from vadd.protocol.make import Order
from vadd.protocol.make import made as made_benchmark
from vadd.protocol.swaps import Trial, paper_design
from vadd.protocol.synth import invented_clips
from vadd.protocol.tau import TauClip, read_clips
from vadd.scenes import INDOOR_OUTDOOR, INDOOR_OUTDOOR_VEHICLE, TAU, coarsen

SETS = (TAU, INDOOR_OUTDOOR_VEHICLE, INDOOR_OUTDOOR)


def made(*groups: tuple[str, int], places: int = 3) -> list[TauClip]:
    """So many clips of each scene, in that many locations of their own."""
    return [
        TauClip(f"{scene}-paris-{group}{at % places}-{at}", scene, "paris", f"{group}{at % places}", "test")
        for group, (scene, count) in enumerate(groups)
        for at in range(count)
    ]


def checked(clips, scenes, trials) -> tuple[list[Trial], list[Trial]]:
    """The halves, after all that holds for any design of the paper was checked."""
    into = dict(zip(TAU.scenes, coarsen(TAU, scenes), strict=True))
    by_name = {clip.name: clip for clip in clips}
    assert [trial.picture for trial in trials] == sorted({trial.picture for trial in trials})
    assert len({trial.sound for trial in trials}) == len(trials)
    halves = [trial for trial in trials if not trial.manipulated], [t for t in trials if t.manipulated]
    assert 0 <= len(halves[0]) - len(halves[1]) <= 1
    assert all(trial.picture == trial.sound for trial in halves[0])
    for trial in halves[1]:
        one, other = by_name[trial.picture], by_name[trial.sound]
        assert into[one.scene] != into[other.scene]
        assert (one.city, one.location) != (other.city, other.location)
    kinds = [Counter(into[by_name[trial.picture].scene] for trial in half) for half in halves]
    assert all(abs(kinds[0][kind] - kinds[1][kind]) <= 1 for kind in range(len(scenes)))
    assert None not in kinds[0] | kinds[1]
    return halves


@pytest.mark.parametrize("scenes", SETS, ids=lambda each: each.name)
@given(
    st.lists(st.tuples(st.sampled_from(TAU.scenes), st.integers(1, 12)), min_size=2, max_size=8),
    st.integers(0, 5), st.randoms(use_true_random=False),
)  # fmt: skip
def test_properties(scenes, groups, seed, random):
    clips = made(*groups)
    into = dict(zip(TAU.scenes, coarsen(TAU, scenes), strict=True))
    kinds = Counter(into[clip.scene] for clip in clips if into[clip.scene] is not None)
    try:
        trials = paper_design(clips, scenes, seed)
    except ProtocolError:
        # One class, or so few of all others that none of theirs is to be manipulated.
        assert sum(kinds.values()) < 4 or sum(kinds.values()) - max(kinds.values()) <= len(kinds)
        return
    checked(clips, scenes, trials)
    shuffled = list(clips)
    random.shuffle(shuffled)
    assert paper_design(shuffled, scenes, seed) == trials


def test_every_scene_is_halved_and_every_pair_of_classes_occurs():
    clips = invented_clips(2000, seed=1)
    for scenes in SETS[:2]:
        trials = paper_design(clips, scenes, 0)
        checked(clips, scenes, trials)
        assert len(trials) == 2000
        scene = {clip.name: clip.scene for clip in clips}
        shown = Counter((scene[trial.picture], trial.manipulated) for trial in trials)
        assert all(abs(shown[each, True] - shown[each, False]) <= 1 for each in TAU.scenes)
        into = dict(zip(TAU.scenes, coarsen(TAU, scenes), strict=True))
        pairs = {(scene[t.picture], scene[t.sound]) for t in trials if t.manipulated}
        assert pairs == {(a, b) for a in TAU.scenes for b in TAU.scenes if into[a] != into[b]}


def test_the_same_on_every_machine():
    clips = made(*((scene, 20 + at) for at, scene in enumerate(TAU.scenes)))
    digests = []
    for scenes in SETS:
        lines = "".join(f"{t.picture} {t.sound} {t.manipulated}\n" for t in paper_design(clips, scenes, 7))
        digests.append(hashlib.sha256(lines.encode()).hexdigest()[:16])
    assert digests == ["544f397a985d2638", "6ba2fc84b13fb4f3", "01c14ee53a24b7ee"]
    assert paper_design(clips, TAU, 7) != paper_design(clips, TAU, 8)
    order = Order("10", "paper", 7)
    benchmark = made_benchmark(clips, order)
    entries = sorted((e.picture.name, e.sound.name, e.manipulated) for e in benchmark.entries)
    assert entries == [(t.picture, t.sound, t.manipulated) for t in paper_design(clips, TAU, 7)]


def test_a_surplus_is_left_out_of_both_halves():
    clips = made(("park", 60), ("bus", 20))
    trials = paper_design(clips, TAU, 0)
    pristine, manipulated = checked(clips, TAU, trials)
    assert (len(pristine), len(manipulated)) == (20, 20)
    shown = Counter((trial.picture.split("-")[0], trial.manipulated) for trial in trials)
    assert set(shown.values()) == {10}


def test_locations_that_scenes_share_are_kept_apart():
    # Bus and tram of one place could only hear each other there; the park's place is its own.
    clips = [
        TauClip(f"{scene}-paris-{place}-{at}", scene, "paris", place, "test")
        for scene, place in (("bus", "1"), ("tram", "1"), ("park", "2"), ("metro", "2"))
        for at in range(6)
    ]
    trials = paper_design(clips, TAU, 0)
    assert len(checked(clips, TAU, trials)[1]) == 12
    with pytest.raises(ProtocolError, match="none of the 6 clips of the class bus can get a sound"):
        paper_design(clips[:12], TAU, 0)


@pytest.mark.parametrize(("clips", "told"), [
    (made(("park", 40)), "none of the 40 clips of the class park"),
    (made(("park", 2), ("bus", 1)), "of 3 clips too many are alike"),
    ([], "0 clips are too few"),
    (made(("park", 4), ("bus", 4)) + made(("park", 1)), "park-paris-00-0 is there twice"),
    ([TauClip("a", "kitchen", "paris", "1", "test")], "the scene 'kitchen'"),
    ([TauClip("a", "bus", "", "", "test")], "not known where the clip a was recorded"),
])  # fmt: skip
def test_what_is_refused(clips, told):
    with pytest.raises(ProtocolError, match=told):
        paper_design(clips, TAU, 0)


@pytest.mark.shared
def test_the_true_clips(shared):
    clips = [clip for clip in read_clips(shared / "tau/development.csv") if clip.split == "test"]
    assert len(clips) == 3645
    for scenes in SETS[:2]:
        trials = paper_design(clips, scenes, 0)
        pristine, manipulated = checked(clips, scenes, trials)
        assert (len(pristine), len(manipulated)) == (1823, 1822)
    pristine, manipulated = checked(clips, INDOOR_OUTDOOR, paper_design(clips, INDOOR_OUTDOOR, 0))
    assert len(pristine) == len(manipulated) == 1054  # as many as there are indoor clips
    everything = read_clips(shared / "tau/development.csv")
    assert len(paper_design(everything, INDOOR_OUTDOOR_VEHICLE, 0)) == 12_291
