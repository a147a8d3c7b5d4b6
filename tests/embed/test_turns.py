"""Turns of the sound: against a plain loop, on sounds made to turn at a known time, and in flat memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vadd.embed.mel import BANDS, HOP, RATE, log_mel
from vadd.embed.turns import CELL_FRAMES, CELLS, FLOOR, REACH, Turns, turn_strengths

#: What turns in tests is at least so strong, and what does not is weaker.
STRONG = 0.35


def noise(seconds: float, low: float, high: float, seed: int = 0) -> np.ndarray:
    """Noise of one band of frequencies in hertz."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    made = np.fft.irfft(np.where((hertz >= low) & (hertz < high), spectrum, 0), count)
    return (0.3 * made / np.abs(made).max()).astype(np.float32)


def tone(seconds: float, hertz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def rows(sound: np.ndarray, length: int, block: int | None = None) -> list[tuple[float, float]]:
    turns = Turns()
    for start in range(0, len(sound), block or max(1, len(sound))):
        turns.add(sound[start : start + (block or len(sound))])
    return turns.rows(length)


def plain_strength(cells: np.ndarray, place: int) -> float:
    """The likelihood ratio before one cell, band by band and with nothing shared between places."""
    before, after = cells[max(0, place - REACH) : place], cells[place : place + REACH]
    if len(before) < 2 or len(after) < 2:
        return 0.0
    total = 0.0
    for band in range(BANDS):

        def spread(side: np.ndarray, band: int = band) -> float:
            column = side[:, band].tolist()
            mean = math.fsum(column) / len(column)
            return math.log(math.fsum((value - mean) ** 2 for value in column) / len(column) + FLOOR)

        both = np.concatenate([before, after])
        total += len(both) * spread(both) - len(before) * spread(before) - len(after) * spread(after)
    return max(0.0, total / BANDS / (2 * REACH))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, REACH, REACH + 1, 3 * REACH + 7])
