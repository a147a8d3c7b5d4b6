"""What every embedder of the catalog keeps to."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from vadd.embed import catalog
from vadd.embed.base import Modality
from vadd.embed.weights import DATA
from vadd.timeline import grid_length

#: Those whose weights are here; what of this the others can keep to without any is in tests/embed.
BUNDLED = [name for name in catalog.names() if catalog.card(name).weights.bundled]
SOUNDS = [name for name in BUNDLED if catalog.card(name).modality is Modality.SOUND]
PICTURES = [name for name in BUNDLED if catalog.card(name).modality is Modality.PICTURE]

every = pytest.mark.parametrize("name", BUNDLED)


def sound(rate: int, seconds: str) -> np.ndarray:
    length = int(Fraction(seconds) * rate)
    return np.random.default_rng(length).normal(0, 0.1, length).clip(-1, 1).astype(np.float32)


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 120, 213, 3), dtype=np.uint8)


def some_input(name: str) -> list[np.ndarray]:
    rate = catalog.card(name).sample_rate
    return list(frames(3)) if rate is None else [sound(rate, "2.6")]


@pytest.mark.parametrize("name", catalog.names())
def test_the_card_is_whole(name):
    card = catalog.card(name)
    assert card.name == name
    assert card.dim > 0
    assert all(card.scores)
    assert all((card.input, card.preprocessing, card.paper, card.weights.source, card.weights.licence))
    assert (card.sample_rate is None) == (card.modality is Modality.PICTURE)
    assert (card.frame_side is None) == (card.modality is Modality.SOUND)


@every
def test_the_card_names_the_bundled_file(name):
    weights = catalog.card(name).weights
    data = (DATA / weights.file).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (weights.size, weights.sha256)


@every
def test_results_are_as_the_card_says(name):
    embedder = catalog.load(name)
    assert embedder.card == catalog.card(name)
    results = list(embedder.embed(some_input(name)))
    assert len(results) == 3
    for result in results:
        assert result.vector.shape == (embedder.card.dim,)
        assert result.vector.dtype == np.float32
        assert np.isfinite(result.vector).all()
        assert result.vector.any()
        if not embedder.card.scores:
            assert result.scores is None
            continue
        assert result.scores.shape == (len(embedder.card.scores),)
        assert result.scores.dtype == np.float32
        assert result.scores.min() >= 0
        assert result.scores.max() <= 1


@every
def test_the_same_input_gives_the_same_bits(name):
    embedder = catalog.load(name)
    first, again, other = (
        list(e.embed(some_input(name))) for e in (embedder, embedder, catalog.load(name, threads=1))
    )
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a.vector, b.vector)
        assert np.array_equal(a.vector, c.vector)


@every
def test_nothing_in_nothing_out(name):
    assert list(catalog.load(name).embed([])) == []


@every
def test_two_streams_at_a_time_do_not_mix(name):
    embedder = catalog.load(name)
    alone = [result.vector for result in embedder.embed(some_input(name))]
    pairs = zip(embedder.embed(some_input(name)), embedder.embed(some_input(name)), strict=True)
    for vector, (a, b) in zip(alone, pairs, strict=True):
        assert np.array_equal(vector, a.vector)
        assert np.array_equal(vector, b.vector)


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("seconds", ["0.0001", "0.3", "0.96", "1.4", "1.5", "2.49", "10", "10.49", "10.5"])
def test_sound_gives_one_result_a_grid_second(name, seconds):
    embedder = catalog.load(name)
    rate = embedder.card.sample_rate
    samples = sound(rate, seconds)
    assert len(list(embedder.embed([samples]))) == grid_length(Fraction(len(samples), rate))


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_blocks_do_not_matter(name):
    embedder = catalog.load(name)
    samples = sound(embedder.card.sample_rate, "9.2")
    for a, b in zip(embedder.embed([samples]), embedder.embed(np.array_split(samples, 37)), strict=True):
        assert np.array_equal(a.vector, b.vector)


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sound_that_is_not_finite_is_refused(name, value):
    samples = sound(catalog.card(name).sample_rate, "1")
    samples[500] = value
    with pytest.raises(ValueError, match="finite"):
        list(catalog.load(name).embed([samples]))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("count", [1, 5, 7])
def test_pictures_give_one_result_a_frame(name, count):
    assert len(list(catalog.load(name).embed(frames(count)))) == count


@pytest.mark.parametrize("name", PICTURES)
def test_neighbours_do_not_change_a_picture(name):
    embedder, pictures = catalog.load(name), frames(7)
    forward = [result.vector for result in embedder.embed(pictures)]
    backward = [result.vector for result in embedder.embed(pictures[::-1])]
    for a, b in zip(forward, reversed(backward), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_any_sizes_may_follow_each_other(name):
    mixed = [np.full((h, w, 3), 90, np.uint8) for h, w in ((10, 300), (480, 640), (1, 1))]
    results = [result.vector for result in catalog.load(name).embed(mixed)]
    assert len(results) == 3
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 0, 3)])
def test_what_is_no_picture_is_refused(name, shape):
    with pytest.raises(ValueError, match="frame"):
        list(catalog.load(name).embed([np.zeros(shape, np.uint8)]))
