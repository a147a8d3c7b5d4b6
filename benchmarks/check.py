"""How long a check takes, stage by stage, and how much memory an hour of video needs.

    python benchmarks/check.py                      two synthetic clips
    python benchmarks/check.py --write              and all else, into docs/benchmark-speed.md
    python benchmarks/check.py --shared             and the clips below VADD_SHARED
    python benchmarks/check.py --memory             memory of one minute, ten and an hour instead
    python benchmarks/check.py --memory --long      and of two hours but a minute

Stages are timed in this process, one after the other, warm, one at a time. "Work" is what the child does
after its libraries are loaded: all stages, overlapped. "Child" is the whole guarded process as its parent
sees it, from its start to its answer. "Check" is the whole cold command. All are medians, wall clock.

Memory is that of `vadd check --json --html`, looked at every ten milliseconds. *Private* is what nobody else
can use (RssAnon); *resident* counts the pages of files as well, which the system takes back when it needs to.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vadd.media.guard import ENVIRONMENT

# What the child is given: read by the libraries when they are loaded, so before they are.
os.environ.update(ENVIRONMENT)

import av
import numpy as np

from vadd.embed import catalog
from vadd.embed.extract import DEFAULT_EMBEDDERS, extract
from vadd.embed.worker import work
from vadd.media.frames import FrameReader
from vadd.media.identity import Identity
from vadd.media.limits import Limits
from vadd.media.probe import probe
from vadd.media.sound import SoundReader

SIZE, RATE, SECONDS, BIT_RATE = (1280, 720), 25, 10, 4_000_000
SOUND_RATE = 44_100
#: Standard deviation of the pan's grain, in levels of 8-bit values.
GRAIN = 4.0
LIMITS = Limits()
PAGE = Path(__file__).parents[1] / "docs" / "benchmark-speed.md"
OPENING = """# Benchmark of speed and memory

Written by `python benchmarks/check.py --write` on a machine that did nothing else (the load is that of the
minute before). Two seeded 10 s clips of 720p (H.264, GOP 250, three
B-frames): a texture that moves everywhere, and a pan with a sensor's grain. Stages are timed one after the
other, warm. *Work* is what the child does after its libraries are loaded, all stages overlapped; *child* is
the guarded process as its parent sees it; *check* is the whole cold command.

