"""The card of a results folder: what its newest results are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vadd.errors import StoreError
from vadd.run.many import CARD, SCHEMA
from vadd.run.settings import Keys, canonical

__all__ = ["Card", "read_card"]


@dataclass(frozen=True, slots=True)
class Card:
    """What the newest run of a folder judged with.

    Attributes:
        model: As it was asked for.
        detector: The name of the detector.
        version: Of vadd.
        false_alarms: The rate.
        keys: Make the keys of its records.
    """

    model: str
    detector: str
    version: str
    false_alarms: float
    keys: Keys

    def made(self, key: str, *sha256: str) -> bool:
        """Whether a record with this key of files with these digests is made of what the card says."""
        return self.keys.record(*sha256) == key


def read_card(folder: Path) -> Card:
    """The card of a results folder.

    Raises:
        StoreError: If there is none, or it is damaged or of another version.
    """
    path = folder / CARD
    try:
        told: Any = json.loads(path.read_bytes())
        if told["schema"] != SCHEMA:
            raise StoreError(f"{path}: of the form {told['schema']!r}, not {SCHEMA}")
        judged = told["judged"]
        card = Card(
            told["model"],
            judged["model"],
            judged["version"],
            float(judged["config"]["false_alarms"]),
            Keys(dict(told["measured"]), dict(judged)),
        )
        if not all(isinstance(each, str) for each in (card.model, card.detector, card.version)):
            raise ValueError("a name that is none")
        canonical(told)  # keys are made of it, and there is no key of what is no number
    except FileNotFoundError as error:
        raise StoreError(f"{folder} holds no results of `vadd check --out`: there is no {CARD}") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise StoreError(f"{path}: no card of results: {error}") from error
    return card
