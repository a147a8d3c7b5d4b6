"""From files to vectors, through the guard: what comes out against what was put in."""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import media
from vadd.embed import catalog, worker
from vadd.embed.extract import Extraction, extract
from vadd.errors import MediaError, ModelError, UsageError
from vadd.media.frames import FrameReader
from vadd.media.info import VideoStream
from vadd.media.levels import SILENCE
from vadd.media.limits import Limits
from vadd.media.probe import probe


def one(path: Path, **options: object) -> Extraction:
    return extract(path, path, **options)


def reason_of(*paths: Path, **options: object) -> str:
    with pytest.raises(MediaError) as caught:
        extract(paths[0], paths[-1], **options)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("extract")


@pytest.fixture(scope="module")
def ordinary(folder):
    tones = [media.tone(1, amplitude=0.5), 0 * media.tone(3), media.tone(1.6, amplitude=0.05)]
    sound = np.concatenate(tones, axis=1)
    return media.write(
        folder / "ordinary.mkv",
        media.Picture(media.seconds_of_colour(5.6)),
        [media.Sound(sound, codec="pcm_s16le")],
    )


@pytest.fixture(scope="module")
def extraction(ordinary):
    return one(ordinary, exhibit=True)


def test_what_was_judged(ordinary, extraction):
    ((role, info),) = extraction.inputs
    assert role == "both"
    assert info.sha256 == hashlib.sha256(ordinary.read_bytes()).hexdigest()
    assert info.size == ordinary.stat().st_size
    assert extraction.duration == Fraction(28, 5)
    assert extraction.seconds == 6
    assert extraction.notes == ()


def test_picture_rows(ordinary, extraction):
    picture = extraction.picture
    assert picture.present.tolist() == [True] * 6
    lumas = [np.dot((0.299, 0.587, 0.114), colour) for colour in media.COLOURS[:6]]
    assert picture.luma.tolist() == pytest.approx(lumas, abs=4)
    assert picture.contrast.max() < 3
    assert picture.detail.max() < 1
    assert picture.change.tolist() == pytest.approx([0, *np.abs(np.diff(lumas))], abs=6)
    assert picture.colour.min() > 40
    assert (picture.coverage, picture.rotation) == (1.0, 0)
    # The same vectors as the embedder gives for the frames that the reader gives.
    stream = probe(ordinary, Limits()).video
    assert isinstance(stream, VideoStream)
    frames = [frame.image for frame in FrameReader(ordinary, stream, Limits(), zero=stream.start, side=256)]
    want = list(catalog.load("efficientnet_lite0", threads=1).embed(frames))
    assert np.allclose(picture.vectors, [row.vector for row in want], atol=1e-4)
    assert np.allclose(picture.scores, [row.scores for row in want], atol=1e-5)


def test_sound_rows(extraction):
    sound = extraction.sound
    assert sound.present.tolist() == [True] * 6
    assert sound.level.tolist() == pytest.approx([-9.03, *[SILENCE] * 3, -29.03, -29.03], abs=0.1)
    assert sound.peak.tolist() == pytest.approx([0.5, 0, 0, 0, 0.05, 0.05], abs=0.001)
    silence = catalog.card("yamnet").scores.index("Silence")
    assert sound.scores[2, silence] > 0.9 > 0.1 > sound.scores[0, silence]
    assert sound.vectors.shape == (6, 1024)


def test_exhibit(extraction):
    assert [second for second, _ in extraction.thumbnails] == [0, 1, 2, 3, 4, 5]
    for (_, data), colour in zip(extraction.thumbnails, media.COLOURS, strict=False):
        picture = np.asarray(Image.open(io.BytesIO(data)))
        assert np.abs(picture.reshape(-1, 3).mean(axis=0) - colour).max() < 8
    columns, rate = extraction.spectrogram, extraction.columns_per_second
    assert rate == 100
    assert columns.shape[1] == 64
    assert abs(len(columns) - 560) <= 2
    # 440 Hz on 64 bands between 125 and 7500 Hz, even in mels.
    mels = np.linspace(*(1127 * np.log1p(np.array([125, 7500]) / 700)), 66)[1:-1]
    assert abs(int(columns[50].argmax()) - int(np.argmin(np.abs(mels - 1127 * np.log1p(440 / 700))))) <= 1
    assert columns[250].max() == pytest.approx(np.log(0.001), abs=0.01)


def test_no_exhibit_unless_asked(ordinary):
    plain = one(ordinary)
    assert plain.thumbnails == ()
    assert plain.spectrogram is None
    assert plain.columns_per_second == 0


