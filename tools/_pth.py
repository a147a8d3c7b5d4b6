"""Reads a ``torch.save`` state dict (the layout before PyTorch 1.6) without torch.

The file is five pickles (magic, protocol, system, the objects, the storage keys) and then the raw
storages. Nothing the pickles name is ever imported or called: the four names a state dict needs are
answered with functions of this module, any other ends the reading.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
STORAGE_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    size: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _view(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


class _Reader(pickle.Unpickler):
    """An unpickler that knows four names and can run no code but this module's."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in STORAGE_TYPES:
            return STORAGE_TYPES[name]
        raise _refusal(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, size, view = pid
        if kind != "storage" or dtype not in STORAGE_TYPES.values() or view is not None:
            raise _refusal(f"storage {pid!r}")
        return _Storage(key, dtype, size)


def _refusal(what: str) -> ValueError:
    return ValueError(f"the weights file asks for {what}, which no state dict needs")


def read_state_dict(data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a legacy ``.pth`` file by name, contiguous, whatever strides they were stored with.

    Raises:
        ValueError: If the file is of another layout, or names anything a state dict does not need.
    """
    stream = io.BytesIO(data)
    if _Reader(stream).load() != MAGIC:
        raise ValueError("not a torch.save file of the layout before PyTorch 1.6")
    _Reader(stream).load()  # protocol version
    if not _Reader(stream).load()["little_endian"]:
        raise ValueError("big-endian weights are not supported")
    views: dict[str, _View] = _Reader(stream).load()
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    storages = {}
    for key in _Reader(stream).load():
        (count,) = struct.unpack("<q", stream.read(8))
        dtype = np.dtype(dtypes[key])
        storages[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
    return {name: _tensor(view, storages[view.storage.key]) for name, view in views.items()}


def _tensor(view: _View, storage: NDArray[Any]) -> NDArray[Any]:
    last = view.offset + sum((n - 1) * step for n, step in zip(view.shape, view.strides, strict=True))
    if last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in view.strides]
    strided = np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides, writeable=False)
    return np.ascontiguousarray(strided)
