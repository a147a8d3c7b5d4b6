"""The running mean that spans are measured against, and the two halves of the benchmark."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.detect.score import to_unit
from vadd.embed.extract import DEFAULT_EMBEDDERS, Extraction, PictureTrack, SoundTrack

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import running_mean
import spliced_clips
from running_mean import Seconds, Setting, best, proposals, smoothed
from vadd.protocol.join import Stock


def seconds(values, speaking=None) -> Seconds:
    there = np.ones(len(values), np.bool_) if speaking is None else np.array(speaking, np.bool_)
    return Seconds(np.array(values, np.float64), there, np.arange(len(values) + 1.0))


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([1, 3, 5, 15]),
)
def test_the_mean_is_over_what_speaks_around(clip, window):
    given_ = seconds([value for value, _ in clip], [speaks for _, speaks in clip])
    for at, found in enumerate(smoothed(given_, window)):
        around = [v for v, speaks in clip[max(0, at - window // 2) : at + window // 2 + 1] if speaks]
        assert found == pytest.approx(np.mean(around)) if around else found == -np.inf


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(-5, 5))
def test_spans_are_the_runs_above_the_cut(values, cut):
    expected, at = [], 0
    for above, run in groupby(values, lambda value: value > cut):
        held = list(run)
        if above:
            expected.append((to_unit(float(np.mean(held))), at, at + len(held)))
        at += len(held)
    found = proposals(seconds(values), 1, cut)
    assert np.allclose(sorted(found), sorted(expected))
    assert len(found) == len(expected)
    assert [score for score, _, _ in found] == sorted((score for score, _, _ in found), reverse=True)


def test_the_best_setting_keeps_to_the_bound():
    tried = [
        Setting(1, 0.0, np.array([0.9, 0.1]), 0.5),
        Setting(3, 0.0, np.array([0.5, 0.2]), 0.1),
        Setting(5, 0.0, np.array([0.6, 0.1]), 0.2),
    ]
    assert best(tried, 0, None).window == 1
    assert best(tried, 1, None).window == 3
    assert best(tried, 0, 0.1).window == 3
    assert best(tried, 0, 0.2).window == 5
    assert best(tried, 0, 0.0).window == 3


def test_all_settings_are_tried():
    clips = [seconds(np.arange(30.0)), seconds(np.zeros(30))]
    tried = running_mean.settings(clips, [False, True], lambda given_: np.array([len(given_[0])]))
    assert {each.window for each in tried} == set(running_mean.WINDOWS)
    assert all(each.flagged in (0.0, 1.0) for each in tried)
    assert max(each.figures[0] for each in tried) == 1


def test_halves_share_no_place():
    stock = [Stock(f"c{at}", "ab"[at % 2], "k", "x", str(at // 2)) for at in range(20)]
    stock += [Stock(f"s{at}", f"s{at}", "g", spliced_clips.AMBIENCE, f"g{at // 2}") for at in range(10)]
    half_of = spliced_clips.halved(stock)
    assert half_of == spliced_clips.halved(stock[::-1])
    assert set(half_of) == {each.place for each in stock}
    for label in ("a", "b"):
        places = {each.place for each in stock if each.label == label}
        assert {half_of[place] for place in places} == {0, 1}


def test_kinds_that_are_linked_are_one_class():
    classes = spliced_clips.class_of_kinds()
    assert len({classes[kind] for kind in ("car", "engine", "street", "siren")}) == 1
    assert len({classes[kind] for kind in ("music", "crowd", "sport", "speech", "cough")}) == 1
    assert classes["water"] == classes["waterfall"] != classes["car"]


def test_what_was_measured_is_read_back(tmp_path):
    rng = np.random.default_rng(0)

    def row(*shape):
        return rng.random(shape).astype(np.float32)

    there = np.array([True, False, True])
    picture = PictureTrack(
        DEFAULT_EMBEDDERS[0], there, row(3, 5), row(3, 4), *(row(3) for _ in range(8)), 0.9, 90
    )
    sound = SoundTrack(DEFAULT_EMBEDDERS[1], there, row(3, 5), row(3, 4), row(3), row(3), row(3), row(3), 1.0)
    place = tmp_path / "t.npz"
    spliced_clips.keep(Extraction((), Fraction(31, 10), picture, sound, (), (), None, 0.0), place)
    again = spliced_clips.kept(place)
    assert again.duration == Fraction(31, 10)
    for one, other in ((picture, again.picture), (sound, again.sound)):
        for name in one.__slots__:
            assert np.array_equal(getattr(one, name), getattr(other, name))
            assert type(getattr(one, name)) is type(getattr(other, name))
