"""How surely `vadd match` finds the same sound after what happens to sounds, and what it finds wrongly.

    python benchmarks/match.py --shared DIR --write

All recordings and clips of the shared data that last eight seconds. An excerpt of every third one is changed
and written as a new file; it must be found in its own recording at the place it was cut from, at the
threshold of a search through all. Every two recordings are then searched for each other: what is found should
be one recording. The media are trusted here, so that the child's job runs in this process.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks")]

from page import Told, machine, put  # noqa: E402
from vadd.media.align import Needle, Occurrence, chance  # noqa: E402
from vadd.media.channels import read_mono  # noqa: E402
from vadd.media.fingerprint import RATE, Whitener, work  # noqa: E402
from vadd.media.limits import Limits  # noqa: E402
from vadd.media.mux import Sink  # noqa: E402
from vadd.media.probe import probe  # noqa: E402
from vadd.media.rewrite import write  # noqa: E402
from vadd.protocol.distort.catalog import parse  # noqa: E402
from vadd.protocol.distort.chain import Chain  # noqa: E402
from vadd.protocol.distort.transform import Sound  # noqa: E402
from vadd.run.occurrences import FALSE_MATCHES  # noqa: E402

PAGE = ROOT / "docs" / "benchmark-match.md"
SEED = 0
#: Seconds that a recording must last, and that an excerpt of it does unless the line says otherwise.
LEAST, EXCERPT = 8.0, 5.0
#: Milliseconds that an encoder may delay a sound: libopus does, 6.5 ms and at 8 kHz more.
DELAY = 50.0
#: Stands for another recording: a clip of speech, one of music.
SPEECH, MUSIC = "SPEECH", "MUSIC"
#: What is done, seconds of the excerpt, distortions as `vadd protocol distort --with` takes them, and how
#: many times as fast it is played.
LINES: tuple[tuple[str, float, tuple[str, ...], float], ...] = (
    ("cut out, nothing else", 5, (), 1),
    ("cut out, 3 s", 3, (), 1),
    ("AAC 32 kbit/s", 5, ("aac:kilobits=32",), 1),
    ("Opus 32 kbit/s", 5, ("opus:kilobits=32",), 1),
    ("Opus 16 kbit/s", 5, ("opus:kilobits=16",), 1),
    ("8 kHz", 5, ("resample:rate=8000",), 1),
    ("20 dB softer", 5, ("gain:decibels=-20",), 1),
    ("20 dB louder, clipped where it is too loud", 5, ("gain:decibels=20",), 1),
    ("30 % of the samples clipped", 5, ("clipping:share=0.3",), 1),
    ("white noise 10 dB below it", 5, ("noise:snr=10",), 1),
    ("white noise as loud", 5, ("noise:snr=0",), 1),
    ("white noise 10 dB above it", 5, ("noise:snr=-10",), 1),
    ("speech as loud", 5, (f"speech:level=0,recording={SPEECH}",), 1),
    ("speech 10 dB above it", 5, (f"speech:level=10,recording={SPEECH}",), 1),
    ("music as loud", 5, (f"music:level=0,recording={MUSIC}",), 1),
    ("music 10 dB above it", 5, (f"music:level=10,recording={MUSIC}",), 1),
    ("music as loud, 10 s", 10, (f"music:level=0,recording={MUSIC}",), 1),
    ("speech as loud, 8 kHz, Opus 32 kbit/s", 5,
     (f"speech:level=0,recording={SPEECH}", "resample:rate=8000", "opus:kilobits=32"), 1),
    ("in a room, 0.5 s of reverberation", 5, ("reverberation:seconds=0.5",), 1),
    ("in a room, 1 s of reverberation", 5, ("reverberation:seconds=1",), 1),
    ("played 0.01 % faster", 5, (), 1.0001),
    ("played 0.1 % faster", 5, (), 1.001),
    ("played 4 % faster (film as television)", 5, (), 25 / 24),
)  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """A file with its fingerprint."""

    path: Path
    samples: NDArray[np.int8]

    @property
    def what(self) -> str:
        """What its name says, without the collection."""
        return self.path.stem.rpartition("__")[2]


class _Silent:
    """Takes what the child's job tells of its progress."""

    def duration(self, *_: float) -> None:
        """Nothing."""

    progress = duration


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True, help="the shared data")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the figures into the page")
    options = parser.parse_args()
    told = Told()
    told(f"Measured on {machine()}; other work ran beside it.")
    told()
    folder = options.shared
    paths = [path for name in ("sounds", "clips") for path in sorted((folder / name).iterdir())]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        prints = pool.map(fingerprint_of, [path for path in paths if path.suffix != ".csv"], chunksize=4)
        recordings = [each for each in prints if each is not None and len(each.samples) >= LEAST * RATE]
        seconds = sum(len(each.samples) for each in recordings) / RATE
        told(f"{len(recordings)} recordings of {LEAST:g} s or more, {seconds / 60:.0f} minutes of sound.")
        told()
        recall(told, recordings, maskers(folder), seconds, pool)
        false_matches(told, recordings, pool)
    speed(told)
    if options.write:
        put(PAGE, "benchmarks/match.py", told.lines)


