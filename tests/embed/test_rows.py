"""Rows on their way out of the child: the same bits in memory and on disk, and little of them at any time."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import media
from vadd.embed import catalog, rows
from vadd.embed import extract as extracting
from vadd.embed.base import SecondEmbedding
from vadd.embed.extract import DEFAULT_EMBEDDERS, extract
from vadd.embed.rows import Outbox, Rows
from vadd.errors import MediaError, OutputError
from vadd.media.limits import Limits

WIDTHS = {
    side: (catalog.card(name).dim, len(catalog.card(name).scores))
    for side, name in zip(rows.SIDES, DEFAULT_EMBEDDERS, strict=True)
}


def embedded(side: str, second: int) -> SecondEmbedding:
    """Rows that belong to this second alone."""
    dim, classes = WIDTHS[side]
    random = np.random.default_rng((second, dim))
    return SecondEmbedding(
        random.normal(size=dim).astype(np.float32), random.random(classes).astype(np.float32)
    )


class Straight:
    """A channel that hands parts straight on, and remembers how large they were."""

    def __init__(self, inbox: Rows) -> None:
        self.inbox, self.sizes = inbox, []

    def part(self, header, arrays):
        self.sizes.append(len(arrays["seconds"]))
        self.inbox.take(header, arrays)


def sent(side: str, seconds: list[int], most: int = 5_000) -> tuple[Rows, list[int]]:
    inbox = Rows(DEFAULT_EMBEDDERS, Limits(seconds=most))
    channel = Straight(inbox)
    outbox = Outbox(channel, side, DEFAULT_EMBEDDERS[rows.SIDES.index(side)])
    for second in seconds:
        outbox.add(second, embedded(side, second))
    outbox.flush()
    return inbox, channel.sizes


def accumulated(side: str, seconds: list[int], present: np.ndarray) -> dict[str, np.ndarray]:
    """The same, put together in the plainest way."""
    dim, classes = WIDTHS[side]
    vectors, scores = np.zeros((len(present), dim), np.float32), np.zeros((len(present), classes), np.float32)
    for second in seconds:
        if second < len(present) and present[second]:
            row = embedded(side, second)
            vectors[second], scores[second] = row.vector, row.scores
    return {"vectors": vectors, "scores": scores}


@settings(max_examples=25, deadline=None)
@given(
    side=st.sampled_from(rows.SIDES),
    limit=st.sampled_from([1, 2, 7, 64, 256]),
    length=st.integers(1, 200),
    data=st.data(),
)
def test_rows_are_those_that_were_sent(side, limit, length, data):
    """In memory, on disk, and where the one turns into the other; with gaps, and beyond the end."""
    gaps = data.draw(st.sets(st.integers(0, length + 5), max_size=20))
    seconds = [at for at in range(length + data.draw(st.integers(0, 5))) if at not in gaps]
    present = np.array([at in seconds for at in range(length)])
    present[data.draw(st.lists(st.integers(0, length - 1), max_size=3))] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "IN_MEMORY", limit)
        inbox, sizes = sent(side, seconds)
        found = inbox.of(side, present)
        inbox.close()
    assert sum(sizes) == len(seconds)
    assert all(size <= rows.PART for size in sizes)
    want = accumulated(side, seconds, present)
    for name, array in want.items():
        assert np.array_equal(found[name], array)
        assert found[name].dtype == np.float32
        assert not found[name].flags.writeable


def test_order_does_not_matter_and_the_later_of_two_counts(monkeypatch):
    monkeypatch.setattr(rows, "IN_MEMORY", 4)
    inbox, _ = sent("sound", [3, 1, 9, 8, 0])
    twice = Outbox(Straight(inbox), "sound", "yamnet")
    twice.add(9, embedded("sound", 77))
    twice.flush()
    present = np.zeros(10, np.bool_)
    present[[0, 1, 3, 8, 9]] = True
    found = inbox.of("sound", present)["vectors"]
    assert np.array_equal(found[9], embedded("sound", 77).vector)
    assert np.array_equal(found[8], embedded("sound", 8).vector)
    assert not found[2].any()


def test_another_child_may_send_it_all_once_more(monkeypatch):
    monkeypatch.setattr(rows, "IN_MEMORY", 2)
    inbox, _ = sent("picture", list(range(5)))
    inbox.forget()
    with pytest.raises(ValueError, match="without"):
        inbox.of("picture", np.ones(5, np.bool_))
    outbox = Outbox(Straight(inbox), "picture", "efficientnet_lite0")
    for second in range(3):
        outbox.add(second, embedded("picture", second))
    outbox.flush()
    found = inbox.of("picture", np.ones(3, np.bool_))
    assert np.array_equal(
        found["vectors"], accumulated("picture", [0, 1, 2], np.ones(3, np.bool_))["vectors"]
    )


def part(**changes: object) -> dict[str, object]:
    dim, classes = WIDTHS["sound"]
    plain = {
        "seconds": np.arange(2), "vectors": np.zeros((2, dim), np.float32),
        "scores": np.zeros((2, classes), np.float32),
    }  # fmt: skip
    return plain | changes


@pytest.mark.parametrize(
    ("header", "arrays"),
    [
        ({}, part()),
        ({"side": "smell"}, part()),
        ({"side": ["sound"]}, part()),
        ({"side": "picture"}, part()),
        ({"side": "sound"}, {}),
        ({"side": "sound"}, part(seconds=np.zeros(2, np.float32))),
        ({"side": "sound"}, part(seconds=np.zeros((2, 1), np.int64))),
        ({"side": "sound"}, part(seconds=np.array(0))),
        ({"side": "sound"}, part(seconds=np.array([0, 80]))),
        ({"side": "sound"}, part(seconds=np.array([0, -1]))),
        ({"side": "sound"}, part(scores=np.full((2, 521), np.nan, np.float32))),
        ({"side": "sound"}, part(scores=np.full((2, 521), 1.5, np.float32))),
        ({"side": "sound"}, part(vectors=np.zeros((2, 1024), np.float64))),
    ],
)
def test_part_that_makes_no_sense_is_not_believed(header, arrays):
    inbox = Rows(DEFAULT_EMBEDDERS, Limits(seconds=10))  # believes 80 seconds
    inbox.take({"side": "sound"}, part())
    with pytest.raises(MediaError) as caught:
        inbox.take(header, arrays)
    assert caught.value.reason == "crashed"


def test_child_cannot_send_for_ever():
    inbox = Rows(DEFAULT_EMBEDDERS, Limits(seconds=10))
    for _ in range(40):
        inbox.take({"side": "sound"}, part())
    with pytest.raises(MediaError) as caught:
        inbox.take({"side": "sound"}, part())
    assert caught.value.reason == "crashed"


def bits(extraction) -> dict[str, str]:
    found = {}
    for side in rows.SIDES:
        track = getattr(extraction, side)
        for field in dataclasses.fields(track):
            value = getattr(track, field.name)
            if isinstance(value, np.ndarray):
                found[f"{side} {field.name}"] = hashlib.sha256(value.tobytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Longer than a part, its sound late and its picture over before the end."""
    sound = media.tone(71, amplitude=0.3) * np.linspace(0.1, 1, 71 * 16_000, dtype=np.float32)
    return media.write(
        tmp_path_factory.mktemp("rows") / "long.mkv",
        media.Picture(media.moving(69, 2, (64, 48)), 2),
        [media.Sound(sound, codec="pcm_s16le", start=2)],
    )


