"""A trained classifier at work: embeddings in, posteriors out, and nothing that it was not trained on.

The network itself is a function that :mod:`vadd.classify.model` brings along, run by torch or by ONNX
Runtime; this module needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.card import ModelCard
from vadd.classify.spec import ContrastiveSpec, EmbedderRef, FusionSpec
from vadd.errors import ModelError
from vadd.scenes import SceneSet

__all__ = ["Classifier", "Matcher", "Run", "Stacked", "require", "stack"]

#: A network: float32 ``(samples, dim)`` or ``(clips, T, dim)`` in; posteriors or similarities out.
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

#: Samples that are computed at once. A two-hour file would need gigabytes in one piece.
BLOCK = 256


class _Judge:
    """What both kinds of model share: they know their embedders and refuse others."""

    def __init__(self, card: ModelCard, run: Run) -> None:
        self.card = card
        self._run = run

    @property
    def embedders(self) -> tuple[EmbedderRef, ...]:
        """The embedders that it was trained on, in the order of its input."""
        return self.card.spec.embedders

    def require(self, hashes: Mapping[str, str | None]) -> None:
        """Refuse embedders that it was not trained on; :func:`require` says when."""
        require(self.embedders, hashes)

    def _stack(
        self,
        embeddings: Mapping[str, NDArray[np.floating[Any]]],
        hashes: Mapping[str, str | None] | None,
        counted: NDArray[np.bool_] | None = None,
    ) -> Stacked:
        if hashes is not None:
            self.require(hashes)
        return Stacked(self.embedders, embeddings, counted)


class Classifier(_Judge):
    """A scene classifier that may judge files.

    Args:
        card: Of a fusion or hybrid model.
        run: Its network, up to the posteriors.

    Raises:
        ModelError: If the card is of a model that gives no posteriors, or none that may be relied on:
            one whose attention runs across the batch answers by what lies beside a clip.
    """

    def __init__(self, card: ModelCard, run: Run) -> None:
        if not isinstance(card.spec, FusionSpec):
            raise ModelError(
                "a contrastive model gives no posteriors; it says how well picture and sound agree"
            )
        if card.spec.attention == "batch":
            raise ModelError(
                "this classifier attends across the batch, so that its answer depends on the clips beside "
                "the one judged; it is for the record only"
            )
        super().__init__(card, run)
        self.spec = card.spec

    @property
    def scenes(self) -> SceneSet:
        """The scenes of the posteriors' columns."""
        return self.spec.scene_set

    def posteriors(
        self,
        embeddings: Mapping[str, NDArray[np.floating[Any]]],
        hashes: Mapping[str, str | None] | None = None,
        counted: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float32]:
        """The scene posterior of each second of one clip.

        Args:
            embeddings: Name → ``(T, D)`` for exactly the classifier's embedders.
            hashes: Name → SHA-256 of the weights that made them; checked when given, as whoever
                judges a file must have it (here or, once for many clips, by :meth:`require`).
            counted: ``(T,)``, the seconds to judge, the others left out; all of them if ``None``.

        Returns:
            ``(T, C)`` of those seconds; rows sum to 1. The same for a clip alone as for one among others.

        Raises:
            ModelError: If an embedder, a hash, a shape or a value is not what it was trained on.
        """
        vectors = self._stack(embeddings, hashes, counted)
        if self.spec.instance == "second":
            return _blockwise(self._run, vectors, len(self.scenes))
        parts = [self._window(part, new) for part, new in _windows(vectors, self.spec.seconds)]
        return np.concatenate([np.empty((0, len(self.scenes)), np.float32), *parts])

    def _window(self, vectors: NDArray[np.float32], new: int) -> NDArray[np.float32]:
        """Posteriors of the last ``new`` seconds of a window."""
        return self._run(vectors[None])[0, len(vectors) - new :]


class Matcher(_Judge):
    """A contrastive model: how badly a second's sound agrees with its picture.

    Args:
        card: Of a contrastive model.
        run: Its network, up to the similarities.

    Raises:
        ModelError: If the card is of another kind of model.
    """

    def __init__(self, card: ModelCard, run: Run) -> None:
        if not isinstance(card.spec, ContrastiveSpec):
            raise ModelError(
                "a scene classifier does not compare picture and sound itself; it gives posteriors"
            )
        super().__init__(card, run)

    def discrepancy(
        self,
        embeddings: Mapping[str, NDArray[np.floating[Any]]],
        hashes: Mapping[str, str | None] | None = None,
    ) -> NDArray[np.float32]:
        """The discrepancy of each second of one clip.

        Args:
            embeddings: As for :meth:`Classifier.posteriors`.
            hashes: Likewise.

        Returns:
            ``(T,)`` in [0, 1]: 0 when the streams point the same way, 0.5 when they have nothing to do
            with each other, 1 when they are opposed.

        Raises:
            ModelError: As :meth:`Classifier.posteriors`.
        """
        vectors = self._stack(embeddings, hashes)
        # Rounding can carry a cosine a hair past 1.
        return ((1 - _blockwise(self._run, vectors, None)) / 2).clip(0, 1)