"""
NOTE = """Memory is that of a whole `vadd check --json --html`, of MP4 files. *Private* is what nobody else
can use (RssAnon); *resident* counts the pages of files as well, among them those of the parent's nameless
files (55 MB an hour), which the system takes back when it needs to. What still grows in the child is the
decoder's table of the packets that an MP4 file holds, which it reads whole when it opens the file, once for
the picture and once for the sound: 25 MiB an hour at 48 packets a second. Matroska files have none."""


class Deaf:
    """A channel to nobody, to run the child's job in this process."""

    def duration(self, seconds: float) -> None:
        """Ignore it."""

    def progress(self, done: float, total: float) -> None:
        """Ignore it."""

    def part(self, header: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> None:
        """Ignore it."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=7, help="runs behind each median")
    parser.add_argument("--shared", action="store_true", help="also the clips below VADD_SHARED")
    parser.add_argument("--memory", action="store_true", help="memory of up to an hour instead of times")
    parser.add_argument("--long", action="store_true", help="memory of up to two hours")
    parser.add_argument("--write", action="store_true", help="times and memory, into the docs")
    options = parser.parse_args()
    told = Told()
    told(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the "
        f"start, Python {platform.python_version()}, PyAV {av.__version__}; milliseconds, medians of "
        f"{options.repeat}."
    )
    told("")
    with tempfile.TemporaryDirectory() as folder:
        if not options.memory:
            times(Path(folder), options.repeat, told)
            if options.shared or (options.write and "VADD_SHARED" in os.environ):
                shared_rows(Path(os.environ["VADD_SHARED"]) / "data" / "clips", told)
        if options.memory or options.write:
            memory(Path(folder), [1, 10, 60, *([119] if options.long else [])], told)
    if options.write:
        PAGE.write_text(OPENING + "\n".join(told.lines) + "\n")


class Told:
    """Prints lines, and keeps them for the page."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        """Tell a line."""
        print(line, flush=True)
        self.lines.append(line)


def times(folder: Path, repeat: int, told: Told) -> None:
    """Tell how long each stage takes for two synthetic clips."""
    clips = [write_clip(folder / f"{kind}.mp4", kind) for kind in ("texture", "pan")]
    told("| clip | Mbit/s | " + " | ".join(STAGES) + " | times real time (work) |")
    told("| --- |" + " ---: |" * (len(STAGES) + 2))
    for path in clips:
        row(path, repeat, told)


STAGES = (
    "probe", "hash", "video decode", "audio decode", "embed picture", "embed sound", "work", "child", "check",
)  # fmt: skip


def row(path: Path, repeat: int, told: Told) -> None:
    """Tell one clip's times in milliseconds."""
    seconds, times = measure(path, repeat)
    rate = path.stat().st_size * 8 / seconds / 1e6
    cells = " | ".join(f"{times[stage] * 1000:.0f}" for stage in STAGES)
    told(f"| {path.stem} | {rate:.1f} | {cells} | {seconds / times['work']:.1f} |")


def measure(path: Path, repeat: int) -> tuple[float, dict[str, float]]:
    """Seconds of media, and the median time of each stage in seconds."""
    info = probe(path, LIMITS)
    video, audio = info.video, info.audio
    assert video is not None
    assert audio is not None
    eye, ear = (catalog.load(name, threads=1) for name in DEFAULT_EMBEDDERS)

    def frames() -> list[np.ndarray]:
        return [frame.image for frame in FrameReader(path, video, LIMITS, zero=video.start, side=256)]

    def blocks() -> list[np.ndarray]:
        return list(SoundReader(path, audio, LIMITS, zero=audio.start, rate=16_000))

    seen, heard = frames(), blocks()
    same = str(path)

    def whole() -> None:
        work(Deaf(), picture=same, sound=same, embedders=list(DEFAULT_EMBEDDERS), exhibit=False,
             limits=LIMITS.to_json())  # fmt: skip

    command = [sys.executable, "-m", "vadd", "check", str(path)]
    jobs: dict[str, Callable[[], object]] = {
        "probe": lambda: probe(path, LIMITS),
        "hash": lambda: Identity.of(path).sha256(),
        "video decode": frames,
        "audio decode": blocks,
        "embed picture": lambda: [next(eye.embed([image])) for image in seen],
        "embed sound": lambda: list(ear.embed(heard)),
        "work": whole,
        "child": lambda: extract(path, path),
        "check": lambda: subprocess.run(command, capture_output=True, check=False),
    }
    return float(info.declared or 0), {name: median(job, repeat) for name, job in jobs.items()}


def median(job: Callable[[], object], repeat: int) -> float:
    """Median seconds of ``repeat`` runs, after one that does not count."""
    job()
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def shared_rows(folder: Path, told: Told) -> None:
    """Tell how fast the child's work is on real clips: the slowest, and the median over all."""
    factors = {}
    for path in sorted(folder.glob("*.mp4")):
        seconds = float(probe(path, LIMITS).declared or 0)
        same = str(path)

        def whole(same: str = same) -> None:
            work(Deaf(), picture=same, sound=same, embedders=list(DEFAULT_EMBEDDERS), exhibit=False,
                 limits=LIMITS.to_json())  # fmt: skip

        factors[path.stem] = (seconds / median(whole, 3), seconds)
    ranked = sorted((factor, name, seconds) for name, (factor, seconds) in factors.items())
    total = sum(seconds for _, _, seconds in ranked) / sum(seconds / factor for factor, _, seconds in ranked)
    told("")
    told(
        f"{len(ranked)} real clips: {total:.1f} times real time in all, median "
        f"{statistics.median(factor for factor, _, _ in ranked):.1f}, slowest {ranked[0][0]:.1f} "
        "(medians of 3 of each clip's work)."
    )


def memory(folder: Path, lengths: list[int], told: Told) -> None:
    """Tell how much memory a whole check of so many minutes of 720p video takes, with its page and JSON."""
    short = write_clip(folder / "short.mp4", "pan")
    told("")
    columns = [
        "child, private",
        "child, resident",
        "parent, private",
        "parent, resident",
        "page",
        "JSON a second",
    ]
    told(f"| length | {' | '.join(columns)} |")
    told("| --- |" + " ---: |" * len(columns))
    for minutes in lengths:
        path = repeated(short, folder / f"{minutes}.mp4", minutes * 60 // SECONDS)
        page, written = folder / "page.html", folder / "result.json"
        command = [sys.executable, "-m", "vadd", "check", str(path), "--json", "--html", str(page)]
        with written.open("wb") as out:
            found = Peaks.of(subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL))
        path.unlink()
        cells = [f"{size / 2**20:.0f} MiB" for size in (*found.child, *found.parent)]
        each = written.stat().st_size / len(json.loads(written.read_text())["seconds"])
        cells += [f"{page.stat().st_size / 1e3:.0f} kB", f"{each:.0f} B"]
        told(f"| {minutes} min | " + " | ".join(cells) + " |")
    told("")
    told(NOTE)


@dataclass
class Peaks:
    """The most that a process, and those that it started, had at any time: private and resident bytes."""

    parent: tuple[int, int] = (0, 0)
    child: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, process: subprocess.Popen[bytes]) -> Peaks:
        """Look every ten milliseconds until the process ends."""
        peaks = cls()
        while process.poll() is None:
            children = [held(child) for child in started(process.pid)]
            peaks.parent = highest(peaks.parent, held(process.pid))
            peaks.child = highest(peaks.child, (sum(a for a, _ in children), sum(b for _, b in children)))
            time.sleep(0.01)
        return peaks