def test_same_file_gives_the_same_bits(ordinary, extraction):
    again = one(ordinary)
    for name in ("vectors", "scores", "luma", "change"):
        assert np.array_equal(getattr(again.picture, name), getattr(extraction.picture, name))
    for name in ("vectors", "scores", "level"):
        assert np.array_equal(getattr(again.sound, name), getattr(extraction.sound, name))


def test_streams_of_different_extent_have_masks(folder):
    late = media.Sound(media.tone(3), codec="pcm_s16le", start=Fraction(2))
    path = media.write(folder / "masks.mkv", media.Picture(media.seconds_of_colour(3)), [late])
    result = one(path)
    assert result.duration == 5
    assert result.picture.present.tolist() == [True, True, True, False, False]
    assert result.sound.present.tolist() == [False, False, True, True, True]
    assert result.sound.level[:2].tolist() == [SILENCE, SILENCE]
    assert not result.picture.vectors[3:].any()
    assert not result.sound.vectors[:2].any()


def test_picture_of_one_and_sound_of_another(folder, ordinary):
    other = media.write(
        folder / "long.wav", None, [media.Sound(media.tone(30, amplitude=0.1), codec="pcm_s16le")]
    )
    result = extract(ordinary, other)
    assert [(role, info.name) for role, info in result.inputs] == [
        ("picture", "ordinary.mkv"),
        ("sound", "long.wav"),
    ]
    assert all(info.sha256 for _, info in result.inputs)
    assert result.duration == Fraction(28, 5)
    assert result.picture.present.tolist() == [True] * 6
    assert result.sound.level.tolist() == pytest.approx([-23.01] * 6, abs=0.1)
    assert result.sound.coverage == 1
    swapped = extract(other, ordinary)
    assert swapped.picture is None
    assert swapped.sound is not None


def test_absent_streams_are_none(folder):
    picture = one(media.write(folder / "mute.mp4", media.Picture(media.seconds_of_colour(2))))
    sound = one(media.write(folder / "blind.mp4", None, [media.Sound(media.tone(2))]))
    assert (picture.sound, sound.picture) == (None, None)
    assert picture.picture is not None
    assert sound.sound is not None
    assert extract(folder / "blind.mp4", folder / "blind.mp4", exhibit=True).thumbnails == ()


def test_empty_sound_stream_is_none_and_told(folder):
    path = media.write(
        folder / "empty.mkv",
        media.Picture(media.seconds_of_colour(2)),
        [media.Sound(np.zeros((1, 0), np.float32), codec="pcm_s16le")],
    )
    result = one(path)
    assert result.sound is None
    assert any("sound stream is empty" in note for note in result.notes)


def test_very_short_clip(folder):
    result = one(media.clip(folder / "short.mp4", 0.3), exhibit=True)
    assert result.seconds == 1
    assert result.picture.present.tolist() == [True]
    assert result.sound.present.tolist() == [True]


def test_silent_and_nan_sound(folder):
    silent = one(media.clip(folder / "silent.mkv", 2, sound=np.zeros((1, 32_000), np.float32)))
    assert silent.sound.level.max() < -70
    samples = media.tone(2)
    samples[:, 100:900] = np.nan
    some = one(media.wav_float(folder / "some.wav", samples))
    assert np.isfinite(some.sound.vectors).all()
    assert any("800 samples" in note and "not numbers" in note for note in some.notes)
    # What is no number was not decoded, and most of the sound was not.
    samples[:, 8_000:] = np.nan
    assert reason_of(media.wav_float(folder / "most.wav", samples)) == "damaged"


def test_cut_off_is_damaged(folder):
    picture = media.Picture(
        media.moving(6, 10, (160, 96)), 10, (160, 96), options={"g": "10", "preset": "fast"}
    )
    path = media.write(folder / "cut.mp4", picture, [media.Sound(media.tone(6))], movflags="faststart")
    assert reason_of(media.cut(path, 0.5)) == "damaged"


def test_cut_off_matroska_without_stream_durations_is_damaged(folder):
    picture = media.Picture(
        media.moving(6, 10, (160, 96)), 10, (160, 96), options={"g": "10", "preset": "fast"}
    )
    path = media.write(
        folder / "cut.flv", picture, [media.Sound(media.tone(6, 22_050), 22_050, codec="pcm_s16le")]
    )
    assert one(path).duration >= 6
    assert reason_of(media.cut(path, 0.6)) == "damaged"


