"""One level and one peak: the curve, and what is known of it before a sample is bent."""

from __future__ import annotations

import numpy as np
import pytest

from vadd.media.loudness import CEILING, KNEE, LEVEL, STRETCH, Histogram, make_up, shaped


def noise(crest: float, seed: int = 1) -> np.ndarray:
    """A second of noise at -30 dBFS, of which some samples stand out by ``crest`` dB."""
    rng = np.random.default_rng(seed)
    samples = 10 ** (-30 / 20) * rng.standard_normal(48_000)
    most = 10 ** ((crest - 30) / 20)
    samples = np.clip(samples, -most, most)
    samples[::9_000] = most
    return samples.astype(np.float32)


def rms(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("peak", [0.13, 0.2, CEILING, 0.4, 1.0, 9.0])
def test_the_curve_goes_from_the_knee_to_the_ceiling(peak):
    knee = min(KNEE, peak / 2)
    at = np.linspace(-peak, peak, 100_001)
    bent = shaped(at, peak)
    assert bent[-1] == pytest.approx(CEILING, rel=1e-9)
    np.testing.assert_allclose(bent, -bent[::-1], atol=1e-15)
    assert (np.diff(bent) >= 0).all()
    small = np.abs(at) <= knee
    np.testing.assert_allclose(bent[small], at[small], rtol=1e-12)
    # No corner at the knee: the slope is one on either side of it.
    step = peak * 1e-6
    rise = shaped(np.array([knee, knee + step]), peak)
    assert (rise[1] - rise[0]) / step == pytest.approx(1, abs=1e-3)
    if peak == CEILING:
        np.testing.assert_allclose(bent, at, atol=1e-9)


def test_the_curve_has_its_bounds():
    assert shaped(np.array([0.01, -0.01]), 0.01).tolist() == pytest.approx([0.01 * STRETCH, -0.01 * STRETCH])
    assert shaped(np.array([5.0]), 1.0)[0] == pytest.approx(CEILING)  # a crossfade may add up to more
    assert not shaped(np.zeros(3, np.float32), 0.0).any()
    assert shaped(np.full(2, 0.3, np.float32), 0.3, 0.1).tolist() == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("crest", [8, 14, 20, 29])
@pytest.mark.parametrize("ceiling", [CEILING, 0.18])
def test_the_level_is_known_before(crest, ceiling):
    samples = noise(crest)
    heard = Histogram()
    for block in np.split(samples, 6):
        heard.add(block)
    assert heard.peak == pytest.approx(np.abs(samples).max())
    for gain in (-6.0, 0.0, 9.0):
        factor = 10 ** (gain / 20)
        out = shaped(samples * np.float32(factor), heard.peak * factor, ceiling)
        assert heard.level(gain, ceiling) == pytest.approx(rms(out), abs=0.02)
    gain = make_up(heard, -40, 40, ceiling)
    factor = 10 ** (gain / 20)
    out = shaped(samples * np.float32(factor), heard.peak * factor, ceiling)
    assert rms(out) == pytest.approx(LEVEL, abs=0.02)
    top = min(ceiling, STRETCH * heard.peak * factor)
    assert np.abs(out).max() == pytest.approx(top, rel=1e-4)
    assert top == ceiling or crest == 8


def test_two_parts_are_one_sound():
    one, other = noise(15, 1), 0.1 * noise(25, 2)
    heard = Histogram()
    for samples, gain in ((one, 3.0), (other, 20.0)):
        part = Histogram()
        part.add(samples, np.repeat(np.float32([1, 0]), 24_000))
        heard.merge(part, gain)
    mixed = np.concatenate([one[:24_000] * 10**0.15, other[:24_000] * 10])
    assert heard.peak == pytest.approx(np.abs(mixed).max(), rel=1e-6)
    assert heard.level() == pytest.approx(rms(shaped(mixed, heard.peak)), abs=0.02)


def test_what_cannot_reach_the_level_comes_near():
    faint, silent = Histogram(), Histogram()
    faint.add(1e-4 * noise(14))
    silent.add(np.zeros(100, np.float32))
    assert make_up(faint, -40, 40) == pytest.approx(40)
    assert silent.level(40.0) == Histogram.FLOOR