def require(embedders: tuple[EmbedderRef, ...], hashes: Mapping[str, str | None]) -> None:
    """Refuse embedders other than those that a model was trained on.

    Args:
        embedders: The model's.
        hashes: Name → SHA-256 of the weights at hand; ``None`` where it is not known, which fits only
            a model that does not know it either.

    Raises:
        ModelError: If a name is missing or too many, or a hash is another.
    """
    _same_names(embedders, hashes.keys())
    for each in embedders:
        if hashes[each.name] != each.sha256:
            raise ModelError(
                f"the classifier was trained on {each.name} with weights {_short(each.sha256)}; "
                f"those at hand are {_short(hashes[each.name])}"
            )


def stack(
    embedders: tuple[EmbedderRef, ...], embeddings: Mapping[str, NDArray[np.floating[Any]]]
) -> NDArray[np.float32]:
    """The vectors of a clip side by side, in the order that a network takes them.

    Args:
        embedders: The model's.
        embeddings: Name → ``(T, D)``; one length T for all.

    Returns:
        ``(T, sum of D)`` float32.

    Raises:
        ModelError: If a name, a shape, a length or a value does not fit; the message names it.
    """
    return Stacked(embedders, embeddings)[:]


class Stacked:
    """The vectors of a clip side by side, put there when they are asked for: hours of them are many.

    Args:
        embedders: As for :func:`stack`.
        embeddings: Likewise.
        counted: ``(T,)``, the seconds that are wanted, the others left out; all of them if ``None``.

    Attributes:
        shape: As of an array, of the seconds that are wanted.

    Raises:
        ModelError: As :func:`stack`; of a value only when it is asked for.
    """

    def __init__(
        self,
        embedders: tuple[EmbedderRef, ...],
        embeddings: Mapping[str, NDArray[np.floating[Any]]],
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        _same_names(embedders, embeddings.keys())
        seconds = len(embeddings[embedders[0].name])
        for each in embedders:
            vectors = embeddings[each.name]
            if vectors.ndim != 2 or vectors.shape[1] != each.dim:
                raise ModelError(f"{each.name} gives (seconds, {each.dim}) vectors, not {vectors.shape}")
            if len(vectors) != seconds:
                raise ModelError(f"{each.name} has {len(vectors)} seconds, {embedders[0].name} has {seconds}")
        self._embedders = embedders
        self._parts = [embeddings[each.name] for each in embedders]
        self._wanted = np.arange(seconds) if counted is None else np.flatnonzero(counted)
        self.shape = len(self._wanted), sum(each.dim for each in embedders)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """``(n, sum of D)`` of a slice of the seconds."""
        wanted = self._wanted[rows]
        with np.errstate(over="ignore"):  # what single precision cannot hold is refused below
            stacked = np.concatenate([part[wanted].astype(np.float32) for part in self._parts], axis=1)
        if not np.isfinite(stacked).all():
            row, column = np.argwhere(~np.isfinite(stacked))[0]
            ends = np.cumsum([each.dim for each in self._embedders])
            name = self._embedders[int(np.searchsorted(ends, column, side="right"))].name
            raise ModelError(f"second {wanted[row]} of {name} holds a value that is not a finite number")
        return stacked


def _same_names(embedders: tuple[EmbedderRef, ...], names: Iterable[str]) -> None:
    known = {each.name for each in embedders}
    given = set(names)
    if given != known:
        raise ModelError(
            f"the classifier was trained on {', '.join(sorted(known))}; "
            f"given: {', '.join(sorted(given)) or 'nothing'}"
        )


def _short(sha256: str | None) -> str:
    return f"{sha256[:12]}..." if sha256 else "of unknown origin"


def _blockwise(run: Run, vectors: Stacked, classes: int | None) -> NDArray[np.float32]:
    shape = (0,) if classes is None else (0, classes)
    parts = [run(vectors[start : start + BLOCK]) for start in range(0, len(vectors), BLOCK)]
    return np.concatenate([np.empty(shape, np.float32), *parts])


def _windows(vectors: Stacked, seconds: int) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Windows of at most ``seconds``, and how many of each one's last seconds are new.

    The last window of a longer clip reaches back into the one before: a window as long as those of
    training knows more than a stump.
    """
    total = len(vectors)
    for start in range(0, total, seconds):
        end = min(start + seconds, total)
        yield vectors[max(0, end - seconds) : end], end - start
