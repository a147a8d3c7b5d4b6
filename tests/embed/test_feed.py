"""A file out of the guarded child: in flat memory, on the child's clock only, and believed only when sane."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import media
from vadd.embed import feed as module
from vadd.embed.feed import Feed
from vadd.errors import MediaError
from vadd.media.limits import Limits
from vadd.media.probe import probe
from vadd.media.sound import SoundReader


def opened(path, *, side=64, rates=(16_000,), **limits):
    return Feed(path, path, side=side, rates=list(rates), limits=Limits(**limits))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return media.clip(tmp_path_factory.mktemp("feed") / "clip.mp4", 4)


def test_one_decode_for_several_rates(clip):
    feed = opened(clip, rates=(16_000, 32_000, 48_000))
    frames = list(feed.frames())
    assert [second for second, _ in frames] == [0, 1, 2, 3]
    for (_, image), colour in zip(frames, media.COLOURS, strict=False):
        assert np.abs(image.reshape(-1, 3).mean(axis=0) - colour).max() < 8
    heading = feed.heading()
    assert heading.seconds == 4
    assert heading.pictures == heading.sounds == frozenset(range(4))
    audio, limits = probe(clip, Limits()).audio, Limits()
    for rate in (16_000, 32_000, 48_000):
        sound = np.concatenate(list(feed.sound(rate)))
        assert np.array_equal(sound, np.concatenate(list(feed.sound(rate))))
        want = np.concatenate(list(SoundReader(clip, audio, limits, zero=audio.start, rate=rate)))
        assert np.abs(sound[: len(want)] - want).max() < 1e-4
    feed.close()


def test_decoder_waits_and_the_clock_stands_still(tmp_path, monkeypatch):
    """With one place in the queue and a reader slower than the wall clock allows, nothing is lost."""
    monkeypatch.setattr(module, "_WAITING", 1)
    path = media.clip(tmp_path / "long.mp4", 8)
    feed = opened(path, wall_seconds=4.0, wall_per_second=0.001)
    seconds = []
    for second, _ in feed.frames():
        seconds.append(second)
        time.sleep(0.8)
    assert seconds == list(range(8))
    assert feed.heading().seconds == 8
    feed.close()


def test_reader_that_stops_leaves_nothing_running(clip, monkeypatch):
    monkeypatch.setattr(module, "_WAITING", 1)
    feed = opened(clip)
    next(feed.frames())
    feed.close()
    assert not any(thread.name == "decode" for thread in threading.enumerate())


def test_failure_is_told_after_the_frames(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("x")
    feed = opened(path)
    assert list(feed.frames()) == []
    with pytest.raises(MediaError) as caught:
        feed.heading()
    assert caught.value.reason == "not_media"
    feed.close()


@pytest.mark.parametrize(
    ("header", "arrays"),
    [
        ({"what": "frame", "second": -1}, {"image": np.zeros((4, 4, 3), np.uint8)}),
        ({"what": "frame", "second": "0"}, {"image": np.zeros((4, 4, 3), np.uint8)}),
        ({"what": "frame", "second": 0}, {"image": np.zeros((4, 4), np.uint8)}),
        ({"what": "frame", "second": 0}, {}),
        ({"what": "sound", "rate": 8_000}, {"samples": np.zeros(4, np.float32)}),
        ({"what": "sound", "rate": 16_000}, {"samples": np.full(4, np.nan, np.float32)}),
        ({"what": "sound", "rate": 16_000}, {"samples": np.zeros((2, 2), np.float32)}),
        ({}, {}),
    ],
)
def test_child_that_was_taken_over_is_not_believed(clip, monkeypatch, header, arrays):
    monkeypatch.setattr(module, "run", lambda *_, part, **__: part(header, arrays))
    feed = opened(clip)
    assert list(feed.frames()) == []
    with pytest.raises(MediaError) as caught:
        feed.heading()
    assert caught.value.reason == "crashed"
    feed.close()


@pytest.mark.parametrize("answer", [{}, {"seconds": 10**9}, {"seconds": 2, "pictures": 3}, {"seconds": True}])
def test_heading_that_makes_no_sense_is_not_believed(clip, monkeypatch, answer):
    monkeypatch.setattr(module, "run", lambda *_, **__: (answer, {}))
    feed = opened(clip)
    assert list(feed.frames()) == []
    with pytest.raises(MediaError) as caught:
        feed.heading()
    assert caught.value.reason == "crashed"
    feed.close()
