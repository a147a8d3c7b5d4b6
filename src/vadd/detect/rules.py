"""One digest of all constants that a decision is made with: a calibration holds for these and no others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from types import ModuleType

__all__ = ["RULES", "constants", "rules_sha256"]

#: What the digest is called among the hashes of a detector.
RULES = "rules"


def constants() -> dict[str, str]:
    """``module.NAME`` → value of every constant between measures and verdict, as text."""
    from vadd.detect import abstention, blank, change, decide, familiar, score, shots

    modules = (abstention, blank, change, decide, familiar, score, shots)
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": value
        for module in modules
        for name, value in _own(module)
    }


@cache
def rules_sha256() -> str:
    """SHA-256 of :func:`constants`: another one stands for other verdicts on the same measures."""
    told = json.dumps(constants(), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def _own(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in sorted(vars(module).items()):
        if name.isupper() and isinstance(value, int | float | Fraction):
            yield name, repr(value)
