"""Trains the classifiers of a table, or takes those that an earlier run left, and shows them clips."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vadd.classify.card import CARD, ModelCard, read_card
from vadd.classify.choose import modality_embedders, spec_for
from vadd.classify.dataset import Samples, held_out, labelled_clips, load, place
from vadd.classify.evaluate import Evaluation, evaluate
from vadd.classify.lesson import Lesson, prepare, scenes_of
from vadd.classify.model import load_network
from vadd.classify.recipe import Recipe
from vadd.classify.spec import EmbedderRef, Spec
from vadd.classify.train import train
from vadd.embed.base import Modality
from vadd.embed.store import Store, StoredClip
from vadd.errors import ModelError, UsageError
from vadd.scenes import TAU, SceneSet, by_size, coarsen

if TYPE_CHECKING:
    from vadd.classify.contrastive import ContrastiveNet
    from vadd.classify.fusion import FusionNet

__all__ = ["CLASSIFIERS", "Campaign", "ModalityName", "Trained", "Wanted", "Watch"]

#: Folder of the classifiers, within that of the tables.
CLASSIFIERS = "classifiers"

ModalityName = Literal["joint", "visual", "audio"]
#: Called with the name of a classifier; gives what is told of its steps: (done, in all).
Watch = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A classifier that a table needs, but for its seed.

    Attributes:
        modality: ``joint``, ``visual`` or ``audio``.
        classes: 10, 3 or 2.
        fusion: What ``vadd train --fusion`` takes.
        attention: ``clip``, or ``batch`` for the record.
        augment: Whether the training set is doubled by augmented twins; ``None``: if there are some.
    """

    modality: ModalityName
    classes: int = 10
    fusion: str = "ls"
    attention: Literal["clip", "batch"] = "clip"
    augment: bool | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A classifier that is there.

    Attributes:
        name: Of its folder.
        card: Its card.
        parameters: How many numbers were learnt.
        reused: Whether it was there before.
    """

    name: str
    card: ModelCard
    parameters: int
    reused: bool


class Campaign:
    """The classifiers of one table or of several, on one store, in one folder.

    Args:
        store: Train and test fold.
        out: Folder of the tables; classifiers go to :data:`CLASSIFIERS` in it.
        recipe: How all are trained.
        seeds: One classifier of each kind for every seed; at least one, none twice.
        threads: On the CPU, at least 1.
        embedders: Only these of the store's; all if none is given.
        watch: Shows the progress of training.
        told: Called with each classifier as soon as it is there.

    Attributes:
        embedders: Those used, pictures first.
        tested: Clips of the test fold that have vectors of all of them, sorted by name.
        incomplete: How many test clips lack some and are left out.
        doubled: Whether the train fold has augmented twins.
        used: Every classifier that was asked for, by name.

    Raises:
        UsageError: If seeds make no sense, or the store lacks a fold, pictures or sounds.
        StoreError: If it lacks a named embedder.
    """

    def __init__(
        self,
        store: Store,
        out: Path,
        recipe: Recipe,
        *,
        seeds: Sequence[int],
        threads: int = 2,
        embedders: Sequence[str] = (),
        watch: Watch | None = None,
        told: Callable[[Trained], None] | None = None,
    ) -> None:
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise UsageError(f"seeds are numbers from 0 on, at least one and none twice, not {list(seeds)}")
        self.store, self.out, self.recipe = store, out, recipe
        self.seeds, self.threads = tuple(seeds), threads
        self._watch, self._told = watch, told
        for name in embedders:
            store.record(name)
        chosen = [name for name in modality_embedders(store, "joint") if not embedders or name in embedders]
        self.embedders = spec_for(store, embedders=chosen).embedders
        self.tested = labelled_clips(store, self.embedders, TAU, split="test")
        if not self.tested:
            raise UsageError(f"{store.folder} has no labelled test clip with vectors of {_named(chosen)}")
        self.incomplete = len(store.clips(split="test")) - len(self.tested)
        self.trained = labelled_clips(store, self.embedders, TAU, split="train")
        if not self.trained:
            raise UsageError(f"{store.folder} has no labelled training clip with vectors of {_named(chosen)}")
        self.doubled = bool(store.clips([e.name for e in self.embedders], split="train", augmented=True))
        self.used: dict[str, Trained] = {}
        self._lesson: tuple[object, Lesson] | None = None
        # The test clips stay, beside the last others that were asked for.
        self._rows: dict[str, tuple[tuple[StoredClip, ...], Samples]] = {}

    def with_validation(self, share: float) -> Campaign:
        """The same, but that a share (0-1) of the locations is kept from training if none is so far."""
        if self.recipe.validation:
            return self
        other = Campaign(
            self.store,
            self.out,
            replace(self.recipe, validation=share),
            seeds=self.seeds,
            threads=self.threads,
            embedders=[each.name for each in self.embedders],
            watch=self._watch,
            told=self._told,
        )
        other.used = self.used
        return other

    def classifier(self, wanted: Wanted, seed: int) -> Trained:
        """A classifier of the campaign, trained now unless it is there.

        Args:
            wanted: Which.
            seed: Of its training and of its validation locations.

        Raises:
            ModelError: If one of another store, recipe or network is in its place.
            StoreError: If an unfinished one is, or vectors are missing or damaged.
            UsageError: If the train fold does not do.
            OutputError: If the folder cannot be written.
        """
        import torch

        torch.set_num_threads(self.threads)
        spec = self.spec(wanted)
        name = self._name(wanted, seed)
        lesson = self._learnt(wanted, spec, seed)
        folder = self.out / CLASSIFIERS / name
        there = (folder / CARD).exists()
        if there:
            card = read_card(folder)
            if other := _differs(card, spec, self.recipe, seed, lesson):
                raise ModelError(
                    f"{folder} holds a classifier with another {other} than is asked for; take it away, or "
                    "name another folder"
                )
        else:
            watched = nullcontext(None) if self._watch is None else self._watch(name)
            with watched as progress:
                card = train(
                    lesson, spec, self.recipe, folder, seed=seed, threads=self.threads, progress=progress
                )
        if name in self.used:
            return self.used[name]
        learnt = sum(each.numel() for each in load_network(folder).parameters())
        found = self.used[name] = Trained(name, card, learnt, there)
        if self._told is not None:
            self._told(found)
        return found

    def network(self, trained: Trained) -> FusionNet | ContrastiveNet:
        """The network of a classifier, ready to evaluate.

        Raises:
            ModelError: If it is damaged.
        """
        return load_network(self.out / CLASSIFIERS / trained.name)

    def evaluated(self, wanted: Wanted, seed: int) -> Evaluation:
        """What such a classifier answers on the test clips; arguments and errors of :meth:`classifier`."""
        network: Any = self.network(self.classifier(wanted, seed))
        return evaluate(network, self.shown(wanted.modality, by_size(wanted.classes)))

    def spec(self, wanted: Wanted) -> Spec:
        """The network of a request."""
        return spec_for(
            self.store,
            modality=wanted.modality,
            classes=wanted.classes,
            fusion=wanted.fusion,
            attention=wanted.attention,
            embedders=[each.name for each in self._of(wanted.modality)],
            dropout=self.recipe.dropout,
        )

    def shown(
        self, modality: ModalityName, scenes: SceneSet, clips: Sequence[StoredClip] | None = None
    ) -> Samples:
        """The vectors of clips as a classifier of a modality takes them.

        Args:
            modality: Whose columns.
            scenes: Of the labels; must not leave out a scene.
            clips: The test clips if ``None``.
        """
        chosen = self.tested if clips is None else tuple(clips)
        slot = "test" if chosen == self.tested else "other"
        if slot not in self._rows or self._rows[slot][0] != chosen:
            self._rows.pop(slot, None)
            self._rows[slot] = (chosen, load(self.store, self.embedders, TAU, chosen))
        whole = self._rows[slot][1]
        seen = sum(each.dim for each in self.embedders if each.modality is Modality.PICTURE)
        columns = {"joint": slice(None), "visual": slice(seen), "audio": slice(seen, None)}[modality]
        into = np.array(coarsen(TAU, scenes), np.int64)
        return replace(whole, rows=whole.rows[:, columns], labels=into[whole.labels])

    def validation(self, seed: int) -> tuple[StoredClip, ...]:
        """The clips of the train fold that no classifier of a seed learns from.

        Raises:
            UsageError: If a scene was recorded in one location only.
        """
        places = held_out(self.store.clips(split="train"), self.recipe.validation, seed)
        return tuple(clip for clip in self.trained if place(clip) in places)

    def _of(self, modality: ModalityName) -> tuple[EmbedderRef, ...]:
        streams = {"joint": set(Modality), "visual": {Modality.PICTURE}, "audio": {Modality.SOUND}}[modality]
        return tuple(each for each in self.embedders if each.modality in streams)

    def _name(self, wanted: Wanted, seed: int) -> str:
        classes = [] if wanted.fusion == "contrastive" else [str(wanted.classes)]
        parts: list[str] = [wanted.modality, *classes, wanted.fusion]
        if wanted.attention == "batch":
            parts.append("batch")
        if self._augmented(wanted):
            parts.append("da")
        if self.recipe.validation:
            parts.append(f"val{round(100 * self.recipe.validation)}")
        return "-".join([*parts, f"seed{seed}"])

    def _augmented(self, wanted: Wanted) -> bool:
        return self.doubled if wanted.augment is None else wanted.augment

    def _learnt(self, wanted: Wanted, spec: Spec, seed: int) -> Lesson:
        # Without validation the seeds learn from the same rows, which take seconds to read at full size.
        share = self.recipe.validation
        augment = self._augmented(wanted)
        key = (wanted.modality, scenes_of(spec).name, augment, seed if share else None)
        if self._lesson is None or self._lesson[0] != key:
            self._lesson = None
            lesson = prepare(self.store, spec, validation=share, seed=seed, augment=augment)
            self._lesson = (key, lesson)
        return self._lesson[1]


def _differs(card: ModelCard, spec: Spec, recipe: Recipe, seed: int, lesson: Lesson) -> str | None:
    """What of a classifier is not as wanted: the words for a message."""
    described = lesson.described()
    wanted_recipe = json.loads(json.dumps(asdict(recipe)))
    if card.data.get("store") != described["store"]:
        return "store, fold or set of clips"
    if _unhashed(card.spec) != _unhashed(spec):
        return "network"
    if card.recipe != wanted_recipe:
        return "recipe"
    if card.seed != seed or card.data.get("validation") != described["validation"]:
        return "seed"
    return None


def _unhashed(spec: Spec) -> Spec:
    """A spec without the weights' hashes: whether these are known depends on what is at hand today."""
    return replace(spec, embedders=tuple(replace(each, sha256=None) for each in spec.embedders))


def _named(names: Iterable[str]) -> str:
    return ", ".join(names)