def highest(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The higher of both numbers."""
    return max(a[0], b[0]), max(a[1], b[1])


def held(pid: int) -> tuple[int, int]:
    """Private (anonymous) and resident bytes of a process; zeros once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "RssAnon"))}
    return int(sizes.get("RssAnon", 0)) * 1024, int(sizes.get("VmRSS", 0)) * 1024


def started(pid: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in path.read_text().split()]
        except OSError:  # the thread, or all of it, is gone
            continue
        for child in children:
            found += [child, *started(child)]
    return found


def repeated(source: Path, target: Path, times: int) -> Path:
    """The same packets over and over, with timestamps that go on; nothing is encoded again."""
    with av.open(str(target), "w") as out:
        streams, lengths = {}, {}
        with av.open(str(source)) as container:
            for stream in container.streams:
                streams[stream.index] = out.add_stream_from_template(stream)
            packets = [
                (packet.stream.index, bytes(packet), packet.pts, packet.dts, packet.is_keyframe,
                 packet.time_base, packet.duration)
                for packet in container.demux() if packet.size
            ]  # fmt: skip
        for index in streams:
            mine = [(dts, duration) for at, _, _, dts, _, _, duration in packets if at == index]
            lengths[index] = sum(mine[-1]) - mine[0][0]
        for turn in range(times):
            for index, data, pts, dts, key, base, duration in packets:
                packet = av.Packet(data)
                packet.stream, packet.time_base = streams[index], base
                packet.pts, packet.dts = pts + turn * lengths[index], dts + turn * lengths[index]
                packet.duration, packet.is_keyframe = duration, key
                out.mux(packet)
    return target


def write_clip(path: Path, kind: str, seed: int = 20) -> Path:
    """A seeded clip: ``pan`` moves over a large still texture, ``texture`` moves everywhere differently.

    The pan has a sensor's grain on it, as without one it would need far less than the bit rate asked for.
    """
    random = np.random.default_rng(seed)
    board = texture(random, (SIZE[1] * 2, SIZE[0] * 2))
    grain = random.normal(0, GRAIN, (SIZE[1] + 64, SIZE[0] + 64, 1)).astype(np.float32)
    rows, columns = np.arange(SIZE[1])[:, None], np.arange(SIZE[0])[None]
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=RATE)
        (video.width, video.height), video.pix_fmt, video.bit_rate = SIZE, "yuv420p", BIT_RATE
        # One slice a frame, as x264 writes by default outside of PyAV.
        video.options = {
            "g": "250",
            "bf": "3",
            "preset": "medium",
            "x264-params": "sliced-threads=0:slices=1",
        }
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        for at in range(SECONDS * RATE):
            if kind == "pan":
                x, y = 4 * at, 2 * at
                down, right = random.integers(0, 64, 2)
                noise = grain[down : down + SIZE[1], right : right + SIZE[0]]
                image = np.clip(board[y : y + SIZE[1], x : x + SIZE[0]] + noise, 0, 255).astype(np.uint8)
            else:
                x = columns + 10 * np.sin(rows / 90 + at / 6)
                y = rows + 8 * np.cos(columns / 110 + at / 7)
                image = board[y.astype(int) % len(board), x.astype(int) % board.shape[1]]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        container.mux(sound_packets(audio, random))
    return path


def texture(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """``(*shape, 3)`` uint8 with detail at many scales, like foliage or gravel."""
    board = np.zeros((*shape, 3))
    for scale, weight in ((4, 0.6), (16, 1.0), (64, 1.5), (256, 2.0)):
        size = (shape[0] // scale + 2, shape[1] // scale + 2)
        coarse = av.VideoFrame.from_ndarray(random.integers(0, 256, (*size, 3), np.uint8), format="rgb24")
        fine = coarse.reformat(width=shape[1], height=shape[0], interpolation="BICUBIC").to_ndarray()
        board += weight * (fine - 127.5)
    return np.clip(board / 2 + 128, 0, 255).astype(np.uint8)


def sound_packets(stream: av.AudioStream, random: np.random.Generator) -> list[av.Packet]:
    """Ten seconds of noise and a few tones."""
    times = np.arange(SECONDS * SOUND_RATE) / SOUND_RATE
    mono = 0.05 * random.standard_normal(len(times)) + 0.1 * np.sin(2 * np.pi * 330 * times)
    samples = np.stack([mono, np.roll(mono, 200)]).astype(np.float32)
    packets = []
    for at in range(0, len(times), 1024):
        block = np.ascontiguousarray(samples[:, at : at + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


if __name__ == "__main__":
    main()
