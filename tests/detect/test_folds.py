"""Parts that are kept apart in turn: groups stay whole, and parts are as equal as they can be."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vadd.detect.folds import split


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60), st.integers(1, 7), st.integers(0, 3))
def test_groups_stay_whole(groups, folds, seed):
    fold = split(groups, folds=folds, seed=seed)
    assert len(fold) == len(groups)
    assert all(len({fold[at] for at, name in enumerate(groups) if name == each}) == 1 for each in groups)
    assert set(fold.tolist()) == set(range(min(folds, len(set(groups)))))
    assert (fold == split(groups, folds=folds, seed=seed)).all()
    sizes, largest = Counter(fold.tolist()), max(Counter(groups).values())
    assert max(sizes.values()) - min(sizes.values()) <= largest


def test_single_clips_are_dealt_out_evenly_and_by_seed():
    names = [str(at) for at in range(101)]
    assert sorted(np.bincount(split(names)).tolist()) == [20, 20, 20, 20, 21]
    assert (split(names, seed=1) != split(names, seed=2)).any()
