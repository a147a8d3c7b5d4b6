"""Distortions in a row: order, seeds, records, and the form in which they are called."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vadd.errors import UsageError
from vadd.media.rewrite import Encoding
from vadd.protocol.distort.catalog import parse
from vadd.protocol.distort.chain import Chain
from vadd.protocol.distort.crop import Crop
from vadd.protocol.distort.gain import Gain
from vadd.protocol.distort.h264 import H264
from vadd.protocol.distort.mirror import Mirror
from vadd.protocol.distort.noise import Noise
from vadd.protocol.distort.opus import Opus
from vadd.protocol.distort.speech import Speech
from vadd.protocol.distort.transform import Sound


def nothing(name: str, rate: int) -> np.ndarray:
    raise AssertionError("no recording is needed")


def test_done_in_order_each_on_its_side():
    frame = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    sound = Sound(np.full((1, 8), 0.1, np.float32), 8000)
    chain = Chain((Mirror(), Gain(20.0), Crop(0.5), Gain(-40.0), H264(crf=33), Opus(24)), 3)
    assert np.array_equal(chain.see(frame, 0.0), frame[:, ::-1][1:3, 1:5])
    # Louder first: it clips at 1, and is then a hundredth.
    np.testing.assert_allclose(chain.hear(sound, nothing).samples, 0.01, rtol=1e-5)
    assert chain.encoding == Encoding(crf=33, codec="libopus", bit_rate=24_000)
    assert Chain(()).encoding == Encoding()


def test_each_place_draws_for_itself_from_the_seed():
    sound = Sound(np.full((1, 4000), 0.1, np.float32), 8000)
    once = Chain((Noise(0.0),), 1).hear(sound, nothing).samples - sound.samples
    again = Chain((Noise(0.0),), 1).hear(sound, nothing).samples - sound.samples
    other = Chain((Noise(0.0),), 2).hear(sound, nothing).samples - sound.samples
    second = Chain((Mirror(), Noise(0.0)), 1).hear(sound, nothing).samples - sound.samples
    assert np.array_equal(once, again)
    for different in (other, second):
        assert abs(np.corrcoef(once[0], different[0])[0, 1]) < 0.1


def test_record_repeats_it():
    chain = Chain((Crop(0.3), Noise(4.5), Speech("a b.wav", 6.0), H264()), 2**62)
    record = json.loads(json.dumps(chain.to_json()))
    assert record == {
        "seed": 2**62,
        "transforms": [
            {"name": "crop", "keep": 0.3},
            {"name": "noise", "snr": 4.5},
            {"name": "speech", "recording": "a b.wav", "level": 6.0},
            {"name": "h264", "crf": 28, "preset": "veryfast"},
        ],
    }
    assert Chain.from_json(record) == chain
    assert chain.recordings == ("a b.wav",)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, None])
def test_seeds_that_are_none(seed):
    with pytest.raises(UsageError, match="a seed is a whole number"):
        Chain((), seed)


def test_how_it_is_written_comes_last_and_once():
    with pytest.raises(UsageError, match="mirror comes after a distortion of how the file is written"):
        Chain((H264(), Mirror()))
    with pytest.raises(UsageError, match="h264: the file is written once"):
        Chain((H264(20), H264(30)))
    with pytest.raises(UsageError, match="aac: the file is written once"):
        Chain((Opus(), parse("aac")))


@pytest.mark.parametrize("record", [{}, {"transforms": 3}, {"transforms": ["mirror"]}, {"transforms": [{}]}])
def test_records_that_are_none(record):
    with pytest.raises(UsageError):
        Chain.from_json(record)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mirror", Mirror()),
        ("noise:snr=-3", Noise(-3.0)),
        ("h264:crf=31,preset=slow", H264(31, "slow")),
        ("speech:recording=a=b:c.wav,level=6", Speech("a=b:c.wav", 6.0)),
        ("gain:decibels=1e1", Gain(10.0)),
    ],
)
def test_as_it_is_called(text, found):
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no distortion ''; there are h264, "),
        ("nois", "there is no distortion 'nois'"),
        ("noise:", None),
        ("noise:snr", "is not of the form"),
        ("noise:snr=1,snr=2", "is not of the form"),
        ("noise:snr=loud", "noise:snr is a number, not 'loud'"),
        ("noise:snr=nan", "noise:snr is a number from -60 to 100"),
        ("noise:level=3", "noise has no parameter 'level'; its parameters are snr"),
        ("mirror:axis=x", "mirror has no parameter 'axis'; it has none"),
        ("h264:crf=28.5", "h264:crf is a whole number"),
        ("h264:preset=best", "h264:preset is one of ultrafast, "),
        ("speech:level=0", "speech needs recording=...: file with the speech"),
        ("speech:recording=", "is the path of a recording"),
    ],
)
def test_wrong_calls_are_told_in_a_line(text, told):
    if told is None:
        assert parse(text) == Noise()
        return
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
