"""What the sound embedders on PyTorch share: windows cut from a stream, and each second's mean vector.

A stream of blocks is held only as far as the next window needs, so memory does not grow with the clip; and
windows are cut at fixed samples, so the lengths of the blocks cannot change a bit of the result.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed.base import SecondEmbedding
from vadd.embed.torch_embedder import TorchEmbedder
from vadd.timeline import grid_length

__all__ = ["SoundEmbedder", "Window", "centred_windows", "second_windows"]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of sound that goes through a network.

    Attributes:
        second: The grid second that it counts to.
        samples: ``(n,)`` float32.
    """

    second: int
    samples: NDArray[np.float32]


class SoundEmbedder(TorchEmbedder):
    """An embedder that hears windows, one or more a second, and gives each second their mean."""

    @abstractmethod
    def windows(self, inputs: Iterable[NDArray[Any]]) -> Iterator[Window]:
        """The windows of a clip, second by second, every grid second having at least one.

        Args:
            inputs: Blocks of sound as :meth:`embed` takes them.

        Raises:
            ValueError: If a block has the wrong shape, type or non-finite values.
        """

    def _prepare(self, inputs: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """One array a *window*: what :meth:`forward` takes a stack of."""
        return (window.samples for window in self.windows(inputs))

    def embed(self, inputs: Iterable[NDArray[Any]]) -> Iterator[SecondEmbedding]:
        """Embed a stream of sound; see :meth:`vadd.embed.base.Embedder.embed`."""
        for mean in _means(_embedded(self.windows(inputs), self.forward, self.batch, self.card.name)):
            yield SecondEmbedding(vector=mean, scores=None)


def second_windows(blocks: Iterable[NDArray[Any]], rate: int) -> Iterator[Window]:
    """One window of one second a grid second.

    A last, partial second that counts as one is heard with what comes before it: the window is moved back
    until it ends with the clip, so that no silence is invented. A tail that does not count is not heard.
    A clip shorter than a second is followed by zeros.

    Args:
        blocks: Mono float32 of any lengths.
        rate: Samples a second.

    Yields:
        The windows in order, ``rate`` samples each.
    """
    tape, done = _Tape(), 0
    for block in blocks:
        tape.add(block)
        while tape.heard >= (done + 1) * rate:
            yield Window(done, tape.cut(done * rate, rate))
            done += 1
            tape.forget((done - 1) * rate)
    if done < grid_length(Fraction(tape.heard, rate)):
        yield Window(done, tape.cut(max(0, tape.heard - rate), rate))


def centred_windows(
    blocks: Iterable[NDArray[Any]], rate: int, hop: int, kept: int | None
) -> Iterator[Window]:
    """Windows of one second, whose *centres* begin at time 0 and follow each other every ``hop`` samples.

    A window counts to the second that holds its centre. Before the clip and behind it there are zeros;
    the last window is the first that reaches the clip's end. (OpenL3's own grid, ``center=True``.)

    Args:
        blocks: Mono float32 of any lengths.
        rate: Samples a second, even.
        hop: Samples from a centre to the next, at most ``rate / 2``.
        kept: How many of a second's windows are yielded, at least 1: those in the middles of as many equal
            parts of it; all, where it has no more or ``kept`` is ``None``.

    Yields:
        The windows in order, ``rate`` samples each.
    """
    tape, done, half = _Tape(), 0, rate // 2
    for block in blocks:
        tape.add(block)
        # What is heard so far makes a later grid second certain, so this one's windows are final.
        while tape.heard >= (done + 1) * rate + half:
            yield from _centred(tape, done, _within(done, rate, hop), rate, hop, kept)
            done += 1
            tape.forget(done * rate - half)
    length = grid_length(Fraction(tape.heard, rate))
    total = 1 + max(0, -((half - tape.heard) // hop))
    for second in range(done, length):
        own = _within(second, rate, hop)
        if second == length - 1:
            own = range(own.start, total)
        yield from _centred(tape, second, own, rate, hop, kept)


def _within(second: int, rate: int, hop: int) -> range:
    """The numbers of the windows whose centres lie in a second."""
    return range(-(-second * rate // hop), -(-(second + 1) * rate // hop))


def _centred(tape: _Tape, second: int, own: range, rate: int, hop: int, kept: int | None) -> Iterator[Window]:
    if kept is None or len(own) <= kept:
        chosen = list(own)
    else:
        chosen = [own[(2 * part + 1) * len(own) // (2 * kept)] for part in range(kept)]
    for number in chosen:
        yield Window(second, tape.cut(number * hop - rate // 2, rate))


class _Tape:
    """The part of a stream that is still needed."""

    def __init__(self) -> None:
        self._held = np.zeros(0, np.float32)
        self._fresh: list[NDArray[np.float32]] = []
        #: The first sample that is held, and samples seen in all.
        self._start = self.heard = 0

    def add(self, block: NDArray[Any]) -> None:
        if block.ndim != 1 or block.dtype != np.float32:
            raise ValueError(f"a block of sound is (n,) float32, not {block.shape} {block.dtype}")
        if not np.isfinite(block).all():
            raise ValueError("a block of sound holds values that are not finite")
        self._fresh.append(block)
        self.heard += len(block)

    def forget(self, before: int) -> None:
        """Let go of what lies before a sample, which may be negative."""
        self._join()
        dropped = max(0, before - self._start)
        self._held, self._start = self._held[dropped:], self._start + dropped

    def cut(self, start: int, length: int) -> NDArray[np.float32]:
        """``length`` samples from ``start`` on, zeros where the clip is not."""
        self._join()
        samples = np.zeros(length, np.float32)
        first, last = max(start, self._start), min(start + length, self.heard)
        samples[first - start : last - start] = self._held[first - self._start : last - self._start]
        return samples

    def _join(self) -> None:
        # Only now and then, not at every block: blocks may be a sample long.
        if self._fresh:
            self._held = np.concatenate([self._held, *self._fresh])
            self._fresh = []


_Forward = Callable[[NDArray[Any]], NDArray[np.float32]]
_Embedded = tuple[int, NDArray[np.float32]]


def _embedded(windows: Iterator[Window], forward: _Forward, batch: int, name: str) -> Iterator[_Embedded]:
    """Each window's second and vector; the next batch is cut while one is in the network."""
    running: tuple[list[Window], Future[NDArray[np.float32]]] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix=name) as runner:
        while taken := list(islice(windows, batch)):
            following = runner.submit(forward, np.stack([window.samples for window in taken]))
            if running is not None:
                yield from _pairs(*running)
            running = taken, following
        if running is not None:
            yield from _pairs(*running)


def _pairs(windows: list[Window], running: Future[NDArray[np.float32]]) -> Iterator[_Embedded]:
    for window, vector in zip(windows, running.result(), strict=True):
        yield window.second, vector


def _means(embedded: Iterator[_Embedded]) -> Iterator[NDArray[np.float32]]:
    """The mean vector of each run of equal seconds."""
    second, vectors = 0, list[NDArray[np.float32]]()
    for at, vector in embedded:
        if at != second and vectors:
            yield _mean(vectors)
            vectors = []
        second = at
        vectors.append(vector)
    if vectors:
        yield _mean(vectors)


def _mean(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.stack(vectors).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
