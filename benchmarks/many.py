"""What a run over many files costs, and that pulled plugs cost nothing else.

    python benchmarks/many.py speed        one worker on one core, one with all defaults, two: paired rounds
    python benchmarks/many.py resume       a finished run of 10,000 files goes on; memory of a run
    python benchmarks/many.py plugs        kill -9 at 20 random moments: are the bytes the same in the end?
    python benchmarks/many.py all --write  all three, into docs/many.md

Clips are made here: moving texture and noise, 720p, 10 s, H.264 and AAC. `resume` puts workers in place that
judge nothing, as 10,000 clips would take an hour: what is measured is all that a run does around them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

from check import write_clip
from page import Told, machine, put
from vadd.run.engine import Engine
from vadd.run.inputs import find
from vadd.run.local import LocalEngine
from vadd.run.many import judge_all
from vadd.run.records import KINDS
from vadd.run.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "many.md"
CLIPS, FILES, MOMENTS = 12, 10_000, 20
ONE_CORE = "one worker on one core"
ALL = "one worker, all defaults"
TWO = "two workers"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "resume", "plugs", "all"])
    parser.add_argument("--repeat", type=int, default=7, help="paired rounds behind each median")
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--moments", type=int, default=MOMENTS)
    parser.add_argument("--write", action="store_true", help="into the docs, with `all`")
    arguments = parser.parse_args()
    told = Told()
    told(f"Many files. {machine(f'PyAV {av.__version__}')}.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.what != "resume":
            clips = made(folder / "clips", arguments.clips)
        if arguments.what in {"speed", "all"}:
            speed(clips, folder, arguments.repeat, told)
        if arguments.what in {"resume", "all"}:
            resume(folder, arguments.files, told)
        if arguments.what in {"plugs", "all"}:
            plugs(clips, folder, arguments.moments, told)
    if arguments.write and arguments.what == "all":
        put(PAGE, "python benchmarks/many.py all --write", told.lines)


def made(folder: Path, count: int) -> Path:
    """Clips of which no two are alike."""
    folder.mkdir()
    data = write_clip(folder / "0000.mp4", "texture").read_bytes()
    for at in range(1, count):
        # A free box at the end: other bytes, the same media, so that rounds differ by nothing else.
        box = (12).to_bytes(4, "big") + b"free" + at.to_bytes(4, "big")
        (folder / f"{at:04d}.mp4").write_bytes(data + box)
    return folder


def command(clips: Path, out: Path, workers: int) -> list[str]:
    vadd = [sys.executable, "-m", "vadd", "check", str(clips), "--out", str(out)]
    return [*vadd, "--workers", str(workers)]


def timed(arguments: list[str], cores: set[int] | None = None) -> float:
    begin = time.perf_counter()
    # The command line's own cores: nothing else about it is changed.
    before = os.sched_getaffinity(0)
    if cores is not None:
        os.sched_setaffinity(0, cores)
    try:
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    finally:
        os.sched_setaffinity(0, before)
    return time.perf_counter() - begin


def speed(clips: Path, folder: Path, repeat: int, told: Told) -> None:
    """Tell how much faster two workers are, in rounds of all three."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    ways = {ONE_CORE: (1, {cores[0]}), ALL: (1, set(cores)), TWO: (2, set(cores))}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeat):
        for way, (workers, allowed) in ways.items():
            times[way].append(timed(command(clips, folder / "out", workers), allowed))
            shutil.rmtree(folder / "out")
    count = len(list(clips.iterdir()))
    told()
    told(f"`vadd check FOLDER --out RESULTS` over {count} clips of 10 s, 720p, with all reports; the whole")
    told(f"command, median of {repeat} rounds (least to most).")
    told()
    told("| | s | clips a second | two workers are, in the same round |")
    told("| --- | --- | --- | --- |")
    for way, each in times.items():
        median = statistics.median(each)
        ratios = [one / two for one, two in zip(each, times[TWO], strict=True)]
        against = "" if way == TWO else f"{statistics.median(ratios):.2f} times faster"
        spread = f"{median:.2f} ({min(each):.2f} to {max(each):.2f})"
        told(f"| {way} | {spread} | {count / median:.2f} | {against} |")


