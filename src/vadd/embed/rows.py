"""Vectors and scores on their way out of the guarded child: sent in parts, kept on disk when they are many.

A second of media has 15 KB of them, hours have a hundred megabytes. So the child sends the rows of a minute
and forgets them, and the parent, which believes nothing unseen, puts those of a longer file into nameless
files. What comes out are arrays all the same: the system reads the pages of the file that are looked at, and
forgets them when it needs the memory.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from vadd.embed import catalog
from vadd.errors import MediaError, OutputError
from vadd.media.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vadd.embed.base import SecondEmbedding
    from vadd.media.child import Channel

__all__ = ["ANY", "SIDES", "Outbox", "Rows", "nonsense", "shaped"]

SIDES = ("picture", "sound")
#: Seconds that travel together: half a megabyte; neither end holds much, and a short clip is one part.
PART = 64
#: Seconds up to which rows stay in memory (4 MB): no ordinary clip pays for the disk.
IN_MEMORY = 256
#: No file lasts longer, whatever the limits are: what a child may claim.
_MOST_SECONDS = 1_000_000
#: Zeros are written to the file so many rows at a time.
_ROWS = 256
_FLOAT = 4
ANY = (-math.inf, math.inf)  # finite, as all must be
#: How far sums in single precision may lead beyond a range.
_ROUNDING = 0.01


class Outbox:
    """The child's end: takes one side's seconds and sends them when they are :data:`PART`.

    Args:
        channel: To the parent.
        side: One of :data:`SIDES`.
        embedder: Catalog name.
    """

    def __init__(self, channel: Channel, side: str, embedder: str) -> None:
        self._channel, self._side = channel, side
        self._classes = len(catalog.card(embedder).scores)
        self._seconds: list[int] = []
        self._rows: list[SecondEmbedding] = []

    def add(self, second: int, embedding: SecondEmbedding) -> None:
        """Take one grid second; of one that comes again the later counts."""
        self._seconds.append(second)
        self._rows.append(embedding)
        if len(self._rows) == PART:
            self.flush()

    def flush(self) -> None:
        """Send what is left."""
        import numpy as np

        if not self._rows:
            return
        none = np.zeros(self._classes, np.float32)
        self._channel.part(
            {"side": self._side},
            {
                "seconds": np.array(self._seconds, np.int64),
                "vectors": np.stack([row.vector for row in self._rows]),
                "scores": np.stack([none if row.scores is None else row.scores for row in self._rows]),
            },
        )
        self._seconds, self._rows = [], []


class Rows:
    """The parent's end: both sides' rows as they come; to be closed.

    Args:
        embedders: Catalog names of the picture's and the sound's embedder.
        limits: Say how long a file may be, and thereby how much is taken.

    Attributes:
        most: Seconds that are believed of a file.
    """

    def __init__(self, embedders: Sequence[str], limits: Limits) -> None:
        # The last frame may last beyond the limit.
        self.most = min(2 * limits.seconds + 60, _MOST_SECONDS)
        self._embedders = dict(zip(SIDES, embedders, strict=True))
        self._sides: dict[str, _Side] = {}

    def take(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """A part from the child, which may have been taken over: nothing in it is believed unseen.

        Raises:
            MediaError: ``crashed`` if it makes no sense.
            OutputError: If the disk does not take it.
        """
        try:
            self._side(header["side"]).take(arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise nonsense() from error

    def of(self, side: str, present: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
        """One side's rows on the grid, once all have come; may be asked for once.

        Args:
            side: One of :data:`SIDES`.
            present: ``(T,)``, the seconds that count; the rows of the others are zero.

        Returns:
            ``vectors`` ``(T, dim)`` and ``scores`` ``(T, classes)``, neither of them to be written to.

        Raises:
            ValueError: If one of the seconds has not come.
            OutputError: If the disk does not take them.
        """
        return self._side(side).of(present)

    def _side(self, side: str) -> _Side:
        # Not before the child is at work: what an embedder's card takes to be read must not delay it.
        if side not in self._sides:
            self._sides[side] = _Side(self._embedders[side], self.most)
        return self._sides[side]

    def forget(self) -> None:
        """Take what has come for not sent: it will come once more, from another child."""
        self.close()
        self._sides.clear()

    def close(self) -> None:
        """Let go of the files; arrays that were given stay good."""
        for side in self._sides.values():
            side.close()


class _Side:
    def __init__(self, embedder: str, most: int) -> None:
        card = catalog.card(embedder)
        self._bounds = {"vectors": ANY, "scores": (0.0, 1.0)}
        self._matrices = {"vectors": _Matrix(card.dim), "scores": _Matrix(len(card.scores))}
        self._come = bytearray(most)  # which seconds
        self._count = 0

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        seconds = arrays["seconds"]
        count = len(seconds)
        self._count += count
        # In a muddled file a second may come twice, and then after the next: the order says nothing.
        shaped(seconds, (count,), "<i8", (0, len(self._come) - 1))
        if not 0 < count <= PART or self._count > len(self._come):
            raise ValueError("more rows than there can be")
        for name, matrix in self._matrices.items():
            shaped(arrays[name], (count, matrix.width), "<f4", self._bounds[name])
        for name, matrix in self._matrices.items():
            matrix.put(seconds.tolist(), arrays[name])
        for second in seconds.tolist():
            self._come[second] = True

    def of(self, present: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        come = np.zeros(len(present), np.bool_)
        told = np.frombuffer(self._come, np.bool_)[: len(present)]
        come[: len(told)] = told
        if (present & ~come).any():
            raise ValueError("a second without its rows")
        return {name: matrix.finished(present) for name, matrix in self._matrices.items()}

    def close(self) -> None:
        for matrix in self._matrices.values():
            matrix.close()


class _Matrix:
    """Rows of ``width`` float32, in memory up to :data:`IN_MEMORY` of them, else in a nameless file."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._held: NDArray[np.float32] | None = None
        self._file: IO[bytes] | None = None

    def put(self, seconds: Sequence[int], rows: NDArray[np.float32]) -> None:
        if max(seconds) >= IN_MEMORY:
            self._to_disk()
        if self._file is None:
            self._memory()[seconds] = rows
            return
        for first, last in _runs(seconds):
            self._write(seconds[first], rows[first:last])

    def finished(self, present: NDArray[np.bool_]) -> NDArray[np.float32]:
        """``(T, width)``: the rows of the seconds that are present, zeros elsewhere; read only."""
        import numpy as np

        length = len(present)
        absent = np.flatnonzero(~present).tolist()
        if length > IN_MEMORY:
            self._to_disk()
        if self._file is None or not self.width:
            rows = self._memory()[:length] if self.width else np.zeros((length, 0), np.float32)
            rows[absent] = 0
            rows.flags.writeable = False
            return rows
        # No hole may be left: to look at one takes space on a disk in memory, and a full one kills.
        zeros = np.zeros((_ROWS, self.width), np.float32)
        for first, last in _runs(absent):
            for at in range(first, last, _ROWS):
                self._write(absent[at], zeros[: last - at])
        with _told():
            # It reads no further than the rows, whatever the file holds beyond.
            pages = mmap.mmap(self._file.fileno(), length * self.width * _FLOAT, access=mmap.ACCESS_READ)
        return np.frombuffer(pages, np.float32).reshape(length, self.width)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _memory(self) -> NDArray[np.float32]:
        import numpy as np

        if self._held is None:
            self._held = np.zeros((IN_MEMORY, self.width), np.float32)
        return self._held

    def _to_disk(self) -> None:
        if self._file is None:
            with _told():
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this
            if self._held is not None:
                self._write(0, self._held)
                self._held = None

    def _write(self, second: int, rows: NDArray[np.float32]) -> None:
        """Write rows that follow each other. Not through memory: a full disk would kill, not complain."""
        assert self._file is not None  # noqa: S101 - for the type checker
        at, rest = second * self.width * _FLOAT, memoryview(rows.tobytes())
        with _told():
            while rest:
                written = os.pwrite(self._file.fileno(), rest, at)
                at, rest = at + written, rest[written:]


