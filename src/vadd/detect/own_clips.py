"""A folder of clips of one's own, measured one by one; what cannot be used is left out with its reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vadd.detect.abstention import Abstention
from vadd.detect.decide import Evidence, too_little
from vadd.detect.engine import Engine
from vadd.errors import MediaError, UsageError
from vadd.media.limits import Limits

__all__ = ["COPY", "OwnClip", "find_files", "measure"]

#: Why a file is left out that another one equals, byte for byte: it would count twice.
COPY = "copy"


@dataclass(frozen=True, slots=True, eq=False)
class OwnClip:
    """What a detector makes of an authentic clip.

    Attributes:
        sha256: Of the file.
        evidence: What a decision rests on.
        picture: ``(T, V)`` posteriors of the picture.
        sound: ``(T, A)`` of the sound.
        strangeness: See :class:`vadd.detect.engine.Observation`.
    """

    sha256: str
    evidence: Evidence
    picture: NDArray[np.float32]
    sound: NDArray[np.float32]
    strangeness: Mapping[str, float]

    @property
    def discrepancy(self) -> float:
        """The clip's score, as :func:`vadd.detect.decide.decide` takes it."""
        return self._mean("discrepancy")

    def demand(self, abstention: Abstention) -> float:
        """The least threshold at which the clip is not called: its score without its generic margin."""
        return self.discrepancy - abstention.margin * self._mean("unexplained")

    def _mean(self, name: str) -> float:
        rows: NDArray[np.float64] = getattr(self.evidence.scores, name)
        return float(rows[self.evidence.counted].mean())


def find_files(folder: Path, apart: Path) -> tuple[Path, ...]:
    """All files in a folder and the folders in it, sorted; hidden ones are none, nor what is in ``apart``.

    Raises:
        UsageError: If there is no such folder, or it or one in it cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UsageError(f"cannot read the folder {error.filename}: {(error.strerror or str(error)).lower()}")

    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise UsageError(f"{folder} is no folder")
    except FileNotFoundError as error:
        raise UsageError(f"there is no folder {folder}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the folder {folder}: {error}") from error
    found = []
    skipped = apart.resolve()
    for place, folders, files in os.walk(folder, onerror=refuse):
        # A detector that was written among the clips is none of them.
        folders[:] = [
            name for name in folders if not name.startswith(".") and Path(place, name).resolve() != skipped
        ]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    return tuple(sorted(found))


def measure(
    files: tuple[Path, ...],
    engine: Engine,
    *,
    limits: Limits | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[tuple[OwnClip, ...], dict[str, int]]:
    """What a detector makes of files.

    Args:
        files: In their order; whether they are media is found out by opening them, guarded.
        engine: The detector's.
        limits: What a file may cost; the defaults if ``None``.
        progress: Called with (files done, files in all).

    Returns:
        The clips that can be used, and reason → number of files that cannot: a
        :class:`~vadd.detect.verdict.Reason`, or :data:`COPY`.

    Raises:
        ModelError: If the detector cannot run.
    """
    clips: list[OwnClip] = []
    left_out: dict[str, int] = {}
    known: set[str] = set()
    for done, path in enumerate(files):
        if progress is not None:
            progress(done, len(files))
        found = _measured(path, engine, limits or Limits())
        if isinstance(found, OwnClip):
            if found.sha256 not in known:
                known.add(found.sha256)
                clips.append(found)
                continue
            found = COPY
        left_out[found] = left_out.get(found, 0) + 1
    if progress is not None:
        progress(len(files), len(files))
    return tuple(clips), dict(sorted(left_out.items()))


def _measured(path: Path, engine: Engine, limits: Limits) -> OwnClip | str:
    """The clip, or why it cannot be used."""
    from vadd.embed.extract import DEFAULT_EMBEDDERS, extract

    try:
        extraction = extract(path, path, embedders=DEFAULT_EMBEDDERS, limits=limits)
        observation = engine.observe(extraction, path, path, limits=limits)
    except MediaError as error:
        return error.reason
    except UsageError:
        return "unreadable"  # no regular file, or one that may not be opened
    evidence = observation.evidence
    if evidence.scores is None:
        return "no_audio" if evidence.seen.any() else "no_video"
    # Whether a clip is used must not depend on its score, or the rate would be one of chosen clips.
    reason = too_little(evidence)
    if reason is not None:
        return reason.value
    digest = extraction.inputs[0][1].sha256
    if digest is None:  # larger than what is hashed
        return "limit"
    return OwnClip(digest, evidence, observation.picture, observation.sound, observation.strangeness)
