"""Hours are computed in blocks, and come out as they would in one piece."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from vadd.classify import everyday
from vadd.classify.judge import Stacked, stack
from vadd.classify.spec import EmbedderRef
from vadd.detect.blocks import BLOCK, blocks
from vadd.detect.familiar import strangeness
from vadd.detect.score import GENERIC_WEIGHT, SOURCE_RATIO, discrepancy, smooth
from vadd.detect.shots import APART, cuts
from vadd.embed.base import Modality
from vadd.errors import ModelError

LENGTHS = (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2, 2 * BLOCK, 3 * BLOCK + 17)


@pytest.mark.parametrize("length", [0, *LENGTHS])
def test_blocks_are_all_rows_once(length):
    found = [at for block in blocks(length) for at in range(block.start, block.stop)]
    assert found == list(range(length))
    assert all(0 < block.stop - block.start <= BLOCK for block in blocks(length))


@pytest.fixture(params=LENGTHS)
def clip(request):
    random = np.random.default_rng(request.param)
    length = request.param
    scenes = random.normal(size=(9, 1280)) - 0.6
    vectors = scenes[np.sort(random.integers(0, 9, length))] + 0.2 * random.normal(size=(length, 1280))
    return SimpleNamespace(
        present=random.random(length) > 0.1,
        vectors=np.maximum(vectors, 0).astype(np.float32),
        scores=random.dirichlet(np.full(1000, 0.02), length).astype(np.float32),
        sounds=(random.random((length, 521)) ** 4).astype(np.float32),
    )


def test_cuts(clip):
    there = np.flatnonzero(clip.present)
    want = np.zeros(len(clip.present), np.bool_)
    for before, at in pairwise(there):
        a, b = clip.vectors[[before, at]].astype(np.float64)
        want[at] = a @ b / np.sqrt((a @ a) * (b @ b)) < 1 - APART
    found = cuts(clip)
    assert np.array_equal(found, want)
    assert len(there) < BLOCK or found.any()


def test_smoothing(clip):
    want = np.zeros_like(clip.sounds)
    for at in range(len(want)):
        near = [i for i in (at + 1, at, at - 1) if 0 <= i < len(want) and clip.present[i]]
        if near:
            want[at] = sum((clip.sounds[i].astype(np.float64) for i in near), np.zeros(521)) / len(near)
    assert np.array_equal(smooth(clip.sounds, clip.present), want)


def test_everyday_posteriors_and_scores(clip):
    """As in one expression over the whole clip, to the last bit."""
    model = everyday.load()
    logits = clip.vectors @ model.probe_weights.T + model.probe_bias
    places = np.exp(logits - logits.max(axis=1, keepdims=True))
    places /= places.sum(axis=1, keepdims=True)
    share, words = everyday.SCENE_SHARE, model.concepts
    seen = (1 - share) * (clip.scores @ words.seen_of_class) + share * places @ words.seen_of_scene
    assert np.array_equal(model.picture(clip.vectors, clip.scores), seen)
    shares = clip.sounds @ words.heard_of_class
    heard = shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    assert np.array_equal(model.sound(clip.sounds), heard)
    ratios = (seen @ words.expected) / model.prior
    assert np.array_equal(model.expectation(seen), ratios)

    found = discrepancy(ratios, heard, words.generic)
    ratio, part = ratios.astype(np.float64), heard.astype(np.float64)
    weighed = part * np.where((ratio < 1) & words.generic, GENERIC_WEIGHT, 1.0)
    likelihood = (weighed * ratio).sum(axis=1) / weighed.sum(axis=1)
    assert np.array_equal(found.discrepancy, -np.log(likelihood))
    assert np.array_equal(found.unexplained, (part * ((ratio < SOURCE_RATIO) & words.generic)).sum(axis=1))


def test_nothing_is_written_to_what_was_given(clip):
    for array in (clip.vectors, clip.scores, clip.sounds):
        array.flags.writeable = False
    model = everyday.load()
    seen, heard = model.picture(clip.vectors, clip.scores), model.sound(clip.sounds)
    kept = seen.copy()
    discrepancy(model.expectation(seen), heard, model.concepts.generic)
    assert np.array_equal(seen, kept)


def test_strangeness(clip):
    mean, std = clip.vectors.mean(axis=0), clip.vectors.std(axis=0) + np.float32(0.1)
    want = np.mean(((clip.vectors.astype(np.float64) - mean) / std) ** 2)
    assert strangeness(clip.vectors, mean, std) == pytest.approx(want, rel=1e-14)
    refs = (EmbedderRef("eye", 1280, Modality.PICTURE, None),)
    lazily = Stacked(refs, {"eye": clip.vectors}, clip.present)
    if clip.present.any():
        assert strangeness(lazily, mean, std) == strangeness(clip.vectors[clip.present], mean, std)


def test_side_by_side_when_asked_for(clip):
    refs = EmbedderRef("eye", 1280, Modality.PICTURE, None), EmbedderRef("ear", 521, Modality.SOUND, None)
    given = {"ear": clip.sounds.astype(np.float16), "eye": clip.vectors}
    whole = stack(refs, given)
    assert np.array_equal(whole, np.hstack([clip.vectors, given["ear"].astype(np.float32)]))
    lazily = Stacked(refs, given, clip.present)
    assert lazily.shape == (clip.present.sum(), 1801)
    for block in blocks(len(lazily)):
        assert np.array_equal(lazily[block], whole[clip.present][block])


def test_second_of_a_value_that_is_no_number_is_named():
    vectors = np.zeros((600, 3), np.float32)
    vectors[571, 1] = np.nan
    counted = np.ones(600, np.bool_)
    counted[:100] = False
    lazily = Stacked((EmbedderRef("eye", 3, Modality.PICTURE, None),), {"eye": vectors}, counted)
    lazily[0:256]
    with pytest.raises(ModelError, match="second 571 of eye"):
        lazily[256:512]


def peak(work) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_hour_needs_little_more_than_its_results():
    length = 3_600
    model = everyday.load()
    vectors = np.ones((length, 1280), np.float32)
    track = SimpleNamespace(present=np.ones(length, np.bool_), vectors=vectors)
    block = BLOCK * 1280 * 8
    assert peak(lambda: cuts(track)) < 8 * block < length * 1280 * 8
    mean = np.ones(1280, np.float32)
    lazily = Stacked((EmbedderRef("eye", 1280, Modality.PICTURE, None),), {"eye": vectors})
    assert peak(lambda: strangeness(lazily, mean, mean)) < 8 * block
    heard = np.full((length, len(model.prior)), 0.01, np.float32)
    rows = BLOCK * heard.shape[1] * 8
    assert peak(lambda: discrepancy(heard, heard, model.concepts.generic)) < 12 * rows + 8 * 8 * length
