"""What a classifier learns from: rows of a store with their scenes, and which locations are kept apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.spec import EmbedderRef
from vadd.embed import catalog
from vadd.embed.base import Modality
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.errors import ModelError, StoreError, UsageError
from vadd.scenes import TAU, SceneSet, coarsen

__all__ = [
    "Samples", "embedder_refs", "held_out", "labelled_clips", "load", "moments", "place", "store_identity",
]  # fmt: skip

#: Rows whose statistics are taken at once.
_CHUNK = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Seconds with their scenes.

    Attributes:
        rows: ``(N, D)`` float16, the embedders' vectors side by side.
        labels: ``(N,)`` int64, index of the scene.
        owner: ``(N,)`` int32, index into ``clips``.
        clips: The clips, plain ones and augmented twins.
    """

    rows: NDArray[np.float16]
    labels: NDArray[np.int64]
    owner: NDArray[np.int32]
    clips: tuple[StoredClip, ...]

    @property
    def truth(self) -> NDArray[np.int64]:
        """``(clips,)`` the scene of each clip."""
        return self.labels[np.flatnonzero(np.diff(self.owner, prepend=-1))]

    def windows(self, seconds: int) -> NDArray[np.int64]:
        """``(W, 3)`` stretches of at most ``seconds`` rows of one clip: first row, length, rows that are new.

        A clip that is longer is cut; its last stretch reaches back so that it is as long as the others,
        and its last rows alone are new.
        """
        starts = np.flatnonzero(np.diff(self.owner, prepend=-1))
        ends = np.append(starts[1:], len(self.owner))
        found = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            length = min(seconds, end - start)
            for at in range(start, end, seconds):
                new = min(at + seconds, end) - at
                found.append((at + new - length, length, new))
        return np.array(found, np.int64).reshape(-1, 3)


def place(clip: StoredClip) -> str:
    """Where a clip was recorded, as the card of a classifier names it: ``city/location``."""
    return f"{clip.city}/{clip.location}"


def embedder_refs(store: Store, names: Iterable[str]) -> tuple[EmbedderRef, ...]:
    """A store's embedders as a classifier knows them, pictures first.

    The hash of the weights is known where the store's vectors are those of a catalog embedder at hand;
    else the classifier will judge no file.

    Args:
        store: The store.
        names: Embedders in it.

    Raises:
        StoreError: If it lacks one.
    """
    wanted = list(names)
    for name in wanted:
        if name not in store.embedders:
            raise StoreError(f"{store.folder} has no embedder {name!r}; it has {', '.join(store.embedders)}")
    records = [store.embedders[name] for name in wanted]
    refs = [EmbedderRef(each.name, each.dim, each.modality, _weights(each)) for each in records]
    return tuple(sorted(refs, key=lambda ref: list(Modality).index(ref.modality)))


def _weights(record: EmbedderRecord) -> str | None:
    if record.name not in catalog.names():
        return None
    try:
        card = catalog.load(record.name).card
        return card.weights.digest if EmbedderRecord.of(card) == record else None
    except ModelError:  # its weights are not at hand: nobody knows what made the vectors
        return None


def labelled_clips(
    store: Store, embedders: Sequence[EmbedderRef], scenes: SceneSet, *, split: str, augmented: bool = False
) -> tuple[StoredClip, ...]:
    """The clips of a split that have vectors of all embedders and a scene of the set.

    Args:
        store: The store.
        embedders: All of them are needed.
        scenes: TAU's, or a coarser set; clips of a scene that it leaves out (vehicles, of indoor and
            outdoor) are left out.
        split: ``train`` or ``test``.
        augmented: The augmented twins instead.

    Raises:
        UsageError: If a clip has no scene of TAU's.
    """
    into = coarsen(TAU, scenes)
    found = []
    for clip in store.clips([each.name for each in embedders], split=split, augmented=augmented):
        if clip.scene not in TAU.scenes:
            said = f"the scene {clip.scene!r}, which is none of TAU's" if clip.scene else "no scene"
            raise UsageError(f"the clip {clip.name} in {store.folder} has {said}")
        if into[TAU.index(clip.scene)] is not None:
            found.append(clip)
    return tuple(found)


def held_out(clips: Iterable[StoredClip], share: float, seed: int) -> frozenset[str]:
    """Locations to keep from training: of each scene a share, at least one and never all.

    It depends on the clips, the share and the seed alone, so that classifiers of either modality and of
    any scene set keep the same.

    Args:
        clips: All training clips of a store, also those of scenes that a classifier leaves out.
        share: 0-1; 0 keeps none.
        seed: Of the draw.

    Returns:
        Places as :func:`place` names them.

    Raises:
        UsageError: If a scene was recorded in one location only.
    """
    if not share:
        return frozenset()
    places: dict[str, set[str]] = {}
    for clip in clips:
        places.setdefault(clip.scene, set()).add(place(clip))
    kept: set[str] = set()
    rng = np.random.default_rng([seed, 1])
    for scene in sorted(places):
        there = sorted(places[scene])
        if len(there) < 2:
            where = "no known location" if there == ["/"] else f"the one location {there[0]}"
            raise UsageError(f"all training clips of {scene or 'no scene'} are from {where}; "
                             "none can be kept for validation")  # fmt: skip
        count = min(len(there) - 1, max(1, round(share * len(there))))
        kept |= {there[at] for at in rng.permutation(len(there))[:count]}
    return frozenset(kept)


def load(
    store: Store, embedders: Sequence[EmbedderRef], scenes: SceneSet, clips: Sequence[StoredClip]
) -> Samples:
    """The seconds of some clips, in memory, as half-precision numbers.

    Args:
        store: The store.
        embedders: In the order of the columns.
        scenes: Of the labels.
        clips: Of :func:`labelled_clips`.

    Raises:
        StoreError: If vectors are missing, damaged or not finite.
    """
    into = coarsen(TAU, scenes)
    instances = store.instances([each.name for each in embedders], clips)
    of_clip = np.array([into[TAU.index(clip.scene)] for clip in clips], np.int64)
    return Samples(instances.matrix, of_clip[instances.clip], instances.clip, tuple(clips))


def moments(rows: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, summed in double precision in flat memory.

    Args:
        rows: ``(N, D)``, at least one row.

    Returns:
        Two arrays ``(D,)``.
    """
    # Taken off first, so that a large offset does not swallow a small spread.
    shift = rows[:_CHUNK].astype(np.float32).mean(axis=0, dtype=np.float64).astype(np.float32)
    total = np.zeros(rows.shape[1])
    squares = np.zeros(rows.shape[1])
    for chunk in _chunks(rows):
        apart = chunk.astype(np.float32) - shift
        total += apart.sum(axis=0, dtype=np.float64)
        squares += np.einsum("nd,nd->d", apart, apart, dtype=np.float64)
    mean = total / len(rows)
    return mean + shift, np.sqrt(np.maximum(0.0, squares / len(rows) - mean**2))


def _chunks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def store_identity(store: Store, clips: Iterable[StoredClip]) -> str:
    """A digest of what was learnt from: recipe, embedders, and the clips, labels and file hashes included."""
    words = {
        "recipe": store.recipe,
        "metadata": store.metadata,
        "embedders": {name: record.identity for name, record in sorted(store.embedders.items())},
        "clips": sorted(astuple(each) for each in clips),
    }
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()
