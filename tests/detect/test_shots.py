"""Where the picture is cut, and the shots between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import DOG, picture

from vadd.detect.shots import APART, cuts, shots


def seen(letters: str, vectors: dict[str, list[float]] | None = None):
    """A clip that shows one thing a letter, each at a right angle to the others; ``-``: no frame."""
    track = picture([None if letter == "-" else DOG for letter in letters])
    rows = np.zeros((len(letters), 1280), np.float32)
    for at, letter in enumerate(letters):
        if vectors and letter in vectors:
            rows[at, :2] = vectors[letter]
        elif letter != "-":
            rows[at, ord(letter)] = 7
    return replace(track, vectors=rows)


@pytest.mark.parametrize(
    ("letters", "want"),
    [
        ("", []),
        ("a", []),
        ("-", []),
        ("aaaa", []),
        ("aabb", [2]),
        ("abab", [1, 2, 3]),
        # A second without a frame is no cut; the frame after it is compared with the one before.
        ("aa-aa", []),
        ("aa-bb", [3]),
        ("--ab", [3]),
        ("ab--", [1]),
    ],
)
def test_cuts(letters, want):
    found = cuts(seen(letters))
    assert found.dtype == np.bool_
    assert len(found) == len(letters)
    assert np.flatnonzero(found).tolist() == want


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_frames_are_compared_by_angle_and_not_by_length(length):
    def turned(distance: float) -> list[float]:
        near = 1 - distance
        return [length * near, length * (1 - near**2) ** 0.5]

    for distance, want in ((APART + 0.01, True), (APART - 0.01, False)):
        track = seen("ab", {"a": [1.0, 0.0], "b": turned(distance)})
        assert cuts(track).tolist() == [False, want]


def test_frames_without_a_vector_do_no_harm():
    with np.errstate(all="raise"):
        found = cuts(picture([DOG] * 3))
    # Nothing is like nothing at all.
    assert found.tolist() == [False, True, True]


def test_shots_by_hand():
    assert shots(np.array([False, False, True, False, True])) == (range(2), range(2, 4), range(4, 5))
    assert shots(np.zeros(3, np.bool_)) == (range(3),)
    assert shots(np.zeros(0, np.bool_)) == ()
    # A cut before the first second has nothing before it.
    assert shots(np.array([True, False])) == (range(2),)


@given(st.lists(st.booleans(), max_size=30))
def test_shots_cover_all_seconds_once(cut):
    found = shots(np.array(cut, np.bool_))
    assert [at for shot in found for at in shot] == list(range(len(cut)))
    assert all(len(shot) for shot in found)
    assert {shot.start for shot in found if shot.start} == {at for at, here in enumerate(cut) if here and at}
