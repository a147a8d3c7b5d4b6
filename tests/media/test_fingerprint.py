from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import media
from vadd.errors import MediaError, UsageError
from vadd.media import fingerprint as module
from vadd.media.fingerprint import HIGH, LOW, RATE, Whitener, fingerprint
from vadd.media.limits import Limits


def flat(samples: np.ndarray, step: int = 1_000) -> np.ndarray:
    whitener = Whitener()
    pieces = []
    for at in range(0, len(samples), step):
        pieces += whitener.push(samples[at : at + step])
    return np.concatenate([*pieces, *whitener.finish()])


def noise(seconds: float, rate: int = RATE, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def steep(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Noise that falls by 60 dB over the band, as wind and traffic do."""
    spectrum = np.fft.rfft(noise(seconds, rate, seed))
    hertz = np.fft.rfftfreq(round(seconds * rate), 1 / rate)
    return np.fft.irfft(spectrum * 10 ** (-3 * hertz / 2_000), round(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 511, 513, 5_000, 262_400, 300_000])
def test_as_many_samples_come_out_as_go_in(length):
    assert len(flat(noise(length / RATE), 777)) == length


def test_how_the_samples_arrive_changes_nothing():
    sound = noise(150, seed=3)
    assert np.array_equal(flat(sound, 999), flat(sound, 300_000))


def test_the_spectrum_becomes_flat_and_the_waves_stay_in_place():
    sound = steep(60)
    found = flat(sound).astype(np.float64)
    power = np.abs(np.fft.rfft(found)) ** 2
    hertz = np.fft.rfftfreq(len(found), 1 / RATE)
    bands = [power[(hertz > low) & (hertz < low + 100)].mean() for low in range(100, 1_500, 100)]
    assert max(bands) / min(bands) < 1.3
    assert power[hertz > HIGH + 50].mean() < 0.01 * np.mean(bands)
    assert power[hertz < LOW - 40].mean() < 0.01 * np.mean(bands)
    # The phases are those of the sound: at no lag do they agree better than at none.
    both = np.fft.irfft(np.conj(np.fft.rfft(sound)) * np.fft.rfft(found))
    assert int(np.argmax(both)) == 0


def test_loudness_does_not_matter():
    sound = noise(20)
    assert np.abs(flat(sound) - flat(sound * 0.03).astype(int)).max() <= 2


def test_a_byte_is_used_well():
    spread = flat(steep(30)).std()
    assert 25 < spread < 40


def test_silence_is_zero_and_a_tone_alone_next_to_nothing():
    assert not flat(np.zeros(8_000, np.float32)).any()
    # Nothing but one frequency of eight hundred is there to be made flat.
    assert flat(media.tone(10, RATE)[0])[1_000:-1_000].std() < 10


def test_rounding_noise_is_not_raised_to_a_sound():
    assert flat(noise(10, level=1e-6)).std() < 8  # of 32 for a sound


def test_the_sound_of_a_file_lies_on_the_clock_of_its_picture(tmp_path):
    sound = noise(4, 16_000)
    late = media.write(
        tmp_path / "late.mkv",
        media.Picture(media.seconds_of_colour(6)),
        [media.Sound(sound[None], codec="flac", start=Fraction(3, 2))],
    )
    alone = media.write(tmp_path / "alone.wav", None, [media.Sound(sound[None], codec="pcm_s16le")])
    found, plain = fingerprint(late), fingerprint(alone)
    assert found.seconds == pytest.approx(5.5, abs=0.01)
    assert plain.seconds == pytest.approx(4, abs=0.01)
    assert not found.samples[:RATE].any()
    assert found.sounding == pytest.approx(4, abs=0.2)
    spectra = [np.fft.rfft(each.samples, 65_536) for each in (plain, found)]
    both = np.fft.irfft(np.conj(spectra[0]) * spectra[1])
    assert abs(int(np.argmax(both)) - 1.5 * RATE) <= 1


def test_a_file_without_sound_has_none(tmp_path):
    assert fingerprint(media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(2)))) is None


def test_what_cannot_be_read_says_why(tmp_path):
    text = tmp_path / "a.mp4"
    text.write_bytes(b"no media")
    with pytest.raises(MediaError) as caught:
        fingerprint(text)
    assert caught.value.reason == "not_media"
    with pytest.raises(UsageError, match="does not exist"):
        fingerprint(tmp_path / "b.mp4")


def test_sound_that_is_mostly_gone_is_damage(tmp_path):
    path = media.write(
        tmp_path / "a.mkv", None, [media.Sound(noise(10, 16_000)[None], codec="flac", skip=(2.0, 8.0))]
    )
    with pytest.raises(MediaError, match="of the declared") as caught:
        fingerprint(path)
    assert caught.value.reason == "damaged"


def test_limits_hold(tmp_path):
    path = media.clip(tmp_path / "a.mp4", 3)
    with pytest.raises(MediaError) as caught:
        fingerprint(path, limits=Limits(seconds=2))
    assert caught.value.reason == "limit"


@pytest.mark.parametrize(
    ("header", "samples"),
    [
        ({}, np.zeros(4, np.uint8)),
        ({"silent": False, "notes": []}, np.zeros(4, np.float32)),
        ({"silent": False, "notes": []}, np.zeros((2, 2), np.uint8)),
        ({"silent": False, "notes": "x"}, np.zeros(4, np.uint8)),
        ({"silent": False, "notes": [1]}, np.zeros(4, np.uint8)),
        ({"silent": False, "notes": []}, np.zeros(2 * 3 * RATE + 1, np.uint8)),
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(tmp_path, monkeypatch, header, samples):
    path = media.clip(tmp_path / "a.mp4", 1)
    monkeypatch.setattr(module.guarded, "run", lambda *_, **__: (header, {"samples": samples}))
    with pytest.raises(MediaError, match="nonsense") as caught:
        fingerprint(path, limits=Limits(seconds=3))
    assert caught.value.reason == "crashed"
