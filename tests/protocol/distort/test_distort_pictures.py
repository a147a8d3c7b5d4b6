"""Each change of the picture, exactly, against another computation of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from vadd.protocol.distort.blur import Blur
from vadd.protocol.distort.captions import Captions, words_at
from vadd.protocol.distort.crop import Crop
from vadd.protocol.distort.dark import Dark
from vadd.protocol.distort.letterbox import Letterbox
from vadd.protocol.distort.mirror import Mirror
from vadd.protocol.distort.vertical import Vertical

FRAME = np.random.default_rng(3).integers(0, 256, (120, 200, 3), np.uint8)


def test_mirror():
    flipped = Image.fromarray(FRAME).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert np.array_equal(Mirror().see(FRAME, 0, 0), np.asarray(flipped))


def test_dark_halves_the_light():
    def light(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else math.pow((value + 0.055) / 1.055, 2.4)

    values = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    out = Dark(stops=2.0).see(values, 0, 0)[0, :, 0]
    for value, darker in enumerate(out):
        # The new value's light is a quarter, to within half a step of 8 bits.
        wanted = light(value / 255) / 4
        assert light((darker - 0.5001) / 255) <= wanted <= light((darker + 0.5001) / 255)
    assert (np.diff(out.astype(int)) >= 0).all()


def test_blur_is_gaussian():
    ramp = np.zeros((120, 200, 3), np.uint8)
    ramp[40:80, 60:140] = (255, 128, 40)
    out = Blur(percent=5.0).see(ramp, 0, 0).astype(float)
    exact = gaussian_filter(ramp.astype(float), (6, 6, 0), mode="nearest")  # 5 % of 120
    assert np.abs(out - exact).max() <= 8  # of 255: box blurs thrice are no more than close to it
    assert np.abs(out - exact).mean() <= 0.8


def test_crop_keeps_the_middle():
    out = Crop(keep=0.5).see(FRAME, 0, 0)
    assert np.array_equal(out, FRAME[30:90, 50:150])


def test_letterbox_adds_black():
    out = Letterbox(share=0.25).see(FRAME, 0, 0)
    assert out.shape == (160, 200, 3)
    assert np.array_equal(out[20:140], FRAME)
    assert not out[:20].any()
    assert not out[140:].any()


def test_vertical_crop_keeps_the_middle():
    out = Vertical(fill="crop").see(FRAME, 0, 0)
    assert np.array_equal(out, FRAME[:, 66:134])  # 120 * 9 / 16 is 67.5
    tall = np.ascontiguousarray(FRAME[:, :40])
    assert np.array_equal(Vertical(fill="crop").see(tall, 0, 0), tall[24:95])  # 40 * 16 / 9 is 71.1


def test_vertical_blur_shows_all_of_it_before_a_ground():
    left = np.zeros((180, 320, 3), np.uint8)
    left[:, :160] = (250, 10, 10)
    out = Vertical(fill="blur").see(left, 0, 0)
    assert out.shape == (320, 180, 3)  # as many pixels
    picture = out[110:210].astype(int)  # 180 wide and 101 high, in the middle
    assert np.abs(picture[:, :85] - (250, 10, 10)).max() <= 2
    assert picture[:, 95:].max() <= 2
    ground = out[:80].astype(int)
    assert ground[:, 0, 0].min() > 200  # the ground is of its colours
    assert np.abs(np.diff(ground[..., 0], axis=1)).max() < 40  # without its edge


def test_captions_are_white_with_black_around_at_the_bottom():
    grey = np.full((180, 320, 3), 90, np.uint8)
    out = Captions(lines=2, percent=10.0).see(grey, 0.0, 1)
    drawn = (out != grey).any(axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    assert rows[0] > 180 / 2
    assert rows[-1] < 180 - 0.4 * 18
    assert rows[-1] - rows[0] > 1.2 * 18
    assert abs(columns[0] + columns[-1] - 319) <= 6  # in the middle
    assert (out[drawn] == 255).all(axis=1).any()
    assert (out[drawn] == 0).all(axis=1).any()
    # On another ground the same ink: solved for ink and share from two grounds, it explains a third.
    grounds = [np.full_like(grey, value) for value in (0, 200, 100)]
    black, light, between = (
        Captions(lines=2, percent=10.0).see(ground, 0.0, 1).astype(float) for ground in grounds
    )
    share = 1 - (light - black) / 200
    assert np.abs(black + (1 - share) * 100 - between).max() <= 1.5


def test_captions_change_every_two_seconds():
    given = Captions(lines=1)
    first, same, later = (given.see(FRAME, time, 4) for time in (2.0, 3.99, 4.0))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, later)
    assert words_at(1, 3, 4) != words_at(2, 3, 4)
    assert [len(line.split()) for line in words_at(1, 3, 4).splitlines()] == [5, 5, 5]


@pytest.mark.parametrize("lines", [1, 12])
def test_captions_larger_than_the_frame_are_cut_off(lines):
    small = np.zeros((16, 16, 3), np.uint8)
    assert Captions(lines=lines, percent=30.0).see(small, 0.0, 0).shape == small.shape
