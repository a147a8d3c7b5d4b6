"""How fast clips are rendered, and how much memory a long one needs.

    python benchmarks/render.py                 speed, on twelve seeded clips of 480p and 10 s
    python benchmarks/render.py --memory        peak memory of the child for a clip of 1, 10 and 60 minutes

Times are of the whole of `vadd.protocol.render.render`: hashing, a guarded process a clip, writing, fsync.
"Times real time" is seconds of media over seconds of wall clock.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from check import SOUND_RATE, repeated, sound_packets, texture
from vadd.protocol.manifest import Entry, Party, entry
from vadd.protocol.render import render
from vadd.timeline import Span

SIZE, RATE, SECONDS, BIT_RATE, CLIPS = (854, 480), 25, 10, 1_500_000, 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, "
          f"Python {platform.python_version()}, PyAV {av.__version__}.\n")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (memory if arguments.memory else speed)(Path(folder))


def speed(folder: Path) -> None:
    """Tell the time of pristine, swapped and spliced clips, with one worker and with one a core."""
    parties = []
    for number in range(CLIPS):
        path = write_clip(folder / "clips" / f"c{number}.mp4", number)
        parties.append(Party(path.stem, "x", "x", "x", str(number)))
    size = sum(path.stat().st_size for path in (folder / "clips").iterdir()) / CLIPS / 1e6
    print(f"{CLIPS} clips of {SECONDS} s, {SIZE[0]}x{SIZE[1]}, H.264 and AAC, {size:.1f} MB each.\n")
    print("| clips | workers | seconds | a clip | times real time |")
    print("| --- | ---: | ---: | ---: | ---: |")
    span = (Span(Fraction(2), Fraction(5)),)
    kinds = {
        "pristine": [entry(each, each, 1, manipulated=False) for each in parties],
        "swapped": [entry(each, parties[at - 1], 1, manipulated=True) for at, each in enumerate(parties)],
        "spliced": [
            entry(each, parties[at - 1], 1, manipulated=True, spans=span) for at, each in enumerate(parties)
        ],
    }
    for kind, trials in kinds.items():
        for workers in dict.fromkeys((1, os.cpu_count() or 1)):
            taken = timed(trials, folder, folder / f"{kind}-{workers}", workers)
            told(kind, workers, taken, len(trials))
    told("all there already", 1, timed(kinds["pristine"], folder, folder / "pristine-1", 1), CLIPS)


def told(kind: str, workers: int, taken: float, clips: int) -> None:
    factor = clips * SECONDS / taken
    print(f"| {kind} | {workers} | {taken:.2f} | {taken / clips:.3f} s | {factor:.1f} |")


def timed(trials: list[Entry], folder: Path, out: Path, workers: int) -> float:
    start = time.perf_counter()
    done = render(trials, folder / "clips", out, workers=workers)
    assert not done.failures, done.failures[0]
    return time.perf_counter() - start


def memory(folder: Path) -> None:
    """Tell the child's peak resident memory for clips of several lengths."""
    short = write_clip(folder / "short.mp4", 0)
    print("| length | peak resident memory of the child | seconds | times real time |")
    print("| --- | ---: | ---: | ---: |")
    for minutes in (1, 10, 60):
        path = repeated(short, folder / f"{minutes}.mp4", minutes * 60 // SECONDS)
        start = time.perf_counter()
        call = [sys.executable, "-c", _PEAK, str(path), str(folder / "out.mp4")]
        peak = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        taken = time.perf_counter() - start
        print(f"| {minutes} min | {int(peak) / 1024:.0f} MiB | {taken:.1f} | {minutes * 60 / taken:.1f} |")
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