#: A worker that judges nothing: a record of a few kilobytes for every file.
_STUB = """
import json, sys
request = json.loads(sys.stdin.readline())
sys.path[:] = request["path"]
from pathlib import Path
from vadd.run.job import Job, Product, keep
from vadd.run.records import Record, Results
from vadd.run.settings import Keys, Settings
from dataclasses import asdict
results = Results(Path(request["folder"]), request["scratch"])
keys = Keys.of(Settings.from_json(request["settings"]))
seconds = [{"start": at, "end": at + 1, "score": 0.5, "note": "x" * 300} for at in range(10)]
for line in sys.stdin:
    for path, sha256 in json.loads(line):
        key = keys.record(sha256)
        result = {"verdict": "consistent", "reason": None, "seconds": seconds}
        record = Record(key, (sha256,), None, result)
        product = Product(Job(path, sha256), key, record.to_bytes(), "consistent", None)
        print(json.dumps({"done": asdict(keep(results, product))}), flush=True)
"""


class Stub(LocalEngine):
    """Workers that judge nothing."""

    boot = _STUB


def resume(folder: Path, files: int, told: Told) -> None:
    """Tell how long a finished run takes to find that it is finished, and the memory of one under way."""
    many, out = folder / "many", folder / "many-out"
    many.mkdir()
    for at in range(files):
        (many / f"{at:06d}.mp4").write_bytes(hashlib.sha256(str(at).encode()).digest())
    paths = find([many]).paths
    settings = Settings(reports="none")
    marks: list[tuple[int, float]] = []

    def look(counts: object) -> None:
        done = counts.done  # type: ignore[attr-defined]
        if done % max(1, files // 10) == 0:
            marks.append((done, rss()))

    judge_all(paths, out, settings, engine=Stub(2), progress=look)
    before = [size for done, size in marks if done >= files // 10]
    begin = time.perf_counter()
    again = judge_all(find([many]).paths, out, settings, engine=Never(2))
    seconds = time.perf_counter() - begin
    assert again.counts.done == files
    assert not again.changed
    told()
    told(f"A finished run of {files:,} files finds that it is finished in {seconds:.2f} s (one run,")
    told("without Python's start). While files were judged (by workers that judge nothing) the run's own")
    sizes = f"{before[0]:.0f} MiB resident after a tenth and {before[-1]:.0f} MiB after all"
    told(f"process (here that of this script) had {sizes}.")


class Never(Engine):
    """Has nothing to do, or the benchmark is wrong."""

    def run(self, jobs, settings, results, total):  # type: ignore[no-untyped-def]
        """See :meth:`vadd.run.engine.Engine.run`."""
        for job in jobs:
            raise AssertionError(f"{job.path} is judged again")
        return iter(())


def rss() -> float:
    """MiB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def plugs(clips: Path, folder: Path, moments: int, told: Told) -> None:
    """Tell whether a run that is killed at random moments comes to the same bytes."""
    clean, out, chance = folder / "clean", folder / "pulled", random.Random(1)  # noqa: S311 - no secret
    whole = timed(command(clips, clean, 2))
    killed = finished = 0
    wrong: set[str] = set()
    while killed < moments or finished == 0 or out.exists():
        process = subprocess.Popen(command(clips, out, 2), stdout=subprocess.DEVNULL)
        try:
            # From before it has read its command to somewhere in the work; after the last kill, to the end.
            process.wait(chance.uniform(0.05, 0.6 * whole) if killed < moments else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
            continue
        finished += 1
        one, other = kept(clean), kept(out)
        wrong |= {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
        shutil.rmtree(out)
    told()
    same = f"DIFFERENT: {sorted(wrong)[:5]}" if wrong else "each was the same, byte for byte, each time"
    told(f"`kill -9` of the run at {killed} random moments (seed 1), the same command again each time; it")
    told(f"came to its end {finished} times, and of the {len(kept(clean))} files of results that a run makes")
    told(f"which nobody killed {same}.")
    if wrong:
        raise SystemExit(1)


def kept(folder: Path) -> dict[str, bytes]:
    """What must be the same: all but the ledger, which holds times."""
    names = [name for name, _ in KINDS.values()]
    tables = [path for path in folder.iterdir() if path.is_file() and "ledger" not in path.name]
    files = [path for name in names for path in (folder / name).rglob("*") if path.is_file()] + tables
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


if __name__ == "__main__":
    main()
