"""Each change of the sound, exactly, against another computation of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import fftconvolve

from vadd.protocol.distort import reverberation
from vadd.protocol.distort.clipping import Clipping
from vadd.protocol.distort.gain import Gain
from vadd.protocol.distort.mono import Mono
from vadd.protocol.distort.music import Music
from vadd.protocol.distort.noise import Noise
from vadd.protocol.distort.resample import Resample
from vadd.protocol.distort.reverberation import Reverberation
from vadd.protocol.distort.speech import Speech
from vadd.protocol.distort.transform import Sound

RATE = 8000


def sound(*, channels: int = 2, seconds: float = 1, level: float = 0.1) -> Sound:
    samples = np.random.default_rng(4).normal(0, level, (channels, round(seconds * RATE)))
    return Sound(samples.clip(-1, 1).astype(np.float32), RATE)


def nothing(name: str, rate: int) -> np.ndarray:
    raise AssertionError("no recording is needed")


def tone(hertz: float, rate: int, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def test_gain():
    given = Sound(np.array([[0.1, -0.2, 0.6, -0.9]], np.float32), RATE)
    louder = Gain(decibels=6.020599913279624).hear(given, 0, nothing).samples
    np.testing.assert_allclose(louder, [[0.2, -0.4, 1.0, -1.0]], rtol=1e-6)
    np.testing.assert_allclose(Gain(-40.0).hear(given, 0, nothing).samples, given.samples / 100, rtol=1e-6)


def test_clipping():
    given = Sound(np.array([[0.05, -0.1, 0.2, -0.3, 0.4], [0.5, -0.6, 0.7, 0.8, 0.9]], np.float32), RATE)
    out = Clipping(share=1 / 3).hear(given, 0, nothing).samples
    # Ten sizes; the quantile of two thirds lies at place 6 of 0-9.
    np.testing.assert_allclose(out, given.samples.clip(-0.6, 0.6), rtol=1e-6)
    many = sound(channels=1)
    flat = Clipping(share=0.25).hear(many, 0, nothing).samples
    assert np.isclose(np.mean(np.abs(flat) >= np.abs(flat).max()), 0.25, atol=1 / flat.size)


def test_mono():
    given = Sound(np.array([[0.5, 0.25, -0.5], [-0.5, 0.75, -0.1]], np.float32), RATE)
    np.testing.assert_allclose(Mono().hear(given, 0, nothing).samples, [[0.0, 0.5, -0.3]], atol=1e-7)


@pytest.mark.parametrize("snr", [-6.0, 0.0, 20.0])
def test_noise_has_the_ratio_asked_for_and_is_white(snr):
    given = sound(level=0.01)
    noise = Noise(snr=snr).hear(given, 7, nothing).samples.astype(np.float64) - given.samples
    ratio = 10 * np.log10(np.mean(given.samples.astype(np.float64) ** 2) / np.mean(noise**2))
    assert ratio == pytest.approx(snr, abs=1e-3)
    drawn = np.random.default_rng(7).standard_normal(given.samples.shape)
    assert np.corrcoef(noise.ravel(), drawn.ravel())[0, 1] > 0.9999
    assert abs(np.corrcoef(noise)[0, 1]) < 0.05


def test_noise_that_would_clip_turns_both_down():
    given = sound(level=0.5)
    out = Noise(snr=-20.0).hear(given, 1, nothing).samples
    assert np.abs(out).max() == pytest.approx(1, abs=1e-6)
    # A sum of the sound and of the noise that was drawn, as least squares find it.
    drawn = np.random.default_rng(1).standard_normal(given.samples.shape)
    parts = np.stack([given.samples.ravel(), drawn.ravel()], axis=1)
    (own, noise), rest, *_ = np.linalg.lstsq(parts, out.ravel(), rcond=None)
    assert rest[0] < 1e-6
    power = own**2 * np.mean(given.samples**2) / (noise**2 * np.mean(drawn**2))
    assert 10 * np.log10(power) == pytest.approx(-20, abs=1e-3)


@pytest.mark.parametrize("length", [400, 300_000])
def test_reverberation_is_a_convolution(length, monkeypatch):
    monkeypatch.setattr(reverberation, "_BLOCK", 1 << 12)
    given = Sound(np.random.default_rng(0).normal(0, 0.01, (2, length)).astype(np.float32), RATE)
    out = Reverberation(seconds=0.3, ratio=3.0).hear(given, 9, nothing).samples
    rng = np.random.default_rng(9)
    expected = []
    for channel in given.samples:
        tail = rng.standard_normal(2400) * np.exp(-np.log(1000) * np.arange(1, 2401) / 2400)
        tail *= np.sqrt(10**-0.3 / (tail @ tail))
        expected.append(fftconvolve(channel.astype(np.float64), np.append(1.0, tail))[:length])
    wet = np.array(expected)
    wet *= np.sqrt(np.mean(given.samples.astype(np.float64) ** 2) / np.mean(wet**2))
    np.testing.assert_allclose(out, wet, atol=1e-6)


def test_rooms_answer_falls_by_60_decibels():
    answer = reverberation.response(1.0, 0.0, 48_000, np.random.default_rng(0))[1:]
    energy = np.array([np.mean(part**2) for part in np.split(answer, 24)])
    # 24 stretches, 60 dB: 2.5 dB each, measured by a straight line.
    slope = np.polyfit(np.arange(24), 10 * np.log10(energy), 1)[0]
    assert slope == pytest.approx(-2.5, abs=0.05)
    assert answer @ answer == pytest.approx(1)


def test_resampling_keeps_what_the_rate_can_hold_and_nothing_else():
    low, high = tone(1000, 44_100, 1), tone(6000, 44_100, 1)
    out = Resample(rate=8000).hear(Sound(np.stack([low, high]), 44_100), 0, nothing)
    assert (out.rate, out.samples.shape) == (8000, (2, 8000))
    inner = slice(200, -200)
    np.testing.assert_allclose(out.samples[0, inner], tone(1000, 8000, 1)[inner], atol=2e-3)
    assert np.abs(out.samples[1, inner]).max() < 2e-3


@pytest.mark.parametrize("kind", [Speech, Music])
@pytest.mark.parametrize("level", [-6.0, 0.0, 6.0])
def test_maskers(kind, level):
    voice = np.random.default_rng(8).uniform(-1, 1, 3 * RATE).astype(np.float32)
    given = sound(level=0.05)
    asked = []

    def read(name: str, rate: int) -> np.ndarray:
        asked.append((name, rate))
        return voice

    out = kind(recording="a.wav", level=level).hear(given, 2, read).samples.astype(np.float64)
    assert asked == [("a.wav", RATE)]
    over = out - given.samples
    np.testing.assert_allclose(over[0], over[1], atol=1e-6)
    ratio = 10 * np.log10(np.mean(over**2) / np.mean(given.samples.astype(np.float64) ** 2))
    assert ratio == pytest.approx(level, abs=1e-3)
    # It is a stretch of the recording: found where the correlation is 1.
    place = int(np.argmax(np.correlate(voice, over[0].astype(np.float32), "valid")))
    stretch = voice[place : place + RATE]
    assert np.corrcoef(stretch, over[0])[0, 1] > 0.99999


def test_a_short_masker_is_repeated():
    voice = np.array([0.5, -0.25], np.float32)
    out = Speech(recording="a.wav").hear(sound(channels=1, level=0.01), 0, lambda name, rate: voice).samples
    over = out - sound(channels=1, level=0.01).samples
    np.testing.assert_allclose(over[0, 2:], over[0, :-2], atol=1e-6)
