from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

import vadd
from vadd.demo import DemoClip, clips
from vadd.detect.verdict import Outcome

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text()
each_clip = pytest.mark.parametrize("clip", clips(), ids=lambda clip: clip.name)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("build_demo")


def test_one_keeps_its_sound_and_one_got_another() -> None:
    assert [clip.expected for clip in clips()] == [Outcome.CONSISTENT, Outcome.DISCREPANT]


@each_clip
def test_clip_is_small_and_its_hash_is_in_the_notice(clip: DemoClip) -> None:
    data = clip.path.read_bytes()
    assert len(data) < 1_500_000
    assert f"{clip.path.name:<16} {hashlib.sha256(data).hexdigest()}" in NOTICE


@each_clip
def test_clip_is_ten_seconds_of_moving_picture_and_sound(clip: DemoClip) -> None:
    with av.open(str(clip.path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    with av.open(str(clip.path)) as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    assert frames[0].shape == (480, 854)
    assert len(frames) == 250
    # Every second differs from the one before by more than the codec's noise.
    for earlier, later in zip(frames[::25], frames[25::25], strict=False):
        assert np.abs(earlier.astype(float) - later).mean() > 1
    samples = np.concatenate(blocks)
    assert len(samples) / rate == pytest.approx(10, abs=0.1)
    seconds = samples[: 10 * rate].reshape(10, rate)
    assert (np.sqrt((seconds**2).mean(axis=1)) > 0.01).all()
    assert np.abs(samples).max() <= 1


@each_clip
def test_clip_gets_the_verdict_that_it_should(clip: DemoClip) -> None:
    assert vadd.check(clip.path).verdict is clip.expected


def test_every_input_is_credited_in_the_notice(builder: ModuleType) -> None:
    assert [recipe.name for recipe in builder.RECIPES] == [clip.name for clip in clips()]
    for recipe in builder.RECIPES:
        for source in (recipe.photograph, recipe.sound):
            entry = NOTICE[NOTICE.index(f"stamps/{source.path}") :].split("SHA-256 ", 1)
            assert entry[1].startswith(source.sha256)
            assert f"{recipe.name}.mp4" in entry[0]


def test_another_file_than_the_pinned_one_is_refused(builder: ModuleType, tmp_path: Path) -> None:
    source = builder.RECIPES[0].photograph
    file = tmp_path / builder.STAMPS / source.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"something else")
    with pytest.raises(SystemExit, match="SHA-256"):
        source.read(tmp_path)


def test_repeating_keeps_the_period_and_sets_the_peak(builder: ModuleType) -> None:
    rate = builder.RATE
    sound = 0.1 * np.sin(2 * np.pi * 500 * np.arange(rate) / rate).astype(np.float32)
    samples = builder.repeat(sound, 0.25)
    period = rate + rate // 4
    assert samples.shape == (10 * rate,)
    assert np.abs(samples).max() == pytest.approx(builder.PEAK)
    np.testing.assert_array_equal(samples[:period], samples[period : 2 * period])
    assert not samples[rate:period].any()
    assert samples[0] == 0
