"""Damaged media through the guarded child: what must come out is a result or a known reason."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import _containers
from _mutate import damaged, rng_of
from vadd.errors import MediaError, VaddError
from vadd.media.guard import ChildBugError, Guard
from vadd.media.info import MediaInfo, fraction
from vadd.media.limits import Limits

__all__ = ["LIMITS", "Finding", "Judged", "decoded", "judged", "media", "seeds"]

sys.path.insert(0, str(Path(__file__).parent))

#: Short ones: what a damaged second of media may take. A busy machine needs the seconds.
LIMITS = replace(
    Limits(), wall_seconds=20.0, wall_per_second=2.0, seconds=120, memory_bytes=2**30, file_bytes=2**21
)
#: What a child may say is wrong with a file.
_REASONS = frozenset({"unreadable", "not_media", "damaged", "limit", "timeout", "crashed"})
#: Beyond its wall clock a child is killed at once; the rest is start, transport and a busy machine.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that broke a promise.

    Attributes:
        target: Which container or parser.
        number: Of the input.
        ways: What was done to it.
        told: What happened.
        data: The input.
    """

    target: str
    number: int
    ways: str
    told: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of an input: ``ok``, the reason of a :class:`MediaError`, or what broke a promise."""

    path: Path
    outcome: str
    finding: str = ""


def media(name: str, seeds: dict[str, bytes], seed: int, number: int) -> tuple[bytes, str]:
    """Damaged file ``number`` of a container; the same for the same seed."""
    rng = rng_of("media", seed, name, number)
    return damaged(seeds[name], rng, seeds[rng.choice(sorted(seeds))])


def seeds(folder: Path, names: Sequence[str] = ()) -> dict[str, bytes]:
    """The well-formed files of these containers, of all if none is named."""
    return {name: _containers.make(name, folder).read_bytes() for name in names or _containers.SEEDS}


def decoded(guard: Guard, paths: Sequence[Path], limits: Limits = LIMITS) -> Iterator[Judged]:
    """Probe and decode files, many to a job; a file that ends the job is named and the rest done anew."""
    left = list(paths)
    while left:
        done: list[Judged] = []

        def take(
            header: dict[str, Any], _: object, files: list[Path] = left, into: list[Judged] = done
        ) -> None:
            into.append(_told(files[len(into)], header))

        trouble: Judged | None = None
        began = time.monotonic()
        try:
            guard.run(
                "_decode_job:work",
                {"files": [str(path) for path in left], "limits": limits.to_json()},
                limits=limits,
                part=take,
                again=done.clear,
                readable=left,
            )
        except (Exception, MemoryError) as error:  # noqa: BLE001 - this is what is looked for
            trouble = _trouble(left[min(len(done), len(left) - 1)], error)
        allowed = limits.wall_clock(len(left)) + limits.wall_per_second * limits.seconds + _PATIENCE
        if (took := time.monotonic() - began) > 2 * allowed:
            trouble = Judged(
                left[0], "hang", f"a job of {len(left)} files took {took:.0f} s of {allowed:.0f} s"
            )
        yield from done
        if trouble is not None:
            yield trouble
        left = left[len(done) + (trouble is not None) :]


def judged(path: Path, detector: Any, guard: Guard) -> Judged:
    """All that ``vadd check`` does with a file; ``detector`` is a :class:`vadd.detect.detector.Detector`."""
    return _asked(path, lambda: detector.judge(detector.measure(path, path, guard=guard), path, path))


def _asked(path: Path, call: Callable[[], Any]) -> Judged:
    try:
        return Judged(path, f"verdict {call().verdict.value}")
    except (Exception, MemoryError) as error:  # noqa: BLE001 - this is what is looked for
        return _trouble(path, error)


def _told(path: Path, header: dict[str, Any]) -> Judged:
    """What the child says of a file, read as its parent reads it."""
    if header.get("at") != str(path):
        return Judged(path, "order", f"an answer about {header.get('at')}")
    if "reason" in header:
        known = header["reason"] in _REASONS and header["message"]
        return Judged(path, header["reason"], "" if known else f"an unknown reason: {header}")
    try:
        info = MediaInfo.from_json(header["info"])
        seconds = fraction(header["duration"])
    except Exception as error:  # noqa: BLE001 - whatever it is, the child's own facts must be readable
        return Judged(path, "facts", f"facts that cannot be read: {error!r}: {header}")
    if not 0 < seconds <= LIMITS.seconds + 1 or not any(header["there"]):
        return Judged(path, "facts", f"impossible facts: {info} {header}")
    return Judged(path, "ok")


def _trouble(path: Path, error: BaseException) -> Judged:
    if isinstance(error, MediaError) and error.reason in _REASONS:
        return Judged(path, error.reason)
    if isinstance(error, ChildBugError) or not isinstance(error, VaddError):
        return Judged(path, "bug", f"{type(error).__name__}: {error}")
    return Judged(path, "error", f"no error of a file: {type(error).__name__}: {error}")
