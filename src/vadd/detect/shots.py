"""Where the picture is cut: what lies between two cuts is a shot."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vadd.detect.blocks import blocks
from vadd.embed.extract import PictureTrack

__all__ = ["cuts", "shots"]

#: Cosine distance of the frames' vectors from which on two seconds show two shots. Of joined clips 96 % of
#: the joins lie above it, and 3 % of the steps within a shot (measured on joined clips of the shared data).
APART = 0.55


def cuts(picture: PictureTrack) -> NDArray[np.bool_]:
    """Before which seconds the picture is cut.

    Args:
        picture: Vectors of ``T`` seconds.

    Returns:
        ``(T,)`` bool; true where a second's frame shows another shot than the last frame before it. False for
        the first, and where there is no frame.
    """
    there = np.flatnonzero(picture.present)
    found = np.zeros(len(picture.present), np.bool_)
    for block in blocks(len(there) - 1):
        at = there[block.start : block.stop + 1]  # each row is compared with the one before
        rows = picture.vectors[at].astype(np.float64)
        lengths = np.maximum(np.linalg.norm(rows, axis=1), np.finfo(np.float32).tiny)
        near = np.einsum("ij,ij->i", rows[1:], rows[:-1]) / (lengths[1:] * lengths[:-1])
        found[at[1:]] = near < 1 - APART
    return found


def shots(cut: NDArray[np.bool_]) -> tuple[range, ...]:
    """The shots as ranges of seconds; together they are all seconds.

    Args:
        cut: ``(T,)`` from :func:`cuts`.
    """
    edges = [0, *(at for at in np.flatnonzero(cut).tolist() if at), len(cut)]
    return tuple(range(a, b) for a, b in pairwise(edges) if a < b)
