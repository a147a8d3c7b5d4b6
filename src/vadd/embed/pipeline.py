"""Many nets over many files: each file is decoded once, and the next ones while the nets compute.

Frames go through the picture nets in chunks that run on from clip to clip of a group; the chunks follow
from the group alone, not from timing, so the same group gives the same bits again. The nets take turns,
each with all the machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.embed.base import Embedder, Modality
from vadd.embed.feed import Feed, Heading
from vadd.embed.gain import level_out
from vadd.embed.twin import Change, twin
from vadd.errors import MediaError
from vadd.media.limits import Limits

__all__ = ["AMPLIFIED", "Embedded", "Failure", "Pipeline", "Source", "side_for"]

#: Frames that go through one net after the other before the next ones are taken.
CHUNK = 64
#: Files that are decoded ahead of the one in the nets.
AHEAD = 2
#: The centre square that a picture embedder takes is 7/8 of the shorter side in published evaluations.
_MARGIN = Fraction(8, 7)
#: Nets that hear amplified sound, as a check of a file lets them.
AMPLIFIED = frozenset({"yamnet"})


@dataclass(frozen=True, slots=True)
class Source:
    """A clip to be embedded.

    Attributes:
        name: Of the clip.
        picture: The file whose picture is used.
        sound: The file whose sound is used; the same for one file.
        scene: Label, or empty. Likewise ``city``, ``location`` and ``split``.
    """

    name: str
    picture: Path
    sound: Path
    scene: str = ""
    city: str = ""
    location: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A clip that could not be embedded.

    Attributes:
        source: The clip.
        reason: Why, for a person.
    """

    source: Source
    reason: str


@dataclass(slots=True, eq=False)
class Embedded:
    """A clip's vectors.

    Attributes:
        source: The clip.
        heading: What its files are.
        vectors: Embedder → ``(seconds, dim)`` float32.
        twins: The same of the augmented frames; empty if none were asked for.
    """

    source: Source
    heading: Heading
    vectors: dict[str, NDArray[np.float32]]
    twins: dict[str, NDArray[np.float32]]


@dataclass(slots=True, eq=False)
class _Work:
    """A clip in the making."""

    source: Source
    feed: Feed
    seen: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)
    twins: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)
    heard: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    heading: Heading | None = None
    reason: str = ""


def side_for(embedders: Sequence[Embedder]) -> int:
    """Shorter side of the frames that these nets need, pixels; 0 without picture embedders."""
    return round(_MARGIN * max((each.card.frame_side or 0 for each in embedders), default=0))


class Pipeline:
    """Embedders of either modality, over groups of clips.

    Args:
        embedders: At least one; the picture is only read where a picture embedder is among them, and
            likewise the sound.
        limits: What a file may cost; the defaults if ``None``.
        seed: Of the augmented twins.
        side: Shorter side of the frames that the nets get, pixels; what they need if ``None``.

    Raises:
        ValueError: If there is no embedder.
    """

    def __init__(
        self,
        embedders: Sequence[Embedder],
        *,
        limits: Limits | None = None,
        seed: int = 0,
        side: int | None = None,
    ) -> None:
        if not embedders:
            raise ValueError("no embedder is given")
        self._eyes = [each for each in embedders if each.card.modality is Modality.PICTURE]
        self._ears = [each for each in embedders if each.card.modality is Modality.SOUND]
        self._limits, self._seed = limits or Limits(), seed
        self._side = side_for(embedders) if side is None else side

    def run(
        self, sources: Sequence[Source], *, twins: frozenset[str] = frozenset()
    ) -> Iterator[Embedded | Failure]:
        """Embed a group of clips, which is held in memory until its last frame is through.

        Args:
            sources: The clips.
            twins: Names of those whose augmented twin is wanted too.

        Yields:
            One result a clip, in order.

        Raises:
            ModelError: If an embedder cannot be used.
        """
        works: list[_Work] = []
        chunk: list[tuple[_Work, int, NDArray[np.uint8]]] = []
        for work in self._opened(sources):
            try:
                works.append(work)
                for second, image in work.feed.frames():
                    chunk.append((work, second, image))
                    if len(chunk) == CHUNK:
                        self._see(chunk, twins)
                        chunk = []
                self._hear(work)
            finally:
                work.feed.close()
        if chunk:
            self._see(chunk, twins)
        for work in works:
            yield self._result(work, work.source.name in twins)

    def _opened(self, sources: Sequence[Source]) -> Iterator[_Work]:
        """The clips, some of which are being decoded already."""
        rates = sorted({each.card.sample_rate or 0 for each in self._ears})
        opened: deque[_Work] = deque()
        try:
            for source in sources:
                feed = Feed(
                    source.picture,
                    source.sound,
                    side=self._side if self._eyes else 0,
                    rates=rates,
                    limits=self._limits,
                )
                opened.append(_Work(source, feed))
                if len(opened) > AHEAD:
                    yield opened.popleft()
            while opened:
                yield opened.popleft()
        finally:
            for work in opened:
                work.feed.close()

    def _see(self, chunk: Sequence[tuple[_Work, int, NDArray[np.uint8]]], twins: frozenset[str]) -> None:
        doubled = [item for item in chunk if item[0].source.name in twins]
        for eye in self._eyes:
            for (work, second, _), found in zip(
                chunk, eye.embed([image for _, _, image in chunk]), strict=True
            ):
                work.seen.setdefault(second, {})[eye.card.name] = found.vector
            changed = (
                twin(image, Change.drawn(self._seed, work.source.name, second))
                for work, second, image in doubled
            )
            for (work, second, _), found in zip(doubled, eye.embed(changed), strict=True):
                work.twins.setdefault(second, {})[eye.card.name] = found.vector

    def _hear(self, work: _Work) -> None:
        try:
            work.heading = work.feed.heading()
        except MediaError as error:
            work.reason = str(error)
            return
        for ear in self._ears:
            if not work.heading.sounds:
                return
            rate = ear.card.sample_rate or 0
            blocks = work.feed.sound(rate)
            stream = level_out(blocks, rate) if ear.card.name in AMPLIFIED else blocks
            found = [each.vector for each in ear.embed(stream)]
            work.heard[ear.card.name] = np.stack(found)[: work.heading.seconds]

    def _result(self, work: _Work, doubled: bool) -> Embedded | Failure:
        if work.heading is None:
            return Failure(work.source, work.reason)
        seconds = range(work.heading.seconds)
        for wanted, there, what in (
            (self._eyes, work.heading.pictures, "picture"),
            (self._ears, work.heading.sounds, "sound"),
        ):
            missing = [second for second in seconds if second not in there]
            if wanted and missing:
                where = f"in second {missing[0]}" if there else "in it"
                return Failure(work.source, f"{work.source.name}: there is no {what} {where}")
        names = [eye.card.name for eye in self._eyes]
        vectors = {name: np.stack([work.seen[at][name] for at in seconds]) for name in names}
        twins = {name: np.stack([work.twins[at][name] for at in seconds]) for name in names if doubled}
        for name, matrix in work.heard.items():
            if len(matrix) != len(seconds):
                return Failure(work.source, f"{work.source.name}: its sound ends before its picture")
            vectors[name] = matrix
        return Embedded(work.source, work.heading, vectors, twins)
