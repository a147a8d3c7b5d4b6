"""Everything of ours that reads what others wrote, each with a well-formed input and the errors it may raise.

A parser gives a value or raises what its documentation names; :func:`tried` tells what else happened.
Where a form holds a digest of itself, there are two targets: the form as it is, and its inside damaged before
it is sealed, as somebody who means harm would do it.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType

import _model_samples as models
import _readers as read
import _samples as some
from _mutate import damaged, damaged_json, damaged_text, rng_of
from vadd.errors import MediaError, ModelError, ProtocolError, StoreError, UsageError, VaddError

__all__ = ["PATIENCE", "TARGETS", "Target", "input_of", "tried"]

#: Seconds that one small input may take; far more than any takes on a machine that does other things too.
PATIENCE = 30

Errors = tuple[type[BaseException], ...]
_Mutator = Callable[[bytes, Random, bytes], tuple[bytes, str]]


@dataclass(frozen=True, slots=True)
class Target:
    """A parser.

    Attributes:
        made: Gives well-formed inputs, at least one.
        read: Parses; may write into the empty folder that it is given.
        errors: What it says that it raises.
        damage: One of the ways of :mod:`_mutate`.
        needs: Libraries without which it cannot run.
    """

    made: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    errors: Errors
    damage: _Mutator = damaged
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """The first library that is not installed, or nothing."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), "")


class TookTooLongError(Exception):
    """A parser was still at it when its time was over."""


def input_of(name: str, seed: int, number: int) -> tuple[bytes, str]:
    """Damaged input ``number`` of a target; the same for the same seed."""
    rng = rng_of("parser", seed, name, number)
    wells = _wells(name)
    return TARGETS[name].damage(rng.choice(wells), rng, rng.choice(wells))


@cache
def _wells(name: str) -> list[bytes]:
    return TARGETS[name].made()


def tried(name: str, data: bytes) -> tuple[str, str]:
    """Parse an input.

    Returns:
        ``value`` or the name of the documented error, and nothing; or ``broken`` and what happened.
    """
    target = TARGETS[name]
    folder = Path(tempfile.mkdtemp(prefix="vadd-fuzz-"))
    try:
        with _alarm(PATIENCE):
            target.read(data, folder)
    except target.errors as error:
        told = str(error)
        one_line = not isinstance(error, VaddError) or ("\n" not in told and told.strip())
        return (type(error).__name__, "") if one_line else ("broken", f"not one line: {told!r}")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "broken", f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return "value", ""


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    """Raise :class:`TookTooLongError` in the block after so many seconds."""

    def over(number: int, frame: FrameType | None) -> None:
        raise TookTooLongError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _wire_errors() -> Errors:
    from vadd.media.inbox import ChildBugError
    from vadd.media.wire import WireError

    return (WireError, MediaError, ModelError, UsageError, ChildBugError)


_ARROW = ("pyarrow",)
_PROTOCOL: Errors = (ProtocolError, UsageError)

#: Name → parser. Readers of values (``survey``, ``limits``) raise what their documentation says.
TARGETS: Mapping[str, Target] = {
    "inputs": Target(some.paths, read.inputs, (UsageError,), damaged_text),
    "ledger": Target(some.ledgers, read.ledger, (StoreError,), damaged_json),
    "record": Target(some.records, read.record, (StoreError,), damaged_json),
    "row": Target(some.results, read.row, (StoreError,), damaged_json),
    "results-card": Target(some.cards, read.card, (StoreError,), damaged_json),
    "match-cache": Target(some.match_entries, read.match_cache, ()),
    "extraction": Target(some.extractions, read.extraction, (StoreError,)),
    "extraction-sealed": Target(some.extraction_bodies, read.extraction_sealed, (StoreError,)),
    "extraction-header": Target(
        some.extraction_headers, read.extraction_header, (StoreError,), damaged_json
    ),
    "wire": Target(some.messages, read.wire, _wire_errors()[:1]),
    "inbox": Target(some.messages, read.inbox, _wire_errors()),
    "survey": Target(some.infos, read.survey, (ValueError,), damaged_json),
    "received": Target(some.headers, read.received, (MediaError,), damaged_json),
    "limits": Target(some.limits, read.limits, (ValueError,), damaged_json),
    "result": Target(some.results, read.result, (ValueError,), damaged_json),
    "manifest": Target(some.manifests, read.manifest, _PROTOCOL, damaged_text),
    "manifest-origin": Target(some.origins, read.origin, (ProtocolError,), damaged_json),
    "predictions": Target(some.predictions, read.predictions, _PROTOCOL, damaged_text),
    "proposals": Target(some.proposals, read.proposals, _PROTOCOL, damaged_json),
    "lists": Target(lambda: [some.listed(), some.swapped()], read.lists, _PROTOCOL, damaged_text),
    "tau": Target(some.tau, read.tau, _PROTOCOL, damaged_text),
    "tau-folder": Target(some.tau_lists, read.tau_folder, _PROTOCOL, damaged_text),
    "pickle": Target(some.pickles, read.pickle, (StoreError,)),
    "store-head": Target(
        lambda: models.store_files("store.json"), read.store("store.json"), (StoreError,), damaged_json,
        _ARROW,
    ),
    "store-manifest": Target(
        lambda: models.store_files("manifest.jsonl"), read.store("manifest.jsonl"), (StoreError,),
        damaged_json, _ARROW,
    ),
    "store-shard": Target(
        lambda: models.store_files("shard"), read.store("shard"), (StoreError,), damaged, _ARROW
    ),
    "model-card": Target(models.model_cards, read.model_card, (ModelError,), damaged_json),
    "detector-card": Target(models.detector_cards, read.detector_card, (ModelError,), damaged_json),
    "calibration": Target(models.calibrations, read.calibration, (ModelError,), damaged_json),
    "adapted-card": Target(models.adapted_cards, read.adapted_card, (ModelError,), damaged_json),
    "adapted-curve": Target(models.adapted_curves, read.adapted_curve, (ModelError,), damaged_json),
    "keras": Target(models.keras, read.keras, (ModelError,), damaged, ("h5py",)),
    "safetensors": Target(
        models.safetensors, read.checkpoint(".safetensors"), (ModelError,), damaged, ("torch", "safetensors")
    ),
    "torch": Target(models.checkpoints, read.checkpoint(".pth"), (ModelError,), damaged, ("torch",)),
}  # fmt: skip
