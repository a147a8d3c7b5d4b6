"""What the guarded child does: decode, embed and measure both streams, overlapped, in flat memory."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed import catalog
from vadd.embed.base import Embedder, SecondEmbedding
from vadd.embed.gain import level_out
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
    """One stream's results before they are laid on the common grid."""

    extent: Fraction
    coverage: float
    seconds: list[int]
    embedded: list[SecondEmbedding]
    rows: Sequence[tuple[float, ...]]
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
    eye = pool.submit(_ready, embedders[0])
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
        sides[0] = pool.submit(_picture, frames, eye, thumbnails, progress)
    if blocks is not None:
        sides[1] = pool.submit(_sound, blocks, embedders[1], rate, columns, progress)
    results = finished(sides)
    return _message(streams.verified(hashes), results, embedders, bounds, thumbnails, columns)


def _ready(name: str) -> Embedder:
    """An embedder whose network is open."""
    embedder = catalog.load(name, threads=1)
    embedder.open()
    return embedder


def _picture(
    frames: FrameReader, eye: Future[Embedder], thumbnails: Thumbnails | None, progress: _Progress
) -> _Side:
    measure = Measurer()
    seconds: list[int] = []
    embedded: list[SecondEmbedding] = []
    rows: list[tuple[float, ...]] = []
    waiting: deque[Future[SecondEmbedding]] = deque()
    with ThreadPoolExecutor(1) as network:
        for frame in frames:
            # One frame a run, whatever the timing: batches that depend on it would change the last bits.
            waiting.append(network.submit(lambda image: next(eye.result().embed([image])), frame.image))
            measures = measure(frame.image)
            rows.append(tuple(getattr(measures, name) for name in FrameMeasures.names()))
            seconds.append(frame.second)
            if thumbnails is not None:
                thumbnails.add(frame.second, frame.image)
            if len(waiting) > _WAITING:
                embedded.append(waiting.popleft().result())
            progress("picture", frame.second)
        embedded.extend(future.result() for future in waiting)
    progress.finish("picture")
    return _Side(frames.extent, frames.coverage, seconds, embedded, rows, rotation=frames.rotation)


def _sound(
    blocks: SoundReader, ear: str, rate: int, columns: _Spectrogram | None, progress: _Progress
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

    embedded = list(_ready(ear).embed(amplified()))
    progress.finish("sound")
    seconds = heard_seconds(blocks, len(embedded))
    return _Side(
        blocks.extent,
        blocks.coverage,
        seconds,
        [embedded[at] for at in seconds],
        [
            (*level, *turn)
            for level, turn in zip(*(each.rows(len(embedded)) for each in (levels, turns)), strict=True)
        ],
        blocks.notes,
    )


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
    embedders: list[str],
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
    for name, side, embedder in zip(("picture", "sound"), results, embedders, strict=True):
        if side is not None:
            header[name] = {"coverage": side.coverage, "rotation": side.rotation}
            arrays |= _laid_out(name, side, embedder, length)
    if thumbnails is not None:
        kept = [(second, data) for second, data in thumbnails.kept if second < length]
        header["thumbnails"] = [[second, len(data)] for second, data in kept]
        arrays["thumbnails"] = np.frombuffer(b"".join(data for _, data in kept), np.uint8)
    if columns is not None and (spectrogram := columns.columns.result()) is not None:
        header["columns_per_second"] = columns.columns.rate
        arrays["spectrogram"] = spectrogram[: max(1, round(duration * Fraction(columns.columns.rate)))]
    return header, arrays


def _laid_out(name: str, side: _Side, embedder: str, length: int) -> Mapping[str, NDArray[Any]]:
    """The rows of one side on the common grid of ``length`` seconds."""
    card = catalog.card(embedder)
    present = np.zeros(length, np.bool_)
    vectors = np.zeros((length, card.dim), np.float32)
    scores = np.zeros((length, len(card.scores)), np.float32)
    columns = FrameMeasures.names() if name == "picture" else (*Levels.names(), *Turns.names())
    table = np.zeros((length, len(columns)), np.float32)
    if name == "sound":
        table[:] = (*Levels.SILENT_ROW, *Turns.SILENT_ROW)
        rows = side.rows[:length]
        table[: len(rows)] = np.array(rows, np.float32).reshape(len(rows), len(columns))
    for at, second in enumerate(side.seconds):
        if second < length:
            present[second] = True
            vectors[second] = side.embedded[at].vector
            if side.embedded[at].scores is not None:
                scores[second] = side.embedded[at].scores
            if name == "picture":
                table[second] = side.rows[at]
    measured = {f"{name}_{column}": np.ascontiguousarray(table[:, at]) for at, column in enumerate(columns)}
    return {f"{name}_present": present, f"{name}_vectors": vectors, f"{name}_scores": scores, **measured}
