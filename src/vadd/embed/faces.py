"""Faces: where in a frame there are some, and how much of it the largest covers. Nobody is recognised.

The network is BlazeFace, short range (V. Bazarevsky et al., 2019, arXiv:1907.05047), as published in
MediaPipe. What it tells of eyes, nose and mouth is cut off (``tools/build_faces.py``): what is left says
where a face is, and nothing that would tell two people apart. How its numbers become boxes is stated in
MediaPipe's graph ``face_detection_short_range_common.pbtxt``: the places, the scale, the least score, and
boxes that overlap averaged by their scores. Only that the best of these must be surer is vadd's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vadd.embed.weights import BLAZEFACE, check_threads, open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["FACES", "PLACES", "SIDE", "FaceFinder", "face_boxes"]

#: What the network is called among the hashes of a detector.
FACES = "blazeface"

#: Pixels of the network's input.
SIDE = 128
#: Pixels of it that the longer side of a frame takes. The rest is margin: a face that reaches the edges of
#: the input is mostly missed (18 of 100 tight crops of faces were found without a margin, 89 with this one).
_FRAME = 96
#: The margin is of mid grey: on black, 82 of these were found.
_MARGIN = 128
#: Squares to a side of the two grids that cover the input, and boxes that are told a square.
_GRIDS = ((16, 2), (8, 6))
#: Boxes that the network tells in all.
PLACES = sum(squares**2 * boxes for squares, boxes in _GRIDS)
#: The logarithmic odds from which on a box may be part of a face: as published, a probability of 0.5.
_LEAST = 0.0
#: The probability from which on there is one. At the published 0.5 clouds and night skies have faces: among
#: 1,965 photographs of scenes 83 have one of at least 12 % of the picture, none of them above 0.73.
_CERTAIN = 0.75
#: Boxes whose intersection is this share of their union are of one face, as published.
_SAME = 0.3


class FaceFinder:
    """BlazeFace on ONNX Runtime.

    Args:
        threads: Threads that the network may use, at least 1.

    Raises:
        ValueError: If there are fewer.
    """

    def __init__(self, threads: int = 1) -> None:
        check_threads(threads)
        self._threads = threads
        self._session: InferenceSession | None = None

    def open(self) -> None:
        """Open the network now rather than with the first frame.

        Raises:
            ModelError: If its file is missing or damaged.
        """
        self._opened()

    def _opened(self) -> InferenceSession:
        if self._session is None:
            self._session = open_session(BLAZEFACE, self._threads)
        return self._session

    def boxes(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The faces of a frame.

        Args:
            frame: ``(height, width, 3)`` uint8 RGB of any size.

        Returns:
            ``(faces, 4)`` float32: left, top, right and bottom in shares of the frame's width and height,
            within 0-1, most certain first. A box reaches from the brows to the chin; hair and ears are
            mostly outside.

        Raises:
            ModelError: If the network's file is missing or damaged.
        """
        height, width = frame.shape[:2]
        square = _square(frame)
        raw, scores = self._opened().run(["boxes", "scores"], {"frames": square[None]})
        found = face_boxes(raw[0], scores[0, :, 0])
        across = np.array([width, height] * 2, np.float32) / max(height, width) * (_FRAME / SIDE)
        shares: NDArray[np.float32] = np.clip((found - 0.5) / across + 0.5, 0, 1).astype(np.float32)
        return shares

    def share(self, frame: NDArray[np.uint8]) -> float:
        """The share (0-1) of a frame that the box of its largest face covers; 0 without a face.

        Args:
            frame: As for :meth:`boxes`.

        Raises:
            ModelError: As :meth:`boxes`.
        """
        boxes = self.boxes(frame)
        sides = boxes[:, 2:] - boxes[:, :2]
        return float((sides[:, 0] * sides[:, 1]).max(initial=0.0))


def face_boxes(raw: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network's numbers mean.

    Args:
        raw: ``(PLACES, 4)`` float32: centre (x, y) from the centre of the square and size (width, height),
            all in pixels of the input.
        scores: ``(PLACES,)`` float32, logarithmic odds that the box is a face.

    Returns:
        ``(faces, 4)`` float32: left, top, right and bottom in shares of the input, most certain first.
        A face that is cut by the edge may reach beyond it.
    """
    sure = scores > _LEAST
    weights = np.asarray(1 / (1 + np.exp(-scores[sure])), np.float32)
    centres, sizes = raw[sure, :2] / SIDE + _CENTRES[sure], raw[sure, 2:] / SIDE
    boxes = np.hstack([centres - sizes / 2, centres + sizes / 2]).astype(np.float32)
    faces = []
    while len(boxes) and weights.max() >= _CERTAIN:
        best = int(np.argmax(weights))
        same = _overlaps(boxes[best], boxes) > _SAME
        same[best] = True  # a box without area overlaps nothing, not even itself
        faces.append(np.average(boxes[same], axis=0, weights=weights[same]))
        boxes, weights = boxes[~same], weights[~same]
    return np.array(faces, np.float32).reshape(-1, 4)


def _overlaps(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box with each of others."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    area = np.maximum(box[2:] - box[:2], 0).prod()
    ratio: NDArray[np.float32] = shared / np.maximum(areas + area - shared, np.finfo(np.float32).tiny)
    return ratio


def _centres() -> NDArray[np.float32]:
    """``(PLACES, 2)``: the centre of the square that each box is told of, in shares of the input."""
    grids = []
    for squares, boxes in _GRIDS:
        rows, columns = np.divmod(np.arange(squares**2), squares)
        centres = (np.stack([columns, rows], axis=1) + 0.5) / squares
        grids.append(np.repeat(centres, boxes, axis=0))
    return np.concatenate(grids).astype(np.float32)


_CENTRES = _centres()


def _square(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(SIDE, SIDE, 3)``: the whole frame in proportion, in the middle of a margin."""
    from PIL import Image

    height, width = frame.shape[:2]
    longer = max(height, width)
    size = max(1, round(_FRAME * width / longer)), max(1, round(_FRAME * height / longer))
    picture = Image.fromarray(np.ascontiguousarray(frame))
    small = np.asarray(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0))
    square = np.full((SIDE, SIDE, 3), _MARGIN, np.uint8)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square
