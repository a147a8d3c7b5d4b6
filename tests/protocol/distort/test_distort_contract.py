"""What every distortion keeps to."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pytest

from vadd.errors import UsageError
from vadd.media.rewrite import Encoding
from vadd.protocol.distort.catalog import NAMES, listing, make, transform_class
from vadd.protocol.distort.transform import EncodingTransform, PictureTransform, Sound, SoundTransform

RATE = 16_000
#: What has no default.
GIVEN = {"speech": {"recording": "voice.wav"}, "music": {"recording": "band.wav"}}
PICTURES, SOUNDS, ENCODINGS = (
    tuple(name for name in NAMES if issubclass(transform_class(name), kind))
    for kind in (PictureTransform, SoundTransform, EncodingTransform)
)
#: Height and width that become of 90 x 160, where they are not kept.
SIZES = {"crop": (63, 112), "letterbox": (120, 160), "vertical": (160, 90)}


def read(name: str, rate: int) -> np.ndarray:
    """Two seconds of noise for each recording."""
    assert name in {"voice.wav", "band.wav"}
    return np.random.default_rng(len(name)).uniform(-0.5, 0.5, 2 * rate).astype(np.float32)


def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)


def sound(channels: int) -> Sound:
    samples = np.random.default_rng(2).normal(0, 0.3, (channels, RATE)).clip(-1, 1).astype(np.float32)
    return Sound(samples, RATE)


def changed(transform, seed: int = 5, channels: int = 2):
    """The bytes and the shape of what a picture or sound transform makes of a fixed input."""
    if isinstance(transform, PictureTransform):
        return transform.see(image(), 1.25, seed)
    return transform.hear(sound(channels), seed, read).samples


def test_each_is_of_one_kind_and_called_as_in_the_table():
    assert sorted(PICTURES + SOUNDS + ENCODINGS) == sorted(NAMES)
    for name in NAMES:
        assert transform_class(name).name == name
        assert transform_class(name).side in {"picture", "sound"}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_frozen_and_come_back_from_json(name):
    transform = make(name, GIVEN.get(name, {}))
    record = json.loads(json.dumps(transform.parameters()))
    assert make(name, record) == transform
    for each in fields(transform):
        with pytest.raises(FrozenInstanceError):
            setattr(transform, each.name, None)


@pytest.mark.parametrize("name", NAMES)
def test_values_out_of_bounds_are_refused(name):
    for each in fields(transform_class(name)):
        told = each.metadata
        wrong = [None, [], True, float("nan")] if "low" in told else ["", None, 3]
        if "low" in told:
            wrong += [told["low"] - 1, told["high"] + 1, float("inf"), "1"]
        if told["kind"] == "whole":
            wrong.append(told["low"] + 0.5)
        for value in wrong:
            with pytest.raises(UsageError, match=f"^{name}:{each.name} is "):
                make(name, {**GIVEN.get(name, {}), each.name: value})
        if "low" in told:
            for value in (told["low"], told["high"]):
                assert getattr(make(name, {**GIVEN.get(name, {}), each.name: value}), each.name) == value


@pytest.mark.parametrize("name", PICTURES + SOUNDS)
def test_the_same_seed_gives_the_same(name):
    transform = make(name, GIVEN.get(name, {}))
    assert np.array_equal(changed(transform), changed(transform))


@pytest.mark.parametrize("name", ["captions", "noise", "reverberation", "speech", "music"])
def test_another_seed_gives_another_where_something_is_drawn(name):
    transform = make(name, GIVEN.get(name, {}))
    assert not np.array_equal(changed(transform), changed(transform, seed=6))


@pytest.mark.parametrize("name", PICTURES)
def test_frames_stay_frames(name):
    given = image()
    given.setflags(write=False)
    out = make(name, {}).see(given, 0.5, 3)
    assert out.dtype == np.uint8
    assert out.shape == (*SIZES.get(name, (90, 160)), 3)
    assert np.array_equal(given, image())


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_stay_sounds(name, channels):
    given = sound(channels)
    given.samples.setflags(write=False)
    out = make(name, GIVEN.get(name, {})).hear(given, 3, read)
    rate, kept = (8000, channels) if name == "resample" else (RATE, 1 if name == "mono" else channels)
    assert out.rate == rate
    assert out.samples.dtype == np.float32
    assert out.samples.shape == (kept, rate)
    assert np.isfinite(out.samples).all()
    assert np.abs(out.samples).max() <= 1
    assert np.array_equal(given.samples, sound(channels).samples)


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("length", [0, 1, 100])
def test_empty_and_silent_sounds_pass(name, length):
    out = make(name, GIVEN.get(name, {})).hear(Sound(np.zeros((2, length), np.float32), RATE), 0, read)
    assert not out.samples.any()
    assert out.samples.shape[1] == (-(-length // 2) if name == "resample" else length)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("size", [(2, 2), (1, 300), (300, 1)])
def test_tiny_frames_pass(name, size):
    out = make(name, {}).see(np.full((*size, 3), 77, np.uint8), 0.0, 0)
    assert out.dtype == np.uint8
    assert min(out.shape) > 0


@pytest.mark.parametrize("name", [name for name in NAMES if transform_class(name).identity is not None])
def test_nothing_changes_at_strength_zero(name):
    identity = transform_class(name).identity
    transform = make(name, {**GIVEN.get(name, {}), **identity})
    given = image() if isinstance(transform, PictureTransform) else sound(2).samples
    assert np.array_equal(changed(transform), given)


@pytest.mark.parametrize("name", ENCODINGS)
def test_encodings_change_only_what_they_name(name):
    before = Encoding()
    after = make(name, {}).encode(before)
    different = {
        each.name for each in fields(before) if getattr(before, each.name) != getattr(after, each.name)
    }
    assert different == {
        "h264": {"crf"}, "frame_rate": {"frame_rate"},
        "aac": {"codec", "bit_rate"}, "opus": {"codec", "bit_rate"},
    }[name]  # fmt: skip


def test_listing_tells_all():
    told = {each["name"]: each for each in listing()}
    assert tuple(told) == NAMES
    json.dumps(told)
    assert told["noise"]["parameters"] == [
        {"name": "snr", "default": 10.0, "low": -60.0, "high": 100.0,
         "what": "dB that the sound's RMS lies above the noise's"}
    ]  # fmt: skip
    assert all(each["summary"] for each in told.values())


def test_the_documentation_has_all():
    page = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in page] == []
