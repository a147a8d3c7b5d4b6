"""A trained classifier on the clips of a store: what it answers, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import Samples, labelled_clips, load, place
from vadd.classify.measure import Score, confusion, interval, most_confused, score
from vadd.embed.store import Store, StoredClip
from vadd.errors import ModelError, UsageError
from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, SceneSet, coarsen

if TYPE_CHECKING:
    from vadd.classify.fusion import FusionNet
    from vadd.classify.spec import Spec

__all__ = ["Evaluation", "check_vectors", "evaluate", "folded", "samples_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A classifier's answers.

    Attributes:
        scenes: What was asked for.
        clips: The clips.
        posteriors: ``(T, C)`` of each clip.
        score: How good they are.
    """

    scenes: SceneSet
    clips: tuple[StoredClip, ...]
    posteriors: tuple[NDArray[np.floating[Any]], ...]
    score: Score

    @property
    def confusion(self) -> NDArray[np.int64]:
        """``(C, C)`` clips by true scene (row) and by the vote's answer (column)."""
        return confusion(self.score.truth, self.score.answers, len(self.scenes))

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval over locations of the accuracy by vote."""
        right = (self.score.answers == self.score.truth).astype(np.float64)
        return interval(right, [place(clip) for clip in self.clips], seed=seed)

    def document(self) -> dict[str, Any]:
        """All figures, JSON-ready; shares from 0 to 1."""
        found, (low, high) = self.score, self.interval()
        return {
            "scenes": list(self.scenes.scenes),
            "clips": len(self.clips),
            "seconds": sum(len(each) for each in self.posteriors),
            "locations": len({place(clip) for clip in self.clips}),
            "accuracy": found.by_vote,
            "accuracy_interval": [low, high],
            "accuracy_by_mean_posterior": found.by_mean,
            "accuracy_of_seconds": found.by_second,
            "log_loss": found.log_loss,
            "calibration_error": found.calibration_error,
            "confusion": self.confusion.tolist(),
            "most_confused": [list(pair) for pair in most_confused(self.confusion, self.scenes.scenes)],
        }


def samples_of(store: Store, spec: Spec, scenes: SceneSet, split: str) -> Samples:
    """The clips of a split that a classifier can be tried on; :func:`check_vectors` says whose they are.

    Raises:
        UsageError: If there is none.
        StoreError: If the store lacks an embedder, or vectors are damaged.
    """
    clips = labelled_clips(store, spec.embedders, scenes, split=split)
    if not clips:
        raise UsageError(f"{store.folder} has no labelled clip of the split {split!r}")
    return load(store, spec.embedders, scenes, clips)


def check_vectors(store: Store, identities: Mapping[str, str]) -> None:
    """Refuse a store whose vectors are not of the kind that a classifier was trained on.

    Args:
        store: The store.
        identities: Embedder → identity, of the classifier's card.

    Raises:
        ModelError: If one is another.
        StoreError: If the store lacks it.
    """
    for name, identity in identities.items():
        if store.record(name).identity != identity:
            raise ModelError(
                f"the classifier was trained on other vectors of {name} than {store.folder} holds: other "
                "weights, preprocessing or source"
            )


def evaluate(network: FusionNet, samples: Samples) -> Evaluation:
    """Try a classifier on clips.

    Args:
        network: A fusion or hybrid network whose attention stays within a sample.
        samples: Labelled in its scenes.

    Raises:
        ModelError: If the network attends across the batch: its answers depend on what lies beside them
            (``vadd reproduce leak`` shows how).
    """
    from vadd.classify.apply import by_clip, posteriors

    if network.spec.attention == "batch":
        raise ModelError(
            "this classifier attends across the batch, so that it has no one accuracy; `vadd reproduce leak` "
            "shows what it has"
        )
    answers = by_clip(posteriors(network, samples), samples)
    return Evaluation(network.spec.scene_set, samples.clips, tuple(answers), score(answers, samples.truth))


def folded(found: Evaluation, target: SceneSet = INDOOR_OUTDOOR_VEHICLE) -> Evaluation:
    """The same answers in a coarser scene set, their posteriors summed: the alternative to an own head.

    Clips of scenes that the coarser set leaves out are left out.

    Raises:
        ModelError: If there is no map between the sets.
    """
    from vadd.classify.vote import fold

    into = coarsen(found.scenes, target)
    kept = [at for at, scene in enumerate(found.score.truth.tolist()) if into[scene] is not None]
    answers = [fold(found.posteriors[at], found.scenes, target) for at in kept]
    truth = np.array([into[found.score.truth[at]] for at in kept], np.int64)
    return Evaluation(target, tuple(found.clips[at] for at in kept), tuple(answers), score(answers, truth))