def test_file_gives_the_same_bits_in_memory_and_on_disk(clip, monkeypatch):
    known: list[dict[str, np.ndarray]] = []
    real = extracting.run

    def run(*args, part, **options):
        def noted(header, arrays):
            known.append({"side": header["side"]} | {name: array.copy() for name, array in arrays.items()})
            part(header, arrays)

        return real(*args, part=noted, **options)

    monkeypatch.setattr(extracting, "run", run)
    held = extract(clip, clip)
    parts = list(known)
    # Against what the child said, put together in the plainest way.
    for side in rows.SIDES:
        track = getattr(held, side)
        told = [each for each in parts if each["side"] == side]
        assert len(told) > 1
        for name in ("vectors", "scores"):
            want = np.zeros_like(getattr(track, name))
            for each in told:
                for second, row in zip(each["seconds"], each[name], strict=True):
                    if second < len(want) and track.present[second]:
                        want[second] = row
            assert np.array_equal(getattr(track, name), want)
    assert held.picture.present.sum() == 69
    assert not held.sound.present[:2].any()
    for limit in (1, 50, 66):
        monkeypatch.setattr(rows, "IN_MEMORY", limit)
        assert bits(extract(clip, clip)) == bits(held)


def test_disk_that_is_full_is_told_in_one_line(clip, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(rows, "IN_MEMORY", 8)
    monkeypatch.setattr(rows.os, "pwrite", full)
    with pytest.raises(OutputError, match="no space left on device") as caught:
        extract(clip, clip)
    assert "\n" not in str(caught.value)
    assert tempfile.gettempdir() in str(caught.value)


def test_no_folder_for_it_is_told_in_one_line(clip, monkeypatch):
    def nowhere(**_):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(rows, "IN_MEMORY", 8)
    monkeypatch.setattr(rows.tempfile, "TemporaryFile", nowhere)
    with pytest.raises(OutputError, match="no usable temporary directory") as caught:
        extract(clip, clip)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_open(clip, monkeypatch):
    monkeypatch.setattr(rows, "IN_MEMORY", 8)

    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    extract(clip, clip)
    before = opened()
    extract(clip, clip)
    assert opened() == before
