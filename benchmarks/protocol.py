"""How long a benchmark's making takes and how much memory it needs, on clips that are made up.

    python benchmarks/protocol.py make                      12,291 clips and a million, every design
    python benchmarks/protocol.py make --clips 100000       as many

Each row is a process of its own: reading the list, drawing, and writing the manifest, as the command does,
and the most memory that the process ever had. "hard" lists are those whose sounds are hardest to hand out:
two classes of equal size; half of all clips in one location.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from vadd.scenes import TAU

DESIGNS = ("paper", "paired", "same-city", "control")
CITIES = (
    "barcelona",
    "helsinki",
    "lisbon",
    "london",
    "lyon",
    "milan",
    "paris",
    "prague",
    "stockholm",
    "vienna",
)
#: Clips of a location in TAU.
LOCATION = 28


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    making = parts.add_parser("make", help="making manifests")
    making.add_argument("--clips", type=int, action="append", help="how many [12291 and 1000000]")
    making.set_defaults(run=make)
    one = parts.add_parser("one", help="one row, in this process")
    one.add_argument("folder", type=Path)
    one.add_argument("design")
    one.add_argument("classes")
    one.set_defaults(run=make_one)
    options = parser.parse_args()
    run: Callable[[argparse.Namespace], None] = options.run
    run(options)


def make(options: argparse.Namespace) -> None:
    """Tell a table of times."""
    print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the "
        f"start, Python {platform.python_version()}\n"
    )
    print("| clips | list | design | trials | read s | draw s | write s | all s | MiB |")
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for count in options.clips or (12_291, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            for kind, classes, designs in LISTS:
                invent(Path(folder) / "clips.csv", count, kind)
                for design in designs:
                    row = [sys.executable, __file__, "one", folder, design, classes]
                    done = subprocess.run(row, check=True, capture_output=True, text=True)
                    print(f"| {count:,} | {kind} | {design} {done.stdout.strip()}", flush=True)


#: Kind of list, classes, designs.
LISTS = (
    ("like TAU", "10", DESIGNS),
    ("hard: two classes", "own", ("paper",)),
    ("hard: one location", "10", ("paper",)),
)


def invent(path: Path, count: int, kind: str) -> None:
    """Write a list of clips of the test fold."""
    lines = ["clip,scene,city,location,fold1"]
    for at in range(count):
        place = at // LOCATION
        city = CITIES[place % len(CITIES)]
        scene = TAU.scenes[place // len(CITIES) % len(TAU)]
        if kind.endswith("classes"):
            scene = TAU.scenes[at % 2]
        if kind.endswith("location") and at % 2:
            place, city = -1, CITIES[0]
        lines.append(f"{scene}-{city}-{place}-{at},{scene},{city},{place},test")
    path.write_text("\n".join(lines) + "\n")


def make_one(options: argparse.Namespace) -> None:
    """Make one manifest as ``vadd protocol make`` does; prints the row's end."""
    from vadd.protocol.make import Order, made
    from vadd.protocol.manifest import write_manifest
    from vadd.protocol.tau import read_clips

    times = [time.perf_counter()]
    clips = read_clips(options.folder / "clips.csv")
    times.append(time.perf_counter())
    benchmark = made(clips, Order(options.classes, options.design, seed=0))
    times.append(time.perf_counter())
    write_manifest(options.folder / "m.csv", benchmark.entries, benchmark.origin)
    times.append(time.perf_counter())
    told(len(benchmark.entries), times)


def told(trials: int, times: Sequence[float]) -> None:
    """Print the end of a row: trials, the steps' times and their sum, and the peak of memory."""
    steps = [after - before for before, after in pairwise(times)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = [f"{trials:,}", *(f"{step:.1f}" for step in steps), f"{sum(steps):.1f}", f"{memory:.0f}"]
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
