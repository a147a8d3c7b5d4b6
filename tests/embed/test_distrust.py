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


ROWS = ("seconds", "vectors", "scores")


def heard(real):
    """A ``run`` that keeps what the child says: its header, and its arrays with those of its parts."""
    said = []

    def run(*args, part, **options):
        parts = {}

        def noted(header, arrays):
            side = header["side"]
            assert f"{side}_seconds" not in parts, "more than one part of a short clip"
            parts.update({f"{side}_{name}": arrays[name] for name in ROWS})
            part(header, arrays)

        header, arrays = real(*args, part=noted, **options)
        said.append((header, arrays | parts))
        return header, arrays

    return said, run


def saying(header, arrays):
    """A ``run`` whose child says this."""

    def run(*args, part, **options):
        for side in ("picture", "sound"):
            part({"side": side}, {name: arrays[key] for name in ROWS if (key := f"{side}_{name}") in arrays})
        return header, arrays

    return run


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


def _shorter_level(header, arrays):
    arrays["sound_level"] = arrays["sound_level"][:-1]


def _no_scores(header, arrays):
    del arrays["picture_scores"]


def _rows(side: str, seconds: list[int]):
    """As many rows as there are, said to be of these seconds."""

    def change(header, arrays):
        for name in ("vectors", "scores"):
            arrays[f"{side}_{name}"] = np.resize(
                arrays[f"{side}_{name}"], (len(seconds), *arrays[f"{side}_{name}"].shape[1:])
            )
        arrays[f"{side}_seconds"] = np.array(seconds, np.int64)

    return change


def _narrower_vectors(header, arrays):
    arrays["sound_vectors"] = arrays["sound_vectors"][:, 1:]


def _narrower_spectrogram(header, arrays):
    arrays["spectrogram"] = arrays["spectrogram"][:, :-1]


NONSENSE = {
    "measure of another length": _shorter_level,
    "no scores": _no_scores,
    "vector": _fill("picture_vectors", np.inf),
    "vectors' width": _narrower_vectors,
    "a second without rows": _rows("picture", [0, 1, 2, 3, 4]),
    "rows of no second": _rows("sound", []),
    "rows before the beginning": _rows("sound", [-1, 0, 1, 2, 3, 4, 5]),
    "rows of another year": _rows("picture", [0, 1, 2, 3, 4, 5, 10**6]),
    "more rows than a part": _rows("picture", [*range(6), *range(59)]),
    "duration": _set("duration", to=f"{10**15}/1"),
    "no inputs": _set("inputs", to=[{"name": 3}]),
    "score below": _fill("picture_scores", -0.5),
    "score above": _fill("sound_scores", 1.5),
    "luma": _fill("picture_luma", 300),
    "colour": _fill("picture_colour", -1),
    "flat": _fill("picture_flat", 2),
    "drawn": _fill("picture_drawn", 2),
    "face": _fill("picture_face", -1),
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
    with pytest.MonkeyPatch.context() as patch:
        said, run = heard(module.run)
        patch.setattr(module, "run", run)
        one(ordinary, exhibit=True)
    return said[0]


@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_not_believed(ordinary, answer, change, monkeypatch):
    header, arrays = copy.deepcopy(answer)
    monkeypatch.setattr(module, "run", saying(header, arrays))
    assert one(ordinary, exhibit=True).seconds == 6
    change(header, arrays)
    assert reason_of(ordinary, exhibit=True) == "crashed"


def test_digest_is_that_of_this_process(ordinary, answer, monkeypatch):
    header, arrays = copy.deepcopy(answer)
    monkeypatch.setattr(module, "run", saying(header, arrays))
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
