"""The recordings that the IOV network learns from, as log-mel seconds on disk, computed once.

A row is appended, then the line that says so; what the lines do not count is cut off when the folder is
opened again, so a run that was killed goes on with the next recording.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.embed.feed import Feed
from vadd.embed.iov import BANDS, CLASSES, HOP, RATE, log_mel
from vadd.embed.torch_sound import second_windows
from vadd.errors import MediaError, StoreError, UsageError
from vadd.media.limits import Limits

__all__ = ["Recording", "Seconds", "find_recordings"]

#: Frames a second of sound has.
FRAMES = 1 + RATE // HOP
SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".mp4", ".mkv", ".webm", ".mov"}
)
#: Recordings that are decoded at the same time.
_DECODERS = 2


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound file with its label.

    Attributes:
        path: The file.
        label: ``indoor``, ``outdoor`` or ``vehicle``.
        group: Recordings of one group are alike (one location); they are learnt from or tested on together.
    """

    path: Path
    label: str
    group: str


def find_recordings(folder: Path) -> tuple[Recording, ...]:
    """The sound files in the folders ``indoor``, ``outdoor`` and ``vehicle``; each is a group of its own.

    Raises:
        UsageError: If a folder is missing or holds no sound file.
    """
    found = []
    for label in CLASSES:
        place = folder / label
        if not place.is_dir():
            raise UsageError(f"there is no folder {place}")
        paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not paths:
            raise UsageError(f"there is no recording in {place}")
        found += [Recording(path, label, path.relative_to(folder).as_posix()) for path in paths]
    return tuple(found)


class Seconds:
    """Log-mel seconds of recordings, kept in a folder.

    Args:
        folder: Where; made if it is not there.
        recordings: What they are of; the same that the folder was begun with.

    Attributes:
        failures: ``(path, reason)`` of recordings that could not be read.

    Raises:
        StoreError: If the folder cannot be used, or was begun with other recordings.
    """

    def __init__(self, folder: Path, recordings: Sequence[Recording]) -> None:
        self._recordings = tuple(recordings)
        self._data, self._log = folder / "seconds.f16", folder / "seconds.jsonl"
        self.failures: list[tuple[Path, str]] = []
        self._counts: list[int] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            for line in whole.splitlines():
                self._recall(json.loads(line))
            self._data.touch()
            self._log.touch()
            os.truncate(self._data, sum(self._counts) * _ROW_BYTES)
            os.truncate(self._log, len(whole.encode()))
        except OSError as error:
            raise _cannot(folder, error) from error
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            raise StoreError(f"{self._log} is damaged or of other recordings; take it away") from error

    def _recall(self, entry: dict[str, Any]) -> None:
        recording = self._recordings[len(self._counts)]
        if entry["path"] != str(recording.path):
            raise ValueError(entry["path"])
        if entry["failed"]:
            self.failures.append((recording.path, entry["failed"]))
        self._counts.append(int(entry["seconds"]))

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Decode what is not there yet.

        Args:
            progress: Called with (recordings done, recordings in all).

        Raises:
            StoreError: If the disk is full; what was done is kept.
        """
        for recording, found in self._decoded(self._recordings[len(self._counts) :]):
            rows = found if isinstance(found, np.ndarray) else np.zeros((0, BANDS, FRAMES), np.float16)
            entry = {
                "path": str(recording.path),
                "seconds": len(rows),
                "failed": "" if isinstance(found, np.ndarray) else found,
            }
            try:
                with self._data.open("r+b") as file:
                    file.seek(sum(self._counts) * _ROW_BYTES)
                    file.write(rows.tobytes())
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(entry) + "\n")
            except OSError as error:
                raise _cannot(self._data, error) from error
            self._recall(entry)
            if progress is not None:
                progress(len(self._counts), len(self._recordings))

    def _decoded(
        self, recordings: Sequence[Recording]
    ) -> Iterator[tuple[Recording, NDArray[np.float16] | str]]:
        """In order; an error becomes its message."""
        with ThreadPoolExecutor(_DECODERS) as pool:
            running: list[tuple[Recording, Future[NDArray[np.float16] | str]]] = []
            for recording in recordings:
                running.append((recording, pool.submit(_seconds_of, recording.path)))
                if len(running) > _DECODERS:
                    first, future = running.pop(0)
                    yield first, future.result()
            for first, future in running:
                yield first, future.result()

    def rows(self) -> NDArray[np.float16]:
        """``(seconds, BANDS, FRAMES)`` float16, decibels; lies on disk, mapped into memory."""
        count = sum(self._counts)
        if not count:
            return np.zeros((0, BANDS, FRAMES), np.float16)
        return np.memmap(self._data, np.float16, "r", shape=(count, BANDS, FRAMES))

    def labels(self) -> NDArray[np.int64]:
        """``(seconds,)`` index into :data:`vadd.embed.iov.CLASSES`."""
        classes = [CLASSES.index(recording.label) for recording in self._recordings]
        return np.repeat(np.array(classes, np.int64), self._counts)

    def recordings(self) -> NDArray[np.int64]:
        """``(seconds,)`` which recording each second is of."""
        return np.repeat(np.arange(len(self._counts)), self._counts)


_ROW_BYTES = BANDS * FRAMES * 2


def _seconds_of(path: Path) -> NDArray[np.float16] | str:
    """``(seconds, BANDS, FRAMES)``, cut as the embedder cuts them, or why not."""
    import torch

    feed = Feed(path, path, side=0, rates=[RATE], limits=Limits())
    try:
        for _ in feed.frames():
            pass
        if not feed.heading().sounds:
            return f"{path.name}: there is no sound in it"
        windows = [window.samples for window in second_windows(feed.sound(RATE), RATE)]
        mels: NDArray[np.float32] = log_mel(torch.from_numpy(np.stack(windows))).squeeze(1).numpy()
        return mels.astype(np.float16)
    except MediaError as error:
        return str(error)
    finally:
        feed.close()


def _cannot(path: Path, error: OSError) -> StoreError:
    reason = (error.strerror or str(error)).lower()
    return StoreError(f"cannot write {path}: {reason}; what was done before is safe")