def fingerprint_of(path: Path) -> Recording | None:
    header, arrays = work(_Silent(), path=str(path), limits=Limits().to_json())  # type: ignore[arg-type]
    return None if header["silent"] else Recording(path, arrays["samples"].view(np.int8))


def maskers(folder: Path) -> dict[str, list[Path]]:
    """Clips of speech and of music, to be laid over others."""
    with (folder / "clips" / "clips.csv").open(newline="") as file:
        kinds = {row["clip"]: row["kind"] for row in csv.DictReader(file)}
    found: dict[str, list[Path]] = {SPEECH: [], MUSIC: []}
    for path in sorted((folder / "clips").iterdir()):
        kind = kinds.get(path.stem) or kinds.get(path.name) or ""
        if kind.upper() in found:
            found[kind.upper()].append(path)
    return found


# --- recall ---


def recall(
    told: Told,
    recordings: Sequence[Recording],
    over: dict[str, list[Path]],
    seconds: float,
    pool: ProcessPoolExecutor,
) -> None:
    told("| What was done to the excerpt | found, % | elsewhere | similarity, median (tenth) | off by, ms |")
    told("| --- | ---: | ---: | ---: | ---: |")
    for number, (name, length, texts, faster) in enumerate(LINES):
        jobs = []
        for at, each in enumerate(recordings[::3]):
            if len(each.samples) < (length + 1) * RATE:
                continue
            rng = np.random.default_rng([SEED, number, at])
            start = float(rng.uniform(0, len(each.samples) / RATE - length))
            named = []
            for text in texts:
                for word, paths in over.items():
                    others = [path for path in paths if path != each.path]
                    text = text.replace(word, str(others[int(rng.integers(len(others)))]))
                named.append(text)
            jobs.append((each, start, length, tuple(named), faster, at, seconds))
        results = list(pool.map(one, *zip(*jobs, strict=True), chunksize=4))
        right = [found for found in results if found is not None and found[0]]
        wrong = sum(found is not None and not found[0] for found in results)
        how = "| "
        if right:
            similar, off = ([found[at] for found in right] for at in (1, 2))
            how = f"{np.median(similar):.2f} ({np.quantile(similar, 0.1):.2f}) | {np.quantile(off, 0.9):.2f}"
        told(f"| {name} | {100 * len(right) / len(results):.1f} | {wrong} | {how} |")
    told()


def one(
    whole: Recording,
    start: float,
    length: float,
    texts: tuple[str, ...],
    faster: float,
    seed: int,
    seconds: float,
) -> tuple[bool, float, float] | None:
    """Whether the excerpt is found where it was cut, its similarity, and milliseconds off; ``None``: nowhere.

    Of a sound that repeats itself another turn is as right.
    """
    info = probe(whole.path, Limits())
    assert info.audio is not None
    late = float(info.audio.start - min(each.start for each in (info.audio, info.video) if each))
    rate = info.audio.rate
    low = round(start * rate)
    samples = read_mono(whole.path, info.audio, Limits(), rate=rate, longest=600)
    cut = samples[None, low : low + round(length * rate)]
    if faster != 1:
        times = np.arange(int(cut.shape[1] / faster)) * faster
        cut = np.stack([np.interp(times, np.arange(cut.shape[1]), row) for row in cut]).astype(np.float32)
    chain = Chain(tuple(map(parse, texts)), seed)
    sound = chain.hear(Sound(cut, rate), _recording)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.mkv"
        with file.open("wb") as out:

            def send(at: int, data: bytes) -> None:
                out.seek(at)
                out.write(data)

            heard = sound.samples, sound.rate
            write(Sink(send), "matroska", None, heard, chain.encoding, rate=Fraction(25))
        made = fingerprint_of(file)
    if made is None:
        return None
    needle = Needle(made.samples)
    found = needle.search(whole.samples)
    # The threshold is that of a search through all recordings.
    places = needle.places / len(whole.samples) * seconds * RATE
    sure = [each for each in found if chance(each.spreads, places) <= FALSE_MATCHES]
    if not sure:
        return None
    offs = [1000 * abs(each.other - each.start - low / rate - late) for each in sure]
    best = int(np.argmin(offs))
    right = offs[best] < DELAY or any(each.repeats for each in sure)
    return right, sure[best].similarity, offs[best] if offs[best] < DELAY else 0.0