@contextmanager
def _told() -> Iterator[None]:
    """A disk that does not take it, in one line."""
    try:
        yield
    except OSError as error:
        where = f" in {tempfile.tempdir}" if tempfile.tempdir else ""
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot hold what was measured of a long file{where}: {reason}") from error


def _runs(seconds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where runs of following seconds begin and end."""
    first = 0
    for at in range(1, len(seconds) + 1):
        if at == len(seconds) or seconds[at] != seconds[at - 1] + 1:
            yield first, at
            first = at


def nonsense() -> MediaError:
    """What becomes of a child that is not believed."""
    return MediaError("crashed", "the decoder's process sent nonsense; it is not trusted any more")


def shaped(
    array: NDArray[Any], shape: tuple[int, ...], kind: str, bounds: tuple[float, float]
) -> NDArray[Any]:
    """The array, if it has this shape and type, and finite values within the bounds (but for rounding).

    Raises:
        ValueError: If it has not.
    """
    import numpy as np

    if array.shape != shape or array.dtype.str != kind:
        raise ValueError(f"an array of shape {array.shape} instead of {shape}")
    low, high = bounds
    if not np.isfinite(array).all() or (array < low - _ROUNDING).any() or (array > high + _ROUNDING).any():
        raise ValueError(f"an array with values beyond {low} to {high}")
    return array
