"""Swaps by the class of the picture and the class of the sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadd.embed.store import StoredClip
from vadd.protocol.metrics import Flags
from vadd.protocol.reproduce.page import Matrix, csv_text
from vadd.protocol.reproduce.pairs import manipulated
from vadd.protocol.reproduce.swapped import View
from vadd.protocol.swaps import Trial
from vadd.scenes import TAU, by_size, coarsen

__all__ = ["Cells", "cells", "cells_csv", "matrices"]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Counts by class of the picture (rows) and of the sound (columns), all seeds together.

    Attributes:
        scenes: The classes.
        clips: ``(C, C)`` trials; on the diagonal the pristine ones.
        flagged: ``(C, C)`` how many of them are flagged.
    """

    scenes: tuple[str, ...]
    clips: NDArray[np.int64]
    flagged: NDArray[np.int64]

    @property
    def rate(self) -> NDArray[np.float64]:
        """``(C, C)`` share that is flagged: false alarms on the diagonal, recall elsewhere."""
        shares = self.flagged / np.maximum(1, self.clips)
        shares[self.clips == 0] = np.nan
        rate: NDArray[np.float64] = shares
        return rate

    @property
    def f1(self) -> NDArray[np.float64]:
        """``(C, C)`` F1 of each pair of classes at even shares; not a number on the diagonal.

        Of the swaps of a pair all are manipulated, so they have no false alarms of their own: those of the
        pristine clips of both classes stand for them, as if these were as many as the swaps.
        """
        own = np.diagonal(self.clips)
        alarms = np.diagonal(self.flagged)
        pristine = own[:, None] + own[None, :]
        false = (alarms[:, None] + alarms[None, :]) / np.maximum(1, pristine)
        found: NDArray[np.float64] = 2 * self.rate / (self.rate + 1 + false)
        found[(pristine == 0) | np.eye(len(own), dtype=np.bool_)] = np.nan
        return found


def cells(
    flagged: Sequence[Flags], trials: tuple[Trial, ...], view: View, clips: Sequence[StoredClip]
) -> Cells:
    """Count trials by class.

    Args:
        flagged: ``(n,)`` answers of every seed.
        trials: ``n`` trials.
        view: The classes.
        clips: All clips in the trials.
    """
    into = coarsen(TAU, by_size(view.classes))
    kind = {clip.name: into[TAU.index(clip.scene)] for clip in clips}
    at = np.array([(kind[each.picture], kind[each.sound]) for each in trials], np.int64)
    size = view.classes
    count = np.zeros((size, size), np.int64)
    alarms = np.zeros((size, size), np.int64)
    for answers in flagged:
        np.add.at(count, (at[:, 0], at[:, 1]), 1)
        np.add.at(alarms, (at[:, 0], at[:, 1]), answers)
    # A design keeps foreign sounds to other classes; the diagonal would mix both kinds otherwise.
    if (manipulated(trials) == (at[:, 0] == at[:, 1])).any():
        raise ValueError("pristine trials have sounds of their own class, manipulated ones of another")
    return Cells(by_size(size).scenes, count, alarms)


def cells_csv(found: Mapping[View, Cells]) -> str:
    """A line for each pair of classes."""
    lines: list[list[object]] = []
    for view, each in found.items():
        for row, picture in enumerate(each.scenes):
            for column, sound in enumerate(each.scenes):
                f1 = each.f1[row, column]
                told = None if np.isnan(f1) else f"{f1:.10g}"
                kind = "pristine" if row == column else "manipulated"
                counts = [each.clips[row, column], each.flagged[row, column]]
                lines.append([view.classes, view.how, picture, sound, kind, *counts, told])
    header = ["classes", "heads", "picture", "sound", "kind", "clips", "flagged", "f1"]
    return csv_text(header, lines)


def matrices(view: View, found: Cells) -> tuple[Matrix, ...]:
    """F1 by picture and sound, and the share that is flagged."""
    how = "" if view.classes == view.head else "-summed"
    return tuple(
        Matrix(
            name=f"vadd-{name}-{view.classes}{how}",
            title=f"{title}, {view.classes} classes, {view.how}",
            down="picture",
            across="sound",
            rows=found.scenes,
            columns=found.scenes,
            values=100 * values,
            shades=np.nan_to_num(values),
            decimals=1,
        )
        for name, title, values in (
            ("f1", "F1, %, hard comparison", found.f1),
            ("flagged", "Flagged, % (diagonal: false alarms)", found.rate),
        )
    )