def test_damaged_bytes_never_raise_anything_else(folder):
    picture = media.Picture(
        media.moving(4, 10, (160, 96)), 10, (160, 96), options={"g": "10", "preset": "fast"}
    )
    for seed, suffix in enumerate(["mp4", "mkv", "ts", "mov"]):
        path = media.write(folder / f"damaged{seed}.{suffix}", picture, [media.Sound(media.tone(4))])
        media.damage(path, start=0.2 * seed, end=0.2 * seed + 0.5, seed=seed)
        try:
            one(path)
        except MediaError as error:
            assert error.reason in {"damaged", "not_media", "unreadable", "limit", "crashed"}  # noqa: PT017


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"#EXTM3U\n#EXTINF:1,\nordinary.mkv\n"]
)
def test_not_media(folder, content):
    path = folder / "not_media.mp4"
    path.write_bytes(content)
    assert reason_of(path) == "not_media"


def test_limit_reaches_the_child(ordinary):
    assert reason_of(ordinary, limits=Limits(seconds=2)) == "limit"
    assert reason_of(ordinary, limits=Limits(memory_bytes=100 << 20)) in {"limit", "crashed"}


def test_file_that_changes_meanwhile(folder):
    path = media.write(
        folder / "changing.mp4",
        media.Picture(media.moving(30, 10, (320, 240)), 10, (320, 240)),
        movflags="faststart",
    )
    touched = []

    def touch(done: float, total: float) -> None:
        if not touched:
            touched.append(done)
            with path.open("ab") as file:
                file.write(b"x")

    with pytest.raises(MediaError) as caught:
        one(path, progress=touch)
    assert touched
    assert caught.value.reason == "changed"


def test_progress_rises_to_the_end(folder):
    path = media.write(folder / "long.mp4", media.Picture(media.moving(40, 10, (320, 240)), 10, (320, 240)))
    seen: list[tuple[float, float]] = []
    one(path, progress=lambda done, total: seen.append((done, total)))
    assert seen
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {40.0}


def test_wrong_arguments(folder, ordinary):
    for path in (folder / "missing.mp4", folder):
        with pytest.raises(UsageError):
            one(path)
        with pytest.raises(UsageError):
            extract(ordinary, path)
    with pytest.raises(ModelError, match="no_such"):
        one(ordinary, embedders=("no_such", "yamnet"))


def test_relative_path(ordinary, monkeypatch):
    monkeypatch.chdir(ordinary.parent)
    assert one(Path(ordinary.name)).seconds == 6


def test_facts_for_a_reader(folder, ordinary, extraction):
    (facts,) = extraction.facts()
    assert (facts["decoded_duration"], facts["duration"]) == (5.6, pytest.approx(5.6))
    assert (facts["video"]["coverage"], facts["audio"]["coverage"]) == (1.0, 1.0)
    mute = media.write(folder / "facts.mp4", media.Picture(media.seconds_of_colour(3)))
    seen, heard = extract(mute, ordinary).facts()
    assert (seen["decoded_duration"], seen["video"]["coverage"], seen["audio"]) == (3.0, 1.0, None)
    # Its picture was not looked at.
    assert (heard["audio"]["coverage"], heard["video"]["coverage"]) == (1.0, None)


def test_long_picture_over_a_short_sound_makes_progress(monkeypatch):
    """Or a file that declares no duration would run out of time as soon as its shorter stream is over."""

    class Channel:
        told: ClassVar[list[float]] = []

        def progress(self, done: float, total: float) -> None:
            self.told.append(done)

    monkeypatch.setattr(worker, "_PROGRESS", 0.0)
    progress = worker._Progress(Channel(), None)
    progress.start("picture")
    progress.start("sound")
    progress("picture", 1.0)
    progress("sound", 2.0)
    progress.finish("sound")
    progress("picture", 50.0)
    assert Channel.told == [0.0, 1.0, 50.0]


def test_file_without_declared_duration_tells_how_far_it_is(folder):
    """Two seconds of sound and forty of picture in MPEG-PS: time is granted for what is done."""
    picture = media.Picture(
        media.moving(40, 25, (320, 240)), 25, (320, 240), codec="mpeg2video", options={"g": "25"}
    )
    path = media.write(
        folder / "long.mpg", picture, [media.Sound(media.tone(2, 48_000), 48_000, codec="mp2")]
    )
    assert probe(path, Limits()).declared is None
    seen: list[float] = []
    one(path, progress=lambda done, total: seen.append(done))
    assert max(seen) > 10


@pytest.mark.shared
def test_real_clips_are_whole(shared):
    """No clip that plays is called damaged, and every second of it has a picture and a sound."""
    paths = sorted((shared / "clips").glob("*.mp4"))[::9]
    assert len(paths) > 3
    for path in paths:
        result = one(path)
        assert result.picture.present.all()
        assert result.sound.present.mean() > 0.9
