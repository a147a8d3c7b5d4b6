"""Pictures with their own and with foreign sounds, scored by what classifiers say of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import Samples
from vadd.detect.scorers import Posteriors, Scorer
from vadd.protocol.swaps import Trial

if TYPE_CHECKING:
    from vadd.classify.contrastive import ContrastiveNet

__all__ = ["Said", "agreement_scores", "manipulated", "pair_scores"]

#: Clip → ``(T, C)`` posteriors of its seconds.
Said = Mapping[str, Posteriors]


def manipulated(trials: Sequence[Trial]) -> NDArray[np.bool_]:
    """``(n,)`` which trials have a foreign sound."""
    return np.array([trial.manipulated for trial in trials], np.bool_)


def pair_scores(scorer: Scorer, trials: Sequence[Trial], seen: Said, heard: Said) -> NDArray[np.float64]:
    """``(n,)`` how discrepant each trial is.

    Args:
        scorer: Of :mod:`vadd.detect.scorers`.
        trials: The trials.
        seen: What the visual classifier says of every picture.
        heard: What the audio classifier says of every sound, over the same scenes. Where picture and
            sound differ in length, the seconds that both have are compared.
    """
    scores = np.empty(len(trials))
    for at, trial in enumerate(trials):
        picture, sound = seen[trial.picture], heard[trial.sound]
        length = min(len(picture), len(sound))
        scores[at] = scorer(picture[:length], sound[:length])
    return scores


def agreement_scores(
    network: ContrastiveNet, trials: Sequence[Trial], samples: Samples
) -> NDArray[np.float64]:
    """``(n,)``, 0-1: the mean discrepancy of the seconds, by a contrastive network.

    Args:
        network: The network.
        trials: The trials.
        samples: Joint vectors of all clips in them.
    """
    from vadd.classify.apply import by_clip, distances

    starts = np.flatnonzero(np.diff(samples.owner, prepend=-1))
    lengths = np.diff(np.append(starts, len(samples.owner)))
    at = {clip.name: number for number, clip in enumerate(samples.clips)}
    seconds = [min(lengths[at[t.picture]], lengths[at[t.sound]]) for t in trials]
    pictures, sounds = (
        np.concatenate(
            [np.arange(n) + starts[at[name]] for n, name in zip(seconds, names, strict=True)]
        )
        for names in ([t.picture for t in trials], [t.sound for t in trials])
    )  # fmt: skip
    visual = network.spec.modality_dims[0]
    rows = samples.rows[pictures]
    rows[:, visual:] = samples.rows[sounds, visual:]
    owner = np.repeat(np.arange(len(trials), dtype=np.int32), seconds)
    mixed = replace(samples, rows=rows, owner=owner, labels=samples.labels[pictures])
    return np.array([each.mean(dtype=np.float64) for each in by_clip(distances(network, mixed), mixed)])
