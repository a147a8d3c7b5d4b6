"""What rendered clips tell without being looked at or listened to: lengths, levels, codecs, sizes.

Files are opened in guarded children, several in each. A file that cannot be read, or that a child dies of,
counts as one of which nothing is known: if only manipulated clips are damaged, that is told as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import MediaError, UsageError
from vadd.media import guard
from vadd.media.limits import Limits
from vadd.media.wire import WireError
from vadd.protocol.audit import Feature
from vadd.protocol.truth import Labels

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["CATEGORIES", "NUMBERS", "media_features", "rendered_files", "work"]

#: What is measured of a file: numbers; dBFS for level and peak, shares for silence and clipping.
NUMBERS = ("duration", "size", "bit rate", "level", "peak", "silence", "clipping")
CATEGORIES = ("video codec", "audio codec", "sample rate", "channels", "frames")
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v")
#: Files a child: starting one takes longer than measuring a short clip.
_BATCH = 32
#: Stretches of sound that are silent or not, seconds, and the RMS below which they are, dBFS.
_STRETCH, _SILENT = 0.05, -70.0
#: Absolute sample from which on the sound is clipped.
_CLIPPED = 0.999
_QUIETEST = -160.0


def rendered_files(folder: Path, trials: Sequence[str]) -> dict[str, Path]:
    """Trial → its clip in a folder; trials without one are left out.

    Raises:
        UsageError: If there is no such folder, or none of the clips in it.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    found = {}
    for trial in trials:
        path = next((p for s in SUFFIXES if (p := folder / f"{trial}{s}").is_file()), None)
        if path is not None:
            found[trial] = path
    if not found:
        raise UsageError(f"{folder} has no clip of the manifest, such as {trials[0]}.mp4")
    return found


