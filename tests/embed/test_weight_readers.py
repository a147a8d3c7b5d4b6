"""The readers of ``tools/build_weights.py``: published formats, made here by hand."""

from __future__ import annotations

import importlib.util
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def tool(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_pth, _savedmodel = tool("_pth"), tool("_savedmodel")


# A state dict as torch.save wrote it before 1.6, without torch: its names are stood in for while pickling.


class Tensor:
    def __init__(self, key: str, offset: int, shape: tuple, strides: tuple, size: int) -> None:
        self.key, self.offset, self.shape, self.strides, self.size = key, offset, shape, strides, size

    def __reduce__(self):
        storage = StorageId((self.key, self.size))
        arguments = (storage, self.offset, self.shape, self.strides, False, OrderedDict())
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments


class StorageId(tuple):
    __slots__ = ()


class TorchPickler(pickle.Pickler):
    def persistent_id(self, item):
        if isinstance(item, StorageId):
            return ("storage", sys.modules["torch"].FloatStorage, item[0], "cpu", item[1], None)
        return None


@pytest.fixture
def torch_names(monkeypatch):
    def _rebuild_tensor_v2():
        raise AssertionError("the reader called what the file names")

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2, torch._utils = _rebuild_tensor_v2, utils
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch", "__qualname__": "FloatStorage"})
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def legacy_file(path: Path, state: dict, storages: dict[str, np.ndarray]) -> bytes:
    with path.open("wb") as file:
        for item in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(item, file, protocol=2)
        TorchPickler(file, protocol=2).dump(state)
        pickle.dump(list(storages), file, protocol=2)
        for storage in storages.values():
            file.write(struct.pack("<q", storage.size) + storage.astype("<f4").tobytes())
    return path.read_bytes()


def test_tensors_are_read_with_their_strides(tmp_path, torch_names):
    numbers = np.arange(24, dtype=np.float32)
    state = OrderedDict(
        plain=Tensor("a", 0, (4, 6), (6, 1), 24),
        columns=Tensor("a", 0, (6, 4), (1, 6), 24),
        part=Tensor("a", 7, (2, 2), (1, 6), 24),
        scalar=Tensor("b", 1, (), (), 2),
    )
    data = legacy_file(tmp_path / "w.pth", state, {"a": numbers, "b": np.array([5.0, 6.0])})
    tensors = _pth.read_state_dict(data)
    assert list(tensors) == list(state)
    assert np.array_equal(tensors["plain"], numbers.reshape(4, 6))
    assert np.array_equal(tensors["columns"], numbers.reshape(4, 6).T)
    assert np.array_equal(tensors["part"], [[7, 13], [8, 14]])
    assert tensors["scalar"] == 6
    assert all(tensor.flags.c_contiguous for tensor in tensors.values())


def test_a_tensor_beyond_its_storage_is_refused(tmp_path, torch_names):
    state = OrderedDict(wide=Tensor("a", 2, (2, 2), (2, 1), 4))
    data = legacy_file(tmp_path / "w.pth", state, {"a": np.zeros(4)})
    with pytest.raises(ValueError, match="beyond its storage"):
        _pth.read_state_dict(data)


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_pickle_that_would_run_something_is_refused(tmp_path, torch_names):
    target = tmp_path / "made by the pickle"
    data = legacy_file(tmp_path / "w.pth", OrderedDict(a=Bomb(target)), {})
    with pytest.raises(ValueError, match=r"mkdir, which no state dict needs"):
        _pth.read_state_dict(data)
    assert not target.exists()


def test_other_files_are_refused():
    with pytest.raises(ValueError, match="layout before"):
        _pth.read_state_dict(pickle.dumps(42, protocol=2))


# A TensorFlow checkpoint: a leveldb table of protocol buffers, encoded here after its specification.


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(shape: tuple[int, ...], offset: int, dtype: int = 1, shard: int = 0) -> bytes:
    size = 4 * int(np.prod(shape))
    dims = b"".join(field(2, field(1, n)) for n in shape)
    checksum = varint(6 << 3 | 5) + b"\1\2\3\4"
    shards = field(3, shard) if shard else b""
    return field(1, dtype) + field(2, dims) + shards + field(4, offset) + field(5, size) + checksum


def block(items: list[tuple[bytes, bytes]]) -> bytes:
    out, last = b"", b""
    for key, value in items:
        shared = next((i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), len(last))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def table(*blocks: list[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    out, index = b"", []
    for items in blocks:
        content = block(items)
        index.append((items[-1][0], varint(len(out)) + varint(len(content))))
        out += content + bytes([compression]) + b"sums"
    handles = b""
    for content in (block([]), block(index)):
        handles += varint(len(out)) + varint(len(content))
        out += content + b"\0" + b"sums"
    return out + handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def test_variables_are_read_from_every_block():
    numbers = np.arange(500, dtype="<f4")
    index = table(
        [(b"", field(1, 1)), (b"layer-0/kernel", entry((2, 3), 0)), (b"layer-0/mean", entry((4,), 24))],
        [(b"layer-0/step", entry((1,), 40, dtype=9)), (b"layer-1/kernel", entry((20, 20), 400))],
    )
    variables = _savedmodel.read_variables(index, numbers.tobytes())
    assert list(variables) == ["layer-0/kernel", "layer-0/mean", "layer-1/kernel"]
    assert np.array_equal(variables["layer-0/kernel"], numbers[:6].reshape(2, 3))
    assert np.array_equal(variables["layer-0/mean"], numbers[6:10])
    assert np.array_equal(variables["layer-1/kernel"], numbers[100:].reshape(20, 20))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"\0" * 60, "not a leveldb table"),
        (table([(b"a", entry((2,), 0))], compression=1), "compressed"),
        (table([(b"a", entry((2,), 4))]), "outside"),
        (table([(b"a", entry((2,), 0, shard=1))]), "outside"),
    ],
)
def test_other_tables_are_refused(index, message):
    with pytest.raises(ValueError, match=message):
        _savedmodel.read_variables(index, b"\0" * 8)
