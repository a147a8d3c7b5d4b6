"""What the guarded child does: decode, embed and measure both streams, overlapped, in flat memory."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed import catalog
from vadd.embed.base import Embedder, SecondEmbedding
from vadd.embed.gain import level_out
from vadd.errors import MediaError
from vadd.media.exhibit import Columns, Thumbnails
from vadd.media.frames import FrameReader
from vadd.media.identity import Identity
from vadd.media.info import MediaInfo
from vadd.media.levels import Levels
from vadd.media.limits import Limits
from vadd.media.measures import FrameMeasures, Measurer
from vadd.media.probe import probe
from vadd.media.sound import SoundReader
from vadd.timeline import grid_length

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["work"]

#: The centre square that a picture embedder takes is 7/8 of the shorter side in published evaluations.
_MARGIN = Fraction(8, 7)
#: Frames that may wait for the network: enough to keep it busy, few enough to keep memory flat.
_WAITING = 8
#: Real sound in a second, as a share, from which on the second counts as heard.
_HEARD = 0.5
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
    eye, ear = (pool.submit(_ready, name) for name in embedders)
    same = picture == sound
    paths = [Path(path) for path in dict.fromkeys((picture, sound))]
    before = [Identity.of(path) for path in paths]
    infos = [probe(path, bounds) for path in paths]
    hashes = [pool.submit(identity.sha256) for identity in before]
    seen, heard = infos[0], infos[-1]
    until = None if same else _until(seen, heard)
    total = seen.declared if same else (None if until is None else Fraction(until))
    channel.duration(float(max((info.declared or Fraction(0)) for info in infos)))
    if same and seen.video and seen.audio:
        zeros = [min(seen.video.start, seen.audio.start)] * 2
    else:
        zeros = [stream.start if stream else Fraction(0) for stream in (seen.video, heard.audio)]

    rate = catalog.card(embedders[1]).sample_rate or 0
    progress = _Progress(channel, total)
    thumbnails, columns = (Thumbnails() if exhibit else None), (_Spectrogram(rate) if exhibit else None)
    sides: list[Future[_Side] | None] = [None, None]
    for at, stream in enumerate((seen.video, heard.audio)):
        if stream is not None:
            progress.start(("picture", "sound")[at])
    if seen.video is not None:
        side = round(_MARGIN * (catalog.card(embedders[0]).frame_side or 0))
        frames = FrameReader(paths[0], seen.video, bounds, zero=zeros[0], side=side, until=until)
        sides[0] = pool.submit(_picture, frames, eye, thumbnails, progress)
    if heard.audio is not None:
        blocks = SoundReader(paths[-1], heard.audio, bounds, zero=zeros[1], rate=rate, until=until)
        sides[1] = pool.submit(_sound, blocks, ear, rate, columns, progress)
    results = [None if side is None else side.result() for side in _in_order_of_failure(sides)]
    digests = [digest.result() for digest in hashes]
    for identity in before:
        identity.verify()
    infos = [replace(info, sha256=digest) for info, digest in zip(infos, digests, strict=True)]
    return _message(infos, results, embedders, bounds, thumbnails, columns)


def _in_order_of_failure(sides: list[Future[_Side] | None]) -> list[Future[_Side] | None]:
    """The same, but once one has failed it raises without waiting for the other."""
    from concurrent.futures import FIRST_EXCEPTION, wait

    running = [side for side in sides if side is not None]
    for side in wait(running, return_when=FIRST_EXCEPTION).done:
        side.result()
    return sides


def _until(seen: MediaInfo, heard: MediaInfo) -> int | None:
    """Grid second up to which two files are read: a second more than the shorter declares."""
    ends = [end for end in ((seen.video and seen.declared), (heard.audio and heard.declared)) if end]
    return -(-min(ends) // 1) + 1 if ends else None


def _ready(name: str) -> Embedder:
    """An embedder whose network is loaded: it opens at its first input, which is made up here."""
    embedder = catalog.load(name, threads=1)
    card = embedder.card
    if card.frame_side is not None:
        blank: NDArray[Any] = np.zeros((card.frame_side, card.frame_side, 3), np.uint8)
    else:
        blank = np.zeros(card.sample_rate or 0, np.float32)
    for _ in embedder.embed([blank]):
        pass
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
    blocks: SoundReader, ear: Future[Embedder], rate: int, columns: _Spectrogram | None, progress: _Progress
) -> _Side:
    levels = Levels(rate)

    def heard() -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            levels.add(block)
            if columns is not None:
                columns.add(block)
            progress("sound", levels.seconds)
            yield block

    embedded = list(ear.result().embed(level_out(heard(), rate)))
    progress.finish("sound")
    shares = blocks.heard
    # A clip shorter than half a second is all there is of its only second.
    enough = min(_HEARD, float(blocks.extent) / 2)
    seconds = [at for at in range(len(embedded)) if at < len(shares) and shares[at] >= enough]
    return _Side(
        blocks.extent,
        blocks.coverage,
        seconds,
        [embedded[at] for at in seconds],
        levels.rows(len(embedded)),
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
    notes = [note if len(infos) == 1 else f"{info.name}: {note}" for info in infos for note in info.notes]
    names = ("picture", "sound")
    for at, name in enumerate(names):
        side, info = results[at], infos[0 if at == 0 else -1]
        if side is None:
            continue
        stream = info.video if at == 0 else info.audio
        if not side.extent and (stream is None or stream.duration is None):
            notes.append(f"{info.name}: the {name} stream is empty")
            results[at] = None
        elif side.coverage < limits.coverage:
            share = f"only {side.coverage:.0%} of the declared {name} could be decoded"
            raise MediaError("damaged", f"{info.name}: {share}")
    there = [side for side in results if side is not None]
    if not there:
        raise MediaError("not_media", f"{infos[0].name}: it holds neither picture nor sound that can be used")
    extents = [side.extent for side in there]
    duration = max(extents) if len(infos) == 1 else min(extents)
    if len(infos) == 1 and infos[0].duration and duration < Fraction(limits.coverage) * infos[0].duration:
        share = f"only {float(duration / infos[0].duration):.0%} of the declared duration is there"
        raise MediaError("damaged", f"{infos[0].name}: {share}")
    length = grid_length(duration)
    header: dict[str, Any] = {
        "inputs": [info.to_json() for info in infos],
        "duration": f"{duration.numerator}/{duration.denominator}",
        "notes": [*notes, *(note for side in there for note in side.notes)],
        "picture": None,
        "sound": None,
        "thumbnails": [],
        "columns_per_second": 0.0,
    }
    arrays: dict[str, NDArray[Any]] = {}
    for name, side, embedder in zip(names, results, embedders, strict=True):
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
    columns = FrameMeasures.names() if name == "picture" else Levels.names()
    table = np.zeros((length, len(columns)), np.float32)
    if name == "sound":
        table[:] = Levels.SILENT_ROW
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
