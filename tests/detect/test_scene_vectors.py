"""Files decoded a second time: what each second gets, what is missing, and what changed meanwhile."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import media
from vadd.detect.scene_vectors import embed_again
from vadd.embed import catalog
from vadd.embed.base import Embedder, SecondEmbedding
from vadd.embed.extract import extract
from vadd.errors import MediaError
from vadd.media.limits import Limits


class MeanColour(Embedder):
    """A frame's mean colour."""

    card = replace(catalog.card("efficientnet_lite0"), name="colour", dim=3)

    def open(self) -> None: ...

    def embed(self, inputs):
        for image in inputs:
            yield SecondEmbedding(image.mean(axis=(0, 1)).astype(np.float32), None)


class Loudness(Embedder):
    """A second's RMS, at a rate that no file here has."""

    card = replace(catalog.card("yamnet"), name="loudness", dim=1, sample_rate=8_000)

    def open(self) -> None: ...

    def embed(self, inputs):
        samples = np.concatenate(list(inputs))
        for at in range(0, len(samples) - 4_000, 8_000):
            second = samples[at : at + 8_000]
            yield SecondEmbedding(np.sqrt(np.mean(second**2, keepdims=True)).astype(np.float32), None)


EYES, EARS = (MeanColour(),), (Loudness(),)


def again(picture: Path, sound: Path, eyes=EYES, ears=EARS, **options):
    made = extract(picture, sound)
    settings = {"side": 48, "limits": Limits(), **options}
    return made, *embed_again(made, picture, sound, eyes, ears, **settings)


def steps(seconds: int) -> np.ndarray:
    """A tone that is twice as loud each second."""
    loud = np.repeat(0.5 ** np.arange(seconds, 0, -1), 16_000)
    return (media.tone(seconds) * 2 * loud).astype(np.float32)


def test_each_second_has_its_own_vectors(tmp_path):
    path = media.clip(tmp_path / "clip.mkv", 5, sound=steps(5))
    done = []
    made, seen, heard = again(path, path, progress=lambda *at: done.append(at))
    assert seen.present.tolist() == heard.present.tolist() == [True] * 5
    np.testing.assert_allclose(seen.rows["colour"], media.COLOURS[:5], atol=12)
    np.testing.assert_allclose(heard.rows["loudness"][:, 0], 0.5 ** np.arange(5, 0, -1) / 2**0.5, rtol=0.1)
    assert done[-1] == (5.0, 5.0)
    assert made.seconds == 5


def test_missing_seconds_are_left_out(tmp_path):
    frames = [each for each in media.seconds_of_colour(6) if each[0] < 4]
    path = media.write(tmp_path / "clip.mkv", media.Picture(frames), [media.Sound(steps(6))])
    made, seen, heard = again(path, path)
    assert seen.present.tolist() == made.picture.present.tolist() == [True] * 4 + [False] * 2
    assert not seen.rows["colour"][4:].any()
    assert heard.present.all()
    late = media.Sound(media.tone(3), start=Fraction(3))
    path = media.write(tmp_path / "late.mkv", media.Picture(media.seconds_of_colour(6)), [late])
    made, seen, heard = again(path, path)
    assert heard.present.tolist() == made.sound.present.tolist() == [False] * 3 + [True] * 3
    assert not heard.rows["loudness"][:3].any()
    assert heard.rows["loudness"][3:].all()


def test_a_stream_that_is_not_there(tmp_path):
    mute = media.write(tmp_path / "mute.mkv", media.Picture(media.seconds_of_colour(2)))
    _, seen, heard = again(mute, mute)
    assert seen.present.all()
    assert not heard.present.any()
    assert heard.rows["loudness"].tolist() == [[0], [0]]
    dark = media.write(tmp_path / "dark.wav", None, [media.Sound(steps(2), codec="pcm_s16le")])
    _, seen, heard = again(dark, dark)
    assert not seen.present.any()
    assert heard.present.all()
    _, seen, heard = again(dark, dark, ears=())
    assert (seen.present.any(), heard.rows) == (False, {})


@pytest.mark.parametrize(("eyes", "ears"), [
    (EYES, ()), ((), EARS), (EYES, EARS),
])  # fmt: skip
def test_two_files_keep_their_own_clocks(tmp_path, eyes, ears):
    """The sound's own file starts with a picture, and the picture's with sound: neither shifts the other."""
    late = media.Picture([(time + 2, colour) for time, colour in media.seconds_of_colour(3)])
    first = media.write(tmp_path / "a.mkv", late, [media.Sound(media.tone(5))])
    delayed = media.Sound(steps(3), start=Fraction(2))
    second = media.write(tmp_path / "b.mkv", media.Picture(media.seconds_of_colour(5)), [delayed])
    made, seen, heard = again(first, second, eyes, ears)
    assert made.seconds == 3
    if eyes:
        assert seen.present.all()
        np.testing.assert_allclose(seen.rows["colour"], media.COLOURS[:3], atol=12)
    if ears:
        assert heard.present.all()
        np.testing.assert_allclose(
            heard.rows["loudness"][:, 0], 0.5 ** np.arange(3, 0, -1) / 2**0.5, rtol=0.1
        )


def test_a_file_that_changed_meanwhile(tmp_path):
    path = media.clip(tmp_path / "clip.mkv", 2)
    made = extract(path, path)
    media.clip(path, 2, sound=media.tone(2, hertz=300))
    with pytest.raises(MediaError, match="it changed while it was read") as caught:
        embed_again(made, path, path, [MeanColour()], [], side=48, limits=Limits())
    assert caught.value.reason == "changed"
    path.write_text("no media")
    with pytest.raises(MediaError):
        embed_again(made, path, path, [MeanColour()], [], side=48, limits=Limits())


def test_the_default_embedders_give_the_same_again(tmp_path):
    path = media.clip(tmp_path / "clip.mkv", 3, sound=media.tone(3, amplitude=0.01))
    nets = [catalog.load(name, threads=1) for name in ("efficientnet_lite0", "yamnet")]
    made, seen, heard = again(path, path, nets[:1], nets[1:], side=293)
    np.testing.assert_allclose(seen.rows["efficientnet_lite0"], made.picture.vectors, atol=1e-3)
    np.testing.assert_allclose(heard.rows["yamnet"], made.sound.vectors, atol=1e-3)
