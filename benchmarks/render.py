"""How fast clips are rendered, and how much memory a long one needs.

    python benchmarks/render.py                 speed, on twelve seeded clips of 480p and 10 s
    python benchmarks/render.py --memory        peak memory of the child for a clip of 1, 10 and 60 minutes
    python benchmarks/render.py --write         both, into docs/benchmark-vadd.md

Times are of the whole of `vadd.protocol.render.render`: hashing, a guarded process a clip, writing, fsync.
"Times real time" is seconds of media over seconds of wall clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from check import SOUND_RATE, repeated, sound_packets, texture
from page import Told, machine, put
from vadd.protocol.manifest import Entry, Party, entry
from vadd.protocol.render import render
from vadd.timeline import Span

PAGE = Path(__file__).parents[1] / "docs" / "benchmark-vadd.md"
SIZE, RATE, SECONDS, BIT_RATE, CLIPS = (854, 480), 25, 10, 1_500_000, 12


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--repeat", type=int, default=7, help="runs behind each median of times")
    parser.add_argument("--minutes", type=int, action="append", help="lengths for memory [1, 10, 60]")
    parser.add_argument("--write", action="store_true", help="both, into the docs")
    arguments = parser.parse_args()
    told = Told()
    told(f"Rendering. {machine(f'PyAV {av.__version__}')}.")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.write or not arguments.memory:
            speed(Path(folder), arguments.repeat, told)
        if arguments.write or arguments.memory:
            memory(Path(folder), arguments.minutes or (1, 10, 60), told)
    if arguments.write:
        put(PAGE, "python benchmarks/render.py --write", told.lines)


def speed(folder: Path, repeat: int, told: Told) -> None:
    """Tell the time of pristine, swapped and spliced clips, with one worker and with one a core."""
    parties = []
    for number in range(CLIPS):
        path = write_clip(folder / "clips" / f"c{number}.mp4", number)
        parties.append(Party(path.stem, "x", "x", "x", str(number)))
    size = sum(path.stat().st_size for path in (folder / "clips").iterdir()) / CLIPS / 1e6
    told(
        f"{CLIPS} clips of {SECONDS} s, {SIZE[0]}x{SIZE[1]}, H.264 and AAC, {size:.1f} MB each; medians of "
        f"{repeat} runs."
    )
    told()
    told("| clips | workers | all, s | a clip, s | times real time |")
    told("| --- | ---: | ---: | ---: | ---: |")
    span = (Span(Fraction(2), Fraction(5)),)
    kinds = {
        "pristine": [entry(each, each, 1, manipulated=False) for each in parties],
        "swapped": [entry(each, parties[at - 1], 1, manipulated=True) for at, each in enumerate(parties)],
        "spliced": [
            entry(each, parties[at - 1], 1, manipulated=True, spans=span) for at, each in enumerate(parties)
        ],
    }
    for kind, trials in kinds.items():
        for workers in dict.fromkeys((1, len(os.sched_getaffinity(0)))):
            times = [
                timed(trials, folder, folder / f"{kind}-{workers}-{run}", workers) for run in range(repeat)
            ]
            told(row(kind, workers, times))
    again = [timed(kinds["pristine"], folder, folder / "pristine-1-0", 1) for _ in range(repeat)]
    told(row("all there already", 1, again))


def row(kind: str, workers: int, times: Sequence[float]) -> str:
    taken = statistics.median(times)
    return f"| {kind} | {workers} | {taken:.2f} | {taken / CLIPS:.3f} | {CLIPS * SECONDS / taken:.1f} |"


def timed(trials: list[Entry], folder: Path, out: Path, workers: int) -> float:
    start = time.perf_counter()
    done = render(trials, folder / "clips", out, workers=workers)
    assert not done.failures, done.failures[0]
    return time.perf_counter() - start


def memory(folder: Path, lengths: Sequence[int], told: Told) -> None:
    """Tell the child's peak resident memory for clips of several lengths, in minutes; one run each."""
    short = write_clip(folder / "short.mp4", 0)
    told()
    told("| one clip of | peak memory of the process that renders | s | times real time |")
    told("| --- | ---: | ---: | ---: |")
    for minutes in lengths:
        path = repeated(short, folder / f"{minutes}.mp4", minutes * 60 // SECONDS)
        start = time.perf_counter()
        call = [sys.executable, "-c", _PEAK, str(path), str(folder / "out.mp4")]
        peak = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        taken = time.perf_counter() - start
        told(f"| {minutes} min | {int(peak) / 1024:.0f} MiB | {taken:.1f} | {minutes * 60 / taken:.1f} |")
        path.unlink()


#: The largest of the processes waited for is the guarded child.
_PEAK = (
    "import resource, sys, pathlib; from vadd.media.clip_file import Recipe, write_clip\n"
    "from vadd.media.limits import Limits; a, b = map(pathlib.Path, sys.argv[1:])\n"
    "write_clip(b, Recipe(a, a), limits=Limits())\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def write_clip(path: Path, seed: int) -> Path:
    """A seeded clip: a pan over a large still texture, with stereo noise and a tone."""
    path.parent.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    board = texture(random, (SIZE[1] * 2, SIZE[0] * 2))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        (video.width, video.height), video.pix_fmt, video.bit_rate = SIZE, "yuv420p", BIT_RATE
        video.options = {"preset": "veryfast", "bf": "3"}
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for at in range(SECONDS * RATE):
            x, y = 2 * at, at
            image = np.ascontiguousarray(board[y : y + SIZE[1], x : x + SIZE[0]])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        container.mux(sound_packets(audio, random))
    return path


if __name__ == "__main__":
    main()
