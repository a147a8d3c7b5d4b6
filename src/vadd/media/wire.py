"""How the guarded child talks: a JSON header and raw arrays, never anything that can run code.

A message is eight bytes (length of the header, length of the payload, little-endian), the header as JSON,
and the payload: the bytes of the arrays that the header lists, one after the other.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PREFIX", "WireError", "decode", "encode", "lengths"]

#: Bytes that come first in a message.
PREFIX = 8
_PREFIX = struct.Struct("<II")
#: What may travel: little-endian floats and integers, bytes, truth values.
_KINDS = {"<f4": 4, "<f8": 8, "<i8": 8, "|u1": 1, "|b1": 1}
_MAX_DIMENSIONS = 4


class WireError(Exception):
    """A message is not of the form that the child sends."""


def encode(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None
) -> list[bytes | memoryview]:
    """One message as pieces to be written one after the other; arrays are not copied.

    Args:
        header: JSON-ready values; the key ``arrays`` is taken.
        arrays: Name → array of float32, float64, int64, uint8 or bool.

    Raises:
        ValueError: If an array is of another type.
    """
    listed: list[list[Any]] = []
    parts: list[memoryview] = []
    for name, array in (arrays or {}).items():
        kind = array.dtype.newbyteorder("<").str
        if kind not in _KINDS:
            raise ValueError(f"array {name!r} of type {array.dtype} cannot be sent")
        listed.append([name, kind, list(array.shape)])
        plain = array.astype(kind, order="C", copy=False)
        parts.append(plain.reshape(-1).view("u1").data)
    text = json.dumps({**header, "arrays": listed}).encode()
    return [_PREFIX.pack(len(text), sum(len(part) for part in parts)), text, *parts]


def lengths(prefix: bytes) -> int:
    """How many bytes follow the first :data:`PREFIX` bytes of a message."""
    header, payload = _PREFIX.unpack(prefix)
    return int(header) + int(payload)


def decode(message: bytes | bytearray) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of one whole message, which may come from a child taken over by a hostile file.

    Raises:
        WireError: If anything in it is not as :func:`encode` writes it.
    """
    size = _PREFIX.unpack_from(message)[0]
    try:
        header = json.loads(bytes(message[PREFIX : PREFIX + size]))
        listed = header.pop("arrays")
        if not listed:
            return header, {}
        return header, _arrays(listed, message, PREFIX + size)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WireError("the child's message is malformed") from error


def _arrays(listed: Any, message: bytes | bytearray, at: int) -> dict[str, NDArray[Any]]:
    import numpy as np

    arrays: dict[str, NDArray[Any]] = {}
    for name, kind, shape in listed:
        if not isinstance(name, str) or len(shape) > _MAX_DIMENSIONS:
            raise WireError("the child's message lists a strange array")
        if not all(type(side) is int and 0 <= side <= len(message) for side in shape):
            raise WireError("the child's message lists an array of impossible shape")
        count = math.prod(shape)
        end = at + count * _KINDS[kind]
        if end > len(message):
            raise WireError("the child's message is shorter than it says")
        arrays[name] = np.frombuffer(message, np.dtype(kind), count, at).reshape(shape)
        at = end
    if at != len(message):
        raise WireError("the child's message is longer than it says")
    return arrays
