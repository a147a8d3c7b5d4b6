"""EfficientNet-Lite0: what a frame shows, by ImageNet's 1000 classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vadd.embed.base import Embedder, EmbedderCard, Modality, SecondEmbedding
from vadd.embed.weights import EFFICIENTNET_LITE0, THREADS, check_threads, class_names, open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["EfficientNetLite0", "View"]

#: What of a frame the network sees: the centre square as published, or all of it squeezed to a square.
View = Literal["centre", "squeeze"]

#: Pixels of the network's input.
SIDE = 224
#: The published evaluation leaves a margin of 16 pixels round the square when the shorter side has 256.
SHORTER_SIDE = SIDE + 32
_VIEWS = {
    "centre": f"centre square of {SIDE}/{SHORTER_SIDE} of the shorter side",
    "squeeze": "the whole frame, squeezed to a square",
}
#: The shorter side from which on nothing is scaled up.
_FRAME_SIDES = {"centre": SHORTER_SIDE, "squeeze": SIDE}
#: Frames a run of the network: a tenth faster than one by one; more would only be waited for longer.
BATCH = 5


class EfficientNetLite0(Embedder):
    """EfficientNet-Lite0 on ONNX Runtime.

    Args:
        view: ``"centre"`` as published, or ``"squeeze"``: the whole frame, out of proportion.
        threads: Threads that the network may use, at least 1.
        batch: Frames that go through the network together, at least 1; no effect on the results.

    Raises:
        ValueError: If an argument is not one of these.
    """

    card = EmbedderCard(
        name="efficientnet_lite0",
        modality=Modality.PICTURE,
        dim=1280,
        scores=class_names("imagenet_classes.txt"),
        input="(height, width, 3) uint8 RGB frames of any size",
        preprocessing=(
            ("view", _VIEWS["centre"]),
            ("resize", f"{SIDE}x{SIDE}, bicubic, antialiased"),
            ("range", "(x - 127) / 128"),
        ),
        weights=EFFICIENTNET_LITE0,
        paper=(
            "M. Tan and Q. Le, EfficientNet, ICML 2019, arXiv:1905.11946; Lite variants: "
            "tensorflow/tpu, 2020; trained on ImageNet, O. Russakovsky et al., IJCV 2015"
        ),
        frame_side=_FRAME_SIDES["centre"],
    )

    def __init__(self, view: View = "centre", threads: int = THREADS, batch: int = BATCH) -> None:
        if view not in get_args(View):
            raise ValueError(f"view must be one of {', '.join(get_args(View))}, not {view!r}")
        if batch < 1:
            raise ValueError(f"batch must be at least 1, not {batch}")
        check_threads(threads)
        steps = (("view", _VIEWS[view]), *self.card.preprocessing[1:])
        self.card = replace(self.card, preprocessing=steps, frame_side=_FRAME_SIDES[view])
        self._view, self._threads, self._batch = view, threads, batch
        self._session: InferenceSession | None = None

    def open(self) -> None:
        """Open the network; see :meth:`vadd.embed.base.Embedder.open`."""
        self._opened()

    def _opened(self) -> InferenceSession:
        if self._session is None:
            self._session = open_session(EFFICIENTNET_LITE0, self._threads)
        return self._session

    def embed(self, inputs: Iterable[NDArray[Any]]) -> Iterator[SecondEmbedding]:
        """Embed a stream of frames; see :meth:`vadd.embed.base.Embedder.embed`."""
        squares = (_square(frame, self._view) for frame in inputs)
        while batch := list(islice(squares, self._batch)):
            vectors, scores = self._opened().run(["vector", "scores"], {"frames": np.stack(batch)})
            for vector, score in zip(vectors, scores, strict=True):
                yield SecondEmbedding(vector=vector, scores=score)


def _square(frame: NDArray[Any], view: View) -> NDArray[np.uint8]:
    """``(SIDE, SIDE, 3)`` uint8 of a frame of any size."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
        raise ValueError(f"a frame is (height, width, 3) uint8, not {frame.shape} {frame.dtype}")
    from PIL import Image  # late: a card is read without it

    height, width = frame.shape[:2]
    box = (0.0, 0.0, float(width), float(height))
    if view == "centre":
        kept = min(height, width) * SIDE / SHORTER_SIDE
        left, top = (width - kept) / 2, (height - kept) / 2
        box = (left, top, left + kept, top + kept)
    picture = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))
