"""The files of an embedding store: parquet shards, the manifest that counts, and one writer at a time.

A shard is written under a temporary name, synced and renamed; only then does its row go to the end of
``manifest.jsonl``. What the manifest does not list does not exist: a shard without its row is overwritten,
and a last row without its line end was cut off by a crash and is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vadd.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MANIFEST", "ShardRow", "WriterLock", "append_row", "put", "read_json", "read_labels", "read_rows",
    "read_vectors", "sync_folder", "write_shard",
]  # fmt: skip

MANIFEST = "manifest.jsonl"
#: A vector column is named with this before its embedder: an embedder may be called ``clip``.
_VECTORS = "vector."


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One row of the manifest.

    Attributes:
        shard: File name in the folder ``shards``.
        size: Bytes.
        rows: Rows in it, one a second of a clip.
        embedders: Names of its vector columns.
    """

    shard: str
    size: int
    rows: int
    embedders: tuple[str, ...]


class WriterLock:
    """Held by the one process that writes; the kernel lets go of it when that process ends.

    Args:
        folder: The store.

    Raises:
        StoreError: If another process writes, or the folder takes no files.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StoreError(f"{folder}: another process is writing to this store") from error

    def release(self) -> None:
        """Let the next one write."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def put(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` make a file, so that under ``path`` there is the whole of it or what was before.

    Raises:
        StoreError: If it cannot be written; nothing is left behind and the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        try:
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot(path, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        StoreError: If it is missing, unreadable or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: it is no JSON object")
    return value


def read_rows(folder: Path) -> tuple[tuple[ShardRow, ...], int]:
    """The rows of the manifest, and how many of its bytes they take: a torn last row is not counted.

    Raises:
        StoreError: If a row other than a torn last one makes no sense, or a shard is missing or has
            another size; names the file and the line.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return (), 0
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    whole = data[: data.rfind(b"\n") + 1]
    rows = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            fields = json.loads(line)
            row = ShardRow(**{**fields, "embedders": tuple(fields["embedders"])})
            shard = folder / "shards" / Path(row.shard).name
            size = shard.stat().st_size
        except FileNotFoundError as error:
            raise StoreError(f"{path}, line {number}: the shard {row.shard} is missing") from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path}, line {number} is damaged: {error}") from error
        if size != row.size:
            raise StoreError(f"{shard} is damaged: it has {size} bytes, not {row.size}")
        rows.append(row)
    return tuple(rows), len(whole)


def append_row(folder: Path, row: ShardRow, at: int) -> int:
    """Add a row to the manifest behind its first ``at`` bytes; returns where the next one goes.

    Raises:
        StoreError: If it cannot be written; the manifest is then as before.
    """
    path = folder / MANIFEST
    line = json.dumps(asdict(row)).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with open(descriptor, "r+b", buffering=0) as file:  # noqa: PTH123 - a descriptor, not a path
            file.truncate(at)
            file.seek(at)
            try:
                if file.write(line) != len(line):
                    raise OSError(None, "the row was written in part")
                os.fsync(descriptor)
            except BaseException:
                file.truncate(at)
                raise
    except OSError as error:
        raise _cannot(path, error) from error
    return at + len(line)


def write_shard(
    path: Path, labels: Mapping[str, Any], vectors: Mapping[str, NDArray[np.float16]], group: int
) -> int:
    """Write a shard; returns its size in bytes.

    Args:
        path: Where.
        labels: Name → list of one value a row; strings are stored once.
        vectors: Embedder → ``(rows, dim)`` float16.
        group: Rows that are read together.

    Raises:
        StoreError: If it cannot be written; names what the system says.
    """
    arrow, parquet = _arrow()
    columns: dict[str, Any] = {}
    for name, values in labels.items():
        array = arrow.array(values)
        columns[name] = array.dictionary_encode() if arrow.types.is_string(array.type) else array
    for name, matrix in vectors.items():
        # A fixed number of bytes a row: as a list of half floats it is the same bytes, read ten times slower.
        rows, dim = matrix.shape
        data = arrow.py_buffer(matrix.astype("<f2", copy=False))
        columns[_VECTORS + name] = arrow.Array.from_buffers(arrow.binary(2 * dim), rows, [None, data])
    table = arrow.table(columns)

    def write(temporary: Path) -> None:
        parquet.write_table(
            table,
            temporary,
            row_group_size=group,
            compression={name: "zstd" if name in labels else "none" for name in columns},
            use_dictionary=list(labels),
            write_statistics=False,
            write_page_checksum=True,
        )

    put(path, write)
    return path.stat().st_size


def read_labels(path: Path, names: tuple[str, ...]) -> Any:
    """The label columns of a shard as an Arrow table.

    Raises:
        StoreError: If the shard is damaged or lacks a column.
    """
    with _Shard(path) as shard:
        missing = sorted(set(names) - set(shard.schema_arrow.names))
        if missing:
            raise StoreError(f"{path} is damaged: it has no column {missing[0]!r}")
        return shard.read(columns=list(names)).combine_chunks()


def read_vectors(path: Path, embedder: str, dim: int) -> NDArray[np.float16]:
    """One embedder's vectors in a shard, ``(rows, dim)`` float16, all finite.

    Raises:
        StoreError: If the shard is damaged, its vectors have another length, or one is missing or holds
            a value that is not finite; names the file and the row, counted from 0.
    """
    import numpy as np

    with _Shard(path) as shard:
        column = _VECTORS + embedder
        if column not in shard.schema_arrow.names:
            raise StoreError(f"{path} is damaged: it has no vectors of {embedder}")
        width = getattr(shard.schema_arrow.field(column).type, "byte_width", 0)
        if width != 2 * dim:
            raise StoreError(f"{path}: the vectors of {embedder} have {width // 2} numbers, not {dim}")
        array = shard.read(columns=[column]).column(0).combine_chunks()
    if array.null_count:
        row = array.is_null().to_pylist().index(True)
        raise StoreError(f"{path}, row {row}: the vector of {embedder} is missing")
    data = array.buffers()[1]
    matrix: NDArray[np.float16] = np.frombuffer(data, "<f2", len(array) * dim).reshape(-1, dim)
    # An exponent of ones says NaN or infinite; integers are compared ten times faster than halves.
    if matrix.size and int((matrix.view(np.uint16) & 0x7FFF).max()) >= 0x7C00:
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise StoreError(f"{path}, row {row}: the vector of {embedder} holds values that are not finite")
    return matrix


class _Shard:
    """An open shard whose pages are checked as they are read; Arrow's errors become ours."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> Any:
        arrow, parquet = _arrow()
        try:
            self._file = parquet.ParquetFile(self._path, page_checksum_verification=True)
        except (OSError, ValueError, arrow.ArrowException) as error:
            raise StoreError(f"{self._path} is damaged: {_first(error)}") from error
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if isinstance(error, OSError | ValueError | _arrow()[0].ArrowException):
            raise StoreError(f"{self._path} is damaged: {_first(error)}") from error


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StoreError("an embedding store needs: pip install 'vadd[paper]'") from error
    return pyarrow, pyarrow.parquet


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def sync_folder(folder: Path) -> None:
    """Make new names in a folder last through a power cut; raises OSError if that cannot be done."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot(path: Path, error: OSError) -> StoreError:
    reason = (error.strerror or str(error)).lower()
    return StoreError(f"cannot write {path}: {reason}; what was stored before is safe")
