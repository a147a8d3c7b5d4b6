"""YAMNet: what a second of sound is like, by AudioSet's 521 classes.

Patches of 0.96 s start every 0.48 s, as published. A patch counts to the second that holds its
centre; a second is the mean of its patches. Every patch whose centre lies inside the clip is used;
one that would run over the end is moved back until it ends with the clip, so that no silence is
invented (its centre stays in the last second). Only a clip shorter than a patch is padded with zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed.base import Embedder, EmbedderCard, Modality, SecondEmbedding
from vadd.embed.mel import HOP, RATE, WINDOW, log_mel
from vadd.embed.weights import THREADS, YAMNET, check_threads, class_names, open_session
from vadd.timeline import grid_length

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["YamNet"]

#: Frames a patch, and from one patch to the next.
PATCH_FRAMES, PATCH_HOP_FRAMES = 96, 48
PATCH_HOP = PATCH_HOP_FRAMES * HOP
#: Samples that a patch's frames read: 0.96 s and what the last window reaches beyond.
PATCH = (PATCH_FRAMES - 1) * HOP + WINDOW
#: From a patch's start to its centre.
PATCH_CENTRE = PATCH_FRAMES * HOP // 2
#: Patches a run of the network. The sound is cut at fixed samples whatever blocks it comes in, so the
#: blocks cannot change a bit of the result.
BATCH = 16


class YamNet(Embedder):
    """YAMNet on ONNX Runtime.

    Args:
        threads: Threads that the network may use, at least 1.

    Raises:
        ValueError: If ``threads`` is below 1.
    """

    card = EmbedderCard(
        name="yamnet",
        modality=Modality.SOUND,
        dim=1024,
        scores=class_names("audioset_classes.txt"),
        input="blocks of mono float32 samples in [-1, 1] at 16 kHz",
        preprocessing=(
            ("sample rate", "16000 Hz"),
            ("window", "25 ms periodic Hann"),
            ("hop", "10 ms"),
            ("spectrum", "magnitude of a 512-point FFT"),
            ("mel bands", "64, 125-7500 Hz, HTK scale"),
            ("compression", "log(x + 0.001)"),
            ("patch", "0.96 s every 0.48 s, averaged over the second that holds its centre"),
        ),
        weights=YAMNET,
        paper=(
            "M. Plakal and D. Ellis, YAMNet, 2019 (tensorflow/models); trained on AudioSet, "
            "J. F. Gemmeke et al., ICASSP 2017; body: A. G. Howard et al., MobileNets, arXiv:1704.04861"
        ),
        sample_rate=RATE,
    )

    def __init__(self, threads: int = THREADS) -> None:
        check_threads(threads)
        self._threads = threads
        self._session: InferenceSession | None = None

    def open(self) -> None:
        """Open the network; see :meth:`vadd.embed.base.Embedder.open`."""
        self._opened()

    def _opened(self) -> InferenceSession:
        if self._session is None:
            self._session = open_session(YAMNET, self._threads)
        return self._session

    def embed(self, inputs: Iterable[NDArray[Any]]) -> Iterator[SecondEmbedding]:
        """Embed a stream of sound; see :meth:`vadd.embed.base.Embedder.embed`."""
        held: list[tuple[int, NDArray[np.float32], NDArray[np.float32]]] = []
        done = 0
        for piece in _pieces(inputs):
            vectors, scores = self._opened().run(["vector", "scores"], {"patches": piece.patches})
            held.extend(zip(piece.seconds, vectors, scores, strict=True))
            for second in range(done, piece.complete):
                mine = [(vector, score) for at, vector, score in held if at == second]
                yield SecondEmbedding(
                    vector=np.mean([vector for vector, _ in mine], axis=0, dtype=np.float32),
                    scores=np.mean([score for _, score in mine], axis=0, dtype=np.float32),
                )
            done = max(done, piece.complete)
            held = [entry for entry in held if entry[0] >= done]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some consecutive patches.

    Attributes:
        patches: ``(n, PATCH_FRAMES, BANDS)`` log-mel energies.
        seconds: The grid second that each patch counts to.
        complete: Seconds before this one get no further patch and are sure to be on the grid.
    """

    patches: NDArray[np.float32]
    seconds: list[int]
    complete: int


def _pieces(blocks: Iterable[NDArray[Any]]) -> Iterator[_Piece]:
    # The window holds a patch more than a batch. That patch is seen again by the next piece, so that
    # the end of the clip always finds a whole patch, unless the clip is shorter than one.
    window = np.zeros(BATCH * PATCH_HOP + PATCH, np.float32)
    start = filled = 0
    for block in blocks:
        _check(block)
        while len(block):
            taken = min(len(block), len(window) - filled)
            window[filled : filled + taken] = block[:taken]
            block, filled = block[taken:], filled + taken
            if filled == len(window):
                yield _piece(window[: filled - PATCH_HOP], start, heard=start + filled, ended=False)
                window[:PATCH] = window[-PATCH:]
                start, filled = start + BATCH * PATCH_HOP, PATCH
    if start + filled:
        # A clip shorter than a patch has left the rest of the first window at zero.
        yield _piece(window[: max(filled, PATCH)], start, heard=start + filled, ended=True)


def _piece(samples: NDArray[np.float32], start: int, heard: int, *, ended: bool) -> _Piece:
    """The patches of ``samples``, which begin at sample ``start`` of the clip; ``heard`` are known."""
    frames = log_mel(samples)
    spare = len(frames) - PATCH_FRAMES
    at = list(range(0, spare + 1, PATCH_HOP_FRAMES))
    following = start + at[-1] * HOP + PATCH_HOP + PATCH_CENTRE
    if ended and at[-1] < spare:  # the next patch runs over the end, its centre does not
        at.append(spare)
    patches = np.stack([frames[i : i + PATCH_FRAMES] for i in at])
    length = grid_length(Fraction(heard, RATE))
    seconds = [min((start + i * HOP + PATCH_CENTRE) // RATE, length - 1) for i in at]
    return _Piece(patches, seconds, length if ended else min(following // RATE, length - 1))


def _check(block: NDArray[Any]) -> None:
    if block.ndim != 1 or block.dtype != np.float32:
        raise ValueError(f"a block of sound is (n,) float32, not {block.shape} {block.dtype}")
    if not np.isfinite(block).all():
        raise ValueError("a block of sound holds values that are not finite")
