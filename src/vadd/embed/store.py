"""The embedding store: what every second of every clip looks and sounds like, computed once.

A store is a folder. ``store.json`` names its embedders with the hashes of their weights and
preprocessing, and the recipe (code version, configuration) that all its vectors were made with; the
shards hold one row a second of a clip with its labels and one half-precision vector an embedder. A
clip's vectors are known by its file's SHA-256, the embedder's hash and the recipe: what is there under
these is never computed again. Augmentation leaves the sound unchanged, so an augmented clip has rows of
pictures only, and its sound is read from the plain clip's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vadd._version import __version__
from vadd.embed.base import Modality
from vadd.embed.store_files import (
    ShardRow,
    WriterLock,
    append_row,
    put,
    read_json,
    read_labels,
    read_rows,
    read_vectors,
    write_shard,
)  # fmt: skip
from vadd.embed.store_records import LABELS, EmbedderRecord, Instances, StoredClip, by_rows, clips_of
from vadd.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EmbedderRecord", "Instances", "Store", "StoredClip"]

FORMAT, VERSION = "vadd-store", 1
#: Rows a shard: a column of 2048 numbers then takes 32 MB, the most that reading one holds in memory.
SHARD_ROWS = 8_192
#: Rows read together, so that a few clips do not cost a whole shard.
GROUP_ROWS = 2_048


@dataclass(slots=True)
class _Entry:
    """A clip and where its vectors are: embedder → (shard, first row)."""

    clip: StoredClip
    places: dict[str, tuple[str, int]]


class Store:
    """A store on disk; made by :meth:`create` or :meth:`open`. Reading needs no lock, writing takes one.

    Attributes:
        folder: Where it is.
        embedders: Name → record.
        recipe: What all its vectors were made with.
        metadata: Facts about it as a whole; ``synthetic`` is true where no clip was ever seen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: WriterLock | None = None
        self._load()

    @classmethod
    def create(
        cls,
        folder: Path,
        embedders: Iterable[EmbedderRecord],
        *,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Store:
        """Make an empty store.

        Args:
            folder: Where; it and its parents are made, and it must not hold a store.
            embedders: What it will hold; more can be added later.
            config: JSON-ready settings that the vectors depend on.
            metadata: JSON-ready facts about the store.

        Raises:
            StoreError: If there is a store already, or the folder can't be written.
        """
        if (folder / "store.json").exists():
            raise StoreError(f"{folder} holds a store already")
        try:
            (folder / "shards").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make {folder}: {(error.strerror or str(error)).lower()}") from error
        head = {
            "format": FORMAT,
            "version": VERSION,
            "recipe": {"code": __version__, "config": dict(config or {})},
            "embedders": [asdict(record) for record in embedders],
            "metadata": dict(metadata or {}),
        }
        _put_json(folder / "store.json", head)
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open a store and check everything about it but the vectors themselves.

        Raises:
            StoreError: If there is none, it is of another version, a shard is missing or damaged, or
                seconds of a clip are missing; names file and row.
        """
        if not (folder / "store.json").is_file():
            raise StoreError(f"there is no embedding store in {folder}")
        return cls(folder)

    @property
    def synthetic(self) -> bool:
        """Whether the vectors were made up."""
        return bool(self.metadata.get("synthetic"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _load(self) -> None:
        path = self.folder / "store.json"
        head = read_json(path)
        form, version = head.get("format"), head.get("version")
        if (form, version) != (FORMAT, VERSION):
            raise StoreError(f"{path} is {form!r} version {version!r}, not {FORMAT} version {VERSION}")
        try:
            self.recipe: dict[str, Any] = dict(head["recipe"])
            self.metadata: dict[str, Any] = dict(head["metadata"])
            listed = [EmbedderRecord(**{**row, "modality": Modality(row["modality"])})
                      for row in head["embedders"]]  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{path} is damaged: {error!r}") from error
        self.embedders = {record.name: record for record in listed}
        self._rows, self._end = read_rows(self.folder)
        self._entries: dict[tuple[str, bool], _Entry] = {}
        for row in self._rows:
            self._index(row)

    def _index(self, row: ShardRow) -> None:
        """Take a shard's clips into the table, and check that each has all its seconds."""
        path = self._path(row.shard)
        if unknown := sorted(set(row.embedders) - set(self.embedders)):
            raise StoreError(f"{path}: store.json does not know the embedder {unknown[0]!r}")
        table = read_labels(path, (*LABELS, "second"))
        if table.num_rows != row.rows:
            raise StoreError(f"{path} is damaged: it has {table.num_rows} rows, not {row.rows}")
        for at, clip in clips_of(path, table):
            self._place(clip, row, at)

    def _place(self, clip: StoredClip, row: ShardRow, at: int) -> None:
        entry = self._entries.setdefault((clip.name, clip.augmented), _Entry(clip, {}))
        if entry.clip != clip:
            different = [field.name for field in fields(clip)
                         if getattr(entry.clip, field.name) != getattr(clip, field.name)]  # fmt: skip
            where = f"{self._path(row.shard)}, row {at}"
            raise StoreError(f"{where}: the clip {clip.name} has another {different[0]} elsewhere")
        for embedder in row.embedders:
            entry.places[embedder] = (row.shard, at)

    def _path(self, shard: str) -> Path:
        return self.folder / "shards" / shard

    def add_embedder(self, record: EmbedderRecord) -> None:
        """Make room for one more embedder; nothing happens if it is there already.

        Raises:
            StoreError: If one of that name is there whose vectors would not be comparable.
        """
        there = self.embedders.get(record.name)
        if there == record:
            return
        if there is not None:
            sizes = f"{there.dim} numbers, not {record.dim}"
            what = sizes if there.dim != record.dim else "other weights or preprocessing"
            raise StoreError(f"{self.folder} holds {record.name} with {what}: use another store")
        self._writable()
        head = read_json(self.folder / "store.json")
        head["embedders"].append(asdict(record))
        _put_json(self.folder / "store.json", head)
        self.embedders[record.name] = record

    def write(self, clips: Sequence[StoredClip], vectors: Mapping[str, NDArray[Any]]) -> None:
        """Add the vectors of some clips; after the return they are on the disk for good.

        Args:
            clips: The clips in order.
            vectors: Embedder → ``(sum of the clips' seconds, dim)`` of any float type.

        Raises:
            StoreError: If an embedder is unknown, vectors do not fit, a value is not finite in half
                precision, a vector is there already, or the disk is full; nothing of the failing shard
                is then in the store, and all that was before still is.
        """
        self._writable()
        halves = {name: self._checked(name, clips, matrix) for name, matrix in vectors.items()}
        for clip in clips:
            there = self._entries.get((clip.name, clip.augmented))
            if there is not None and (there.clip != clip or set(there.places) & set(vectors)):
                raise StoreError(f"{self.folder} holds the clip {clip.name} already")
        start = 0
        for group in by_rows(clips, SHARD_ROWS):
            length = sum(clip.seconds for clip in group)
            self._write_shard(group, {name: m[start : start + length] for name, m in halves.items()}, length)
            start += length

    def _write_shard(
        self, clips: list[StoredClip], vectors: dict[str, NDArray[np.float16]], rows: int
    ) -> None:
        repeated = [clip for clip in clips for _ in range(clip.seconds)]
        labels: dict[str, Any] = {
            "clip" if name == "name" else name: [getattr(clip, name) for clip in repeated]
            for name in ("name", *LABELS[1:])
        }
        labels["second"] = [second for clip in clips for second in range(clip.seconds)]
        name = f"{len(self._rows):06d}.parquet"
        size = write_shard(self._path(name), labels, vectors, GROUP_ROWS)
        row = ShardRow(name, size, rows, tuple(vectors))
        self._end = append_row(self.folder, row, self._end)
        self._rows = (*self._rows, row)
        at = 0
        for clip in clips:
            self._place(clip, row, at)
            at += clip.seconds

    def _checked(self, name: str, clips: Sequence[StoredClip], matrix: NDArray[Any]) -> NDArray[np.float16]:
        import numpy as np

        record = self.embedders.get(name)
        if record is None:
            raise StoreError(f"{self.folder} has no embedder {name!r}; it has {', '.join(self.embedders)}")
        shape = (sum(clip.seconds for clip in clips), record.dim)
        if matrix.shape != shape:
            raise StoreError(f"the vectors of {name} have the shape {matrix.shape}, not {shape}")
        with np.errstate(over="ignore"):
            half = np.ascontiguousarray(matrix, np.float16)
        wrong = np.flatnonzero(~np.isfinite(half).all(axis=1))
        if len(wrong):
            owner = [(clip.name, second) for clip in clips for second in range(clip.seconds)][int(wrong[0])]
            why = "are beyond half precision" if np.isfinite(matrix[wrong[0]]).all() else "are not finite"
            raise StoreError(f"{owner[0]}, second {owner[1]}: values of {name} {why}")
        return half

    def _writable(self) -> None:
        if self._lock is None:
            self._lock = WriterLock(self.folder)
            if read_rows(self.folder) != (self._rows, self._end):  # somebody wrote since this was opened
                self._load()

    def has(self, name: str, embedder: str, *, augmented: bool = False) -> bool:
        """Whether a clip's vectors of an embedder are there."""
        return self._find(name, embedder, augmented) is not None

    def clip(self, name: str) -> StoredClip | None:
        """The plain clip of this name, or ``None`` if there is none."""
        entry = self._entries.get((name, False))
        return None if entry is None else entry.clip

    def clips(
        self, embedders: Iterable[str] = (), *, split: str | None = None, augmented: bool = False
    ) -> tuple[StoredClip, ...]:
        """The clips that have vectors of all these embedders, sorted by name.

        Args:
            embedders: Names; none asks for every clip.
            split: Only clips of this split.
            augmented: The augmented twins instead of the plain clips.
        """
        wanted = [self.record(name).name for name in embedders]
        found = [
            entry.clip
            for (name, twin), entry in self._entries.items()
            if twin == augmented
            and split in (None, entry.clip.split)
            and all(self._find(name, embedder, twin) for embedder in wanted)
        ]
        return tuple(sorted(found, key=lambda clip: clip.name))

    def arrays(
        self, embedders: Sequence[str], clips: Sequence[StoredClip] | None = None
    ) -> NDArray[np.float32]:
        """Vectors of clips of equal length, ``(N, T, D)`` float32, the embedders' side by side.

        Raises:
            StoreError: If clips differ in length, a vector is missing, or a shard is damaged.
        """
        import numpy as np

        chosen = self.clips(embedders) if clips is None else clips
        lengths = {clip.seconds for clip in chosen}
        if len(lengths) > 1:
            odd = next(clip for clip in chosen if clip.seconds != chosen[0].seconds)
            said = f"{odd.name} has {odd.seconds} seconds, {chosen[0].name} {chosen[0].seconds}"
            raise StoreError(f"{self.folder}: clips differ in length: {said}")
        matrix = self.instances(embedders, chosen).matrix
        return matrix.astype(np.float32).reshape(len(chosen), max(lengths, default=0), matrix.shape[1])

    def instances(self, embedders: Sequence[str], clips: Sequence[StoredClip] | None = None) -> Instances:
        """All seconds of some clips as one half-precision matrix; holds it and one column of a shard.

        Args:
            embedders: Names, in the order of the columns.
            clips: From :meth:`clips`, plain and augmented ones as you like; all plain ones if ``None``.

        Raises:
            StoreError: If a vector is missing or a shard is damaged; names file and row.
        """
        import numpy as np

        chosen = self.clips(embedders) if clips is None else clips
        lengths = np.array([clip.seconds for clip in chosen], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        dims = [self.record(name).dim for name in embedders]
        matrix = np.empty((int(starts[-1]), sum(dims)), np.float16)
        jobs: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
        for at, clip in enumerate(chosen):
            for column, name in enumerate(embedders):
                shard, row = self._located(clip, name)
                jobs.setdefault((shard, column), []).append((int(starts[at]), row, clip.seconds))
        left = np.concatenate([[0], np.cumsum(dims)])
        for (shard, column), pieces in sorted(jobs.items()):
            source = read_vectors(self._path(shard), embedders[column], dims[column])
            across = slice(int(left[column]), int(left[column + 1]))
            for to, row, length in pieces:
                matrix[to : to + length, across] = source[row : row + length]
        second = (np.arange(len(matrix)) - np.repeat(starts[:-1], lengths)).astype(np.int32)
        return Instances(matrix, np.repeat(np.arange(len(chosen), dtype=np.int32), lengths), second)

    def stream(
        self, embedders: Sequence[str], clips: Sequence[StoredClip] | None = None, *, rows: int = SHARD_ROWS
    ) -> Iterator[tuple[tuple[StoredClip, ...], Instances]]:
        """The same in pieces of at least ``rows`` rows, in the order they are stored, in flat memory.

        Raises:
            StoreError: As :meth:`instances`.
        """
        chosen = self.clips(embedders) if clips is None else clips
        ordered = iter(sorted(chosen, key=lambda clip: [self._located(clip, name) for name in embedders]))
        while first := next(ordered, None):
            piece, length = [first], first.seconds
            while length < rows and (more := next(ordered, None)):
                piece.append(more)
                length += more.seconds
            yield tuple(piece), self.instances(embedders, piece)

    def check(self) -> int:
        """Read every vector; returns how many there are.

        Raises:
            StoreError: At the first that is damaged, missing or not finite; names file and row.
        """
        return sum(
            len(read_vectors(self._path(row.shard), name, self.record(name).dim))
            for row in self._rows
            for name in row.embedders
        )

    def record(self, name: str) -> EmbedderRecord:
        """The embedder of this name; raises StoreError if there is none."""
        if name not in self.embedders:
            raise StoreError(f"{self.folder} has no embedder {name!r}; it has {', '.join(self.embedders)}")
        return self.embedders[name]

    def _find(self, name: str, embedder: str, augmented: bool) -> tuple[str, int] | None:
        plain = augmented and self.record(embedder).modality is Modality.SOUND
        entry = self._entries.get((name, augmented and not plain))
        return None if entry is None else entry.places.get(embedder)

    def _located(self, clip: StoredClip, embedder: str) -> tuple[str, int]:
        place = self._find(clip.name, embedder, clip.augmented)
        if place is None:
            raise StoreError(f"{self.folder}: the clip {clip.name} has no vectors of {embedder}")
        return place


def _put_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, indent=1, sort_keys=True) + "\n"

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    put(path, write)
