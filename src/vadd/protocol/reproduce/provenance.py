"""What made a table: for the head and the foot of its page, and as a document."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vadd._version import __version__
from vadd.classify.card import WEIGHTS
from vadd.classify.dataset import place, store_identity
from vadd.protocol.reproduce.campaign import Campaign
from vadd.protocol.reproduce.page import markdown, percent

__all__ = ["best_possible", "foot", "head", "made_from"]


def best_possible(campaign: Campaign, modality: str, classes: int, *, here: bool = False) -> float | None:
    """The best accuracy (0-1) that any classifier can have on a synthetic store, or ``None``.

    Args:
        campaign: On the store.
        modality: ``joint``, ``visual`` or ``audio``.
        classes: 10 or 3.
        here: On the store's own test clips, instead of on any that are made like them.
    """
    best: Any = campaign.store.metadata.get("bayes_test" if here else "bayes", {})
    value = best.get(str(classes), {}).get(modality)
    # A store made for other embedders than are used has another best accuracy.
    all_used = len(campaign.embedders) == len(campaign.store.embedders)
    return float(value) if value is not None and all_used else None


def head(campaign: Campaign, title: str) -> str:
    """The heading of a page; loud where the store is synthetic."""
    if not campaign.store.synthetic:
        return f"# {title}\n"
    metadata = campaign.store.metadata
    return (
        f"# {title} — SYNTHETIC DATA\n\n"
        "> **SYNTHETIC: no clip was ever seen.** The vectors are random numbers with the structure of scenes "
        f"(seed {metadata.get('seed')}, confusability {metadata.get('confusability')}). The figures say how "
        "well the code learns what is there to learn, and nothing about real clips. "
        f"{_best(campaign)}\n"
    )


def _best(campaign: Campaign) -> str:
    """The best possible accuracies in words."""
    told = []
    for classes in (10, 3):
        pairs = []
        for modality in ("joint", "visual", "audio"):
            every, here = (best_possible(campaign, modality, classes, here=each) for each in (False, True))
            if every is not None:
                own = "" if here is None else f", {percent(here)} % on these"
                pairs.append(f"{modality} {percent(every)} %{own}")
        told += [f"{classes} classes: {'; '.join(pairs)}"] if pairs else []
    if not told:
        return "How well any classifier could do with these embedders is not known."
    return "Best accuracy that any classifier can have on such clips: " + ". ".join(told) + "."


def made_from(campaign: Campaign) -> dict[str, Any]:
    """All that the figures depend on, JSON-ready."""
    import torch

    store = campaign.store
    return {
        "vadd": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "synthetic": store.synthetic,
        "store": {
            "identity": store_identity(store, [*store.clips(), *store.clips(augmented=True)]),
            "recipe": store.recipe,
            "metadata": store.metadata,
            "train_clips": len(campaign.trained),
            "train_locations": len({place(clip) for clip in campaign.trained}),
            "test_clips": len(campaign.tested),
            "test_locations": len({place(clip) for clip in campaign.tested}),
            "test_clips_left_out": campaign.incomplete,
            "locations_in_both_folds": len(_shared(campaign)),
            "augmented_twins": campaign.doubled,
        },
        "embedders": {
            each.name: {
                "modality": each.modality.value,
                "dimensions": each.dim,
                "weights_sha256": each.sha256,
                "identity": store.embedders[each.name].identity,
            }
            for each in campaign.embedders
        },
        "recipe": json.loads(json.dumps(asdict(campaign.recipe))),
        "seeds": list(campaign.seeds),
        "threads": campaign.threads,
        "classifiers": {
            name: {
                "weights_sha256": each.card.files[WEIGHTS],
                "parameters": each.parameters,
                "kept_epoch": each.card.metrics["kept_epoch"],
                "recipe": each.card.recipe,
                "learnt_from": each.card.data["store"],
                "vadd": each.card.vadd,
            }
            for name, each in sorted(campaign.used.items())
        },
    }


def foot(made: Mapping[str, Any]) -> str:
    """What made a page, for people; from :func:`made_from`."""
    store, recipe = made["store"], made["recipe"]
    changed = ", ".join(f"{name} {value}" for name, value in recipe.items() if name != "name")
    lines = [
        "## What made this page\n",
        f"- vadd {made['vadd']}, PyTorch {made['torch']}, Python {made['python']}, "
        f"{made['threads']} thread(s)",
        f"- store `{store['identity'][:16]}`: {store['train_clips']} training clips from "
        f"{store['train_locations']} locations, {'with' if store['augmented_twins'] else 'no'} augmented "
        f"twins; {store['test_clips']} test clips from {store['test_locations']} locations",
        f"- recipe `{recipe['name']}`: {changed}",
        f"- seeds {', '.join(str(seed) for seed in made['seeds'])}",
    ]
    if store["test_clips_left_out"]:
        lines.append(
            f"- **{store['test_clips_left_out']} test clips lack vectors or a scene and are left out**"
        )
    if store["locations_in_both_folds"]:
        lines.append(
            f"- **{store['locations_in_both_folds']} locations are in both folds: the figures are too good**"
        )
    rows = [
        [name, each["modality"], str(each["dimensions"]), f"`{each['identity'][:16]}`"]
        for name, each in made["embedders"].items()
    ]
    return "\n".join([*lines, "", markdown(["Embedder", "Side", "Numbers a second", "Identity"], rows), ""])


def _shared(campaign: Campaign) -> set[str]:
    return {place(clip) for clip in campaign.trained} & {place(clip) for clip in campaign.tested} - {"/"}