def test_strengths_are_the_likelihood_ratio(count):
    generator = np.random.default_rng(count)
    # Loud and even, with a step: sums of squares would lose digits if they were not taken around the mean.
    cells = 3 * generator.normal(size=(count, BANDS)) + 1000
    cells[count // 2 :] += 4
    want = [plain_strength(cells, place) for place in range(count)]
    np.testing.assert_allclose(turn_strengths(cells), want, rtol=1e-6, atol=1e-9)


def test_rows_are_the_strongest_places_around_the_start_of_each_second():
    sound = np.concatenate([noise(2.3, 200, 900), noise(3.1, 1500, 6000), tone(1.6, 700)])
    frames = log_mel(sound)
    whole = len(frames) // CELL_FRAMES
    cells = frames[: whole * CELL_FRAMES].reshape(whole, CELL_FRAMES, BANDS).mean(axis=1).astype(np.float64)
    want = [(0.0, 0.0)]
    for second in range(1, 7):
        places = [at for at in range(second * CELLS - CELLS // 2, second * CELLS + CELLS // 2) if at < whole]
        strengths = [plain_strength(cells, at) for at in places]
        best = int(np.argmax(strengths))
        want.append((strengths[best], (places[best] - second * CELLS) / CELLS))
    np.testing.assert_allclose(rows(sound, 7), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lambda seconds: noise(seconds, 200, 1000), lambda seconds: noise(seconds, 2000, 6000, seed=1)),
        (lambda seconds: noise(seconds, 200, 6000), lambda seconds: tone(seconds, 900)),
        (lambda seconds: tone(seconds, 500), lambda seconds: tone(seconds, 1800)),
        (
            lambda seconds: noise(seconds, 200, 6000),
            lambda seconds: np.zeros(round(seconds * RATE), np.float32),
        ),
    ],
    ids=["two colours of noise", "noise and a tone", "two tones", "noise and silence"],
)
@pytest.mark.parametrize("at", [2.0, 3.37, 4.5, 5.81, 21.24, 40.62])
def test_a_turn_is_found_where_it_was_made(before, after, at):
    sound = np.concatenate([before(at), after(4.0)])
    found = rows(sound, math.ceil(at + 4))
    strengths = np.array([strength for strength, _ in found])
    second = int(strengths.argmax())
    assert strengths[second] > STRONG
    assert second + found[second][1] == pytest.approx(at, abs=0.1)
    # Nothing else turns, a second and more away from it.
    away = np.abs(np.arange(len(found)) + np.array([behind for _, behind in found]) - at) >= 1
    assert strengths[away].max() < STRONG / 2


@pytest.mark.parametrize("block", [1, 37, HOP, 999, RATE, 5 * RATE + 1])
def test_the_size_of_blocks_does_not_matter(block):
    seconds = 1.7 if block == 1 else 50.3
    sound = np.concatenate([noise(seconds * 0.6, 200, 1000), noise(seconds * 0.4, 1000, 5000, seed=2)])
    length = round(seconds)
    want = rows(sound, length)
    assert max(strength for strength, _ in want) > STRONG
    np.testing.assert_allclose(rows(sound, length, block), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 399, 400, RATE // 10, RATE // 2])
def test_a_sound_of_less_than_half_a_second_has_no_turn(count):
    assert rows(noise(1, 200, 6000)[:count], 1) == [Turns.SILENT_ROW]


def test_the_first_second_is_empty_even_where_the_sound_turns_in_it():
    sound = np.concatenate([tone(0.3, 500), noise(0.7, 1000, 5000)])
    assert rows(sound, 1) == [Turns.SILENT_ROW]


def test_silence_does_not_turn():
    # But for rounding; where nothing turns, the place of the turn means nothing.
    assert max(strength for strength, _ in rows(np.zeros(5 * RATE, np.float32), 5)) < 1e-9


def test_a_steady_sound_hardly_turns():
    for sound in (noise(10, 200, 6000), tone(10, 800)):
        assert max(strength for strength, _ in rows(sound, 10)) < STRONG / 2


def test_seconds_after_the_end_are_empty():
    found = rows(noise(2, 200, 6000), 6)
    assert len(found) == 6
    assert found[3:] == [Turns.SILENT_ROW] * 3


def test_rows_stay_within_their_bounds():
    generator = np.random.default_rng(5)
    parts = [
        noise(float(generator.uniform(0.05, 1.5)), 100, high, seed=high) for high in range(500, 7000, 250)
    ]
    sound = np.concatenate(parts)
    found = np.array(rows(sound, math.ceil(len(sound) / RATE)))
    assert np.isfinite(found).all()
    assert (found[:, 0] >= 0).all()
    assert ((found[:, 1] >= -0.5) & (found[:, 1] < 0.5)).all()
    assert len(set(found[:, 1].tolist())) > 3
    assert Turns.names() == ("turn", "turn_at")


def test_rows_can_be_asked_for_again():
    turns = Turns()
    turns.add(np.concatenate([tone(2.5, 500), tone(2.5, 1800)]))
    assert turns.rows(5) == turns.rows(5)


def held(turns: Turns) -> int:
    """Numbers in all arrays that are kept, alone or in lists."""
    kept = [
        each for value in vars(turns).values() for each in (value if isinstance(value, list) else [value])
    ]
    return sum(each.size for each in kept if isinstance(each, np.ndarray))


@pytest.mark.parametrize("block", [RATE // 50, RATE])
def test_memory_does_not_grow_with_the_sound(block):
    turns = Turns()
    sound = noise(1, 200, 6000)
    most = []
    for _ in range(2):
        sizes = []
        for _ in range(100):
            for start in range(0, RATE, block):
                turns.add(sound[start : start + block])
                sizes.append(held(turns))
        most.append(max(sizes))
    # The second hundred seconds take no more than the first, and both less than the cells of all of them.
    assert most[1] <= most[0] < 100 * CELLS * BANDS
    assert len(turns.rows(200)) == 200
