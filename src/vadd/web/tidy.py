"""Removes what no job has a claim to: after a deletion, and at a start what a killed server left."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vadd.run.records import KINDS, Results

__all__ = ["discard", "sweep_results", "sweep_uploads"]


def discard(results: Results, key: str) -> int:
    """Remove all that the results folder has under a key; returns the bytes that it took."""
    freed = 0
    for kind in KINDS:
        path = results.path(kind, key)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        freed += size
    return freed


def sweep_results(results: Results, claimed: Collection[str]) -> None:
    """Remove all of the results folder but what has these keys."""
    for kind in KINDS:
        for key in set(results.keys(kind)).difference(claimed):
            results.path(kind, key).unlink(missing_ok=True)


def sweep_uploads(folder: Path, kept: Collection[str]) -> None:
    """Remove all uploads but those of these names."""
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
