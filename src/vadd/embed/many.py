"""A folder of clips into a store: what is there is skipped, what is done is safe, what fails is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vadd._version import __version__
from vadd.embed import catalog
from vadd.embed.base import Embedder
from vadd.embed.extract import DEFAULT_EMBEDDERS
from vadd.embed.pipeline import AMPLIFIED, Embedded, Failure, Pipeline, Source, side_for
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.errors import MediaError, StoreError, UsageError
from vadd.media.identity import Identity
from vadd.media.limits import Limits

__all__ = ["PAPER_EMBEDDERS", "Summary", "chosen", "embed_into", "find_sources", "open_or_create"]

#: The six of the paper, in its order.
PAPER_EMBEDDERS = (
    "vit_h14_swag", "clip_h14_laion2b", "resnet50_places365",
    "openl3_music_mel256", "pann_wavegram_logmel_cnn14", "iov_cnn420",
)  # fmt: skip
#: Clips that go through the nets, and into the store, together: what a kill loses at most. Groups are cut
#: from the whole list, so that a run that was killed and resumed writes the same shards.
GROUP = 16
#: What is taken for a clip in a folder.
SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".ts", ".mpg", ".flv", ".ogv"})
_LOG = "files.jsonl"


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the clips.

    Attributes:
        written: Clips embedded now.
        skipped: Clips that were there already.
        failures: Clips that could not be embedded.
    """

    written: int
    skipped: int
    failures: tuple[Failure, ...]


def chosen(names: str) -> tuple[str, ...]:
    """Embedder names from ``paper``, ``default`` or a list with commas.

    Raises:
        ModelError: If one is unknown.
        UsageError: If none is named, or one twice.
    """
    sets = {"paper": PAPER_EMBEDDERS, "default": DEFAULT_EMBEDDERS}
    found = sets.get(names) or tuple(name.strip() for name in names.split(",") if name.strip())
    if not found:
        raise UsageError("name embedders: paper, default, or names with commas between them")
    if len(set(found)) < len(found):
        raise UsageError(f"an embedder is named twice in {names!r}")
    for name in found:
        catalog.card(name)
    return found


