"""Properties of the pure parts that no other test draws examples for."""

from __future__ import annotations

import hashlib
import json
import os
import string
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vadd.media.info import fraction
from vadd.media.levels import SILENCE, Levels
from vadd.media.wire import decode, encode
from vadd.report.seal import has_seal, seal, sealed
from vadd.run.engine import batch_size
from vadd.run.inputs import find, of_shard
from vadd.run.settings import canonical, digest
from vadd.timeline import MIN_TAIL, Span, clock, grid, grid_length

times = st.fractions(0, 10_000, max_denominator=48_000)
durations = times.filter(lambda time: time > 0)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(times)
    return Span(start, start + draw(durations))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
paths = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), unique=True)


# --- time -------------------------------------------------------------------------------------------


@given(durations)
def test_a_grid_covers_all_of_a_clip_once(duration: Fraction) -> None:
    seconds = grid(duration)
    assert len(seconds) == grid_length(duration)
    assert (seconds[0].start, seconds[-1].end) == (0, duration)
    assert all(one.end == two.start for one, two in pairwise(seconds))
    assert all(each.duration == 1 for each in seconds[:-1])
    assert seconds[-1].duration < 1 + MIN_TAIL
    assert seconds[-1].duration >= MIN_TAIL or len(seconds) == 1


@given(durations, durations)
def test_a_longer_clip_has_no_fewer_seconds(one: Fraction, other: Fraction) -> None:
    assert grid_length(one) <= grid_length(one + other) <= grid_length(one) + grid_length(other) + 1


@given(spans(), spans(), times)
def test_an_intersection_holds_what_both_hold(one: Span, other: Span, time: Fraction) -> None:
    both = one.intersection(other)
    assert both == other.intersection(one)
    within = one.start <= time < one.end and other.start <= time < other.end
    assert within == (both is not None and both.start <= time < both.end)


@given(st.fractions(-10, 10, max_denominator=9), st.fractions(-10, 10, max_denominator=9))
def test_what_is_no_span_is_refused(start: Fraction, end: Fraction) -> None:
    if 0 <= start < end:
        assert Span(start, end).duration == end - start
    else:
        with pytest.raises(ValueError, match="not a span"):
            Span(start, end)


@given(st.fractions(0, 10_000, max_denominator=48_000))
def test_a_clock_is_right_to_a_tenth(time: Fraction) -> None:
    *larger, seconds = map(Fraction, clock(time).split(":"))
    told = seconds + sum(part * 60**power for power, part in enumerate(reversed(larger), 1))
    assert abs(told - time) <= Fraction(1, 20)
    assert seconds < 60
    assert all(part < 60 for part in larger[1:])


@given(st.fractions(-(10**10), 10**10, max_denominator=10**9))
def test_a_fraction_is_read_as_it_is_written(time: Fraction) -> None:
    assert fraction(f"{time.numerator}/{time.denominator}") == time


@given(st.text(string.digits + "/-. _e", max_size=50) | st.from_regex(r"-?[0-9]+/0*[0-9]?", fullmatch=True))
def test_no_text_makes_a_fraction_fail_otherwise(text: str) -> None:
    try:
        found = fraction(text)
    except ValueError:
        return
    numerator, denominator = text.split("/")
    assert found == Fraction(int(numerator), int(denominator))


# --- sound ------------------------------------------------------------------------------------------


@given(
    arrays.arrays(np.float32, st.integers(1, 95), elements=st.floats(-1, 1, width=32)),
    st.lists(st.integers(0, 95)),
    st.integers(1, 12),
)
def test_levels_hang_on_the_samples_and_not_on_the_blocks(
    samples: np.ndarray, cuts: list[int], length: int
) -> None:
    rate = 10
    levels = Levels(rate)
    for block in np.split(samples, sorted(cuts)):
        levels.add(block)
    found = levels.rows(length)
    assert len(found) == min(length, -(-len(samples) // rate))
    for at, (level, peak) in enumerate(found):
        heard = samples[at * rate :] if at == length - 1 else samples[at * rate : (at + 1) * rate]
        # A constant is no sound: what swings around it is.
        power = float(np.var(heard.astype(np.float64)))
        wanted = max(SILENCE, 10 * np.log10(power)) if power > 0 else SILENCE
        # Far below any sound the last bits of a difference decide.
        assert level == pytest.approx(wanted, abs=1e-3) or max(level, wanted) < -120
        assert peak == float(np.abs(heard).max())


# --- keys, shards, batches ------------------------------------------------------------------------------


@given(st.dictionaries(st.text(), values, max_size=6), st.randoms())
def test_a_key_does_not_hang_on_the_order(value: dict[str, object], random: object) -> None:
    names = list(value)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert digest({name: value[name] for name in names}) == digest(value)
    assert digest(value) == hashlib.sha256(canonical(value)).hexdigest()


@given(values)
def test_the_canonical_form_says_what_was_put_in(value: object) -> None:
    written = canonical(value)
    assert written.isascii()
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written


@given(values, values)
def test_other_values_have_other_keys(one: object, other: object) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert same == (digest(one) == digest(other))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_has_no_key(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": [number]})


@given(paths, st.integers(1, 9))
def test_each_path_falls_to_one_shard_whatever_else_is_there(listed: list[str], count: int) -> None:
    shards = [of_shard(listed, (which, count)) for which in range(1, count + 1)]
    assert sorted(path for shard in shards for path in shard) == sorted(listed)
    assert of_shard(listed, None) == tuple(listed)
    assert all(of_shard(shard, (which, count)) == shard for which, shard in enumerate(shards, 1))


@given(st.integers(0, 10**7), st.integers(1, 512))
def test_a_batch_is_never_empty_and_leaves_work_for_all(left: int, workers: int) -> None:
    size = batch_size(left, workers)
    assert size >= 1
    assert size == 1 or size * 4 * workers <= left
    assert size <= batch_size(left + 1, workers)


@given(st.lists(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name), min_size=1))
def test_a_list_whose_names_end_in_zero_bytes_holds_any_name(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes]
) -> None:
    place = tmp_path_factory.mktemp("list", numbered=True) / "these.lst"
    place.write_bytes(b"".join(name + b"\0" for name in names))
    wanted = {str(place.parent / os.fsdecode(name)) for name in names}
    assert find([place]).paths == tuple(sorted(wanted, key=os.fsencode))


# --- forms --------------------------------------------------------------------------------------------


@given(
    st.dictionaries(st.text().filter(lambda name: name != "arrays"), values, max_size=4),
    st.dictionaries(
        st.text(max_size=9),
        st.sampled_from(["<f4", "<f8", "<i8", "|u1", "|b1"]).flatmap(
            lambda kind: arrays.arrays(np.dtype(kind), shapes)
        ),
        max_size=4,
    ),
)
def test_a_message_arrives_as_it_was_sent(header: dict[str, object], sent: dict[str, np.ndarray]) -> None:
    told, got = decode(b"".join(encode(header, sent)))
    assert told == header
    assert list(got) == list(sent)
    for name, array in sent.items():
        assert (got[name].dtype, got[name].shape) == (array.dtype, array.shape)
        assert got[name].tobytes() == array.tobytes()


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_seal_fits_its_text_and_no_other(text: str, more: str) -> None:
    data = seal(text)
    assert sealed(data)
    assert has_seal(data)
    assert not sealed(data + more.encode())
    assert not sealed(more.encode() + data)


def test_paths_of_a_list_count_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x/y.mp4\n\n/z.mp4\r\n")
    assert find([tmp_path / "a.txt"]).paths == tuple(sorted(["/z.mp4", str(tmp_path / "x/y.mp4")]))
