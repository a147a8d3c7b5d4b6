"""Which pictures show nothing, told from frames that are drawn here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import frames

from vadd.classify.concepts import concepts
from vadd.detect import blank
from vadd.detect.blank import (
    BLANK_CONTRAST,
    FACE_FILLS,
    SLIDE_DRAWN,
    SLIDE_REACH,
    SOURCE_SEEN,
    TITLE_FLAT,
    blank_seconds,
    face_seconds,
    slide_seconds,
)  # fmt: skip
from vadd.embed import catalog

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


def test_titles_that_each_stand_for_two_seconds_are_blank():
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
    for name in ("luma", "contrast", "detail", "colour", "change", "flat", "drawn"):
        columns[name] = np.zeros(6, np.float32)
        columns[name][there] = getattr(dense, name)
    columns["face"] = np.zeros(6, np.float32)
    sparse = replace(dense, present=there, **columns)
    want = np.zeros(6, np.bool_)
    want[there] = blank_seconds(dense)
    assert blank_seconds(sparse).tolist() == want.tolist()
    # A night scene of one frame can't be told from a title; longer ones are none.
    assert want[there].all() == (kind != "fireworks" or sum(present) <= 1)


def slide(number: int = 0, steps: int = 0) -> np.ndarray:
    """Three even grounds, none of them half of the frame, with letter-like blocks; ``steps`` more points."""
    image = np.full((*SIZE, 3), 250, np.uint8)
    image[:24] = 60
    image[24:, :56] = 170
    for line in range(2 + steps):
        for left in range(64, 150 - 8 * (number % 3), 8):
            image[32 + 12 * line : 36 + 12 * line, left : left + 4] = 20
    return image


def test_a_slide_without_a_ground_of_half_the_frame_is_blank():
    track = frames(*[slide()] * 4)
    assert track.flat.max() < TITLE_FLAT
    assert track.drawn.min() > SLIDE_DRAWN
    assert slide_seconds(track).tolist() == [True] * 4 == blank_seconds(track).tolist()


def test_slides_may_change_now_and_then_and_for_a_second_each():
    images = [slide(0), slide(0), slide(0), slide(1), slide(1, 1), slide(1, 2), slide(2), slide(2), slide(2)]
    assert told(*images) == [True] * 9
    assert told(slide()) == [True]


def test_slides_that_change_every_second_are_a_film():
    assert told(*[slide(at, at % 2) for at in range(8)]) == [False] * 8


def test_what_lies_far_from_a_slide_is_judged_by_itself():
    moving = [slide(at, at % 2) for at in range(3 * SLIDE_REACH)]
    seconds = told(*[slide(2)] * 12, *moving)
    assert seconds[:12] == [True] * 12
    assert seconds[-SLIDE_REACH:] == [False] * SLIDE_REACH


def test_a_photograph_amid_slides_is_no_slide():
    # It stands still for two seconds, as the slides do.
    images = [slide(0), slide(0), photograph(0), photograph(0), slide(1), slide(1)]
    assert told(*images) == [True, True, False, False, True, True]


@pytest.mark.parametrize(("drawn", "blank"), [(SLIDE_DRAWN + 0.01, True), (SLIDE_DRAWN - 0.01, False)])
def test_how_evenly_a_slide_is_filled(drawn, blank):
    track = frames(*[photograph()] * 3)
    assert blank_seconds(replace(track, drawn=np.full(3, drawn, np.float32))).tolist() == [blank] * 3


def test_noise_of_a_camera_makes_no_slide():
    rng = np.random.default_rng(0)
    noisy = np.clip(slide() + rng.normal(0, 4, (*SIZE, 3)), 0, 255).astype(np.uint8)
    assert told(*[noisy] * 4) == [False] * 4


# Faces: the share is measured by vadd.embed.faces, here it is given

FILLED, NOT = FACE_FILLS + 0.005, FACE_FILLS - 0.005


def with_faces(*shares: float, seen: str | None = None, certain: float = 1.0):
    """A moving scene with faces of these shares; of ``seen``, an ImageNet class, the network is certain."""
    track = frames(*[photograph(seed) for seed in range(len(shares))], face=shares)
    scores = np.zeros((len(shares), 1000), np.float32)
    names = catalog.card("efficientnet_lite0").scores
    scores[:, names.index("Windsor tie")] = 1 - certain if seen else 1
    if seen:
        scores[:, names.index(seen)] = certain
    return replace(track, scores=scores, vectors=np.ones_like(track.vectors))


def test_a_face_that_fills_the_frame_shows_no_scene():
    track = with_faces(0.5, FILLED, 1.0)
    assert face_seconds(track).tolist() == [True] * 3 == blank_seconds(track).tolist()


def test_smaller_faces_leave_a_scene():
    # However many there are, the share is that of the largest: a crowd is no such face.
    assert blank_seconds(with_faces(0.0, 0.02, 0.05, NOT)).tolist() == [False] * 4


def test_a_face_that_fills_half_of_a_shot_fills_all_of_it():
    assert blank_seconds(with_faces(FILLED, 0, 0, FILLED)).tolist() == [True] * 4
    assert blank_seconds(with_faces(0, NOT, FILLED, 0)).tolist() == [False, False, True, False]


def test_a_shot_ends_where_the_picture_is_cut():
    track = with_faces(FILLED, 0, FILLED, 0, 0, 0)
    track.vectors[3:, ::2] = -1
    assert blank_seconds(track).tolist() == [True] * 3 + [False] * 3


def test_a_dog_that_comes_into_the_shot_is_seen():
    track = with_faces(FILLED, FILLED, FILLED, 0)
    track.scores[3] = with_faces(0, seen="golden retriever").scores[0]
    assert blank_seconds(track).tolist() == [True] * 3 + [False]


@pytest.mark.parametrize("seen", ["golden retriever", "ox", "cello, violoncello", "bassinet"])
def test_a_source_of_sound_beside_the_face_is_something_seen(seen):
    assert blank_seconds(with_faces(0.4, 0.4, seen=seen)).tolist() == [False] * 2
    assert blank_seconds(with_faces(0.4, 0.4, seen=seen, certain=SOURCE_SEEN - 0.01)).tolist() == [True] * 2


@pytest.mark.parametrize("seen", ["microphone, mike", "suit, suit of clothes", "neck brace", "wig"])
def test_what_speakers_have_about_them_is_no_source(seen):
    assert blank_seconds(with_faces(0.4, 0.4, seen=seen)).tolist() == [True] * 2


def test_seconds_without_a_frame_have_no_face():
    track = with_faces(FILLED, 0, FILLED, FILLED)
    present = np.array([True, False, True, False])
    assert blank_seconds(replace(track, present=present)).tolist() == present.tolist()


def test_sources_are_concepts_of_the_table():
    assert set(concepts().seen) >= blank._SOURCES