def find_sources(folder: Path) -> tuple[Source, ...]:
    """The clips in a folder and the folders in it, sorted by name; a name is a path without its suffix.

    Raises:
        UsageError: If there is no folder, no clip in it, or two of one name.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise UsageError(f"{path} and {found[name]} have the same name")
        found[name] = path
    if not found:
        raise UsageError(f"there is no clip in {folder}")
    return tuple(Source(name, path, path) for name, path in found.items())


def open_or_create(
    folder: Path, embedders: Sequence[Embedder], *, limits: Limits, seed: int | None = None
) -> Store:
    """The store for these embedders; they are added to one that is there.

    Args:
        folder: Where.
        embedders: Embedders with their weights at hand.
        limits: Part of the recipe, as they decide what is damaged.
        seed: Of the augmentation, which then is part of the recipe from the beginning.

    Raises:
        StoreError: If the store there was made another way.
        ModelError: If weights are missing.
    """
    records = [EmbedderRecord.of(each.card) for each in embedders]
    config: dict[str, Any] = {"amplified": sorted(AMPLIFIED), "coverage": limits.coverage}
    side = side_for(embedders)
    if not (folder / "store.json").exists():
        return Store.create(folder, records, config={**config, "seed": seed, "side": side})
    store = Store.open(folder)
    there = dict(store.recipe.get("config", {}))
    before, stored = there.pop("seed", None), there.pop("side", 0)
    if store.recipe.get("code") != __version__ or there != config:
        code = store.recipe.get("code")
        raise StoreError(f"{folder} was made by vadd {code} with other settings: use another store")
    if seed is not None and before != seed:
        raise StoreError(f"{folder} was begun with the augmentation seed {before}, not {seed}")
    if side > stored:
        raise StoreError(f"{folder} was begun with frames of {stored} pixels, not {side}: use another store")
    for record in records:
        store.add_embedder(record)
    return store


def embed_into(
    store: Store,
    sources: Iterable[Source],
    embedders: Sequence[Embedder],
    *,
    limits: Limits | None = None,
    seed: int | None = None,
    rehash: bool = False,
    progress: Callable[[int, int], None] | None = None,
    failed: Callable[[Failure], None] | None = None,
) -> Summary:
    """Embed the clips that a store lacks.

    Args:
        store: Of :func:`open_or_create`.
        sources: The clips.
        embedders: The nets; what a clip has already is not computed again.
        limits: What a file may cost; the defaults if ``None``.
        seed: Also embed an augmented twin of every clip that is not of the split ``test``.
        rehash: Hash files whose size and time of change are as before, too.
        progress: Called with (clips done, clips in all).
        failed: Called with each failure as it occurs.

    Raises:
        StoreError: If the store cannot be written; all before is safe.
        ModelError: If an embedder cannot be used.
    """
    ordered = sorted(sources, key=lambda source: source.name)
    log = _Log(store.folder, rehash=rehash)
    failures: list[Failure] = []
    written = skipped = 0

    def fail(failure: Failure) -> None:
        failures.append(failure)
        if failed is not None:
            failed(failure)

    for start in range(0, len(ordered), GROUP):
        group = ordered[start : start + GROUP]
        jobs: dict[tuple[str, ...], list[Source]] = {}
        for source in group:
            lacking = _lacking(store, source, embedders, seed)
            try:
                known = store.clip(source.name)
                if known is not None and log.sha256(source) != known.sha256:
                    raise StoreError(f"{source.name}: the store has another file of this name")
            except (MediaError, StoreError) as error:
                fail(Failure(source, str(error)))
                continue
            if lacking:
                jobs.setdefault(lacking, []).append(source)
            else:
                skipped += 1
        for names, wanted in jobs.items():
            nets = [each for each in embedders if each.card.name in names]
            twins = frozenset(source.name for source in wanted if _doubled(source, seed))
            pipeline = Pipeline(nets, limits=limits, seed=seed or 0, side=store.recipe["config"]["side"])
            results = list(pipeline.run(wanted, twins=twins))
            done = [result for result in results if isinstance(result, Embedded)]
            for result in results:
                if isinstance(result, Failure):
                    fail(result)
            done = [result for result in done if _fits(store, result, fail)]
            _write(store, done)
            log.add(done)
            written += len(done)
        if progress is not None:
            progress(min(start + GROUP, len(ordered)), len(ordered))
    return Summary(written, skipped, tuple(failures))


def _doubled(source: Source, seed: int | None) -> bool:
    return seed is not None and source.split != "test"


def _lacking(
    store: Store, source: Source, embedders: Sequence[Embedder], seed: int | None
) -> tuple[str, ...]:
    """Names of the embedders that a clip, or its twin, still needs."""
    return tuple(
        each.card.name
        for each in embedders
        if not store.has(source.name, each.card.name)
        or (_doubled(source, seed) and not store.has(source.name, each.card.name, augmented=True))
    )


def _fits(store: Store, result: Embedded, fail: Callable[[Failure], None]) -> bool:
    """Whether the store can take a result; a clip of which it has other seconds or bytes is named."""
    there = store.clip(result.source.name)
    if there is None or there == _clip(result):
        return True
    fail(Failure(result.source, f"{there.name}: the store has another file of this name, or other labels"))
    return False


def _clip(result: Embedded) -> StoredClip:
    source = result.source
    return StoredClip(
        name=source.name,
        sha256=_joined(result.heading.sha256),
        seconds=result.heading.seconds,
        scene=source.scene,
        city=source.city,
        location=source.location,
        split=source.split,
    )


def _joined(digests: Sequence[str]) -> str:
    """One digest for the file or the files of a clip."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _write(store: Store, results: Sequence[Embedded]) -> None:
    """Write what the store lacks of these; a run that was killed between two shards left some."""
    for augmented in (False, True):
        lots: dict[tuple[str, ...], list[tuple[StoredClip, Mapping[str, Any]]]] = {}
        for result in results:
            vectors = result.twins if augmented else result.vectors
            clip = replace(_clip(result), augmented=augmented)
            names = tuple(name for name in vectors if not store.has(clip.name, name, augmented=augmented))
            if names:
                lots.setdefault(names, []).append((clip, vectors))
        for names, lot in lots.items():
            stacked = {name: np.concatenate([vectors[name] for _, vectors in lot]) for name in names}
            store.write([clip for clip, _ in lot], stacked)


class _Log:
    """Which bytes a clip's files had when they were embedded, by what the file system tells for nothing."""

    def __init__(self, folder: Path, *, rehash: bool) -> None:
        self._path, self._rehash = folder / _LOG, rehash
        self._known: dict[str, tuple[list[list[int]], str]] = {}
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        # What follows the last line end was cut off; the files of that clip are just read again.
        for line in text.split("\n")[:-1]:
            try:
                entry = json.loads(line)
                self._known[entry["clip"]] = entry["files"], entry["sha256"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise StoreError(f"{self._path} is damaged: remove it to have all files read anew") from error
        if text and not text.endswith("\n"):
            self._path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def sha256(self, source: Source) -> str:
        """Digest of a clip's files now; read only if they may have changed.

        Raises:
            MediaError: If they cannot be read.
        """
        known = self._known.get(source.name)
        if known is not None and not self._rehash and known[0] == _states(source):
            return known[1]
        return _joined([Identity.of(path).sha256() for path in dict.fromkeys((source.picture, source.sound))])

    def add(self, results: Sequence[Embedded]) -> None:
        """Remember the files of clips that are in the store now.

        Raises:
            StoreError: If that cannot be written.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                for result in results:
                    digest = _joined(result.heading.sha256)
                    entry = {"clip": result.source.name, "files": _states(result.source), "sha256": digest}
                    file.write(json.dumps(entry) + "\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreError(
                f"cannot write {self._path}: {reason}; what was stored before is safe"
            ) from error


def _states(source: Source) -> list[list[int]]:
    found = [Identity.of(path) for path in dict.fromkeys((source.picture, source.sound))]
    return [[each.size, each.modified_ns, each.inode] for each in found]
