"""The plan of long clips that are joined of short ones: which pieces, how much of each, in which order.

No media are opened here. Everything that is drawn follows from SHA-256 digests of the seed and of names, so
the same list and seed give the same plan everywhere.

Two neighbours in a clip are of different classes and kinds, so that at a join both streams change; no clip
and no place occurs twice in a joined clip. For each joined clip some classes are set aside first: they are
what can be lent to it later. Pieces are taken from the clips that were used least so far.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vadd.errors import ProtocolError, UsageError
from vadd.timeline import Span

__all__ = ["Joined", "Lengths", "Piece", "Stock", "plan"]

#: One class in so many is set aside for each joined clip, by chance.
_ASIDE = 3
#: Seconds at the end of a clip that are not used: a crossfade's length, and what a declared end is off by.
MARGIN = Fraction(1, 10)


@dataclass(frozen=True, slots=True)
class Stock:
    """A clip or a recording that lends what it has.

    Attributes:
        name: Without file suffix.
        label: Its class.
        kind: What is seen and heard, finer than the class; the class itself where a list has no kinds.
        city: Where it was recorded, or the collection that it is from; may be empty.
        location: The place, unique within the city.
    """

    name: str
    label: str
    kind: str
    city: str
    location: str

    @property
    def place(self) -> tuple[str, str]:
        """Where it was recorded."""
        return self.city, self.location


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a joined clip.

    Attributes:
        source: The clip that it was cut from.
        start: Seconds into that clip.
        span: Where it is in the joined clip.
    """

    source: Stock
    start: Fraction
    span: Span


