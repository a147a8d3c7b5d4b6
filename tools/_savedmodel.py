"""Reads the variables of a TensorFlow SavedModel without TensorFlow.

``variables.index`` is a leveldb table (sorted strings, prefix-compressed blocks) from a variable's
name to a ``BundleEntryProto``; ``variables.data-00000-of-00001`` holds the raw little-endian numbers.
Layouts: leveldb ``doc/table_format.md`` and TensorFlow ``core/protobuf/tensor_bundle.proto``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
UNCOMPRESSED = 0
DT_FLOAT = 1


def read_variables(index: bytes, data: bytes) -> dict[str, NDArray[np.float32]]:
    """All float32 variables of a single-shard checkpoint, by their full name.

    Args:
        index: Bytes of ``variables.index``.
        data: Bytes of ``variables.data-00000-of-00001``.

    Raises:
        ValueError: If the index is no uncompressed leveldb table or points outside the data.
    """
    variables = {}
    for key, value in _table(index):
        if not key:
            continue  # the bundle's header
        entry = _message(value)
        if entry.get(1, [0])[0] != DT_FLOAT:
            continue
        shape = [_message(dim).get(1, [0])[0] for dim in _message(entry.get(2, [b""])[0]).get(2, [])]
        offset, size = entry.get(4, [0])[0], entry.get(5, [0])[0]
        if entry.get(3, [0])[0] != 0 or offset + size > len(data):
            raise ValueError(f"variable {key!r} lies outside the only data shard")
        variables[key.decode()] = np.frombuffer(data[offset : offset + size], "<f4").reshape(shape)
    return variables


def _table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    footer = table[-FOOTER_BYTES:]
    if struct.unpack("<Q", footer[-8:])[0] != TABLE_MAGIC:
        raise ValueError("not a leveldb table")
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    for _, value in _block(table, *index):
        yield from _block(table, *_handle(value, 0)[0])


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if table[offset + size] != UNCOMPRESSED:
        raise ValueError("compressed leveldb blocks are not supported")
    block = table[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, key = size - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _message(data: bytes) -> dict[int, list[Any]]:
    """A protocol-buffer message as field number → values, nested messages left as bytes."""
    fields: dict[int, list[Any]] = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case 5:
                value, at = data[at : at + 4], at + 4
            case wire:
                raise ValueError(f"unexpected wire type {wire}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields
