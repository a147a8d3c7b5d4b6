"""Why: what each concept of picture and sound does to the score of a stretch, found by leaving it out.

It knows one thing of an engine, how that compares posteriors (:class:`Comparison`), and nothing of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vadd.detect.verdict import Concept, Contribution

__all__ = ["Comparison", "expected_sounds", "why"]

Row = NDArray[np.floating[Any]]

#: A concept with less of its side's posterior is no reason that anybody would want to read.
FLOOR = 0.03

#: What is left of a side must be this much of it to speak alone; the rest is filled up evenly. Without that
#: a concept that is all of a side would leave nothing, and one that is nearly all of it a network's noise,
#: blown up a thousandfold.
LEAST = 0.01

#: How many concepts are told of at most.
MOST = 6

#: How many expected sounds are named at most, and how probable one must be to be named beside the first.
EXPECTED, EXPECTED_FROM = 3, 0.05


class Comparison(Protocol):
    """How an engine compares what is seen with what is heard."""

    def score(self, seen: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
        """Discrepancies of ``N`` pairs of posteriors.

        Args:
            seen: ``(N, V)``, rows sum to 1.
            heard: ``(N, A)``, rows sum to 1.

        Returns:
            ``(N,)`` finite, higher is more discrepant.
        """

    def expected(self, seen: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
        """The distribution over sounds, ``(A,)``, that a picture's posterior ``(V,)`` leads one to expect."""


def why(
    comparison: Comparison,
    seen: Row,
    heard: Row,
    seen_words: Sequence[str],
    heard_words: Sequence[str],
    *,
    most: int = MOST,
) -> tuple[Contribution, ...]:
    """What the concepts of a stretch do to its discrepancy.

    Each concept that holds at least :data:`FLOOR` of its side is left out by itself: the rest of the side is
    brought back to a sum of 1 and the stretch is scored again. Where less than :data:`LEAST` is left, all
    other concepts of that side are filled in evenly up to that share: a concept that was alone on its side is
    compared with "it could be anything else".

    Args:
        comparison: The engine's.
        seen: ``(V,)`` posterior over what is seen; brought to a sum of 1.
        heard: ``(A,)`` posterior over what is heard; likewise.
        seen_words: The ``V`` names of what can be seen.
        heard_words: The ``A`` names of what can be heard.
        most: How many to give at most; those with the greatest effect either way are kept.

    Returns:
        Greatest effect first; of equal ones the picture's before the sound's. Nothing where a side is all
        zeros, of which nothing is known.

    Raises:
        ValueError: If a row does not fit its words, holds what is no share, or a score is not finite.
    """
    picture, sound = _shares(seen, seen_words, "picture"), _shares(heard, heard_words, "sound")
    if not (picture.any() and sound.any()):
        return ()
    of_picture, of_sound = _weighty(picture), _weighty(sound)
    count = 1 + len(of_picture) + len(of_sound)
    pictures, sounds = np.tile(picture, (count, 1)), np.tile(sound, (count, 1))
    # One call for all of them; the first row is the stretch as it is.
    pictures[1 : 1 + len(of_picture)] = _without(picture, of_picture)
    sounds[1 + len(of_picture) :] = _without(sound, of_sound)
    scores = np.asarray(comparison.score(pictures, sounds), np.float64)
    if scores.shape != (count,) or not np.isfinite(scores).all():
        raise ValueError(f"a comparison of {count} pairs gives {count} finite scores, not {scores}")
    effects = (scores[0] - scores[1:]).tolist()
    found = [
        *(("picture", seen_words[at], float(picture[at])) for at in of_picture.tolist()),
        *(("sound", heard_words[at], float(sound[at])) for at in of_sound.tolist()),
    ]
    kept = sorted(range(len(found)), key=lambda at: (-abs(effects[at]), at))[:most]
    return tuple(Contribution(*found[at], effects[at]) for at in sorted(kept, key=lambda a: (-effects[a], a)))


def expected_sounds(
    comparison: Comparison,
    seen: Row,
    seen_words: Sequence[str],
    heard_words: Sequence[str],
    *,
    at_large: Row | None = None,
    most: int = EXPECTED,
) -> tuple[Concept, ...]:
    """The sounds that a picture leads one to expect.

    Args:
        comparison: The engine's.
        seen: ``(V,)`` posterior over what is seen; brought to a sum of 1.
        seen_words: The ``V`` names of what can be seen.
        heard_words: The ``A`` names of what can be heard.
        at_large: ``(A,)`` how much each sound is to be expected whatever is seen. A sound that this picture
            makes no likelier is not named then: speech is expected almost anywhere.
        most: How many to name at most.

    Returns:
        Most probable first: the first, and others from :data:`EXPECTED_FROM` on. Nothing where the row is all
        zeros.

    Raises:
        ValueError: If a row does not fit its words or holds what is no share.
    """
    picture = _shares(seen, seen_words, "picture")
    if not picture.any():
        return ()
    shares = np.asarray(comparison.expected(picture), np.float64)
    _check(shares, heard_words, "sound")
    if at_large is not None:
        _check(at_large, heard_words, "sound")
        shares = np.where(shares > at_large, shares, 0.0)
    order = np.argsort(-shares, kind="stable")[:most].tolist()
    return tuple(
        Concept(heard_words[at], min(1.0, float(shares[at])))
        for place, at in enumerate(order)
        if shares[at] >= EXPECTED_FROM or (place == 0 and shares[at] > 0)
    )


def _shares(row: Row, words: Sequence[str], side: str) -> NDArray[np.float64]:
    """A row brought to a sum of 1 in double precision; zeros stay."""
    _check(row, words, side)
    exact = row.astype(np.float64)
    total = float(exact.sum())
    return exact / total if total > 0 else exact


def _check(row: Row, words: Sequence[str], side: str) -> None:
    if row.shape != (len(words),):
        raise ValueError(f"a {side} of {len(words)} concepts has not the shape {row.shape}")
    if not (np.isfinite(row).all() and (row >= 0).all()):
        raise ValueError(f"the shares of a {side} are finite and not negative")


def _weighty(row: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which concepts to leave out; none where there is no other that could take the place."""
    return np.flatnonzero(row >= FLOOR) if len(row) > 1 else np.zeros(0, np.intp)


def _without(row: NDArray[np.float64], concepts: NDArray[np.intp]) -> NDArray[np.float64]:
    """``(len(concepts), C)``: the row with each of the concepts left out, sums of 1."""
    each = np.arange(len(concepts))
    rest = np.tile(row, (len(concepts), 1))
    rest[each, concepts] = 0
    lacking = np.maximum(0, LEAST - rest.sum(axis=1))
    rest += (lacking / (len(row) - 1))[:, None]
    rest[each, concepts] = 0
    filled: NDArray[np.float64] = rest / rest.sum(axis=1, keepdims=True)
    return filled
