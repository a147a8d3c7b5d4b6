"""The authors' published features into a store: one pickle a network, ten vectors a clip.

The files are called ``feats_NAME.pkl``. Their vectors follow the sorted names of the video files of the
whole development set, ten a clip; files with twice as many hold all clips once more, augmented. They were
made with other frames and sizes than ours, so they are stored under names of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from vadd.embed.base import Modality
from vadd.embed.pickles import Rows, read_rows
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.errors import StoreError, UsageError
from vadd.protocol.tau import TauClip, file_order

__all__ = ["NETWORKS", "import_features"]

#: What the authors call a network in the file's name → which stream it reads.
NETWORKS = {
    "vit": Modality.PICTURE,
    "clip": Modality.PICTURE,
    "resnet50": Modality.PICTURE,
    "wideresnet": Modality.PICTURE,
    "densenet161": Modality.PICTURE,
    "effnet": Modality.PICTURE,
    "openl3": Modality.SOUND,
    "pann": Modality.SOUND,
    "iov": Modality.SOUND,
}
SECONDS = 10
#: Clips that are written together.
_CLIPS = 800


def import_features(
    folder: Path,
    files: Sequence[Path],
    clips: Sequence[TauClip],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[str, ...]:
    """Write feature pickles into a store, which is made if it is not there.

    Args:
        folder: The store.
        files: The pickles.
        clips: The clips that they are of, in any order.
        progress: Called with (files done, files in all).

    Returns:
        The names of the embedders that were written.

    Raises:
        UsageError: If a file's name does not tell the network.
        StoreError: If a file is not what it should be (nothing in it is run), does not fit the clips, or
            the store cannot be written or has such vectors already.
    """
    ordered = file_order(clips)
    names = [_network(path) for path in files]
    if len(set(names)) < len(names):
        raise UsageError("two of the files are of the same network")
    for done, (path, name) in enumerate(zip(files, names, strict=True)):
        rows = read_rows(path, 2 * SECONDS * len(ordered))
        twice = len(rows) == 2 * SECONDS * len(ordered)
        if not twice and len(rows) != SECONDS * len(ordered):
            wanted = f"{SECONDS * len(ordered)} or twice that for {len(ordered)} clips"
            raise StoreError(f"{path} holds {len(rows)} vectors, not {wanted}")
        modality = NETWORKS[name]
        record = EmbedderRecord(f"authors_{name}", modality, rows.dim, f"pickle-{_digest(path)}")
        with _opened(folder, record) as store:
            _write(store, record, rows, ordered, augmented=False)
            # The sound is the same in both halves; a store reads it from the first.
            if twice and modality is Modality.PICTURE:
                _write(store, record, rows, ordered, augmented=True)
        if progress is not None:
            progress(done + 1, len(files))
    return tuple(f"authors_{name}" for name in names)


def _network(path: Path) -> str:
    name = path.stem.removeprefix("feats_").removesuffix("_x")
    if name not in NETWORKS:
        raise UsageError(f"{path.name} is not feats_NAME.pkl with one of {', '.join(NETWORKS)}")
    return name


def _opened(folder: Path, record: EmbedderRecord) -> Store:
    config = {"features": "published by the authors"}
    if not (folder / "store.json").exists():
        return Store.create(folder, [record], config=config)
    store = Store.open(folder)
    if store.recipe.get("config") != config:
        raise StoreError(f"{folder} holds vectors of another origin: use another store")
    store.add_embedder(record)
    return store


def _write(
    store: Store, record: EmbedderRecord, rows: Rows, clips: Sequence[TauClip], *, augmented: bool
) -> None:
    offset = SECONDS * len(clips) if augmented else 0
    for start in range(0, len(clips), _CLIPS):
        batch = clips[start : start + _CLIPS]
        # What a run that was killed has written is there already.
        if all(store.has(clip.name, record.name, augmented=augmented) for clip in batch):
            continue
        first = offset + SECONDS * start
        stored = [
            StoredClip(clip.name, "", SECONDS, augmented, clip.scene, clip.city, clip.location, clip.split)
            for clip in batch
        ]
        store.write(stored, {record.name: rows.block(first, first + SECONDS * len(batch))})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
