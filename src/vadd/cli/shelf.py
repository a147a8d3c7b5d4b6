"""All models, embedders and detectors, as the ``models`` commands show them."""

from __future__ import annotations

import dataclasses
import os.path
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vadd.embed import catalog
from vadd.embed.base import EmbedderCard
from vadd.errors import ModelError

__all__ = ["Entry", "find", "shelf"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model on the shelf.

    Attributes:
        name: What ``models show`` and, for a detector, ``--model`` call it.
        kind: ``"detector"`` or ``"embedder"``; of a folder also ``"classifier"``.
        summary: One line for a list.
        facts: (name, value) lines of all that its card says.
        verify: Reads its files and compares their hashes; raises ModelError if one differs.
        missing: Says how to get the weights that are not here; ``None`` when all is here.
    """

    name: str
    kind: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    verify: Callable[[], None]
    missing: Callable[[], str] | None = None


def shelf() -> tuple[Entry, ...]:
    """Every model: detectors first, each kind by name."""
    return (*_detectors(), *(_embedder(catalog.card(name)) for name in catalog.names()))


def find(name: str) -> Entry:
    """The model of this name, or in this folder.

    Raises:
        ModelError: If there is none (the message lists the names), or the folder's card is damaged.
    """
    entries = {entry.name: entry for entry in shelf()}
    if name in entries:
        return entries[name]
    if not os.path.isdir(name):  # noqa: PTH112 - Path raises for a name too long
        raise ModelError(f"there is no model {name!r}; the models are {', '.join(entries)}, or name a folder")
    from vadd.detect.folder import is_detector

    return _detector_folder(Path(name)) if is_detector(Path(name)) else _classifier_folder(Path(name))


def _detectors() -> tuple[Entry, ...]:
    from vadd.detect import models
    from vadd.report.facts import flat

    return tuple(
        Entry(
            name=card.name,
            kind="detector",
            summary=card.summary,
            facts=tuple(flat({**dataclasses.asdict(card), "hashes": dict(card.hashes)})),
            verify=partial(models.verify, card.name),
        )
        for card in models.detectors()
    )


def _detector_folder(folder: Path) -> Entry:
    """A detector that a user made; only its card is read here, so that damage is found by verifying."""
    from vadd.detect import models
    from vadd.detect.adapted import is_adapted, read_adapted_card
    from vadd.detect.folder import read_card_of
    from vadd.report.facts import flat

    document = read_adapted_card(folder) if is_adapted(folder) else read_card_of(folder)
    return Entry(
        name=str(folder),
        kind="detector",
        summary=document.described,
        facts=tuple(
            flat({"name": folder.resolve().name, **document.model_dump(mode="json", exclude={"kind"})})
        ),
        verify=partial(models.verify, str(folder)),
    )


def _classifier_folder(folder: Path) -> Entry:
    from vadd.classify.card import read_card, read_file
    from vadd.report.facts import flat

    card = read_card(folder)

    def verify() -> None:
        for name in card.files:
            read_file(folder, card, name)

    return Entry(
        name=str(folder),
        kind="classifier",
        summary=", ".join(ref.name for ref in card.spec.embedders),
        facts=tuple(flat(card.model_dump(mode="json"))),
        verify=verify,
    )


def _embedder(card: EmbedderCard) -> Entry:
    from vadd.embed import shelf as weights_shelf
    from vadd.embed.weights import read_weights
    from vadd.report.facts import flat

    weights = weights_shelf.pinned(card.weights, card.name)
    here = weights_shelf.is_there(card.weights, card.name)
    told = {
        **{f.name: getattr(card, f.name) for f in dataclasses.fields(card)},
        "preprocessing": dict(card.preprocessing),
        "scores": f"{len(card.scores)} classes" if card.scores else "none",
        "weights": {key: value for key, value in dataclasses.asdict(weights).items() if value is not None},
        "here": "yes" if here else "no",
    }

    def verify() -> None:
        if card.weights.bundled:
            read_weights(card.weights)
        else:
            weights_shelf.weights_path(card.weights, card.name)

    size = "" if weights.size is None else f", {weights.size / 1e6:.1f} MB"
    return Entry(
        name=card.name,
        kind="embedder",
        summary=f"{card.modality.value}, {card.dim} numbers a second{size}{'' if here else ', not here'}",
        facts=tuple(flat({key: value for key, value in told.items() if value is not None})),
        verify=verify,
        missing=None if here else partial(weights_shelf.how_to_get, card.weights, card.name),
    )