def _recording(name: str, rate: int) -> NDArray[np.float32]:
    path = Path(name)
    info = probe(path, Limits())
    assert info.audio is not None
    return read_mono(path, info.audio, Limits(), rate=rate, longest=600)


# --- false matches ---


def false_matches(told: Told, recordings: Sequence[Recording], pool: ProcessPoolExecutor) -> None:
    """Search every recording for every later one."""
    jobs = [(each, recordings[at + 1 :]) for at, each in enumerate(recordings[:-1])]
    pairs = places = 0
    highest: list[tuple[float, str, str]] = []
    matched: list[tuple[Recording, Recording, Occurrence]] = []
    for found, tried in pool.map(against, jobs, chunksize=1):
        places += tried
        for one_, other, each in found:
            matched.append((one_, other, each))
    pairs = len(recordings) * (len(recordings) - 1) // 2
    sure = [each for each in matched if chance(each[2].spreads, places) <= FALSE_MATCHES]
    highest = sorted(
        ((each.spreads, a.what, b.what) for a, b, each in matched if (a, b, each) not in sure), reverse=True
    )
    told(f"{pairs:,} pairs of recordings, {places:.2g} places. Matched, with what they share:")
    told()
    told("| One | Other | seconds shared | similarity | spreads |")
    told("| --- | --- | ---: | ---: | ---: |")
    by_pair: dict[tuple[str, str], list[Occurrence]] = {}
    for a, b, each in sure:
        by_pair.setdefault((a.path.stem, b.path.stem), []).append(each)
    for (a_name, b_name), each in sorted(by_pair.items()):
        length = sum(one_.length for one_ in each)
        best = max(each, key=lambda one_: one_.spreads)
        told(f"| {a_name} | {b_name} | {length:.1f} | {best.similarity:.2f} | {best.spreads:.1f} |")
    told()
    expected = math.sqrt(2) * _inverse_erfc(1 / places)
    told(
        f"The highest of the places that were not matched is {highest[0][0]:.2f} spreads away; of as many "
        f"normal numbers one is expected beyond {expected:.2f}. Needed to be told in this search: "
        f"{math.sqrt(2) * _inverse_erfc(FALSE_MATCHES / places):.2f}."
    )
    told()


def against(
    job: tuple[Recording, Sequence[Recording]],
) -> tuple[list[tuple[Recording, Recording, Occurrence]], int]:
    one_, others = job
    needle = Needle(one_.samples)
    found = [(one_, other, each) for other in others for each in needle.search(other.samples, 5.5)]
    return found, needle.places


def _inverse_erfc(share: float) -> float:
    low, high = 0.0, 30.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(middle) > share else (low, middle)
    return high


# --- speed ---


def speed(told: Told) -> None:
    """Of the two steps that are not decoding."""
    rng = np.random.default_rng(SEED)
    minute = (0.1 * rng.standard_normal(60 * RATE)).astype(np.float32)
    began = time.process_time()
    for _ in range(10):
        whitener = Whitener()
        for _ in range(2):
            list(whitener.push(minute))
        list(whitener.finish())
    flat = 10 * 2 * 60 / (time.process_time() - began)
    sounds = _synthetic(rng, 10_000)
    needle = Needle(next(sounds))
    began = time.process_time()
    hits = sum(bool(needle.search(each, 7.0)) for each in sounds)
    took = time.process_time() - began
    told(
        f"Flattening: {flat:,.0f} s of sound a second of processor time, without decoding. One sound of 10 s "
        f"searched in {10_000 - 1:,} synthetic ones of 10 s: {took:.0f} s of processor time, {hits} matched."
    )


def _synthetic(rng: np.random.Generator, count: int) -> Iterator[NDArray[np.int8]]:
    for _ in range(count):
        yield rng.integers(-64, 65, 10 * RATE, np.int8)


if __name__ == "__main__":
    main()
