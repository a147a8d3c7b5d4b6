"""Which pictures show nothing, told from frames that are drawn here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import frames

from vadd.detect.blank import BLANK_CONTRAST, TITLE_FLAT, blank_seconds

SIZE = (90, 160)


def grey(level: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    image = level + noise * np.random.default_rng(seed).normal(size=(*SIZE, 1))
    return np.repeat(np.clip(image, 0, 255), 3, axis=2).astype(np.uint8)


def title(ground: int = 20, ink: int = 230, at: int = 30) -> np.ndarray:
    """Lines of letter-like blocks on an even ground."""
    image = np.full((*SIZE, 3), ground, np.uint8)
    for line in (at, at + 16):
        for left in range(30, 130, 8):
            image[line : line + 8, left : left + 4] = ink
    return image


def photograph(seed: int = 0) -> np.ndarray:
    """Noise whose power falls with the square of the frequency, as that of natural pictures does."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(SIZE[0])[:, None], np.fft.fftfreq(SIZE[1])[None]
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / SIZE[1])
    field = np.fft.ifft2(amplitude * np.exp(2j * np.pi * rng.random(SIZE))).real
    return np.repeat(np.clip(128 + 55 * field / field.std(), 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def fireworks(seed: int) -> np.ndarray:
    """A black sky with a few bright bursts, elsewhere each time."""
    rng = np.random.default_rng(seed)
    image = np.full((*SIZE, 3), 6, np.uint8)
    for row, column in zip(rng.integers(10, 80, 6), rng.integers(10, 150, 6), strict=True):
        image[row - 5 : row + 5, column - 5 : column + 5] = rng.integers(150, 255, 3)
    return image


def told(*images: np.ndarray) -> list[bool]:
    return blank_seconds(frames(*images)).tolist()


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_one_brightness_is_blank(level):
    assert told(*[grey(level)] * 4) == [True] * 4


def test_a_blank_picture_with_compression_noise_is_blank_even_if_it_flickers():
    assert told(*[grey(20, 1.5, seed) for seed in range(4)]) == [True] * 4


def test_black_in_between_is_blank_by_itself():
    scenes = [photograph(seed) for seed in range(5)]
    scenes[2] = grey(0)
    assert told(*scenes) == [False, False, True, False, False]


@pytest.mark.parametrize(("ground", "ink"), [(20, 230), (245, 10), (128, 255)])
def test_a_still_title_is_blank(ground, ink):
    image = title(ground, ink)
    assert frames(image).contrast[0] > BLANK_CONTRAST
    assert told(*[image] * 5) == [True] * 5


def test_a_title_in_a_clip_of_one_second_is_blank():
    assert told(title()) == [True]


def test_a_still_title_amid_a_film():
    images = [photograph(0), photograph(1), title(), title(), title(), photograph(2), photograph(3)]
    assert told(*images) == [False, False, True, True, True, False, False]


def test_slides_that_each_stand_for_two_seconds_are_blank():
    images = [title(at=at) for at in (10, 10, 30, 30, 50, 50)]
    assert told(*images) == [True] * 6


def test_rolling_titles_are_not_still():
    # A known limit: titles that move every second are taken for a scene.
    assert told(*[title(at=at) for at in (10, 20, 30, 40)]) == [False] * 4


def test_a_dark_scene_that_moves_is_not_blank():
    night = [fireworks(seed) for seed in range(6)]
    assert frames(*night).flat.min() > TITLE_FLAT
    assert told(*night) == [False] * 6


def test_a_still_photograph_is_not_blank():
    image = photograph()
    assert told(*[image] * 5) == [False] * 5
    assert told(image) == [False]


def test_a_moving_scene_is_not_blank():
    assert told(*[photograph(seed) for seed in range(4)]) == [False] * 4


@pytest.mark.parametrize(
    "present",
    [
        [False, False, True, True, True, True],
        [True, True, True, True, False, False],
        [True, True, False, True, True, False],
        [False, True, False, False, False, False],
        [False] * 6,
    ],
)
@pytest.mark.parametrize("kind", ["fireworks", "title", "black"])
def test_seconds_without_a_frame_are_not_blank_and_change_nothing_for_the_others(kind, present):
    make = {"fireworks": fireworks, "title": lambda _: title(), "black": lambda _: grey(0)}[kind]
    images = [make(seed) for seed in range(sum(present))]
    dense = frames(*images)
    there = np.array(present)
    columns = {}
    for name in ("luma", "contrast", "detail", "colour", "change", "flat"):
        columns[name] = np.zeros(6, np.float32)
        columns[name][there] = getattr(dense, name)
    sparse = replace(dense, present=there, **columns)
    want = np.zeros(6, np.bool_)
    want[there] = blank_seconds(dense)
    assert blank_seconds(sparse).tolist() == want.tolist()
    # A night scene of one frame can't be told from a title; longer ones are none.
    assert want[there].all() == (kind != "fireworks" or sum(present) <= 1)
