"""Every frame of a file at its time, and the sound with its channels: read, and written anew."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import media
from vadd.errors import MediaError
from vadd.media.channels import read_channels, read_mono
from vadd.media.film import FilmReader, Shot
from vadd.media.limits import Limits
from vadd.media.mux import Sink
from vadd.media.probe import probe
from vadd.media.rewrite import Encoding, paced, write

LIMITS = Limits()
TENTH = Fraction(1, 10)


def film(path: Path, limits: Limits = LIMITS, side: int | None = None) -> tuple[FilmReader, list[Shot]]:
    stream = probe(path, limits).video
    assert stream is not None
    reader = FilmReader(path, stream, limits, zero=stream.start, side=side)
    return reader, list(reader)


def written(form: str, *args, rate: Fraction = Fraction(10), **more) -> bytes:
    buffer = io.BytesIO()

    def put(at: int, data: bytes) -> None:
        buffer.seek(at)
        buffer.write(data)

    write(Sink(put), form, *args, rate=rate, **more)
    return buffer.getvalue()


def colour(image: np.ndarray) -> np.ndarray:
    return image[4:-4, 4:-4].reshape(-1, 3).mean(axis=0)


def test_all_frames_at_their_times(tmp_path):
    path = media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(3)))
    reader, shots = film(path)
    assert [shot.time for shot in shots] == [Fraction(i, 10) for i in range(30)]
    for shot in shots:
        assert shot.image.shape == (48, 64, 3)
        np.testing.assert_allclose(colour(shot.image), media.COLOURS[int(shot.time)], atol=8)
    assert (reader.errors, reader.coverage, reader.end) == (0, 1.0, 3)


def test_variable_rate_keeps_its_times(tmp_path):
    times = [Fraction(0), Fraction(1, 8), Fraction(1), Fraction(13, 8), Fraction(4)]
    frames = [(time, media.COLOURS[at]) for at, time in enumerate(times)]
    reader, shots = film(media.write(tmp_path / "a.mkv", media.Picture(frames)))
    assert [shot.time for shot in shots] == times
    assert reader.coverage == 1.0  # a frame that stays is no frame that is missing


def test_turned_and_stretched_as_a_viewer_sees_it(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24] = (250, 0, 0)  # red above
    path = media.write(tmp_path / "a.mp4", media.Picture([(0 * TENTH, image), (TENTH, image)], rotation=90))
    _, shots = film(path)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        turned = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
    assert shots[0].image.shape == (64, 48, 3)
    assert np.abs(shots[0].image.astype(int) - turned).max() <= 2
    broad = media.Picture([(0 * TENTH, image)], pixel_aspect=Fraction(2))
    _, shots = film(media.write(tmp_path / "b.mp4", broad))
    assert shots[0].image.shape == (48, 128, 3)


@pytest.mark.parametrize(("side", "size"), [(24, (24, 32)), (100, (48, 64)), (None, (48, 64))])
def test_scaled_down_and_never_up(tmp_path, side, size):
    path = media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(1)))
    assert film(path, side=side)[1][0].image.shape == (*size, 3)


def test_damage_lowers_the_coverage(tmp_path):
    moving = media.Picture(media.moving(4, 10, (128, 96)), size=(128, 96))
    path = media.cut(media.write(tmp_path / "a.mkv", moving), 0.5)
    reader, shots = film(path)
    assert len(shots) < 30
    assert reader.coverage < 0.8


def test_frames_above_the_limit(tmp_path):
    path = media.write(tmp_path / "a.mp4", media.Picture(media.seconds_of_colour(1)))
    stream = probe(path, LIMITS).video
    with pytest.raises(MediaError) as caught:
        list(FilmReader(path, stream, Limits(side=40), zero=Fraction(0)))
    assert caught.value.reason == "limit"
    with pytest.raises(MediaError) as caught:
        list(FilmReader(path, stream, Limits(seconds=1), zero=Fraction(-9)))
    assert caught.value.reason == "limit"


def test_channels_stay_apart_and_on_the_clock(tmp_path):
    sides = np.concatenate([media.tone(1, 16_000, 440), -media.tone(1, 16_000, 440)])
    late = media.Sound(sides, 16_000, "stereo", "pcm_s16le", start=Fraction(1, 2))
    path = media.write(tmp_path / "a.mkv", media.Picture(media.seconds_of_colour(2)), [late])
    stream = probe(path, LIMITS).audio
    heard = read_channels(path, stream, LIMITS, zero=Fraction(0), longest=10)
    assert heard.shape == (2, 24_000)
    assert not heard[:, :8000].any()
    np.testing.assert_allclose(heard[:, 8000:], sides, atol=2**-15)
    assert read_mono(path, stream, LIMITS, rate=8000, longest=10).shape == (8000,)
    with pytest.raises(MediaError, match="longer than 1 s"):
        read_channels(path, stream, LIMITS, zero=Fraction(0), longest=1)


def test_more_than_two_channels_become_one(tmp_path):
    six = np.concatenate([media.tone(1, 16_000, 300 * (at + 1), 0.1) for at in range(6)])
    path = media.write(tmp_path / "a.mkv", None, [media.Sound(six, 16_000, "5.1", "pcm_s16le")])
    stream = probe(path, LIMITS).audio
    assert read_channels(path, stream, LIMITS, zero=Fraction(0), longest=10).shape == (1, 16_000)


def test_half_a_sound_is_damaged(tmp_path):
    sound = media.Sound(media.tone(4), skip=(1.0, 3.0))
    path = media.write(tmp_path / "a.mkv", None, [sound])
    with pytest.raises(MediaError) as caught:
        read_channels(path, probe(path, LIMITS).audio, LIMITS, zero=Fraction(0), longest=10)
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize("form", ["matroska", "mp4"])
def test_what_is_written_is_what_was_given(tmp_path, form):
    times = [Fraction(0), Fraction(1, 10), Fraction(3, 4)]
    shots = [Shot(time, np.full((33, 51, 3), media.COLOURS[at], np.uint8)) for at, time in enumerate(times)]
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 10_001)).astype(np.float32)
    data = written(form, shots, (samples, 11_025), Encoding())
    assert data == written(form, shots, (samples, 11_025), Encoding())
    path = tmp_path / "a.bin"
    path.write_bytes(data)
    _, back = film(path)
    assert [float(shot.time) for shot in back] == pytest.approx([float(time) for time in times], abs=1e-3)
    for at, shot in enumerate(back):
        assert shot.image.shape == (32, 50, 3)  # an even number of rows and columns
        np.testing.assert_allclose(colour(shot.image), media.COLOURS[at], atol=4)
    stream = probe(path, LIMITS).audio
    heard = read_channels(path, stream, LIMITS, zero=Fraction(0), longest=10)
    np.testing.assert_allclose(heard[:, :10_001], samples, atol=2**-22)
    assert not heard[:, 10_001:].any()


def test_metadata_tells_nothing_of_the_machine(tmp_path):
    (tmp_path / "a.mkv").write_bytes(written("matroska", None, (media.tone(1), 16_000), Encoding()))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert not any("date" in key.lower() or "time" in key.lower() for key in container.metadata)


def test_nothing_is_no_file():
    with pytest.raises(MediaError) as caught:
        written("matroska", iter(()), (np.zeros((1, 0), np.float32), 8000), Encoding())
    assert caught.value.reason == "damaged"


def shot(time: str, value: int) -> Shot:
    return Shot(Fraction(time), np.full((2, 2, 3), value, np.uint8))


@pytest.mark.parametrize(
    ("given", "rate", "expected"),
    [
        ([("0", 1), ("1/10", 2), ("2/10", 3), ("3/10", 4)], 5, [("0", 1), ("1/5", 3)]),
        ([("0", 1), ("1", 2)], 2, [("0", 1), ("1/2", 1), ("1", 2)]),
        ([("1/3", 1), ("2/3", 2), ("1", 3)], 4, [("1/2", 1), ("3/4", 2), ("1", 3)]),
        ([("0", 1)], 5, [("0", 1)]),
        ([("1/3", 1)], 5, [("2/5", 1)]),
        ([], 5, []),
    ],
)
def test_paced(given, rate, expected):
    out = list(paced([shot(*each) for each in given], Fraction(rate)))
    assert [(each.time, int(each.image[0, 0, 0])) for each in out] == [
        (Fraction(time), value) for time, value in expected
    ]


def test_paced_shows_what_is_shown():
    rng = np.random.default_rng(3)
    times = np.unique(rng.integers(0, 500, 60))
    shots = [shot(f"{time}/100", at) for at, time in enumerate(times)]
    for each in paced(shots, Fraction(7)):
        shown = max(at for at, time in enumerate(times) if Fraction(int(time), 100) <= each.time)
        assert int(each.image[0, 0, 0]) == shown
        assert (each.time * 7).denominator == 1
