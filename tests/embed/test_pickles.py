"""Pickles of others: arrays come out as they went in, and nothing else gets through."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from vadd.embed.pickles import read_rows
from vadd.errors import StoreError


def matrix(rows=20, dim=7, kind=np.float32):
    return np.random.default_rng(3).standard_normal((rows, dim)).astype(kind)


def dump(path, value, protocol=pickle.HIGHEST_PROTOCOL):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4"])
def test_every_protocol_and_type(tmp_path, protocol, kind):
    want = matrix(kind=kind)
    rows = read_rows(dump(tmp_path / "a.pkl", want, protocol), 20)
    assert (len(rows), rows.dim) == (20, 7)
    assert np.array_equal(rows.block(0, 20), want.astype(np.float32))


@pytest.mark.parametrize(
    "shape",
    [
        lambda m: m,
        list,
        lambda m: [m[:10], m[10:]],
        lambda m: [list(m[:10]), list(m[10:])],
        lambda m: m.reshape(2, 10, 7),
        np.asfortranarray,
        lambda m: tuple(m[::1]),
    ],
)
def test_every_layout(tmp_path, shape):
    rows = read_rows(dump(tmp_path / "a.pkl", shape(matrix())), 20)
    assert np.array_equal(rows.block(0, 20), matrix())
    assert np.array_equal(rows.block(7, 13), matrix()[7:13])


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_is_refused_and_not_run(tmp_path):
    victim = tmp_path / "made"
    for value in (Runs(victim), [matrix(), Runs(victim)], {"a": Runs(victim)}):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            path = dump(tmp_path / "a.pkl", value, protocol)
            with pytest.raises(StoreError, match=r"a\.pkl is refused, it holds (posix|os|nt)\.mkdir"):
                read_rows(path, 100)
    assert not victim.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - shows that the file is as bad as it is meant to be
    assert victim.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (matrix().astype(np.int64), "numbers of type 'i8'"),
        (np.array([None, 1], object), "numbers of type 'O8'"),
        (np.zeros(3, "f4,i4"), "numbers of type 'V8'"),
        (OrderedDict(), r"collections\.OrderedDict"),
        (slice(1), "slice"),
        (np.float32(1), r"multiarray\.scalar"),
        ([matrix(), 3], "int where a vector should be"),
        ([[[[matrix()]]]], "list where a vector should be"),
        (np.zeros((2, 2, 2, 2), np.float32), "array where a vector should be"),
        ({"a": 1}, "dict where a vector should be"),
        ([matrix(3, 4), matrix(3, 5)], "vectors of 4 and of 5 numbers"),
        (matrix(30), "more than 20 vectors"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path, value, message):
    with pytest.raises(StoreError, match=message):
        read_rows(dump(tmp_path / "a.pkl", value), 20)


def test_few_bytes_that_stand_for_very_many_vectors(tmp_path):
    vector = np.zeros(2, np.float32)
    value: list[object] = [vector] * 1000
    for _ in range(2):
        value = [value] * 1000
    path = dump(tmp_path / "a.pkl", value)
    assert path.stat().st_size < 20_000
    with pytest.raises(StoreError, match="more than 5000 vectors"):
        read_rows(path, 5000)


def test_lying_array_is_refused(tmp_path):
    """An array whose shape is larger than its bytes, as a forged state has it."""
    good = pickle.dumps(np.zeros(4, np.float32), 2)
    lying = good.replace(b"K\x04\x85", b"K\x09\x85", 1)
    assert lying != good
    path = tmp_path / "a.pkl"
    path.write_bytes(lying)
    with pytest.raises(StoreError, match="bytes do not fill its shape"):
        read_rows(path, 20)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_cut_off(tmp_path, share):
    data = pickle.dumps(matrix())
    path = tmp_path / "a.pkl"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(StoreError, match="no pickle, or a damaged one"):
        read_rows(path, 20)


def test_damaged_bytes_raise_nothing_else(tmp_path):
    data = pickle.dumps([matrix(4, 3), list(matrix(4, 3))])
    rng = np.random.default_rng(0)
    path = tmp_path / "a.pkl"
    outcomes = set()
    for _ in range(400):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] = rng.integers(256)
        path.write_bytes(broken)
        try:
            read_rows(path, 20)
        except StoreError:
            outcomes.add("refused")
        else:
            outcomes.add("read")
    assert outcomes == {"refused", "read"}


def test_persistent_reference_empty_and_missing(tmp_path):
    buffer = io.BytesIO()

    class Pointing(pickle.Pickler):
        def persistent_id(self, obj):
            return "elsewhere" if isinstance(obj, np.ndarray) else None

    Pointing(buffer).dump([matrix()])
    (tmp_path / "a.pkl").write_bytes(buffer.getvalue())
    with pytest.raises(StoreError, match="outside the file"):
        read_rows(tmp_path / "a.pkl", 20)
    with pytest.raises(StoreError, match="no vectors"):
        read_rows(dump(tmp_path / "b.pkl", []), 20)
    with pytest.raises(StoreError, match="cannot read"):
        read_rows(tmp_path / "c.pkl", 20)
