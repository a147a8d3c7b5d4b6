"""Trains the IOV network, of which nobody has published the weights, on labelled recordings.

The recipe is ours: Adam, a learning rate that falls along a cosine, a part of the groups kept for
validation. Everything that is drawn follows from the seed and the epoch, so a run that was killed and
resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd._version import __version__
from vadd.classify.iov_seconds import Recording, Seconds
from vadd.embed.iov import CLASSES, IovNet, save_iov
from vadd.embed.store_files import put
from vadd.errors import StoreError, UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["IovRecipe", "Trained", "train_iov"]

WEIGHTS, CARD, SNAPSHOT = "iov_cnn420.safetensors", "card.json", "snapshot.pt"


@dataclass(frozen=True, slots=True)
class IovRecipe:
    """How the network is trained.

    Attributes:
        epochs: Passes over the seconds, at least 1.
        batch: Seconds a step, at least 2.
        rate: Learning rate at the beginning; it falls to a hundredth.
        decay: Weight decay.
        validation: Share (0-1) of each class's groups that is not learnt from.
        seed: Of all that is drawn.
    """

    epochs: int = 20
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-4
    validation: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.rate <= 0 or self.decay < 0:
            raise ValueError(f"an impossible recipe: {self}")
        if not 0 < self.validation < 1:
            raise ValueError(f"the share for validation lies between 0 and 1, not {self.validation}")


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training.

    Attributes:
        weights: The file for ``vadd models add iov_cnn420 FILE --unpublished``.
        sha256: Of that file.
        accuracy: Share (0-1) of the validation seconds that the network gets right at the end.
        history: One ``{"epoch", "loss", "accuracy"}`` an epoch.
        failures: ``(path, reason)`` of recordings that could not be read.
    """

    weights: Path
    sha256: str
    accuracy: float
    history: tuple[dict[str, float], ...]
    failures: tuple[tuple[Path, str], ...]


def train_iov(
    recordings: Sequence[Recording],
    out: Path,
    recipe: IovRecipe,
    *,
    threads: int = 2,
    preparing: Callable[[int, int], None] | None = None,
    training: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train, or go on where a run in the same folder was killed.

    Args:
        recordings: Of all three classes.
        out: Folder for the weights, the card, the snapshot and the prepared sound.
        recipe: How; a resumed run must have the same.
        threads: Threads on the CPU, at least 1.
        preparing: Called with (recordings decoded, recordings in all).
        training: Called with (steps done, steps in all).

    Raises:
        UsageError: If a class has fewer than two groups that could be read.
        StoreError: If the folder cannot be written or belongs to another training; the last snapshot is
            always whole.
    """
    import torch

    seconds = Seconds(out, recordings)
    seconds.prepare(preparing)
    learnt, kept = _split(recordings, seconds, recipe)
    rows, labels = seconds.rows(), torch.from_numpy(seconds.labels())
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    network = IovNet().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    identity = _identity(recordings, recipe)
    history = _restore(out / SNAPSHOT, identity, network, optimizer, device)
    steps = max(1, len(learnt) // recipe.batch)
    for epoch in range(len(history), recipe.epochs):
        rate = recipe.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / recipe.epochs)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(recipe.seed + 1 + epoch)  # of dropout
        order = np.random.default_rng([recipe.seed, epoch]).permutation(learnt)
        network.train()
        total = 0.0
        for step in range(steps):
            chosen = np.sort(order[step * recipe.batch : (step + 1) * recipe.batch])
            logits = network(_batch(rows, chosen, device))
            loss = torch.nn.functional.cross_entropy(logits, labels[chosen].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
            if training is not None:
                training(epoch * steps + step + 1, recipe.epochs * steps)
        accuracy = _accuracy(network, rows, labels, kept, recipe.batch, device)
        history.append({"epoch": epoch + 1, "loss": total / steps, "accuracy": accuracy})
        _snapshot(out / SNAPSHOT, identity, network, optimizer, history)
    put(out / WEIGHTS, lambda path: save_iov(network, path))
    digest = hashlib.sha256((out / WEIGHTS).read_bytes()).hexdigest()
    accuracy = history[-1]["accuracy"]
    card = {
        "embedder": "iov_cnn420",
        "classes": list(CLASSES),
        "sha256": digest,
        "code": __version__,
        "recipe": asdict(recipe),
        "recordings": {name: sum(each.label == name for each in recordings) for name in CLASSES},
        "unreadable": len(seconds.failures),
        "seconds": {"learnt": len(learnt), "validation": len(kept)},
        "validation_accuracy": accuracy,
        "history": history,
    }
    text = json.dumps(card, indent=1) + "\n"
    put(out / CARD, lambda path: _write_text(path, text))
    return Trained(out / WEIGHTS, digest, accuracy, tuple(history), tuple(seconds.failures))


def _split(
    recordings: Sequence[Recording], seconds: Seconds, recipe: IovRecipe
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows to validate on; no group is in both."""
    owner = seconds.recordings()
    there = set(owner.tolist())
    kept: set[tuple[str, str]] = set()
    rng = np.random.default_rng([recipe.seed])
    for label in CLASSES:
        groups = sorted(
            {each.group for at, each in enumerate(recordings) if each.label == label and at in there}
        )
        if len(groups) < 2:
            raise UsageError(f"{label} has {len(groups)} groups of recordings that can be read; 2 are needed")
        count = min(len(groups) - 1, max(1, round(recipe.validation * len(groups))))
        kept |= {(label, groups[at]) for at in rng.permutation(len(groups))[:count]}
    apart = np.array([(each.label, each.group) in kept for each in recordings])[owner]
    return np.flatnonzero(~apart), np.flatnonzero(apart)


def _batch(rows: NDArray[np.float16], chosen: NDArray[np.int64], device: torch.device) -> torch.Tensor:
    import torch

    return torch.from_numpy(rows[chosen].astype(np.float32)).unsqueeze(1).to(device)


def _accuracy(
    network: IovNet,
    rows: NDArray[np.float16],
    labels: torch.Tensor,
    kept: NDArray[np.int64],
    batch: int,
    device: torch.device,
) -> float:
    import torch

    network.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(kept), batch):
            chosen = kept[start : start + batch]
            answers = network(_batch(rows, chosen, device)).argmax(dim=1).cpu()
            right += int((answers == labels[chosen]).sum())
    return right / len(kept)


def _identity(recordings: Sequence[Recording], recipe: IovRecipe) -> str:
    """What a snapshot belongs to."""
    words = json.dumps([asdict(recipe), [[str(each.path), each.label, each.group] for each in recordings]])
    return hashlib.sha256(words.encode()).hexdigest()


def _snapshot(
    path: Path, identity: str, network: IovNet, optimizer: Any, history: list[dict[str, float]]
) -> None:
    import torch

    state = {
        "identity": identity,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
    }
    put(path, lambda temporary: torch.save(state, temporary))


def _restore(
    path: Path, identity: str, network: IovNet, optimizer: Any, device: torch.device
) -> list[dict[str, float]]:
    """Take up a snapshot; returns the history so far, empty if there is no snapshot."""
    import torch

    if not path.exists():
        return []
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        if state["identity"] != identity:
            raise StoreError(f"{path.parent} holds a training of other recordings or another recipe")
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        history: list[dict[str, float]] = state["history"]
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise StoreError(f"{path} is damaged: {str(error).splitlines()[0][:100]}; take it away") from error
    return history


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
