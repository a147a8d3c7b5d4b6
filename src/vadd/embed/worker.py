"""What the guarded child does: decode, embed and measure both streams, overlapped, in flat memory.

Vectors and scores leave as they come (:mod:`vadd.embed.rows`); the few numbers that are measured of each
second come with the result.
"""

from __future__ import annotations

import math
import time
from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed import catalog
from vadd.embed.base import Embedder, SecondEmbedding
from vadd.embed.faces import FaceFinder
from vadd.embed.gain import level_out
from vadd.embed.rows import Outbox
from vadd.embed.streams import Streams, finished, heard_seconds, settled
from vadd.embed.turns import Turns
from vadd.media.exhibit import Columns, Thumbnails
from vadd.media.frames import FrameReader
from vadd.media.info import MediaInfo
from vadd.media.levels import Levels
from vadd.media.limits import Limits
from vadd.media.measures import FrameMeasures, Measurer
from vadd.media.sound import SoundReader
from vadd.timeline import grid_length

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["work"]

#: The centre square that a picture embedder takes is 7/8 of the shorter side in published evaluations.
_MARGIN = Fraction(8, 7)
#: Frames that may wait for the network: enough to keep it busy, few enough to keep memory flat.
_WAITING = 8
#: Seconds between two progress messages.
_PROGRESS = 0.2

Message = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@dataclass(slots=True)
class _Side:
    """One stream's measures before they are laid on the common grid.

    Attributes:
        extent: Seconds from the grid's zero to its end.
        coverage: Share (0-1) of what is declared that could be decoded.
        seconds: The grid seconds that are there.
        rows: The measures: of a picture one row for each of these, of a sound one for each second.
        notes: For the reader of a result.
        rotation: Degrees that the frames were turned.
    """

    extent: Fraction
    coverage: float
    seconds: Sequence[int]
    rows: NDArray[np.float32]
    notes: tuple[str, ...] = ()
    rotation: int = 0


class _Progress:
    """Reports the slower side, not too often."""

    def __init__(self, channel: Channel, total: Fraction | None) -> None:
        self._channel, self._total, self._next = channel, float(total or 0), 0.0
        self._done: dict[str, float] = {}

    def start(self, side: str) -> None:
        """Wait for this side from now on."""
        self._done[side] = 0.0

    def finish(self, side: str) -> None:
        """Wait for it no more: what the other does is progress, however short this one was."""
        self._done[side] = math.inf

    def __call__(self, side: str, seconds: float) -> None:
        self._done[side] = seconds
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS
            done = min(self._done.values())
            self._channel.progress(done, max(self._total, done))


def work(
    channel: Channel, *, picture: str, sound: str, embedders: list[str], exhibit: bool, limits: dict[str, Any]
) -> Message:
    """The job behind :func:`vadd.embed.extract.extract`; arguments as there, in JSON's types."""
    bounds = Limits.from_json(limits)
    # Not left with `with`: when one side fails the others must not be waited for. The child just ends.
    pool = ThreadPoolExecutor(8)
    # Decoding takes longest, so all it waits for is the probe. The picture's network opens beside that;
    # two would share its core.
    eye = pool.submit(catalog.opened, embedders[0])
    streams = Streams(Path(picture), Path(sound), bounds)
    hashes = streams.hashing(pool)
    channel.duration(streams.declared)
    rate = catalog.card(embedders[1]).sample_rate or 0
    frames = streams.frames(round(_MARGIN * (catalog.card(embedders[0]).frame_side or 0)))
    blocks = streams.blocks(rate)
    progress = _Progress(channel, streams.total)
    thumbnails, columns = (Thumbnails() if exhibit else None), (_Spectrogram(rate) if exhibit else None)
    sides: list[Future[_Side] | None] = [None, None]
    for name, reader in (("picture", frames), ("sound", blocks)):
        if reader is not None:
            progress.start(name)
    if frames is not None:
        outbox = Outbox(channel, "picture", embedders[0])
        sides[0] = pool.submit(_picture, frames, eye, thumbnails, progress, outbox)
    if blocks is not None:
        outbox = Outbox(channel, "sound", embedders[1])
        sides[1] = pool.submit(_sound, blocks, embedders[1], rate, columns, progress, outbox)
    results = finished(sides)
    return _message(streams.verified(hashes), results, bounds, thumbnails, columns)


@cache
def _finder() -> FaceFinder:
    """The one of this process, as the embedders are: a child that does several jobs opens it once."""
    return FaceFinder()


