"""Reads feature pickles of others without running anything in them.

A pickle is a program. Of all that it may call, six names are admitted, and what they stand for here are
plain records of our own: a number type, an array as bytes and shape. The arrays are made of these only
after type, shape and length have been checked; anything else in the file is refused by its name.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import StoreError

__all__ = ["Rows", "read_rows"]

#: What a vector may be made of.
_TYPES = frozenset({"f2", "f4", "f8"})
#: More would be no list of vectors, of seconds, of clips.
_DEPTH = 3


class _RefusedError(Exception):
    """Something in the file is not what a list of vectors needs."""


class _Type:
    """Stands for ``numpy.dtype``."""

    def __init__(self, code: object, align: object = False, copy: object = False) -> None:
        if code not in _TYPES:
            raise _RefusedError(f"numbers of type {code!r}")
        self.code = str(code)
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise _RefusedError("a strange number type")
        if state[1] not in ("<", ">"):
            raise _RefusedError(f"the byte order {state[1]!r}")
        self.order = str(state[1])

    @property
    def real(self) -> np.dtype[Any]:
        """The type itself."""
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for ``numpy.ndarray``: empty until the pickle has told its contents."""

    def __init__(self, *ignored: object) -> None:
        self.data: NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise _RefusedError("a strange array")
        self.data = _array(state[4], state[2], state[1], "F" if state[3] else "C")


def _array(data: object, kind: object, shape: object, order: object) -> NDArray[Any]:
    if isinstance(data, pickle.PickleBuffer):
        data = data.raw()
    if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray | memoryview):
        raise _RefusedError("an array that is not of plain numbers")
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise _RefusedError("an array of a strange shape")
    if len(data) != math.prod(shape) * kind.real.itemsize or order not in ("C", "F"):
        raise _RefusedError("an array whose bytes do not fill its shape")
    return np.frombuffer(data, kind.real).reshape(shape, order="F" if order == "F" else "C")


def _from_buffer(data: object, kind: object, shape: object, order: object) -> _Array:
    found = _Array()
    found.data = _array(data, kind, shape, order)
    return found


def _reconstructed(*ignored: object) -> _Array:
    return _Array()


def _latin(text: object, encoding: object) -> bytes:
    """Old protocols write bytes as text; no other codec is run."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _RefusedError("text in a code that is not Latin-1")
    return text.encode("latin-1")


#: Both homes of NumPy's inner functions, before and since its version 2.
_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _latin,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstructed for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


class _Reader(pickle.Unpickler):
    """Knows the names above and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise _RefusedError(f"{module}.{name}")
        return _ADMITTED[module, name]

    def persistent_load(self, pid: object) -> Any:
        raise _RefusedError("a reference to something outside the file")


class Rows:
    """The vectors of a file, one a second, in its order.

    Args:
        pieces: ``(n, dim)`` arrays of any float type, all of one ``dim``.
    """

    def __init__(self, pieces: list[NDArray[Any]]) -> None:
        self._pieces = pieces
        self._ends = np.cumsum([len(piece) for piece in pieces])
        self.dim = int(pieces[0].shape[1])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """``(stop - start, dim)`` float32."""
        block = np.empty((stop - start, self.dim), np.float32)
        at = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            piece, end = self._pieces[at], int(self._ends[at])
            first = start - (end - len(piece))
            taken = min(stop, end) - start
            filled = len(block) - (stop - start)
            block[filled : filled + taken] = piece[first : first + taken]
            start, at = start + taken, at + 1
        return block


def read_rows(path: Path, most: int) -> Rows:
    """The vectors in a pickle: a matrix, a list of vectors, or a list of clips that are either of these.

    Args:
        path: The file.
        most: Vectors that there may be; a small file could else stand for a list without end.

    Raises:
        StoreError: If it cannot be read, is damaged, holds anything but arrays of floats in lists, more
            vectors than that, none, or some of another length. Nothing in it is run.
    """
    try:
        with path.open("rb") as file:
            value = _Reader(file).load()
        pieces: list[NDArray[Any]] = []
        total = 0
        for piece in _pieces(value, _DEPTH):
            if piece.shape[1:] != (pieces or [piece])[0].shape[1:]:
                raise _RefusedError(f"vectors of {pieces[0].shape[1]} and of {piece.shape[1]} numbers")
            pieces.append(piece)
            total += max(1, len(piece))
            if total > most:
                raise _RefusedError(f"more than {most} vectors")
    except _RefusedError as error:
        raise StoreError(f"{path} is refused, it holds {error}") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except Exception as error:  # a hostile pickle can make the reader raise anything
        raise StoreError(f"{path} is no pickle, or a damaged one: {type(error).__name__}") from error
    if not total or not pieces[0].shape[1]:
        raise StoreError(f"{path} holds no vectors")
    return Rows(pieces)


def _pieces(value: object, depth: int) -> Iterator[NDArray[Any]]:
    if isinstance(value, _Array) and value.data is not None and value.data.ndim in (1, 2):
        yield np.atleast_2d(value.data)
    elif isinstance(value, _Array) and value.data is not None and value.data.ndim == 3:
        yield value.data.reshape(-1, value.data.shape[2])
    elif isinstance(value, list | tuple) and depth:
        for part in value:
            yield from _pieces(part, depth - 1)
    else:
        raise _RefusedError(f"{type(value).__name__.lstrip('_').lower()} where a vector should be")
