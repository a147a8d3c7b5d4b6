"""How strange a clip is, and how strange one may be."""

from __future__ import annotations

import numpy as np
import pytest

from vadd.detect.familiar import Familiar, bound_of

FAMILIAR = Familiar(np.array([1, 2, 3], np.float32), np.array([1, 2, 0.5], np.float32), 1.5)


def test_strangeness_is_the_mean_square_in_deviations():
    assert FAMILIAR.strangeness(np.array([[1, 2, 3]])) == 0
    # 1, 1 and 2 deviations away in the one second, 0 in the other.
    assert FAMILIAR.strangeness(np.array([[2, 4, 4], [1, 2, 3]], np.float16)) == pytest.approx(6 / 6)
    assert FAMILIAR.knows(np.array([[2, 4, 4], [1, 2, 3]]))
    assert not FAMILIAR.knows(np.array([[2, 4, 4]]))


def test_clips_of_the_training_kind_are_about_one():
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=500), rng.uniform(0.1, 9, 500)
    familiar = Familiar(mean.astype(np.float32), std.astype(np.float32), 2)
    assert familiar.strangeness(rng.normal(mean, std, (10, 500))) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(0, 3), (2, 4), (3,)])
def test_wrong_shapes(shape):
    with pytest.raises(ValueError, match="embeddings are"):
        FAMILIAR.strangeness(np.zeros(shape))


@pytest.mark.parametrize(("clips", "rank"), [(1, 1), (98, 98), (99, 99), (100, 100), (199, 198), (999, 990)])
def test_the_bound_is_conformal(clips, rank):
    found = np.random.default_rng(clips).permutation(clips) + 1.0
    assert bound_of(found.tolist()) == rank


def test_no_clip_no_bound():
    with pytest.raises(ValueError, match="no clip"):
        bound_of([])
