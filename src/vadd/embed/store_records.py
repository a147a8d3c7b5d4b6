"""What a store's rows say: which embedder, which clip, which second."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.embed.base import EmbedderCard, Modality
from vadd.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LABELS", "EmbedderRecord", "Instances", "StoredClip", "by_rows", "clips_of"]

#: The columns that say which clip a row belongs to; all rows of a clip have the same.
LABELS = ("clip", "sha256", "seconds", "augmented", "scene", "city", "location", "split")


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """An embedder as a store knows it.

    Attributes:
        name: Catalog name, or a name of its own for vectors from elsewhere.
        modality: Picture or sound.
        dim: Length of its vectors.
        identity: What its vectors depend on: hash of weights and preprocessing, or where they came from.
    """

    name: str
    modality: Modality
    dim: int
    identity: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or type(self.dim) is not int or self.dim < 1:
            raise ValueError(f"an embedder {self.name!r} of {self.dim!r} numbers")

    @classmethod
    def of(cls, card: EmbedderCard) -> EmbedderRecord:
        """The record of a catalog embedder with its weights at hand.

        Raises:
            ModelError: If its weights have no hash yet.
        """
        steps = json.dumps([card.weights.digest, card.dim, *card.preprocessing], default=str)
        return cls(card.name, card.modality, card.dim, hashlib.sha256(steps.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip and what is known of it; rows of an augmented clip have ``augmented`` set.

    Attributes:
        name: Of the clip, unique in a store; without file suffix.
        sha256: Of its file (of both its files); empty if the vectors did not come from a file.
        seconds: How many rows it has, at least 1.
        augmented: Whether these are the rows of its augmented twin.
        scene: Label, or empty. Likewise ``city``, ``location`` and ``split`` (``train`` or ``test``).
    """

    name: str
    sha256: str
    seconds: int
    augmented: bool = False
    scene: str = ""
    city: str = ""
    location: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """All seconds of some clips as one matrix.

    Attributes:
        matrix: ``(rows, D)`` float16, the embedders' vectors side by side.
        clip: ``(rows,)`` int32, index into the clips that were asked for.
        second: ``(rows,)`` int32, 0 at the start of each clip.
    """

    matrix: NDArray[np.float16]
    clip: NDArray[np.int32]
    second: NDArray[np.int32]


def clips_of(path: Path, table: Any) -> Iterator[tuple[int, StoredClip]]:
    """The clips of a shard with their first rows.

    Args:
        path: The shard, for errors.
        table: Its label columns (:data:`LABELS`) and ``second``, an Arrow table.

    Raises:
        StoreError: If a column is of another type, or a second of a clip is missing; names the row.
    """
    import numpy as np

    if table.num_rows == 0:
        return
    for name in (*LABELS, "second"):
        if table[name].null_count or not _fits(name, table[name].type):
            raise StoreError(f"{path} is damaged: its column {name!r} is of type {table[name].type}")
    second = table["second"].to_numpy()
    names = table["clip"].combine_chunks().indices.to_numpy()
    twins = table["augmented"].to_numpy()
    new = np.concatenate([[True], (names[1:] != names[:-1]) | (twins[1:] != twins[:-1])])
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(second))
    wanted = np.arange(len(second)) - np.repeat(starts, ends - starts)
    heads = table.select(list(LABELS)).take(starts).to_pylist()
    for row in np.flatnonzero(second != wanted)[:1]:
        owner = heads[int(np.searchsorted(starts, row, side="right")) - 1]["clip"]
        raise StoreError(f"{path}, row {row}: second {wanted[row]} of the clip {owner} is missing")
    for head, start, end in zip(heads, starts.tolist(), ends.tolist(), strict=True):
        clip = StoredClip(name=head.pop("clip"), **head)
        if clip.seconds != end - start:
            raise StoreError(f"{path}, row {end - 1}: seconds of the clip {clip.name} are missing after it")
        yield start, clip


def _fits(name: str, kind: Any) -> bool:
    """Whether a column has the type that it is written with."""
    from pyarrow import types

    if name in {"second", "seconds"}:
        return bool(types.is_integer(kind))
    if name == "augmented":
        return bool(types.is_boolean(kind))
    return bool(types.is_dictionary(kind) and types.is_string(kind.value_type))


def by_rows(clips: Sequence[StoredClip], most: int) -> Iterator[list[StoredClip]]:
    """Groups of clips of at most ``most`` rows, or of one longer clip."""
    group: list[StoredClip] = []
    rows = 0
    for clip in clips:
        if group and rows + clip.seconds > most:
            yield group
            group, rows = [], 0
        group.append(clip)
        rows += clip.seconds
    if group:
        yield group
