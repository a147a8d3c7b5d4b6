from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vadd.embed.mel import BANDS, HOP, RATE, WINDOW, log_mel, mel_matrix

REFERENCE = Path(__file__).parents[1] / "data/yamnet_reference.npz"


def test_agrees_with_an_independent_spectrogram():
    with np.load(REFERENCE) as reference:
        energies = log_mel(reference["samples"].astype(np.float32) / 32768)
        expected = reference["log_mel"]
    assert energies.dtype == np.float32
    # Single against double precision: log(x + 0.001) turns a rounding of 4e-7 in x into 4e-4 at most.
    np.testing.assert_allclose(energies, expected, atol=1e-3)


@pytest.mark.parametrize("samples", [WINDOW, WINDOW + HOP - 1, WINDOW + HOP, 16_000])
def test_counts_whole_frames(samples):
    assert log_mel(np.zeros(samples, np.float32)).shape == (1 + (samples - WINDOW) // HOP, BANDS)


def test_silence_is_the_logarithm_of_the_offset():
    np.testing.assert_allclose(log_mel(np.zeros(WINDOW, np.float32)), np.log(0.001), rtol=1e-6)


def test_a_tone_is_loudest_in_the_band_round_it():
    # HTK: mel = 2595 log10(1 + f / 700); the band whose centre is nearest to the tone wins.
    centres = np.linspace(*(2595 * np.log10(1 + np.array([125, 7500]) / 700)), BANDS + 2)[1:-1]
    for hertz in (300, 1000, 4000):
        tone = np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32)
        nearest = np.abs(centres - 2595 * np.log10(1 + hertz / 700)).argmin()
        assert (log_mel(tone).argmax(axis=1) == nearest).all()


def test_no_band_hears_below_125_or_above_7500_hertz():
    bins = np.arange(257) * RATE / 512
    assert not mel_matrix()[(bins <= 125) | (bins >= 7500)].any()
    assert mel_matrix()[(bins > 130) & (bins < 7400)].any(axis=1).all()
