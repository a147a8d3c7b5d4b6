"""Which clips of a store a classifier learns from, and which are kept for validation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pydantic import JsonValue

from vadd.classify.dataset import Samples, held_out, labelled_clips, load, place, store_identity
from vadd.classify.spec import FusionSpec, Spec
from vadd.embed.store import Store, StoredClip
from vadd.errors import StoreError, UsageError
from vadd.scenes import TAU, SceneSet, coarsen

__all__ = ["Lesson", "prepare", "scenes_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A training set.

    Attributes:
        learnt: What is learnt from.
        kept: Validation clips, or ``None``.
        places: Locations that were kept.
        scenes: Of the labels.
        augmented: Whether the set was doubled by augmented twins.
        store: Identity of the store and the clips.
        synthetic: Whether no clip was ever seen.
        identities: Embedder → identity of its vectors.
    """

    learnt: Samples
    kept: Samples | None
    places: frozenset[str]
    scenes: SceneSet
    augmented: bool
    store: str
    synthetic: bool
    identities: dict[str, str]

    def described(self) -> dict[str, JsonValue]:
        """The facts for a classifier's card."""
        plain = [clip for clip in self.learnt.clips if not clip.augmented]
        counts = Counter(clip.scene for clip in plain)
        return {
            "store": self.store,
            "synthetic": self.synthetic,
            "embedder_identities": {**self.identities},
            "clips": len(plain),
            "clips_by_scene": {scene: counts[scene] for scene in sorted(counts)},
            "seconds": len(self.learnt.rows),
            "augmented": self.augmented,
            "locations": len({place(clip) for clip in plain}),
            "validation": [*sorted(self.places)],
            "validation_clips": len(self.kept.clips) if self.kept else 0,
        }


def scenes_of(spec: Spec) -> SceneSet:
    """The scenes that label the training clips; a contrastive network only needs them for counting."""
    return spec.scene_set if isinstance(spec, FusionSpec) else TAU


def prepare(
    store: Store, spec: Spec, *, validation: float = 0.0, seed: int = 0, augment: bool | None = None
) -> Lesson:
    """Read a training set from the train fold of a store.

    Args:
        store: The store.
        spec: Which embedders and scenes.
        validation: Share (0-1) of each scene's locations that is not learnt from.
        seed: Of their draw.
        augment: Whether to double the set by its augmented twins; ``None``: if the store has them.

    Raises:
        UsageError: If a scene has no clip, all clips are from one location, or a scene's are and some
            are to be kept.
        StoreError: If twins are missing or vectors are damaged.
    """
    scenes = scenes_of(spec)
    places = held_out(store.clips(split="train"), validation, seed)
    every = labelled_clips(store, spec.embedders, scenes, split="train")
    learnt = [clip for clip in every if place(clip) not in places]
    kept = [clip for clip in every if place(clip) in places]
    _check(store, spec, learnt, scenes)
    twins = _twins(store, spec, scenes, learnt, augment)
    chosen = [*learnt, *twins]
    return Lesson(
        learnt=load(store, spec.embedders, scenes, chosen),
        kept=load(store, spec.embedders, scenes, kept) if kept else None,
        places=places,
        scenes=scenes,
        augmented=bool(twins),
        store=store_identity(store, [*chosen, *kept]),
        synthetic=store.synthetic,
        identities={each.name: store.embedders[each.name].identity for each in spec.embedders},
    )


def _check(store: Store, spec: Spec, clips: list[StoredClip], scenes: SceneSet) -> None:
    if not clips:
        names = ", ".join(each.name for each in spec.embedders)
        raise UsageError(f"{store.folder} has no labelled training clip with vectors of {names}")
    if isinstance(spec, FusionSpec):
        into = coarsen(TAU, scenes)
        there = {into[TAU.index(clip.scene)] for clip in clips}
        missing = [scene for at, scene in enumerate(scenes.scenes) if at not in there]
        if missing:
            raise UsageError(f"{store.folder} has no training clip of {', '.join(missing)}")
    if len({place(clip) for clip in clips}) < 2:
        raise UsageError(
            f"all training clips of {store.folder} are from one location; two at least are needed"
        )


def _twins(
    store: Store, spec: Spec, scenes: SceneSet, learnt: list[StoredClip], augment: bool | None
) -> list[StoredClip]:
    if augment is False:
        return []
    wanted = {clip.name for clip in learnt}
    there = labelled_clips(store, spec.embedders, scenes, split="train", augmented=True)
    twins = [clip for clip in there if clip.name in wanted]
    if len(twins) == len(learnt) or (augment is None and not twins):
        return twins
    raise StoreError(
        f"{len(learnt) - len(twins)} of {len(learnt)} training clips in {store.folder} have no augmented "
        "twin; embed them with --augment, or train with --no-augment"
    )
