"""What a training run needs to go on after it was killed, written after every epoch."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.embed.store_files import put
from vadd.errors import OutputError, StoreError

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

__all__ = ["SNAPSHOT", "Snapshot"]

SNAPSHOT = "snapshot.pt"


@dataclass(slots=True)
class Snapshot:
    """How far a run has come.

    Attributes:
        out: Folder of the run.
        identity: Of what is learnt, how and from what.
        history: One entry an epoch.
        best: The weights of the best epoch so far; empty if the last epoch's are wanted.
    """

    out: Path
    identity: str
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def restore(cls, out: Path, identity: str, network: nn.Module, optimizer: Optimizer) -> Snapshot:
        """Take up the run in a folder, or begin one.

        Args:
            out: Made if it does not exist.
            identity: Of the run that is wanted.
            network: Filled from the snapshot, if there is one.
            optimizer: Likewise.

        Raises:
            OutputError: If the folder cannot be made.
            StoreError: If the snapshot is damaged or of another run.
        """
        import torch

        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {out}: {(error.strerror or str(error)).lower()}") from error
        path = out / SNAPSHOT
        if not path.exists():
            return cls(out, identity)
        try:
            device = next(network.parameters()).device
            state = torch.load(path, map_location=device, weights_only=True)
            if state["identity"] != identity:
                raise StoreError(
                    f"{path} is of a training with another store, recipe, network or seed; take it away, or "
                    "name another folder"
                )
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
            return cls(out, identity, state["history"], state["best"])
        except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
            why = (str(error) or repr(error)).splitlines()[0][:100]
            raise StoreError(f"{path} is damaged: {why}; take it away") from error

    def write(self, network: nn.Module, optimizer: Optimizer, *, keep_best: bool) -> None:
        """Put the state after an epoch on disk.

        Raises:
            StoreError: If it cannot be written; the one before is then still whole.
        """
        if keep_best and self.kept_epoch("best") == len(self.history):
            self.best = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        state = {
            "identity": self.identity,
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }
        put(self.out / SNAPSHOT, lambda temporary: _save(state, temporary))

    def kept_epoch(self, keep: str) -> int:
        """Number of the epoch whose weights are kept, from 1."""
        if keep == "last":
            return len(self.history)
        losses = [entry["validation_loss"] for entry in self.history]
        return losses.index(min(losses)) + 1


def _save(state: dict[str, Any], path: Path) -> None:
    import torch

    try:
        torch.save(state, path)
    except RuntimeError as error:  # what torch makes of a full disk
        if "write" not in str(error) and "PytorchStreamWriter" not in str(error):
            raise
        raise OSError(None, "the disk takes no more") from error
