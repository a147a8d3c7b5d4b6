"""Trains a classifier on a store: one loop for all kinds, resumable after every epoch.

Everything that is drawn follows from the seed and the epoch, so a run that was killed and resumed ends
with the same weights as one that was not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vadd.classify.batches import Batches
from vadd.classify.card import CARD, ModelCard
from vadd.classify.dataset import Samples, moments
from vadd.classify.lesson import Lesson
from vadd.classify.measure import score
from vadd.classify.model import build, save
from vadd.classify.recipe import Recipe
from vadd.classify.snapshot import SNAPSHOT, Snapshot
from vadd.classify.spec import Spec
from vadd.errors import ModelError, OutputError

if TYPE_CHECKING:
    import torch

    from vadd.classify.contrastive import ContrastiveNet
    from vadd.classify.dense import Dense
    from vadd.classify.fusion import FusionNet

__all__ = ["train"]

Progress = Callable[[int, int], None]


def train(
    lesson: Lesson,
    spec: Spec,
    recipe: Recipe,
    out: Path,
    *,
    seed: int,
    threads: int = 2,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ModelCard:
    """Train, or go on where a run in the same folder was killed.

    Args:
        lesson: What is learnt from, and what is kept for validation.
        spec: What to train; its dropout is the recipe's.
        recipe: How; a resumed run must have the same.
        out: Folder for the classifier.
        seed: Of all that is drawn.
        threads: Threads on the CPU, at least 1.
        device: ``"cpu"``, ``"cuda"``...; ``"auto"`` takes CUDA when it is there.
        overwrite: Replace a classifier that is in the folder.
        progress: Called with (steps done, steps in all).

    Returns:
        The card, as written.

    Raises:
        OutputError: If the folder holds a classifier already or cannot be written.
        StoreError: If a snapshot there is damaged, of another training, or cannot be written; the one
            before is then still whole.
        ModelError: If the loss is no finite number any more.
    """
    if (out / CARD).exists() and not overwrite:
        raise OutputError(f"{out} holds a classifier already; name another folder, or overwrite it")
    import torch

    torch.set_num_threads(threads)
    where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    torch.manual_seed(seed)
    network = build(spec)
    if recipe.start == "xavier":
        from vadd.classify.layers import xavier

        xavier(network)
    network.standardise.fit(*(torch.from_numpy(each).float() for each in moments(lesson.learnt.rows)))
    network.to(where)
    optimizer = _optimizer(network, recipe)
    identity = _identity(lesson, spec, recipe, seed)
    state = Snapshot.restore(out, identity, network, optimizer)
    batches = Batches(lesson.learnt, spec, recipe, seed)
    for epoch in range(len(state.history), recipe.epochs):
        _set_rate(network, optimizer, recipe, epoch)
        torch.manual_seed(seed + 1 + epoch)  # of dropout
        network.train()
        total = torch.zeros((), device=where)
        for step, (rows, labels, owner) in enumerate(batches.of(epoch, where)):
            loss = _loss(network, rows, labels, owner, recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
            if progress is not None:
                progress(epoch * len(batches) + step + 1, recipe.epochs * len(batches))
        mean = float(total) / len(batches)
        if not np.isfinite(mean):
            raise ModelError(f"the loss is no finite number in epoch {epoch + 1}: training went wrong")
        state.history.append(
            {"epoch": epoch + 1, "rate": recipe.rate_in(epoch), "loss": mean, **_validate(network, lesson)}
        )
        state.write(network, optimizer, keep_best=recipe.keep == "best")
    if recipe.keep == "best":
        network.load_state_dict(state.best)
    card = save(
        out,
        network,
        recipe=json.loads(json.dumps(asdict(recipe))),
        seed=seed,
        data=lesson.described(),
        metrics={
            "kept_epoch": state.kept_epoch(recipe.keep),
            "history": [{**each} for each in state.history],
        },
        overwrite=overwrite,
    )
    (out / SNAPSHOT).unlink(missing_ok=True)
    return card


def _loss(
    network: FusionNet | ContrastiveNet,
    rows: torch.Tensor,
    labels: torch.Tensor,
    owner: torch.Tensor,
    smoothing: float,
) -> torch.Tensor:
    from torch.nn import functional

    from vadd.classify.contrastive import ContrastiveNet
    from vadd.classify.hybrid import HybridNet

    if isinstance(network, ContrastiveNet):
        return network.loss(rows, owner)
    if rows.ndim == 3:  # every second of a clip has its label
        labels = labels[:, None].expand(-1, rows.shape[1]).flatten()
    if isinstance(network, HybridNet):
        # Each branch has to stand by itself, or the best one would be all that learns.
        combined, branches = network.combined(rows)
        every = [combined, *branches.unbind(-2)]
    else:
        every = [network(rows)]
    losses = [
        functional.cross_entropy(logits.flatten(0, -2), labels, label_smoothing=smoothing) for logits in every
    ]
    total = losses[0]
    for each in losses[1:]:
        total = total + each / (len(losses) - 1)
    return total


def _validate(network: FusionNet | ContrastiveNet, lesson: Lesson) -> dict[str, float]:
    """What the network makes of the clips that it does not learn from; nothing when there are none."""
    if lesson.kept is None:
        return {}
    from vadd.classify.apply import by_clip, posteriors
    from vadd.classify.contrastive import ContrastiveNet

    if isinstance(network, ContrastiveNet):
        return {"validation_loss": _agreement(network, lesson.kept)}
    answers = by_clip(posteriors(network, lesson.kept), lesson.kept)
    found = score(answers, lesson.kept.truth)
    return {"validation_accuracy": found.by_vote, "validation_loss": found.log_loss}


def _agreement(network: ContrastiveNet, samples: Samples) -> float:
    """The contrastive loss on rows in a fixed order, 256 at a time."""
    import torch

    network.eval()
    device = network.standardise.mean.device
    order = np.random.default_rng(0).permutation(len(samples.rows))
    losses = []
    with torch.inference_mode():
        for start in range(0, len(order), 256):
            chosen = order[start : start + 256]
            rows = torch.from_numpy(samples.rows[chosen]).to(device).float()
            owner = torch.from_numpy(samples.owner[chosen].astype(np.int64)).to(device)
            losses.append(float(network.loss(rows, owner)) * len(chosen))
    return sum(losses) / len(order)


def _optimizer(network: FusionNet | ContrastiveNet, recipe: Recipe) -> torch.optim.Optimizer:
    import torch

    # Fused: each weight and its gradient are read once a step, which is what bounds these layers.
    settings: dict[str, Any] = {"lr": recipe.rate, "weight_decay": recipe.decay, "fused": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), **settings)
    # Dense layers take their own steps: without momentum they need no optimizer.
    own = {id(value) for layer in _dense(network) for value in layer.parameters()}
    rest = [each for each in network.parameters() if id(each) not in own]
    return torch.optim.SGD([{"params": rest}], **settings)


def _set_rate(
    network: FusionNet | ContrastiveNet, optimizer: torch.optim.Optimizer, recipe: Recipe, epoch: int
) -> None:
    rate = recipe.rate_in(epoch)
    for group in optimizer.param_groups:
        group["lr"] = rate
    if recipe.optimizer == "sgd":
        for layer in _dense(network):
            layer.step = (rate, recipe.decay)


def _dense(network: FusionNet | ContrastiveNet) -> list[Dense]:
    from vadd.classify.dense import Dense

    return [module for module in network.modules() if isinstance(module, Dense)]


def _identity(lesson: Lesson, spec: Spec, recipe: Recipe, seed: int) -> str:
    """What a snapshot belongs to."""
    words = json.dumps([asdict(spec), asdict(recipe), seed, lesson.described()], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()
