"""Scene posteriors of two classifiers that mean what they say, by construction.

A posterior is drawn first and the scene is then drawn from it. Five pairs of scenes are alike; the sound's
classifier is less sure than the picture's. Half of the clips get a sound of another scene, drawn evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCENES = 10
#: Pseudo-counts of the scene itself, the one like it, and each other one.
PICTURE, SOUND = (6.0, 0.3, 0.01), (2.0, 0.35, 0.025)


@dataclass(frozen=True)
class Trials:
    visual: np.ndarray
    audio: np.ndarray
    picture: np.ndarray
    sound: np.ndarray
    manipulated: np.ndarray

    @property
    def bayes(self) -> np.ndarray:
        """P(manipulated), the best that can be known."""
        agree = (self.visual * self.audio).sum(axis=1)
        same, other = agree / SCENES, (1 - agree) / (SCENES * (SCENES - 1))
        return other / (same + other)


def classified(rng: np.random.Generator, clips: int, counts: tuple[float, float, float]):
    """``(n, C)`` posteriors and ``(n,)`` scenes drawn from them."""
    scene = rng.integers(0, SCENES, clips)
    alpha = np.full((clips, SCENES), counts[2])
    alpha[np.arange(clips), scene] = counts[0]
    alpha[np.arange(clips), scene ^ 1] = counts[1]
    shares = rng.gamma(alpha)
    shares /= shares.sum(axis=1, keepdims=True)
    drawn = (shares.cumsum(axis=1) > rng.random((clips, 1))).argmax(axis=1)
    return shares, drawn


def trials(seed: int, clips: int) -> Trials:
    rng = np.random.default_rng([seed, 2024])
    visual, picture = classified(rng, clips, PICTURE)
    manipulated = rng.permutation(clips) < clips // 2
    wanted = np.where(manipulated, (picture + rng.integers(1, SCENES, clips)) % SCENES, picture)
    heard, scenes = classified(rng, 20 * clips, SOUND)
    audio = np.empty_like(visual)
    for scene in range(SCENES):
        at = np.flatnonzero(wanted == scene)
        audio[at] = heard[rng.choice(np.flatnonzero(scenes == scene), len(at), replace=False)]
    return Trials(visual, audio, picture, wanted, manipulated)


def sharpened(rows: np.ndarray, by: float) -> np.ndarray:
    """As a classifier gives them that is so many times as sure as it should be."""
    logits = by * np.log(np.maximum(rows, 1e-30))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def leaning(rows: np.ndarray, seed: int) -> np.ndarray:
    """As a classifier gives them that was trained with some scenes far more often than with others."""
    weights = np.exp(np.random.default_rng(seed).normal(0, 1.5, rows.shape[1]))
    return rows * weights / (rows * weights).sum(axis=1, keepdims=True)
