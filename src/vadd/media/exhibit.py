"""What a report shows of a clip of any length: a few thumbnails and a spectrogram, in bounded memory.

Both thin out as they grow: when there is too much, every second thumbnail goes and neighbouring columns
are averaged, so that what is kept always lies evenly over all that was seen.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_COLUMNS", "MOST_THUMBNAILS", "Columns", "Thumbnails"]

MOST_COLUMNS = 2400
MOST_THUMBNAILS = 48
_JPEG_QUALITY = 80


class Thumbnails:
    """Keeps up to ``most`` small JPEG pictures, evenly spread.

    Args:
        most: How many to keep at most, at least 2.
        side: Pixels of the longer side.

    Attributes:
        kept: ``(second, JPEG bytes)`` in order of time.
    """

    def __init__(self, most: int = MOST_THUMBNAILS, side: int = 160) -> None:
        self.kept: list[tuple[int, bytes]] = []
        self._most, self._side, self._stride, self._next = most, side, 1, 0

    def add(self, second: int, image: NDArray[np.uint8]) -> None:
        """Offer the ``(height, width, 3)`` frame of a second; seconds must rise."""
        if second < self._next:
            return
        if len(self.kept) == self._most:
            del self.kept[1::2]
            self._stride *= 2
            if second < self.kept[-1][0] + self._stride:
                return
        self.kept.append((second, _jpeg(image, self._side)))
        self._next = second + self._stride


class Columns:
    """Averages columns of a spectrogram so that at most ``most`` remain.

    Args:
        rate: Columns a second that are added.
        most: How many to keep at most, an even number.

    Attributes:
        rate: Columns a second that are kept now.
    """

    def __init__(self, rate: float, most: int = MOST_COLUMNS) -> None:
        self.rate = rate
        self._most, self._stride = most, 1
        self._done: list[NDArray[np.float32]] = []
        self._open: NDArray[np.float32] | None = None
        self._count = 0

    def add(self, columns: NDArray[np.float32]) -> None:
        """Add ``(n, bands)`` columns."""
        pending = columns if self._open is None else np.concatenate([self._open, columns])
        whole = len(pending) // self._stride * self._stride
        if whole:
            grouped = pending[:whole].reshape(-1, self._stride, pending.shape[1]).mean(axis=1)
            self._done.append(grouped)
            self._count += len(grouped)
        self._open = pending[whole:].copy()
        while self._count > self._most:
            self._halve()

    def _halve(self) -> None:
        joined = np.concatenate(self._done)
        even = len(joined) // 2 * 2
        left = joined[even:]  # one column at most, waiting for its neighbour
        self._done = [joined[:even].reshape(-1, 2, joined.shape[1]).mean(axis=1)]
        self._count = even // 2
        if len(left):
            # As many copies as the column averages, so that it weighs right when the group is full.
            opened = np.repeat(left, self._stride, axis=0)
            self._open = opened if self._open is None else np.concatenate([opened, self._open])
        self._stride *= 2
        self.rate /= 2

    def result(self) -> NDArray[np.float32] | None:
        """``(columns, bands)`` float32, or ``None`` if there are none."""
        return np.concatenate(self._done).astype(np.float32) if self._done else None


def _jpeg(image: NDArray[np.uint8], side: int) -> bytes:
    from PIL import Image  # late: only reports need it

    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
