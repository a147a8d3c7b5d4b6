from __future__ import annotations

import math

import numpy as np
import pytest

from vadd.media.align import LEAST_CHANCE, Needle, chance
from vadd.media.fingerprint import RATE, Whitener

LOW_RATE = 8_000


def flat(samples: np.ndarray) -> np.ndarray:
    whitener = Whitener()
    return np.concatenate([*whitener.push(samples.astype(np.float32)), *whitener.finish()])


def scene(seconds: float, seed: int) -> np.ndarray:
    """Coloured noise that swells and falls, the spectrum and the swelling of a seed."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    colour = np.interp(hertz, np.linspace(0, RATE / 2, 12), rng.uniform(-40, 0, 12))
    swell = np.interp(
        np.arange(n), np.linspace(0, n, 2 * int(seconds) + 2), rng.uniform(0.2, 1, 2 * int(seconds) + 2)
    )
    return 0.1 * swell * np.fft.irfft(spectrum * 10 ** (colour / 20), n)


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def at_same_level(sound: np.ndarray, other: np.ndarray) -> np.ndarray:
    return other * level(sound) / level(other)


LONG = scene(30, 1)
HAY = flat(LONG)


def only(found):
    (one,) = found
    return one


@pytest.mark.parametrize("start", [0.0, 7.3331, 24.9])
@pytest.mark.parametrize("seconds", [3.0, 5.0])
def test_an_excerpt_is_found_where_it_was_cut(start, seconds):
    cut = LONG[round(start * RATE) : round((start + seconds) * RATE)]
    found = only(Needle(flat(cut)).search(HAY))
    assert found.other - found.start == pytest.approx(round(start * RATE) / RATE, abs=0.0005)
    assert found.length == pytest.approx(seconds, abs=0.3)
    assert found.similarity > 0.95
    assert not found.inverted
    assert not found.repeats
    assert chance(found.spreads, 1e9) == LEAST_CHANCE


@pytest.mark.parametrize("gain", [0.01, 3.0, -1.0])
def test_gain_and_polarity(gain):
    found = only(Needle(flat(gain * LONG[40_000:64_000])).search(HAY))
    assert found.other == pytest.approx(10, abs=0.001)
    assert found.inverted == (gain < 0)
    assert found.similarity > 0.95


def test_a_delay_below_a_sample_is_told():
    # The same sound half a sample later.
    spectrum = np.fft.rfft(LONG)
    later = np.fft.irfft(spectrum * np.exp(-1j * np.pi * np.arange(len(spectrum)) / len(LONG)), len(LONG))
    found = only(Needle(flat(later[40_000:64_000])).search(HAY))
    assert found.other == pytest.approx(10 - 0.5 / RATE, abs=0.1 / RATE)
    assert found.similarity > 0.9


@pytest.mark.parametrize("seed", [2, 3])
def test_another_sound_of_the_same_level_over_it(seed):
    cut = LONG[40_000:60_000]
    mixed = cut + at_same_level(cut, scene(5, seed))
    found = only(Needle(flat(mixed)).search(HAY, 7.0))
    assert found.other - found.start == pytest.approx(10, abs=0.001)
    assert 0.2 < found.similarity < 0.9


def test_what_two_sounds_share_is_told_and_no_more():
    shared = scene(6, 5)
    one = np.concatenate([scene(9, 6), shared, scene(7, 7)])
    two = np.concatenate([scene(14, 8), shared, scene(3, 9)])
    found = only(Needle(flat(one)).search(flat(two)))
    assert found.start == pytest.approx(9, abs=0.3)
    assert found.other - found.start == pytest.approx(5, abs=0.001)
    assert found.length == pytest.approx(6, abs=0.6)


def test_two_excerpts_of_one_sound_in_the_other_order():
    one = np.concatenate([LONG[: 8 * RATE], LONG[16 * RATE : 24 * RATE]])
    two = np.concatenate([LONG[16 * RATE : 24 * RATE], LONG[: 8 * RATE]])
    found = Needle(flat(one)).search(flat(two))
    assert sorted(round(each.start) for each in found) == [0, 8]
    assert sorted(round(each.other) for each in found) == [0, 8]
    assert all(each.length == pytest.approx(8, abs=0.6) for each in found)


def test_a_stretch_that_hangs_over_the_ends():
    found = only(Needle(flat(LONG[: 6 * RATE])).search(flat(LONG[2 * RATE :])))
    assert found.start == pytest.approx(2, abs=0.3)
    assert found.other == pytest.approx(found.start - 2, abs=0.001)
    assert found.length == pytest.approx(4, abs=0.3)


def tone(hertz: float, seconds: float = 10, phase: float = 0.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE + phase)


def hum(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    waves = sum(tone(50 * k, phase=rng.uniform(0, 6)) / k for k in range(1, 12))
    return waves + 1e-4 * rng.standard_normal(len(waves))


def clicks(period: float, seed: int) -> np.ndarray:
    sound = 1e-3 * np.random.default_rng(seed).standard_normal(10 * RATE)
    sound[:: round(period * RATE)] += 0.5
    return sound


STATIONARY = {
    "silence": lambda seed: np.zeros(10 * RATE),
    "direct current": lambda seed: np.full(10 * RATE, 0.2),
    "sine": lambda seed: tone(440, phase=seed),
    "mains hum": hum,
    "white noise": lambda seed: 0.1 * np.random.default_rng(seed).standard_normal(10 * RATE),
    "clicks": lambda seed: clicks(0.25, seed),
    "rounding noise": lambda seed: np.random.default_rng(seed).integers(-1, 2, 10 * RATE) / 32_768,
}


@pytest.mark.parametrize("kind", STATIONARY)
def test_sounds_that_stay_the_same_match_nothing_of_their_kind(kind):
    needle = Needle(flat(STATIONARY[kind](1)))
    for seed in (2, 3, 4):
        for found in needle.search(flat(STATIONARY[kind](seed))):
            assert chance(found.spreads, needle.places) > 1e-3


@pytest.mark.parametrize("kind", STATIONARY)
def test_sounds_that_stay_the_same_match_no_scene(kind):
    # Not the seed of a scene: its noise would be the same noise.
    needle = Needle(flat(STATIONARY[kind](101)))
    assert needle.search(HAY, 7.0) == ()
    assert Needle(HAY).search(flat(STATIONARY[kind](101)), 7.0) == ()


def test_clicks_in_a_recording_neither_match_other_clicks_nor_hide_the_recording():
    one, two = (
        clicks(0.25, 0) + 0.02 * np.random.default_rng(seed).standard_normal(10 * RATE) for seed in (11, 12)
    )
    assert Needle(flat(one)).search(flat(two), 7.0) == ()
    assert only(Needle(flat(one[8_000:30_000])).search(flat(one), 7.0)).other == pytest.approx(2, abs=0.001)


def test_the_same_white_noise_is_the_same_sound():
    sound = flat(STATIONARY["white noise"](1))
    assert only(Needle(sound[8_000:30_000]).search(sound)).other == pytest.approx(2, abs=0.001)


def test_a_loop_is_found_and_said_to_repeat():
    turn = scene(3, 4)
    found = Needle(flat(np.tile(turn, 3))).search(flat(np.tile(turn, 6)))
    assert found
    assert all(each.repeats for each in found)
    assert all(
        (each.other - each.start) % 3 == pytest.approx(0, abs=0.002)
        or (each.other - each.start) % 3 == pytest.approx(3, abs=0.002)
        for each in found
    )


def test_chance_has_the_tails_that_are_told():
    # Of so many places of foreign sounds a share exp(-z^2/2)-like must lie beyond z, for the promise to hold.
    needles = [Needle(flat(scene(6, seed))) for seed in range(20, 26)]
    hays = [flat(scene(25, seed)) for seed in range(40, 46)]
    found = [each.spreads for needle in needles for hay in hays for each in needle.search(hay, 5.5)]
    places = sum(needle.places for needle in needles)
    expected = places * math.erfc(5.5 / math.sqrt(2))
    assert len(found) <= 3 * expected + 3
    assert max(found, default=0.0) < 6.5


def test_too_little_sound_is_not_looked_for():
    assert Needle(flat(scene(0.5, 1))).empty
    assert Needle(np.zeros(0, np.int8)).empty
    assert Needle(flat(scene(0.5, 1))).search(HAY) == ()
    assert Needle(HAY).search(flat(scene(0.5, 1))) == ()
    assert not Needle(flat(scene(3, 1))).empty


def test_a_sound_too_long_to_be_held_is_searched_all_the_same(monkeypatch):
    from vadd.media import align

    whole = Needle(HAY)
    cut = flat(LONG[50_000:90_000])
    expected = whole.search(cut)
    monkeypatch.setattr(align, "_BATCH", 3)
    parts = Needle(HAY)
    assert parts.search(cut) == expected
    assert parts.places == whole.places


def test_chance_lies_between_its_bounds():
    assert chance(0, 10) == 1
    assert chance(40, 10) == LEAST_CHANCE
    assert chance(5, 1) == LEAST_CHANCE
    assert chance(6, 1e8) == pytest.approx(1e8 * 1.973e-9, rel=1e-3)
