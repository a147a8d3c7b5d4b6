"""How a classifier is trained: the paper's recipe, its authors' code's, and ours, as frozen settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from vadd.errors import UsageError

__all__ = ["RECIPES", "Recipe", "recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a training run; what the text of the paper leaves open is said in :data:`RECIPES`.

    Attributes:
        name: What ``--recipe`` calls it.
        epochs: Passes over the training set, at least 1.
        batch: Samples a step (seconds, or clips with ``instance="clip"``), at least 1.
        contrastive_batch: The same for a contrastive network, whose loss is about the other rows of a
            batch: few of them teach it little.
        rate: Learning rate of the first epoch.
        last_rate: What the schedule falls to.
        schedule: ``linear``, and constant afterwards, or ``cosine``, which rises again afterwards.
        reach: Number of the epoch (from 1) in which the schedule is at ``last_rate``.
        optimizer: ``sgd`` without momentum, or ``adamw``.
        decay: Weight decay.
        dropout: Of the head.
        start: Initial weights: ``torch`` (PyTorch's own) or ``xavier``.
        smoothing: Share (0-1) of the label that is spread over all scenes.
        validation: Share (0-1) of each scene's locations that is not learnt from.
        keep: Weights of the ``last`` epoch, or of the ``best`` one by log-loss on the validation clips.

    Raises:
        UsageError: If a setting is impossible.
    """

    name: str
    epochs: int = 20
    batch: int = 32
    contrastive_batch: int = 256
    rate: float = 1e-3
    last_rate: float = 1e-5
    schedule: Literal["linear", "cosine"] = "linear"
    reach: int = 19
    optimizer: Literal["sgd", "adamw"] = "sgd"
    decay: float = 0.0
    dropout: float = 0.5
    start: Literal["torch", "xavier"] = "torch"
    smoothing: float = 0.0
    validation: float = 0.0
    keep: Literal["last", "best"] = "last"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or self.contrastive_batch < 2 or self.reach < 2:
            raise UsageError(f"the recipe {self.name} needs at least one epoch and one sample a step")
        if not (0 < self.last_rate <= self.rate and self.decay >= 0):
            raise UsageError(f"the recipe {self.name} has an impossible rate or weight decay")
        if not (0 <= self.dropout < 1 and 0 <= self.smoothing < 1):
            raise UsageError(f"dropout and smoothing of the recipe {self.name} lie between 0 and 1")
        if not 0 <= self.validation < 1:
            raise UsageError(f"the share for validation lies between 0 and 1, not {self.validation:g}")
        if self.keep == "best" and not self.validation:
            raise UsageError(f"the recipe {self.name} keeps the best epoch, which needs validation clips")

    def rate_in(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        way = epoch / (self.reach - 1)
        if self.schedule == "linear":
            return self.rate + (self.last_rate - self.rate) * min(1.0, way)
        return self.last_rate + (self.rate - self.last_rate) * (1 + math.cos(math.pi * way)) / 2


#: Name → recipe. The paper's text says nothing of dropout's rate, of weight decay, of initial weights or
#: of standardisation: dropout and standardisation are taken from its authors' code, the rest is PyTorch's
#: default. Ours takes the epoch that is best on locations kept from training, never a look at the test fold.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        each.name: each
        for each in (
            Recipe("paper"),
            Recipe(
                "authors", epochs=30, last_rate=1e-5, schedule="cosine", reach=25, decay=0.01, start="xavier"
            ),
            Recipe(
                "ours",
                epochs=10,
                rate=5e-5,
                last_rate=5e-7,
                schedule="cosine",
                reach=10,
                optimizer="adamw",
                decay=0.05,
                smoothing=0.05,
                validation=0.15,
                keep="best",
            ),
        )
    }
)


def recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        UsageError: If there is none; the message lists the names.
    """
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}; the recipes are {', '.join(RECIPES)}")
    return RECIPES[name]
