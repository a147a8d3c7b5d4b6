"""Sound on the picture's clock: levels, gaps, channels and samples that are not numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import media
from vadd.errors import MediaError
from vadd.media.info import AudioStream
from vadd.media.levels import SILENCE, Levels
from vadd.media.limits import Limits
from vadd.media.probe import probe
from vadd.media.sound import SoundReader

RATE = 16_000
PCM = "pcm_s16le"


def read(
    path: Path, *, zero: Fraction | None = None, rate: int = RATE, until: int | None = None, **limits: int
):
    stream = probe(path, Limits()).audio
    assert isinstance(stream, AudioStream)
    start = stream.start if zero is None else zero
    reader = SoundReader(path, stream, Limits(**limits), zero=start, rate=rate, until=until)
    blocks = list(reader)
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    samples = np.concatenate([np.zeros(0, np.float32), *blocks])
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0) <= 1
    return samples, reader


def sound(path: Path, samples: np.ndarray, **options: object) -> Path:
    return media.write(path, None, [media.Sound(samples, **{"codec": PCM, **options})])


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def test_samples_come_through(tmp_path):
    tone = media.tone(2.5)
    samples, reader = read(sound(tmp_path / "a.mkv", tone))
    assert np.abs(samples - tone[0]).max() < 2 / 32768
    assert reader.extent == Fraction(5, 2)
    assert reader.coverage == 1
    assert reader.heard.tolist() == pytest.approx([1, 1, 0.5])
    assert reader.notes == ()


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "flac"])
def test_every_sample_format_has_the_same_scale(tmp_path, codec):
    tone = media.tone(1, amplitude=0.5)
    samples, _ = read(sound(tmp_path / "a.mkv", tone, codec=codec))
    assert np.abs(samples - tone[0]).max() < (0.01 if codec == "pcm_u8" else 1e-4)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_pitch_level_and_time(tmp_path, rate):
    tone = media.tone(2, rate, hertz=1000)
    tone[:, : rate // 2] = 0
    samples, _ = read(sound(tmp_path / "a.mkv", tone, rate=rate))
    assert abs(len(samples) - 2 * RATE) <= 1
    body = samples[RATE:]
    spectrum = np.abs(np.fft.rfft(body * np.hanning(len(body))))
    assert abs(np.argmax(spectrum) * RATE / len(body) - 1000) <= 1
    assert rms(body) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    onset = int(np.argmax(np.abs(samples) > 0.1)) / RATE
    assert onset == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", PCM), ("a.mp4", "aac")])
def test_late_sound_keeps_its_time(tmp_path, name, codec):
    late = media.Sound(media.tone(2), codec=codec, start=Fraction(2))
    path = media.write(tmp_path / name, media.Picture(media.seconds_of_colour(4)), [late])
    samples, reader = read(path, zero=Fraction(0))
    assert rms(samples[: int(1.9 * RATE)]) == 0
    onset = int(np.argmax(np.abs(samples) > 0.2)) / RATE
    assert onset == pytest.approx(2.0, abs=0.005)
    assert reader.heard[:2].max() < 0.1
    assert reader.heard[2:4].min() > 0.99
    assert reader.coverage == pytest.approx(1, abs=0.01)


def test_gap_is_silence_and_not_heard(tmp_path):
    path = sound(tmp_path / "a.mkv", media.tone(4), skip=(1.0, 2.0))
    samples, reader = read(path)
    assert len(samples) == 4 * RATE
    assert rms(samples[int(1.1 * RATE) : int(1.9 * RATE)]) == 0
    assert np.abs(samples[3 * RATE :] - media.tone(4)[0, 3 * RATE :]).max() < 2 / 32768
    assert reader.heard.tolist() == pytest.approx([1, 0, 1, 1], abs=0.07)
    assert reader.coverage < 0.8


def test_antiphase_does_not_cancel_unnoticed(tmp_path):
    tone = media.tone(3)
    quieter = np.concatenate([tone, -0.9 * tone])
    samples, reader = read(sound(tmp_path / "a.mkv", quieter, layout="stereo"))
    assert rms(samples) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert any("cancel" in note and "3 of 3" in note for note in reader.notes)


def test_ordinary_stereo_is_the_mean(tmp_path):
    left, right = media.tone(2, hertz=440), media.tone(2, hertz=660)
    samples, reader = read(sound(tmp_path / "a.mkv", np.concatenate([left, right]), layout="stereo"))
    assert np.abs(samples - (left + right)[0] / 2).max() < 2 / 32768
    assert reader.notes == ()


def test_one_silent_channel_is_not_cancelling(tmp_path):
    tone = media.tone(2)
    samples, reader = read(sound(tmp_path / "a.mkv", np.concatenate([tone, 0 * tone]), layout="stereo"))
    assert np.abs(samples - tone[0] / 2).max() < 2 / 32768
    assert reader.notes == ()


@pytest.mark.parametrize("codec", [PCM, "aac"])
def test_surround_is_mixed_down(tmp_path, codec):
    """Front and centre count 1, surround 0.707, low frequencies nothing; the weights sum to 1."""
    total = 3 + 2 * np.sqrt(0.5)
    for channel, weight in enumerate([1, 1, 1, 0, np.sqrt(0.5), np.sqrt(0.5)]):
        samples = np.zeros((6, RATE), np.float32)
        samples[channel] = media.tone(1, hertz=60, amplitude=0.5)
        path = sound(tmp_path / f"{channel}.mkv", samples, layout="5.1", codec=codec)
        mixed, reader = read(path)
        middle = mixed[RATE // 4 : 3 * RATE // 4]
        assert rms(middle) == pytest.approx(weight / total * 0.5 / np.sqrt(2), rel=0.05, abs=0.002)
        assert any("6 channels" in note for note in reader.notes)


def test_not_numbers_are_silence_and_told(tmp_path):
    tone = media.tone(2, 44_100)
    tone[0, 1000:1100] = np.nan
    tone[0, 2000] = np.inf
    tone[0, 2001] = -np.inf
    tone[0, 3000] = 3e38
    path = media.wav_float(tmp_path / "a.wav", tone, 44_100)
    samples, reader = read(path)
    clean = media.tone(2, 44_100)
    clean[0, 1000:1100] = clean[0, 2000:2002] = 0
    clean[0, 3000] = 8
    reference, _ = read(media.wav_float(tmp_path / "b.wav", clean, 44_100))
    assert np.array_equal(samples, reference)
    assert reader.not_numbers == 102
    assert any("102 samples" in note for note in reader.notes)


def test_all_nan_is_digital_silence(tmp_path):
    samples, _ = read(media.wav_float(tmp_path / "a.wav", np.full((1, RATE), np.nan, np.float32)))
    assert rms(samples) == 0


def test_until_and_limit(tmp_path):
    path = sound(tmp_path / "a.mkv", media.tone(5))
    samples, reader = read(path, until=2)
    assert 2 * RATE <= len(samples) < 3 * RATE
    assert reader.coverage == 1
    with pytest.raises(MediaError) as caught:
        read(path, seconds=2)
    assert caught.value.reason == "limit"


def test_cut_off_file_covers_less(tmp_path):
    path = media.write(tmp_path / "a.mp4", None, [media.Sound(media.tone(8))], movflags="faststart")
    _, reader = read(media.cut(path, 0.6))
    assert 0.2 < reader.coverage < 0.7


def test_rate_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="rate"):
        read(sound(tmp_path / "a.mkv", media.tone(1)), rate=0)


@pytest.mark.parametrize("size", [100, 7777, 50_000])
def test_levels(size):
    signal = np.concatenate(
        [media.tone(1, amplitude=0.5)[0], np.zeros(RATE, np.float32), media.tone(1.3, amplitude=1.0)[0]]
    )
    levels = Levels(RATE)
    for at in range(0, len(signal), size):
        levels.add(signal[at : at + size])
    rows = levels.rows(3)
    assert [level for level, _ in rows] == pytest.approx([-9.03, SILENCE, -3.01], abs=0.01)
    assert [peak for _, peak in rows] == pytest.approx([0.5, 0, 1.0], abs=0.001)
    assert len(levels.rows(10)) == 4
    assert levels.seconds == pytest.approx(3.3)
