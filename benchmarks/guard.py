"""What the guard costs: one extraction in this process, in a warm child, and in a child of its own.

    python benchmarks/guard.py               two synthetic clips of 10 s
    python benchmarks/guard.py --write       into docs/benchmark-guard.md

All four ways do the same work on the same clip, parent's checks and digest included, one after the other in
each round and in another order each time, so that what slows the machine down slows all of them. "In process"
is the child's job called as a function: no process, no messages, no isolation. "Warm" is a child that did
such a job before. "Of 16" is the mean over a child's whole life: its start and 16 clips. "Cold" starts a
child for the clip. The overhead is the median of each round's own ratio.
"""

from __future__ import annotations

import os
import sys

from vadd.media.guard import ENVIRONMENT

# As in the child: read by the C library and the others when they start, so before that.
if __name__ == "__main__" and any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})  # noqa: S606

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import av

sys.path.insert(0, str(Path(__file__).parent))
from check import write_clip
from page import Told, machine
from vadd.embed.extract import Extraction, extract
from vadd.media.guard import Guard
from vadd.media.isolation import promises
from vadd.media.limits import Limits

JOBS = 16
LIMITS = Limits()
WAYS = ("in process", "warm", f"of {JOBS}", "cold")
PAGE = Path(__file__).parents[1] / "docs" / "benchmark-guard.md"
OPENING = """# Benchmark of the guard

Written by `python benchmarks/guard.py --write` on a machine that did nothing else (the load is that of the
minute before). Two seeded 10 s clips of 720p, as in [the benchmark of speed](benchmark-speed.md).
*In process* is the child's job called as a function, without a process, messages or isolation; *warm* a child
that did such a job before; *of 16* the mean over a child's whole life, its start included; *cold* a child for
the clip alone. All of them check and hash the file as `vadd check` does. The overhead is the median of the
ratios within each round, not the ratio of the medians.

"""


class Here:
    """A guard that guards nothing: the job runs in this process."""

    def run(
        self,
        job: str,
        arguments: Mapping[str, Any],
        *,
        part: Callable[[dict[str, Any], Mapping[str, Any]], None],
        **options: Any,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As :meth:`vadd.media.guard.Guard.run`."""
        module, _, name = job.partition(":")
        return getattr(import_module(module), name)(_Heard(part), **arguments)


class _Heard:
    """A channel that ends in a function."""

    def __init__(self, part: Callable[[dict[str, Any], Mapping[str, Any]], None]) -> None:
        self._part = part

    def duration(self, seconds: float) -> None:
        """Ignore it."""

    def progress(self, done: float, total: float) -> None:
        """Ignore it."""

    def part(self, header: dict[str, Any], arrays: Mapping[str, Any]) -> None:
        """Hand it on."""
        self._part(header, arrays)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds behind each median")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    options = parser.parse_args()
    told = Told()
    told(f"{machine(f'PyAV {av.__version__}')}; milliseconds, medians of {options.rounds} rounds.")
    told()
    told("| clip | " + " | ".join(WAYS) + " | " + " | ".join(f"overhead, {way}" for way in WAYS[1:]) + " |")
    told("| --- |" + " ---: |" * (2 * len(WAYS) - 1))
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("texture", "pan"):
            path = write_clip(Path(folder) / f"{kind}.mp4", kind)
            told(f"| {kind} | " + " | ".join(row(measured(path, options.rounds))) + " |")
    told()
    kept = "; ".join(f"{name}: {', '.join(by) or 'not kept'}" for name, by in promises().items())
    told(f"Promises kept meanwhile: {kept}.")
    if options.write:
        PAGE.write_text(OPENING + "\n".join(told.lines) + "\n")


def measured(path: Path, rounds: int) -> list[dict[str, float]]:
    """Seconds that each way took, round by round."""
    results: list[Extraction] = []

    def timed(guard: Any, times: int = 1) -> float:
        start = time.perf_counter()
        results.extend(extract(path, path, limits=LIMITS, guard=guard) for _ in range(times))
        return (time.perf_counter() - start) / times

    def life() -> float:
        with Guard(limits=LIMITS, jobs=JOBS, readable=[path]) as guard:
            return timed(guard, JOBS)

    taken = []
    order = random.Random(1)  # noqa: S311 - the order of the rounds
    # A child for all rounds: how often one is replaced is what the third way is for.
    with Guard(limits=LIMITS, jobs=rounds + 1, readable=[path]) as warm:
        ways: dict[str, Callable[[], float]] = dict(
            zip(WAYS, (lambda: timed(Here()), lambda: timed(warm), life, lambda: timed(None)), strict=True)
        )
        for way in (WAYS[0], WAYS[1], WAYS[3]):
            ways[way]()
        for _ in range(rounds):
            times = {way: ways[way]() for way in order.sample(WAYS, len(WAYS))}
            taken.append(times)
    first = results[0]
    for each in results[1:]:
        assert each.picture is not None
        assert each.picture.vectors.tobytes() == first.picture.vectors.tobytes()
        assert each.sound.vectors.tobytes() == first.sound.vectors.tobytes()
    return taken


def row(taken: list[dict[str, float]]) -> list[str]:
    """The cells of one clip."""
    times = [f"{1000 * statistics.median(each[way] for each in taken):.0f}" for way in WAYS]
    ratios = [statistics.median(each[way] / each[WAYS[0]] for each in taken) for way in WAYS[1:]]
    return [*times, *(f"{100 * (ratio - 1):+.1f} %" for ratio in ratios)]


if __name__ == "__main__":
    main()