@dataclass(frozen=True, slots=True)
class Joined:
    """A clip joined of pieces.

    Attributes:
        name: Drawn; tells nothing of what is in it.
        seed: That it was drawn with.
        pieces: In order, without gaps, from 0 on.
    """

    name: str
    seed: int
    pieces: tuple[Piece, ...]

    @property
    def seconds(self) -> Fraction:
        """Its length."""
        return self.pieces[-1].span.end

    @property
    def joins(self) -> tuple[Fraction, ...]:
        """Seconds at which one piece ends and the next begins."""
        return tuple(piece.span.end for piece in self.pieces[:-1])


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long joined clips and their pieces are, seconds.

    Attributes:
        least: Of a joined clip.
        most: Of a joined clip.
        piece_least: Of a piece.
        piece_most: Of a piece.
        step: All lengths and starts are multiples of it: a frame.

    Raises:
        UsageError: If they make no sense.
    """

    least: Fraction = Fraction(30)
    most: Fraction = Fraction(60)
    piece_least: Fraction = Fraction(4)
    piece_most: Fraction = Fraction(10)
    step: Fraction = Fraction(1, 25)

    def __post_init__(self) -> None:
        for what, least, most in (
            ("joined clips", self.least, self.most), ("pieces", self.piece_least, self.piece_most),
        ):  # fmt: skip
            if not self.step <= least <= most:
                raise UsageError(f"{what} do not last {float(least):g} to {float(most):g} s")
        if self.least < 2 * self.piece_least:
            raise UsageError(
                f"joined clips of {float(self.least):g} s have no room for two pieces of "
                f"{float(self.piece_least):g} s"
            )
        if self.piece_most < 2 * self.piece_least - self.step:
            raise UsageError(
                f"not every length can be made of pieces of {float(self.piece_least):g} to "
                f"{float(self.piece_most):g} s: the longest must be twice the shortest"
            )


def plan(
    stock: Sequence[tuple[Stock, Fraction]], count: int, seed: int, lengths: Lengths | None = None
) -> tuple[Joined, ...]:
    """Draw joined clips.

    Args:
        stock: Clips and how many seconds of each there are, picture and sound; names unique, any order.
        count: How many are wanted, at least 1.
        seed: Of everything that is drawn.
        lengths: The defaults if ``None``.

    Raises:
        ProtocolError: If the clips are too few, too short or too much alike.
    """
    sizes = lengths or Lengths()
    if count < 1:
        raise UsageError(f"{count} joined clips are none")
    usable = {}
    for source, seconds in stock:
        if source.name in usable:
            raise ProtocolError(f"the clip {source.name} is there twice")
        there = min(seconds - MARGIN, sizes.piece_most)
        usable[source.name] = source, there // sizes.step * sizes.step, seconds - MARGIN
    long_enough = {name: each for name, each in usable.items() if each[1] >= sizes.piece_least}
    drawer = _Drawer(long_enough, sizes, seed)
    return tuple(drawer.draw(at) for at in range(count))


class _Drawer:
    """Draws joined clips one after the other, and knows what it used."""

    def __init__(
        self, usable: dict[str, tuple[Stock, Fraction, Fraction]], sizes: Lengths, seed: int
    ) -> None:
        self._usable, self._sizes, self._seed = usable, sizes, seed
        self._used: Counter[str] = Counter()
        self._labels = sorted({source.label for source, _, _ in usable.values()})

    def draw(self, at: int) -> Joined:
        """The joined clip with this number."""
        steps = int((self._sizes.most - self._sizes.least) / self._sizes.step)
        length = self._sizes.least + self._sizes.step * self._number(f"{at} length", steps)
        length = length // self._sizes.step * self._sizes.step
        order = sorted(self._labels, key=lambda label: lot(self._seed, f"{at} aside", label))
        wished = sum(self._number(f"{at} aside {label}", _ASIDE - 1) == 0 for label in order)
        # With too many classes set aside there may be no way to fill the clip: then fewer are.
        for aside in range(min(wished, len(order) - 2), -1, -1):
            pieces = self._fill(at, length, set(order[:aside]))
            if pieces is not None:
                self._used.update(piece.source.name for piece in pieces)
                words = "\n".join(f"{piece.source.name} {piece.start} {piece.span.end}" for piece in pieces)
                name = "j" + lot(self._seed, f"name {at}", words).hex()[:15]
                return Joined(name, self._seed, pieces)
        raise ProtocolError(
            f"{len(self._usable)} clips of {float(self._sizes.piece_least):g} s and more, of "
            f"{len(self._labels)} classes, cannot be joined to {float(length):g} s: they are too few or too "
            "much alike"
        )

    def _fill(self, at: int, length: Fraction, aside: set[str]) -> tuple[Piece, ...] | None:
        pieces: list[Piece] = []
        position, least = Fraction(0), self._sizes.piece_least
        while position < length:
            left = length - position
            drawn = f"{at} piece {len(pieces)}"
            fitting = [
                (source, most, there)
                for source, most, there in self._usable.values()
                if source.label not in aside
                and (most >= left or left >= 2 * least)
                and self._suits(source, pieces)
            ]
            if not fitting:
                return None
            source, most, there = min(
                fitting,
                key=lambda each: (self._used[each[0].name], lot(self._seed, drawn, each[0].name)),
            )
            last = most >= left and (left < 2 * least or self._number(f"{drawn} last", 1) == 1)
            room = int((min(most, left - least) - least) / self._sizes.step) if not last else 0
            seconds = left if last else least + self._sizes.step * self._number(f"{drawn} length", room)
            start = self._sizes.step * self._number(
                f"{drawn} start", int((there - seconds) / self._sizes.step)
            )
            pieces.append(Piece(source, start, Span(position, position + seconds)))
            position += seconds
        return tuple(pieces) if len(pieces) > 1 else None

    @staticmethod
    def _suits(source: Stock, pieces: Sequence[Piece]) -> bool:
        """Whether a clip may follow these pieces."""
        if any(source.name == piece.source.name or source.place == piece.source.place for piece in pieces):
            return False
        before = pieces[-1].source if pieces else None
        return before is None or (source.label != before.label and source.kind != before.kind)

    def _number(self, what: str, most: int) -> int:
        return number(self._seed, what, most)


def lot(seed: int, what: str, name: str) -> bytes:
    """What a name draws: 32 bytes, the same on every machine."""
    return hashlib.sha256(f"{seed}\njoin\n{what}\n{name}".encode("utf-8", "surrogatepass")).digest()


def number(seed: int, what: str, most: int) -> int:
    """A whole number from 0 to ``most``."""
    return int.from_bytes(lot(seed, what, "")[:8], "big") % (most + 1)
