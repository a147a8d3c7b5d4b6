"""How long a benchmark's making takes and how much memory it needs, on clips that are made up.

    python benchmarks/protocol.py make                      12,291 clips and a million, every design
    python benchmarks/protocol.py make --clips 100000       as many
    python benchmarks/protocol.py make --write              into docs/benchmark-vadd.md

Each row is a process of its own: reading the list, drawing, and writing the manifest, as the command does,
and the most memory that the process ever had. "hard" lists are those whose sounds are hardest to hand out:
two classes of equal size; half of all clips in one location; half of all clips of one class and, whatever
their class, half in one location. Times are medians; lists beyond 100,000 clips are made once.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from page import Told, machine, put
from vadd.scenes import TAU

PAGE = Path(__file__).parents[1] / "docs" / "benchmark-vadd.md"

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
    making.add_argument("--repeat", type=int, default=7, help="runs behind each median")
    making.add_argument("--write", action="store_true", help="into the docs")
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
    told = Told()
    told(f"Making a manifest. {machine()}; seconds, medians of so many runs; the most memory of any run.")
    told()
    told("| clips | list | design | trials | read | draw | write | all | MiB | runs |")
    told("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in options.clips or (12_291, 1_000_000):
        runs = options.repeat if count <= MANY else 1
        with tempfile.TemporaryDirectory() as folder:
            for kind, classes, designs in LISTS:
                invent(Path(folder) / "clips.csv", count, kind)
                for design in designs:
                    command = [sys.executable, __file__, "one", folder, design, classes]
                    found = [one_run(command) for _ in range(runs)]
                    steps = [
                        statistics.median(each) for each in zip(*(f["seconds"] for f in found), strict=True)
                    ]
                    cells = (*steps, statistics.median(sum(f["seconds"]) for f in found))
                    told(
                        f"| {count:,} | {kind} | {design} | {found[0]['trials']:,} | "
                        + " | ".join(f"{cell:.1f}" for cell in cells)
                        + f" | {max(f['memory'] for f in found):.0f} | {runs} |"
                    )
    if options.write:
        put(PAGE, "python benchmarks/protocol.py make --write", told.lines)


def one_run(command: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


#: Lists of more clips are made once.
MANY = 100_000
#: Kind of list, classes, designs.
LISTS = (
    ("like TAU", "10", DESIGNS),
    ("hard: two classes", "own", ("paper",)),
    ("hard: one location", "10", ("paper",)),
    ("hard: one class, one location", "10", ("paper",)),
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
        if kind.startswith("hard: one class") and at // 2 % 2:
            scene = TAU.scenes[0]
        if kind.endswith("location") and at % 2:
            place, city = -1, CITIES[0]
        lines.append(f"{scene}-{city}-{place}-{at},{scene},{city},{place},test")
    path.write_text("\n".join(lines) + "\n")


def make_one(options: argparse.Namespace) -> None:
    """Make one manifest as ``vadd protocol make`` does; prints seconds a step and MiB."""
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
    steps = [after - before for before, after in pairwise(times)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"trials": len(benchmark.entries), "seconds": steps, "memory": memory}))


if __name__ == "__main__":
    main()