def media_features(
    files: Sequence[Path | None],
    *,
    limits: Limits | None = None,
    workers: int = 2,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[tuple[Feature, ...], list[str]]:
    """Measure the clips of all trials.

    Args:
        files: One a trial, ``None`` where there is none.
        limits: What a file may cost; the defaults if ``None``.
        workers: Children at a time.
        progress: Called with (files done, files in all).

    Returns:
        The features, without those that are the same for all; and a line for each file that cannot be
        measured.
    """
    bounds = limits or Limits()
    there = [(at, path) for at, path in enumerate(files) if path is not None]
    lots = [there[at : at + _BATCH] for at in range(0, len(there), _BATCH)]
    numbers = np.full((len(files), len(NUMBERS)), np.nan)
    words = [[""] * len(CATEGORIES) for _ in files]
    problems: list[str] = []
    done = 0
    pool = ThreadPoolExecutor(workers)
    try:
        measured = pool.map(lambda lot: _lot([path for _, path in lot], bounds), lots)
        for lot, results in zip(lots, measured, strict=True):
            for (at, path), result in zip(lot, results, strict=True):
                if isinstance(result, str):
                    problems.append(f"{path.name}: {result}")
                else:
                    numbers[at], words[at] = result
            done += len(lot)
            if progress is not None:
                progress(done, len(there))
    finally:
        pool.shutdown(cancel_futures=True)
    features = [Feature(name, "media", values=numbers[:, at]) for at, name in enumerate(NUMBERS)]
    labels = [Labels.of(word[at] for word in words) for at in range(len(CATEGORIES))]
    features += [
        Feature(name, "media", codes=each.index) for name, each in zip(CATEGORIES, labels, strict=True)
    ]
    return tuple(each for each in features if _varies(each)), problems


def _varies(feature: Feature) -> bool:
    if feature.codes is not None:
        return bool((feature.codes != feature.codes[0]).any())
    values: Any = feature.values
    return len(np.unique(values)) > 1


_Measured = tuple[list[float], list[str]]


def _lot(paths: Sequence[Path], limits: Limits) -> list[_Measured | str]:
    done: list[_Measured | str] = []

    def take(header: dict[str, Any], _: dict[str, NDArray[Any]]) -> None:
        if len(done) == len(paths) or header.get("at") != len(done) - begun:
            raise WireError("the child answers what it was not asked")
        done.append(_believed(header))

    while len(done) < len(paths):
        begun = len(done)
        names = [str(path.absolute()) for path in paths[begun:]]
        arguments = {"files": names, "limits": limits.to_json()}
        problem = "the child left it out"
        try:
            guard.run(
                "vadd.protocol.audit_media:work", arguments, limits=limits, part=take, readable=paths[begun:]
            )
        except MediaError as error:
            problem = str(error)
        if len(done) < len(paths):
            done.append(problem)
    return done


def _believed(header: dict[str, Any]) -> _Measured | str:
    """What a child says of a file, if it is of the form that it should be."""
    problem, numbers, words = (header.get(name) for name in ("problem", "numbers", "words"))
    if isinstance(problem, str):
        return " ".join(problem.split())[:500]
    if not isinstance(numbers, list) or len(numbers) != len(NUMBERS):
        raise WireError("the child's numbers are malformed")
    if not isinstance(words, list) or len(words) != len(CATEGORIES):
        raise WireError("the child's words are malformed")
    if not all(each is None or isinstance(each, int | float) for each in numbers):
        raise WireError("the child's numbers are none")
    return [np.nan if each is None else float(each) for each in numbers], [str(each)[:80] for each in words]


def work(
    channel: Channel, *, files: list[str], limits: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The child's job: measures the files in order and sends what each gives ahead."""
    bounds = Limits.from_json(limits)
    seconds = 0.0
    for at, name in enumerate(files):
        answer: dict[str, Any] = {"at": at}
        try:
            numbers, words = _measure(Path(name), bounds)
            answer |= {"numbers": numbers, "words": words}
            seconds += numbers[0] or 0.0
        except MediaError as error:
            answer["problem"] = str(error)
        channel.part(answer, {})
        seconds += 1  # every file earns some time, whatever it holds
        channel.progress(seconds, seconds)
    return {}, {}


def _measure(path: Path, limits: Limits) -> tuple[list[float | None], list[str]]:
    from vadd.media.probe import probe
    from vadd.media.sound import SoundReader

    info = probe(path, limits)
    video, audio = info.video, info.audio
    zero = min(each.start for each in (video, audio) if each is not None)
    levels: list[float | None] = [None] * 4
    heard = 0.0
    if audio is not None and audio.rate:
        meter = _Meter(audio.rate)
        reader = SoundReader(path, audio, limits, zero=zero, rate=audio.rate)
        for block in reader:
            meter.add(block)
        levels, heard = meter.numbers(), float(reader.extent)
    duration = float(info.declared) if info.declared else heard
    rate = 8 * info.size / duration if duration else None
    frames = "" if video is None else f"{video.width}x{video.height} {float(video.rate or 0):.3f}"
    words = [
        "" if video is None else video.codec,
        "" if audio is None else audio.codec,
        "" if audio is None else str(audio.rate),
        "" if audio is None else audio.layout,
        frames,
    ]
    return [duration or None, float(info.size), rate, *levels], words


class _Meter:
    """Level, peak, silence and clipping of mono sound with ``rate`` samples a second."""

    def __init__(self, rate: int) -> None:
        self._size = max(1, round(rate * _STRETCH))
        self._rest = np.zeros(0, np.float32)
        self._count = self._clipped = self._stretches = self._silent = 0
        self._power = self._peak = 0.0

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next ``(n,)`` samples, in [-1, 1]."""
        if not len(block):
            return
        magnitude = np.abs(block)
        self._count += len(block)
        self._clipped += int(np.count_nonzero(magnitude >= _CLIPPED))
        self._peak = max(self._peak, float(magnitude.max()))
        self._power += float(np.square(block, dtype=np.float64).sum())
        samples = np.concatenate([self._rest, block])
        whole = len(samples) // self._size * self._size
        power = np.square(samples[:whole].reshape(-1, self._size), dtype=np.float64).mean(axis=1)
        self._stretches += len(power)
        self._silent += int(np.count_nonzero(power < 10 ** (_SILENT / 10)))
        self._rest = samples[whole:]

    def numbers(self) -> list[float | None]:
        """Level and peak in dBFS, shares of the time that are silent and of the samples that are clipped."""
        if not self._count:
            return [None] * 4
        power = self._power / self._count
        level = max(_QUIETEST, 10 * float(np.log10(power))) if power > 0 else _QUIETEST
        peak = max(_QUIETEST, 20 * float(np.log10(self._peak))) if self._peak > 0 else _QUIETEST
        return [level, peak, self._silent / max(1, self._stretches), self._clipped / self._count]
