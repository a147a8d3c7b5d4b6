"""``vadd protocol distort`` from its arguments to its exit status."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

import media
from vadd.cli.protocol_distort import distort_
from vadd.errors import MediaError, UsageError
from vadd.protocol.distort.catalog import NAMES


def call(*args):
    done = CliRunner().invoke(distort_, [str(each) for each in args], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


@pytest.fixture
def clip(tmp_path):
    return media.clip(tmp_path / "clip.mp4", 1)


def test_distort_and_tell(clip, tmp_path):
    out = tmp_path / "out.mkv"
    done = call(clip, "--with", "mirror", "--with", "noise:snr=6", "--seed", 4, "--out", out)
    assert done.return_value == 0
    assert done.stdout == f"{out}: mirror, noise:snr=6, seed 4\n"
    first = out.read_bytes()
    told = json.loads(
        call(clip, "--with", "mirror", "--with", "noise:snr=6", "--seed", 4, "--out", out, "--json").stdout
    )
    assert told["seed"] == 4
    assert told["transforms"] == [{"name": "mirror"}, {"name": "noise", "snr": 6.0}]
    assert out.read_bytes() == first


def test_list(clip):
    text = call("--list").stdout
    assert [line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")] == list(NAMES)
    assert "  snr=-60 to 100 [10.0]  dB that" in text
    assert "  recording=PATH  file with the speech" in text
    assert "  fill=blur | crop [blur]  " in text
    assert [each["name"] for each in json.loads(call("--list", "--json").stdout)] == list(NAMES)


def test_wrong_calls(clip, tmp_path):
    out = tmp_path / "out.mkv"
    for args, told in (
        (["--with", "mirror", "--out", out], "FILE is missing"),
        ([clip, "--out", out], "--with is missing"),
        ([clip, "--with", "mirror"], "--out is missing"),
    ):
        with pytest.raises(click.UsageError, match=told):
            call(*args)
    with pytest.raises(UsageError, match="there is no distortion 'x'"):
        call(clip, "--with", "x", "--out", out)
    with pytest.raises(UsageError, match="does not exist"):
        call(tmp_path / "none.mp4", "--with", "mirror", "--out", out)
    clip.write_bytes(b"no media")
    with pytest.raises(MediaError, match="not a media file"):
        call(clip, "--with", "mirror", "--out", out)
    assert not out.exists()
