"""What the guarded child sends is checked: one that was taken over must not get nonsense into a result."""

from __future__ import annotations

import copy
from pathlib import Path
from threading import Event

import numpy as np
import pytest

import media
from vadd.embed import extract as module
from vadd.embed.extract import extract
from vadd.errors import MediaError


def one(path: Path, **options: object):
    return extract(path, path, **options)


def reason_of(path: Path, **options: object) -> str:
    with pytest.raises(MediaError) as caught:
        one(path, **options)
    return caught.value.reason


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    return media.write(
        tmp_path_factory.mktemp("distrust") / "ordinary.mkv",
        media.Picture(media.seconds_of_colour(5.6)),
        [media.Sound(media.tone(5.6), codec="pcm_s16le")],
    )


def test_answer_of_a_child_that_was_taken_over(ordinary, monkeypatch):
    """Whatever the child says must have the right shapes and finite values, or it is not believed."""
    real = module.run

    def changed(change):
        def run(*args, **options):
            header, arrays = real(*args, **options)
            change(header, arrays)
            return header, arrays

        monkeypatch.setattr(module, "run", run)
        return reason_of(ordinary)

    def shorter(header, arrays):
        arrays["sound_level"] = arrays["sound_level"][:-1]

    def infinite(header, arrays):
        arrays["picture_vectors"] = np.full_like(arrays["picture_vectors"], np.inf)

    def missing(header, arrays):
        del arrays["picture_scores"]

    def endless(header, arrays):
        header["duration"] = "9" * 15 + "/1"

    def other(header, arrays):
        header["inputs"] = [{"name": 3}]

    for change in (shorter, infinite, missing, endless, other):
        assert changed(change) == "crashed"


def _set(*where: str | int, to: object):
    """A change of one value in the header."""

    def change(header, arrays):
        inner = header
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = to

    return change


def _fill(name: str, value: float):
    """A change of one value in an array."""

    def change(header, arrays):
        arrays[name] = arrays[name].copy()
        arrays[name].flat[0] = value

    return change


def _thumbnail(at: int, second: int):
    def change(header, arrays):
        header["thumbnails"][at][0] = second

    return change


def _more_bytes(header, arrays):
    arrays["thumbnails"] = np.concatenate([arrays["thumbnails"], arrays["thumbnails"]])


def _longer_spectrogram(header, arrays):
    arrays["spectrogram"] = np.resize(arrays["spectrogram"], (2401, 64))


def _narrower_spectrogram(header, arrays):
    arrays["spectrogram"] = arrays["spectrogram"][:, :-1]


NONSENSE = {
    "score below": _fill("picture_scores", -0.5),
    "score above": _fill("sound_scores", 1.5),
    "luma": _fill("picture_luma", 300),
    "colour": _fill("picture_colour", -1),
    "flat": _fill("picture_flat", 2),
    "level above": _fill("sound_level", 1e9),
    "level below": _fill("sound_level", -200),
    "peak": _fill("sound_peak", 3),
    "spectrogram": _fill("spectrogram", np.nan),
    "spectrogram's length": _longer_spectrogram,
    "spectrogram's bands": _narrower_spectrogram,
    "rate nan": _set("columns_per_second", to=float("nan")),
    "rate infinite": _set("columns_per_second", to=float("inf")),
    "rate too high": _set("columns_per_second", to=10**400),
    "rate missing": _set("columns_per_second", to=0.0),
    "coverage nan": _set("picture", "coverage", to=float("nan")),
    "coverage": _set("sound", "coverage", to=-1),
    "rotation": _set("picture", "rotation", to=45),
    "rotation infinite": _set("picture", "rotation", to=float("inf")),
    "thumbnail late": _thumbnail(-1, 6),
    "thumbnail early": _thumbnail(0, -1),
    "thumbnail twice": _thumbnail(1, 0),
    "thumbnails' bytes": _more_bytes,
    "notes": _set("notes", to="text"),
    "inputs": _set("inputs", to=[3]),
    "another file": _set("inputs", 0, "name", to="another.mkv"),
    "another size": _set("inputs", 0, "size", to=1),
    "width": _set("inputs", 0, "video", "width", to=-1),
    "nothing": lambda header, arrays: header.update(picture=None, sound=None),
}


@pytest.fixture(scope="module")
def answer(ordinary):
    """What the child says of the ordinary clip."""
    answers = []
    with pytest.MonkeyPatch.context() as patch:
        real = module.run
        patch.setattr(
            module, "run", lambda *args, **options: answers.append(real(*args, **options)) or answers[0]
        )
        one(ordinary, exhibit=True)
    return answers[0]


@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_not_believed(ordinary, answer, change, monkeypatch):
    header, arrays = copy.deepcopy(answer)
    monkeypatch.setattr(module, "run", lambda *args, **options: (header, arrays))
    assert one(ordinary, exhibit=True).seconds == 6
    change(header, arrays)
    assert reason_of(ordinary, exhibit=True) == "crashed"


def test_digest_is_that_of_this_process(ordinary, answer, monkeypatch):
    header, arrays = copy.deepcopy(answer)
    monkeypatch.setattr(module, "run", lambda *args, **options: (header, arrays))
    header["inputs"][0]["sha256"] = "0" * 64
    assert reason_of(ordinary) == "changed"


def test_failure_does_not_wait_for_the_digest(tmp_path, monkeypatch):
    path = media.wav_float(tmp_path / "waits.wav", media.tone(1))
    asked = Event()

    def digest(identity, stopped):
        asked.set()
        while not stopped():
            asked.wait(0.01)
        return ""

    def fail(*args, **options):
        asked.wait()
        raise MediaError("damaged", "because")

    monkeypatch.setattr(module.Identity, "sha256", digest)
    monkeypatch.setattr(module, "run", fail)
    assert reason_of(path) == "damaged"
