"""Clips that neither classifier has learnt from, judged with their own and with foreign sounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.card import ModelCard
from vadd.classify.dataset import labelled_clips, place
from vadd.classify.judge import Classifier, stack
from vadd.detect.documents import SIDES, Side
from vadd.detect.familiar import strangeness
from vadd.embed.store import Store, StoredClip
from vadd.errors import ModelError

__all__ = ["DONORS", "Moments", "Shown", "foreign", "judged", "validation_clips"]

#: Foreign sounds that a picture is given at most: enough for a smooth curve, and a bounded number.
DONORS = 20

#: Mean and standard deviation of each feature in training.
Moments = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the two classifiers say of one clip.

    Attributes:
        clip: The clip.
        scene: Index of its scene.
        picture: ``(T, C)`` float32, the picture's posterior as its classifier gives it.
        sound: ``(T, C)`` float32, the sound's.
        strange: Side → strangeness.
    """

    clip: StoredClip
    scene: int
    picture: NDArray[np.float32]
    sound: NDArray[np.float32]
    strange: Mapping[Side, float]


def validation_clips(
    store: Store, classifiers: Mapping[Side, Classifier], folders: Mapping[Side, Path]
) -> tuple[StoredClip, ...]:
    """The training fold's clips from locations that both classifiers were kept from, sorted by name.

    Args:
        store: Where the clips are.
        classifiers: Side → classifier.
        folders: Side → where it came from, for messages.

    Raises:
        ModelError: If a card does not say what was kept apart, or there is no such clip.
        UsageError: If a clip has no scene.
    """
    kept = [_kept(classifiers[side].card, folders[side]) for side in SIDES]
    embedders = [ref for side in SIDES for ref in classifiers[side].embedders]
    clips = labelled_clips(store, embedders, classifiers["visual"].scenes, split="train")
    found = tuple(clip for clip in clips if place(clip) in kept[0] & kept[1])
    if not found:
        empty = [str(folders[side]) for side, places in zip(SIDES, kept, strict=True) if not places]
        why = f"{' and '.join(empty)} learnt from all locations" if empty else "they share no such location"
        raise ModelError(
            f"{store.folder} has no clips to calibrate on, from locations that neither classifier has learnt "
            f"from ({why}): train both with the same --validation SHARE and --seed"
        )
    return found


def judged(
    store: Store,
    clips: Sequence[StoredClip],
    classifiers: Mapping[Side, Classifier],
    moments: Mapping[Side, Moments],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Shown, ...]:
    """What the classifiers say of stored clips, in the clips' order; memory stays flat in their vectors.

    Args:
        store: Where the clips are.
        clips: From :func:`validation_clips`.
        classifiers: Side → classifier.
        moments: Side → statistics of its training set.
        progress: Called with (clips done, clips in all).

    Raises:
        StoreError: If vectors are missing or damaged.
        ModelError: If they are not what the classifiers were trained on.
    """
    names = [ref.name for side in SIDES for ref in classifiers[side].embedders]
    dims = [ref.dim for side in SIDES for ref in classifiers[side].embedders]
    scenes = classifiers["visual"].scenes
    index = _scene_of(scenes.name)
    found: dict[str, Shown] = {}
    for piece, instances in store.stream(names, clips):
        columns = dict(zip(names, np.split(instances.matrix, np.cumsum(dims)[:-1], axis=1), strict=True))
        for at, clip in enumerate(piece):
            rows = instances.clip == at
            vectors = {name: column[rows] for name, column in columns.items()}
            said, strange = {}, {}
            for side in SIDES:
                own = {ref.name: vectors[ref.name] for ref in classifiers[side].embedders}
                said[side] = classifiers[side].posteriors(own)
                strange[side] = strangeness(stack(classifiers[side].embedders, own), *moments[side])
            found[clip.name] = Shown(clip, index(clip), said["visual"], said["audio"], strange)
            if progress is not None:
                progress(len(found), len(clips))
    return tuple(found[clip.name] for clip in clips)


def foreign(shown: Sequence[Shown], *, seed: int, donors: int = DONORS) -> list[tuple[int, int]]:
    """Pictures and sounds of other scenes, recorded elsewhere.

    Args:
        shown: The clips.
        seed: Of the draw of the sounds.
        donors: Sounds that a picture is given at most, at least 1.

    Returns:
        (number of the picture, number of the sound).

    Raises:
        ModelError: If there is no foreign sound at all.
    """
    rng = np.random.default_rng(seed)
    scene = np.array([each.scene for each in shown])
    where = np.array([place(each.clip) for each in shown])
    found: list[tuple[int, int]] = []
    for at in range(len(shown)):
        others = np.flatnonzero((scene != scene[at]) & (where != where[at]))
        if len(others) > donors:
            others = np.sort(rng.choice(others, donors, replace=False))
        found += [(at, donor) for donor in others.tolist()]
    if not found:
        raise ModelError("the clips to calibrate on are all of one scene: no sound among them is foreign")
    return found


def _scene_of(name: str) -> Callable[[StoredClip], int]:
    from vadd.scenes import TAU, coarsen, scene_set

    into = coarsen(TAU, scene_set(name))

    def index(clip: StoredClip) -> int:
        found = into[TAU.index(clip.scene)]
        if found is None:
            raise ModelError(f"the clip {clip.name} shows no scene of {name}")
        return found

    return index


def _kept(card: ModelCard, folder: Path) -> frozenset[str]:
    kept: Any = card.data.get("validation")
    if not isinstance(kept, list) or not all(isinstance(each, str) for each in kept):
        raise ModelError(f"the card of {folder} does not say which locations were kept from training")
    return frozenset(kept)
