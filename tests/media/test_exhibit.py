"""Thumbnails, spectrogram columns and measures of frames."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vadd.media.exhibit import Columns, Thumbnails
from vadd.media.measures import FrameMeasures, Measurer


@pytest.mark.parametrize("seconds", [1, 47, 48, 49, 100, 1000, 7200])
def test_thumbnails_stay_few_and_even(seconds):
    thumbnails = Thumbnails()
    image = np.zeros((32, 48, 3), np.uint8)
    for second in range(seconds):
        thumbnails.add(second, image)
    at = [second for second, _ in thumbnails.kept]
    assert len(at) <= 48
    assert len(at) == seconds if seconds <= 48 else len(at) > 24
    assert at[0] == 0
    assert len(set(np.diff(at))) <= 1
    assert seconds - at[-1] <= (at[1] - at[0] if len(at) > 1 else 1)


def test_thumbnails_of_a_picture_with_holes():
    thumbnails = Thumbnails(most=4)
    image = np.zeros((32, 48, 3), np.uint8)
    for second in [0, 5, 6, 7, 30, 31, 60, 90]:
        thumbnails.add(second, image)
    at = [second for second, _ in thumbnails.kept]
    assert len(at) <= 4
    assert at == sorted(at)
    assert at[0] == 0


def test_thumbnail_is_a_small_jpeg():
    thumbnails = Thumbnails()
    thumbnails.add(3, np.full((256, 455, 3), (200, 30, 30), np.uint8))
    ((second, data),) = thumbnails.kept
    picture = Image.open(io.BytesIO(data))
    assert (second, picture.format, max(picture.size)) == (3, "JPEG", 160)
    assert np.abs(np.asarray(picture).reshape(-1, 3).mean(axis=0) - (200, 30, 30)).max() < 4


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
@pytest.mark.parametrize("total", [5, 2400, 2401, 30_000])
def test_columns_are_averages_of_their_stretch(size, total):
    if size == 1 and total > 5000:
        pytest.skip("nothing new, and slow")
    data = np.random.default_rng(0).random((total, 3)).astype(np.float32)
    columns = Columns(100.0)
    for at in range(0, total, size):
        columns.add(data[at : at + size])
    result = columns.result()
    stride = round(100 / columns.rate)
    whole = total // stride
    want = data[: whole * stride].reshape(whole, stride, 3).mean(axis=1)
    assert result.shape == (whole, 3)
    assert whole <= 2400
    assert total <= 2400 or whole > 1200 - 1
    assert np.allclose(result, want, atol=1e-5)


def test_no_columns():
    assert Columns(100.0).result() is None


def test_measures_against_known_pictures():
    measure = Measurer()
    grey = measure(np.full((64, 64, 3), 100, np.uint8))
    assert grey == FrameMeasures(
        luma=pytest.approx(100),
        contrast=pytest.approx(0, abs=1e-3),
        detail=pytest.approx(0, abs=1e-3),
        colour=pytest.approx(0, abs=1e-3),
        change=0,
        flat=1,
        drawn=1,
    )
    halves = np.full((64, 64, 3), 50, np.uint8)
    halves[:, 32:] = 150
    split = measure(halves)
    assert split.luma == pytest.approx(100)
    assert split.contrast == pytest.approx(50)
    assert split.flat == 0.5
    assert split.change == pytest.approx(50)
    # One step of 100 in each row of 31 neighbours, none in the columns; every second pixel is looked at.
    assert split.detail == pytest.approx((100 / 31 + 0) / 2, rel=1e-3)
    red = measure(np.full((64, 64, 3), (255, 0, 0), np.uint8))
    assert red.luma == pytest.approx(0.299 * 255, rel=1e-4)
    assert red.colour == pytest.approx(0.3 * np.hypot(255, 127.5), rel=1e-4)
    other_size = measure(np.zeros((32, 64, 3), np.uint8))
    assert other_size.change == 0


def test_drawn_is_what_is_even_between_edges():
    rng = np.random.default_rng(0)
    even = np.full((64, 96, 3), 200, np.uint8)
    assert Measurer()(even).drawn == 1
    # A quarter of the squares is text: the rest is as even as before.
    text = even.copy()
    text[:16] = rng.choice(np.array([0, 255], np.uint8), (16, 96, 1))
    assert Measurer()(text).drawn == 1
    # Of the other 72 squares a third is softly shaded.
    shaded = text.copy()
    shaded[16:32] = np.linspace(50, 200, 96).astype(np.uint8)[:, None]
    assert Measurer()(shaded).drawn == pytest.approx(48 / 72)
    # Where edges leave less than a third, the share is of a third.
    busy = rng.choice(np.array([0, 255], np.uint8), (64, 96, 1)).repeat(3, axis=2)
    busy[:16] = 200
    assert Measurer()(busy).drawn == pytest.approx(0.25 / (1 / 3))
    # What does not fill a square at the right and at the bottom is left out.
    assert Measurer()(np.vstack([text[:, :93], busy[:7, :93]])).drawn == 1
    # Green counts, the least and the most of each square: 4 levels are even, 5 are not.
    for step, drawn in ((4, 1.0), (5, 0.0)):
        steps = np.full((16, 16, 3), 100, np.uint8)
        steps[::8, ::8, 1] += step
        assert Measurer()(steps).drawn == drawn


def test_single_pixel():
    assert Measurer()(np.zeros((1, 1, 3), np.uint8)).drawn == 0
    assert Measurer()(np.zeros((1, 1, 3), np.uint8)).detail == 0
