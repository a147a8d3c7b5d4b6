"""Vectors of embedders beyond the default ones, second by second, of files that were measured already.

The file is decoded a second time, in a guarded child of its own. The first pass measures what every
detector needs (silence, blank pictures, speech that is laid over) with two small networks inside the
child; the networks here are far too large for its limits, and run in this process on frames and samples
that the second child hands over. Decoding costs little beside them.

:class:`vadd.embed.pipeline.Pipeline` fills stores from the same feed, but takes no clip in which a second
is missing. A file that is judged may lack some: those seconds are left out here and said to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.detect.engine import Progress
from vadd.embed.base import Embedder
from vadd.embed.extract import Extraction
from vadd.embed.feed import Feed
from vadd.embed.gain import level_out
from vadd.embed.pipeline import AMPLIFIED, CHUNK
from vadd.errors import MediaError
from vadd.media.limits import Limits

__all__ = ["Vectors", "embed_again"]

#: Where a stream is read only so that two files get the same clock as in the first pass.
_LEAST_SIDE, _LEAST_RATE = 32, 16_000


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What the networks made of one modality.

    Attributes:
        present: ``(T,)`` bool, seconds that have vectors.
        rows: Embedder → ``(T, dim)`` float32; rows of absent seconds are zero.
    """

    present: NDArray[np.bool_]
    rows: dict[str, NDArray[np.float32]]


def embed_again(
    extraction: Extraction,
    picture: Path,
    sound: Path,
    eyes: Sequence[Embedder],
    ears: Sequence[Embedder],
    *,
    side: int,
    limits: Limits,
    progress: Progress | None = None,
) -> tuple[Vectors, Vectors]:
    """Decode the files once more and embed them.

    Args:
        extraction: What was measured of them; its ``T`` seconds are the grid.
        picture: The file whose picture is used.
        sound: The file whose sound is used; the same path for one file.
        eyes: Picture embedders.
        ears: Sound embedders.
        side: Shorter side of the frames that the eyes get, pixels.
        limits: What the files may cost.
        progress: Called with (seconds embedded, seconds in all).

    Returns:
        Vectors of the picture and of the sound.

    Raises:
        MediaError: If a file cannot be decoded, or is not what was measured.
        ModelError: If an embedder cannot be used.
    """
    seconds = extraction.seconds
    pictures = _empty(seconds, eyes)
    sounds = _empty(seconds, ears)
    wanted = [each if there else () for each, there in ((eyes, extraction.picture), (ears, extraction.sound))]
    if not any(wanted):
        return pictures, sounds
    # Two files keep their own clocks only if both are read as two.
    pair = picture != sound
    rates = sorted({each.card.sample_rate or 0 for each in wanted[1]})
    feed = Feed(
        _elsewhere(picture),
        _elsewhere(sound),
        side=side if wanted[0] else _LEAST_SIDE if pair else 0,
        rates=rates or ([_LEAST_RATE] if pair else []),
        limits=limits,
    )
    try:
        _see(feed, wanted[0], pictures, progress)
        heading = feed.heading()
        if set(heading.sha256) != {info.sha256 for _, info in extraction.inputs}:
            raise MediaError("changed", f"{extraction.inputs[0][1].name}: it changed while it was read")
        for ear in wanted[1] if heading.sounds else ():
            rate = ear.card.sample_rate or 0
            blocks = feed.sound(rate)
            stream = level_out(blocks, rate) if ear.card.name in AMPLIFIED else blocks
            found = [each.vector for each in ear.embed(stream)][:seconds]
            heard = [at for at in heading.sounds if at < len(found)]
            sounds.rows[ear.card.name][heard] = [found[at] for at in heard]
            sounds.present[heard] = True
    finally:
        feed.close()
    return pictures, sounds


def _see(feed: Feed, eyes: Sequence[Embedder], into: Vectors, progress: Progress | None) -> None:
    """Embed the frames in chunks, each through one network after the other."""
    total = len(into.present)
    chunk: list[tuple[int, NDArray[np.uint8]]] = []

    def embed() -> None:
        for eye in eyes:
            found = eye.embed([image for _, image in chunk])
            for (second, _), each in zip(chunk, found, strict=True):
                into.rows[eye.card.name][second] = each.vector
        into.present[[second for second, _ in chunk]] = True
        if progress is not None:
            progress(float(chunk[-1][0] + 1), float(total))
        chunk.clear()

    for second, image in feed.frames():
        if eyes and second < total:
            chunk.append((second, image))
            if len(chunk) == CHUNK:
                embed()
    if chunk:
        embed()


def _empty(seconds: int, embedders: Sequence[Embedder]) -> Vectors:
    rows: dict[str, NDArray[Any]] = {
        each.card.name: np.zeros((seconds, each.card.dim), np.float32) for each in embedders
    }
    return Vectors(np.zeros(seconds, np.bool_), rows)


def _elsewhere(path: Path) -> Path:
    """The path as another process must name it: ``/dev/stdin`` and its like are links into this one."""
    inside = path.absolute()
    return path.resolve() if inside.is_relative_to("/dev") or inside.is_relative_to("/proc") else inside
