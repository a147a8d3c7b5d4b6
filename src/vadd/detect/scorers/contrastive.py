"""How badly the two streams agree in the common space of a contrastive network."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.classify.judge import Matcher
from vadd.detect.scorers.base import Rows, Scorer, Takes
from vadd.embed.base import Modality

__all__ = ["Contrastive"]


class Contrastive(Scorer):
    """The mean over seconds of ``(1 - cosine) / 2`` of picture and sound: 0 (one direction) to 1 (opposed).

    0.5 is what two directions come to that have nothing to do with each other; a network that was trained to
    tell a batch apart need not put foreign sounds there, so no score is neutral.

    Args:
        matcher: The network.
    """

    name: ClassVar[str] = "contrastive"
    about: ClassVar[str] = "lack of agreement of picture and sound in a contrastive network"
    takes: ClassVar[Takes] = Takes.EMBEDDINGS
    symmetric: ClassVar[bool] = False
    learnt: ClassVar[bool] = True

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self.dims = tuple(
            sum(each.dim for each in matcher.embedders if each.modality is modality)
            for modality in (Modality.PICTURE, Modality.SOUND)
        )

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From 0 to 1; it knows no scenes."""
        return 0.0, 1.0

    def _check(self, picture: Rows, sound: Rows, *, gaps: bool) -> None:
        for rows, dim, of in zip((picture, sound), self.dims, ("picture", "sound"), strict=True):
            if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != dim:
                raise ValueError(f"the embeddings of a clip's {of} are (seconds, {dim}), not {rows.shape}")
            if not np.isfinite(rows).all():
                raise ValueError("embeddings are finite numbers")
            if not gaps and not rows.any(axis=1).all():
                raise ValueError(
                    f"the embeddings of a second of the {of} are all zero: nothing is known of it"
                )
        if len(picture) != len(sound):
            raise ValueError(f"picture and sound have embeddings of {len(picture)} and {len(sound)} seconds")

    def _rows(self, picture: Rows, sound: Rows) -> NDArray[np.float64]:
        vectors = {}
        for modality, rows in ((Modality.PICTURE, picture), (Modality.SOUND, sound)):
            start = 0
            for each in self._matcher.embedders:
                if each.modality is modality:
                    vectors[each.name] = rows[:, start : start + each.dim]
                    start += each.dim
        return self._matcher.discrepancy(vectors).astype(np.float64)

    def _score(self, picture: Rows, sound: Rows) -> float:
        return float(self._rows(picture, sound).mean())
