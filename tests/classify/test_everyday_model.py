"""The everyday model: posteriors and expectations against explicit loops, and files that are not as built."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.classify import everyday, tables
from vadd.classify.concepts import concepts
from vadd.classify.everyday import Everyday
from vadd.classify.tables import HASHES
from vadd.errors import ModelError

MODEL = everyday.load()
DATA = Path(everyday.__file__).parent / "data"


def drawn(seed: int, seconds: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, ImageNet probabilities and YAMNet scores that networks could have given."""
    rng = np.random.default_rng(seed)
    vectors = rng.gamma(0.4, 0.6, (seconds, 1280)).astype(np.float32)
    classes = rng.dirichlet(np.full(1000, 0.02), seconds).astype(np.float32)
    sounds = (rng.random((seconds, 521)) ** 12).astype(np.float32)
    return vectors, classes, sounds


def test_shapes_fit_the_tables():
    scenes, seen, heard = (len(names) for names in (MODEL.concepts.scenes, MODEL.concepts.seen, MODEL.prior))
    assert heard == len(MODEL.concepts.heard)
    assert MODEL.probe_weights.shape == (scenes, 1280)
    assert MODEL.probe_bias.shape == (scenes,)
    assert MODEL.concepts.seen_of_scene.shape == (scenes, seen)
    assert MODEL.prior.min() > 0
    assert MODEL.prior.sum() == pytest.approx(1, abs=1e-3)


@given(st.integers(0, 2**32 - 1))
def test_posteriors_are_distributions(seed):
    vectors, classes, sounds = drawn(seed)
    for rows in (MODEL.picture(vectors, classes), MODEL.sound(sounds)):
        assert rows.dtype == np.float32
        assert rows.min() >= 0
        assert np.abs(rows.sum(axis=1) - 1).max() < 1e-5


def test_a_vector_far_out_gives_no_overflow():
    with np.errstate(all="raise", under="ignore"):
        rows = MODEL.picture(np.full((1, 1280), 1000, np.float32), drawn(0)[1][:1])
    assert rows.sum() == pytest.approx(1, abs=1e-5)


def test_a_second_without_any_sound_score_stays_zero():
    assert not MODEL.sound(np.zeros((2, 521), np.float32)).any()


def test_the_picture_is_half_things_and_half_places():
    vectors, classes, _ = drawn(1)
    got = MODEL.picture(vectors, classes)
    for second in range(len(vectors)):
        logits = [
            sum(float(a) * float(b) for a, b in zip(weights, vectors[second], strict=True)) + float(bias)
            for weights, bias in zip(MODEL.probe_weights, MODEL.probe_bias, strict=True)
        ]
        places = np.exp(np.array(logits) - max(logits))
        places /= places.sum()
        for concept in range(got.shape[1]):
            things = sum(
                float(p) * float(MODEL.concepts.seen_of_class[at, concept])
                for at, p in enumerate(classes[second])
                if MODEL.concepts.seen_of_class[at, concept]
            )
            place = sum(
                p * float(MODEL.concepts.seen_of_scene[at, concept]) for at, p in enumerate(places.tolist())
            )
            assert got[second, concept] == pytest.approx((things + place) / 2, abs=1e-5)


def test_the_sound_is_the_share_of_each_concept_in_the_scores():
    sounds = drawn(2, 1)[2]
    shares = [
        sum(
            float(s) * float(row[concept])
            for s, row in zip(sounds[0], MODEL.concepts.heard_of_class, strict=True)
        )
        for concept in range(len(MODEL.concepts.heard))
    ]
    assert MODEL.sound(sounds)[0].tolist() == pytest.approx([s / sum(shares) for s in shares], abs=1e-5)


def test_expectation_against_a_double_loop():
    picture = MODEL.picture(*drawn(3, 3)[:2])
    got = MODEL.expectation(picture)
    assert got.shape == (3, len(MODEL.concepts.heard))
    for second, row in enumerate(picture.tolist()):
        for sound, usual in enumerate(MODEL.prior.tolist()):
            likely = sum(p * float(MODEL.concepts.expected[seen, sound]) for seen, p in enumerate(row))
            assert got[second, sound] == pytest.approx(likely / usual, rel=1e-4)


def test_a_picture_like_all_others_expects_nothing_in_particular():
    # Where the mean picture is seen and its own expectation is the prior, every ratio is 1.
    picture = MODEL.picture(*drawn(4, 1)[:2])
    usual = (picture @ MODEL.concepts.expected)[0]
    assert np.allclose(replace(MODEL, prior=usual).expectation(picture), 1, atol=1e-5)


def test_without_a_probe_only_things_count():
    vectors, classes, _ = drawn(5)
    bare = Everyday(MODEL.concepts, np.zeros((0, 1280), np.float32), np.zeros(0, np.float32), MODEL.prior)
    assert np.array_equal(bare.picture(vectors, classes), classes @ MODEL.concepts.seen_of_class)
    assert np.array_equal(bare.picture(0 * vectors, classes), bare.picture(vectors, classes))
    assert not np.allclose(MODEL.picture(vectors, classes), bare.picture(vectors, classes))


def test_every_file_has_its_hash():
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.iterdir()} == HASHES


@pytest.mark.parametrize("name", sorted(HASHES))
def test_a_damaged_file_is_refused(monkeypatch, tmp_path, name):
    (tmp_path / "data").mkdir()
    content = bytearray((DATA / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "data" / name).write_bytes(content)
    monkeypatch.setattr(tables, "files", lambda package: tmp_path)
    with pytest.raises(ModelError, match=f"{re.escape(name)} is damaged"):
        tables.read_table(name)


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "files", lambda package: tmp_path)
    with pytest.raises(ModelError, match=r"everyday\.npz cannot be read"):
        everyday.load.__wrapped__()
    with pytest.raises(ModelError, match=r"heard\.txt cannot be read"):
        concepts.__wrapped__()
