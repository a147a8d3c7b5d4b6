"""The hand-made tables of the everyday model: what can be seen, what can be heard, what goes with what.

The tables are text files of the package, written from the class names of the two networks: every
ImageNet and AudioSet class belongs to one or more *concepts*, and for each picture concept the sounds
are listed that the sight leads one to expect, with weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vadd.classify.tables import read_table

__all__ = ["Concepts", "concepts"]

#: Weight of a sound that neither base.txt nor the picture concept names.
UNNAMED = 0.15

#: What marks a class of the scene probe among the ImageNet classes of seen.txt.
SCENE = "scene:"


@dataclass(frozen=True, slots=True, eq=False)
class Concepts:
    """The tables as matrices.

    Attributes:
        seen: Names of the V picture concepts.
        seen_words: The same for people ("a dog").
        heard: Names of the A sound concepts.
        heard_words: The same for people.
        scenes: Names of the S scenes of the scene probe, in the order of ``seen_of_scene``'s rows.
        seen_of_class: ``(1000, V)``; row = share of an ImageNet class in each concept, sums to 1.
        seen_of_scene: ``(S, V)``; the same for the scenes of the probe.
        heard_of_class: ``(521, A)``; the same for AudioSet classes.
        expected: ``(V, A)``; row = distribution of sounds to expect at a picture concept, sums to 1.
        generic: ``(A,)`` bool, sounds that are laid over any picture (speech, music).
    """

    seen: tuple[str, ...]
    seen_words: tuple[str, ...]
    heard: tuple[str, ...]
    heard_words: tuple[str, ...]
    scenes: tuple[str, ...]
    seen_of_class: NDArray[np.float32]
    seen_of_scene: NDArray[np.float32]
    heard_of_class: NDArray[np.float32]
    expected: NDArray[np.float32]
    generic: NDArray[np.bool_]


@cache
def concepts() -> Concepts:
    """The tables that come with vadd, read once."""
    heard_rows = _rows("heard.txt")
    seen_rows = _rows("seen.txt")
    heard = tuple(row[0] for row in heard_rows)
    scenes = tuple(sorted(scene for row in seen_rows for scene in _scenes(row[2])))
    base = np.full(len(heard), UNNAMED, np.float32)
    for line in _lines("base.txt"):
        name, weight = line.split()
        base[heard.index(name)] = float(weight)
    generic = np.zeros(len(heard), np.bool_)
    for line in _lines("generic.txt"):
        generic[[heard.index(name) for name in line.split()]] = True

    expected = np.tile(base, (len(seen_rows), 1))
    scene_terms = []
    for row, weights in zip(seen_rows, expected, strict=True):
        terms = row[3].split()
        for name, weight in zip(terms[::2], terms[1::2], strict=True):
            weights[heard.index(name)] += float(weight)
        scene_terms.append([scenes.index(scene) for scene in _scenes(row[2])])

    return Concepts(
        seen=tuple(row[0] for row in seen_rows),
        seen_words=tuple(row[1] for row in seen_rows),
        heard=heard,
        heard_words=tuple(row[1] for row in heard_rows),
        scenes=scenes,
        seen_of_class=_membership([_indices(row[2]) for row in seen_rows], 1000),
        seen_of_scene=_membership(scene_terms, len(scenes)),
        heard_of_class=_membership([_indices(row[2]) for row in heard_rows], 521),
        expected=expected / expected.sum(axis=1, keepdims=True),
        generic=generic,
    )


def _lines(name: str) -> list[str]:
    text = read_table(name).decode("utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _rows(name: str) -> list[list[str]]:
    return [[field.strip() for field in line.split("|")] for line in _lines(name)]


def _scenes(terms: str) -> list[str]:
    return [term.removeprefix(SCENE) for term in terms.split() if term.startswith(SCENE)]


def _indices(terms: str) -> list[int]:
    found: list[int] = []
    for term in terms.split():
        if not term.startswith(SCENE):
            first, _, last = term.partition("-")
            found.extend(range(int(first), int(last or first) + 1))
    return found


def _membership(members: list[list[int]], classes: int) -> NDArray[np.float32]:
    """``(classes, concepts)``: a class that stands in several concepts is shared evenly between them."""
    matrix = np.zeros((classes, len(members)), np.float32)
    for column, rows in enumerate(members):
        matrix[rows, column] = 1
    shares: NDArray[np.float32] = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return shares