def _picture(
    frames: FrameReader,
    eye: Future[Embedder],
    thumbnails: Thumbnails | None,
    progress: _Progress,
    outbox: Outbox,
) -> _Side:
    measure, names, finder = Measurer(), FrameMeasures.names(), _finder()
    # Plain numbers side by side: as objects of their own they would take ten times as much.
    seconds, rows, faces = array("q"), array("f"), array("f")
    waiting: deque[tuple[int, Future[tuple[SecondEmbedding, float]]]] = deque()

    def look(image: NDArray[np.uint8]) -> tuple[SecondEmbedding, float]:
        return next(eye.result().embed([image])), finder.share(image)

    def send() -> None:
        second, looked = waiting.popleft()
        embedding, face = looked.result()
        outbox.add(second, embedding)
        faces.append(face)

    with ThreadPoolExecutor(1) as network:
        for frame in frames:
            # One frame a run, whatever the timing: batches that depend on it would change the last bits.
            waiting.append((frame.second, network.submit(look, frame.image)))
            measures = measure(frame.image)
            rows.extend(getattr(measures, name) for name in names)
            seconds.append(frame.second)
            if thumbnails is not None:
                thumbnails.add(frame.second, frame.image)
            if len(waiting) > _WAITING:
                send()
            progress("picture", frame.second)
        while waiting:
            send()
    outbox.flush()
    progress.finish("picture")
    table = np.column_stack([np.array(rows, np.float32).reshape(len(seconds), len(names)), faces])
    return _Side(frames.extent, frames.coverage, seconds, table, rotation=frames.rotation)


def _sound(
    blocks: SoundReader,
    ear: str,
    rate: int,
    columns: _Spectrogram | None,
    progress: _Progress,
    outbox: Outbox,
) -> _Side:
    levels, turns = Levels(rate), Turns()

    def heard() -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            levels.add(block)
            if columns is not None:
                columns.add(block)
            progress("sound", levels.seconds)
            yield block

    def amplified() -> Iterator[NDArray[np.float32]]:
        for block in level_out(heard(), rate):
            turns.add(block)
            yield block

    length = 0
    # Which seconds count as heard is known at the end: those that do not are sent as well.
    for embedding in catalog.opened(ear).embed(amplified()):
        outbox.add(length, embedding)
        length += 1
    outbox.flush()
    progress.finish("sound")
    measured = (levels, turns)
    sides = [np.array(each.rows(length), np.float32).reshape(length, len(each.names())) for each in measured]
    seconds = heard_seconds(blocks, length)
    return _Side(blocks.extent, blocks.coverage, seconds, np.concatenate(sides, axis=1), blocks.notes)


class _Spectrogram:
    """Log-mel columns of a stream of mono sound with ``rate`` samples a second."""

    def __init__(self, rate: int) -> None:
        from vadd.embed.mel import HOP

        self.columns = Columns(rate / HOP)
        self._rest = np.zeros(0, np.float32)

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next ``(n,)`` samples."""
        from vadd.embed.mel import HOP, WINDOW, log_mel

        samples = np.concatenate([self._rest, block])
        if len(samples) >= WINDOW:
            energies = log_mel(samples)
            self.columns.add(energies)
            samples = samples[len(energies) * HOP :]
        self._rest = samples


def _message(
    infos: list[MediaInfo],
    results: list[_Side | None],
    limits: Limits,
    thumbnails: Thumbnails | None,
    columns: _Spectrogram | None,
) -> Message:
    duration, notes, there = settled(infos, results, limits)
    results = [side if is_there else None for side, is_there in zip(results, there, strict=True)]
    length = grid_length(duration)
    header: dict[str, Any] = {
        "inputs": [info.to_json() for info in infos],
        "duration": f"{duration.numerator}/{duration.denominator}",
        "notes": [*notes, *(note for side in results if side for note in side.notes)],
        "picture": None,
        "sound": None,
        "thumbnails": [],
        "columns_per_second": 0.0,
    }
    arrays: dict[str, NDArray[Any]] = {}
    for name, side in zip(("picture", "sound"), results, strict=True):
        if side is not None:
            header[name] = {"coverage": side.coverage, "rotation": side.rotation}
            arrays |= _laid_out(name, side, length)
    if thumbnails is not None:
        kept = [(second, data) for second, data in thumbnails.kept if second < length]
        header["thumbnails"] = [[second, len(data)] for second, data in kept]
        arrays["thumbnails"] = np.frombuffer(b"".join(data for _, data in kept), np.uint8)
    if columns is not None and (spectrogram := columns.columns.result()) is not None:
        header["columns_per_second"] = columns.columns.rate
        arrays["spectrogram"] = spectrogram[: max(1, round(duration * Fraction(columns.columns.rate)))]
    return header, arrays


def _laid_out(name: str, side: _Side, length: int) -> Mapping[str, NDArray[Any]]:
    """The measures of one side on the common grid of ``length`` seconds."""
    present = np.zeros(length, np.bool_)
    picture, sound = (*FrameMeasures.names(), "face"), (*Levels.names(), *Turns.names())
    columns = picture if name == "picture" else sound
    table = np.zeros((length, len(columns)), np.float32)
    if name == "sound":
        table[:] = (*Levels.SILENT_ROW, *Turns.SILENT_ROW)
        rows = side.rows[:length]
        table[: len(rows)] = rows
    for at, second in enumerate(side.seconds):
        if second < length:
            present[second] = True
            if name == "picture":
                table[second] = side.rows[at]
    measured = {f"{name}_{column}": np.ascontiguousarray(table[:, at]) for at, column in enumerate(columns)}
    return {f"{name}_present": present, **measured}
