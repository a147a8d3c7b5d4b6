"""The paper's six networks over one clip: as `vadd embed` runs them, against one after the other.

    python benchmarks/paper_pipeline.py                     what can be measured here
    python benchmarks/paper_pipeline.py --write             and into docs/benchmark-paper.md
    python benchmarks/paper_pipeline.py --embedders iov_cnn420 --seconds 1

The straightforward side decodes the clip again for each network and gives it one second at a time in single
precision. The other is `vadd.embed.pipeline.Pipeline` with the defaults: the file is decoded once, in its
guarded child, while the networks compute, in batches and in bf16 where the hardware has it. Both run in this
process, in turns, with equal random weights: a pair's ratio is of runs that follow each other, so that a
machine that grows slower or faster meanwhile counts little. Networks are built and run once before.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import check
from vadd.embed import catalog
from vadd.embed.base import Modality
from vadd.embed.many import chosen
from vadd.embed.pipeline import Embedded, Pipeline, Source, side_for
from vadd.embed.sound_embedders import OPENL3_RATE, OpenL3MusicMel256
from vadd.embed.torch_embedder import TorchEmbedder, native_bf16
from vadd.media.frames import FrameReader
from vadd.media.limits import Limits
from vadd.media.probe import probe
from vadd.media.sound import SoundReader

#: How many times faster it should be on a graphics card, and on two cores that have bf16 themselves.
WANTED_CUDA, WANTED_BF16, WANTED_ELSE = 8.0, 2.0, 1.0
CORES = 2
#: Of the cosine between vectors of both sides, for every network and second.
COSINE = 0.999
RATES = (42, 21, 10, 5, 1)
#: Rows, columns in and out of the matrix product that shows what the processor can do: a full layer of
#: ViT-H/14 at 518 pixels.
LAYER = (1370, 1280, 5120)
LIMITS = Limits()
PAGE = Path(__file__).parents[1] / "docs" / "benchmark-paper.md"


@dataclass(slots=True)
class Side:
    """One side's embedders and what was measured of them.

    Attributes:
        nets: The embedders.
        whole: Seconds of each repeat.
        each: Embedder → seconds of each repeat.
        vectors: Embedder → ``(seconds, dim)``.
    """

    nets: list[TorchEmbedder]
    whole: list[float] = field(default_factory=list)
    each: dict[str, list[float]] = field(default_factory=dict)
    vectors: dict[str, np.ndarray] = field(default_factory=dict)


class Watch:
    """Adds up the time that a network takes, seen from the thread that runs it.

    Args:
        net: Its `forward` is watched from now on; it returns arrays in memory, so a card is done by then.
    """

    def __init__(self, net: TorchEmbedder) -> None:
        self._forward, self.seconds = net.forward, 0.0
        net.forward = self._timed

    def _timed(self, batch: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        try:
            return self._forward(batch)
        finally:
            self.seconds += time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--embedders", default="paper", help="names with commas between them")
    parser.add_argument("--seconds", type=int, help="length of the clip; 3, on a graphics card 10")
    parser.add_argument("--repeat", type=int, default=3, help="pairs of runs")
    parser.add_argument("--threads", type=int, default=CORES, help="threads that a network may use")
    parser.add_argument("--seed", type=int, default=7, help="of the weights")
    parser.add_argument("--write", action="store_true", help="into the docs")
    options = parser.parse_args()
    if options.write and options.embedders != "paper":
        parser.error("the page is about all six: --write takes no --embedders")
    told = check.Told()
    seconds = options.seconds or (10 if torch.cuda.is_available() else 3)
    for line in machine(options.threads):
        told(line)
    told("")
    slow, fast = sides(chosen(options.embedders), options.threads, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = write_clip(Path(folder) / "clip.mp4", seconds)
        measure(path, slow, fast, options.repeat)
    for line in report(slow, fast, seconds):
        told(line)
    if "openl3_music_mel256" in slow.vectors:
        del slow, fast
        told("")
        for line in rates_report(seconds, options.threads, options.seed, options.repeat):
            told(line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    told("")
    told(f"Peak resident memory of this process, with the networks of both sides: {peak:.1f} GiB.")
    told(
        f"Load at the end: {os.getloadavg()[0]:.1f}. The networks' threads are {options.threads} of it; what "
        "is above that was other work on the machine, and makes times longer and ratios less certain."
    )
    if options.write:
        PAGE.write_text(opening(seconds, options.repeat) + "\n".join(told.lines) + "\n")


def opening(seconds: int, repeat: int) -> str:
    """The page's beginning."""
    return f"""# Benchmark of the paper's networks

Written by `python benchmarks/paper_pipeline.py --write`. The six networks of the paper over a seeded clip of
{seconds} s, 720p, with random weights, equal on both sides: accuracy is not measured here.

*Straightforward*: for each network the clip is decoded again, in this process, and embedded one second at a
time in single precision. *Pipeline*: what `vadd embed` runs, with its defaults: decoded once in the guarded
child, overlapped, batched, bf16 where the hardware has it. Both take frames of the same size. The sides take
turns in one process, {repeat} times, no more as the large networks take their time; building the networks,
and a first run of each on one input, do not count. Times are wall clock, medians. A network's time in the
pipeline is that in its forward runs, during which the next input is decoded and prepared.

"""


def machine(threads: int) -> Iterator[str]:
    """What this was measured on, and what its processor can do at best."""
    bf16 = "native bf16" if native_bf16("cpu") else "no native bf16"
    yield (
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {bf16}, load {os.getloadavg()[0]:.1f} "
        f"at the start, Python {platform.python_version()}, torch {torch.__version__}, {threads} threads a "
        "network."
    )
    if torch.cuda.is_available():
        has = "native bf16" if native_bf16("cuda") else "no native bf16"
        yield f"Networks run on {torch.cuda.get_device_name()}, {has}."
    else:
        yield "Networks run on the processor. On a graphics card: not measured, there was none."
    kinds = [("cpu", torch.float32), ("cpu", torch.bfloat16)]
    if torch.cuda.is_available():
        kinds = [("cuda", kind) for _, kind in kinds]
    single, half = (product_speed(threads, device, kind) for device, kind in kinds)
    size = " x ".join(map(str, LAYER))
    yield (
        f"One full layer of the largest network alone, {size}, at its best: {single / 1e9:.0f} GFLOP/s in "
        f"fp32, {half / 1e9:.0f} in bf16, {half / single:.2f} times as many."
    )


def product_speed(threads: int, device: str, kind: torch.dtype, runs: int = 20) -> float:
    """Operations a second of the matrix product :data:`LAYER`; the best run's."""
    rows, before, after = LAYER
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    x, weight = (torch.randn(size, before, generator=generator).to(device, kind) for size in (rows, after))
    taken = []
    with torch.inference_mode():
        for _ in range(runs):
            start = time.perf_counter()
            torch.nn.functional.linear(x, weight)[0, 0].item()  # read, so that a card has finished
            taken.append(time.perf_counter() - start)
    return 2 * rows * before * after / min(taken)


def write_clip(path: Path, seconds: int) -> Path:
    """A seeded clip of so many seconds."""
    usual = check.SECONDS
    check.SECONDS = seconds
    try:
        return check.write_clip(path, "pan")
    finally:
        check.SECONDS = usual


def sides(names: Sequence[str], threads: int, seed: int) -> tuple[Side, Side]:
    """The straightforward side and the pipeline's, with equal weights, every network run once."""
    slow, fast = Side([]), Side([])
    for name in names:
        kind: Any = type(catalog.load(name))
        for side, options in ((slow, {"precision": "fp32", "batch": 1}), (fast, {})):
            net = kind.with_random_weights(seed, threads=threads, **options)
            warm_up(net)
            side.nets.append(net)
    return slow, fast


def warm_up(net: TorchEmbedder) -> None:
    """Build a network and run it once on one input."""
    if net.card.modality is Modality.PICTURE:
        [prepared] = net._prepare([np.zeros((64, 64, 3), np.uint8)])
    else:
        prepared = np.zeros(net.card.sample_rate, np.float32)
    net.forward(np.stack([prepared]))


def measure(path: Path, slow: Side, fast: Side, repeat: int) -> None:
    """Run both sides in turns and note times and vectors in them."""
    watches = {net.card.name: Watch(net) for net in fast.nets}
    for _ in range(repeat):
        start = time.perf_counter()
        for net in slow.nets:
            begun = time.perf_counter()
            slow.vectors[net.card.name] = straightforward(net, path, side_for(fast.nets))
            slow.each.setdefault(net.card.name, []).append(time.perf_counter() - begun)
        slow.whole.append(time.perf_counter() - start)
        for watch in watches.values():
            watch.seconds = 0.0
        start = time.perf_counter()
        [result] = Pipeline(fast.nets).run([Source("clip", path, path)])
        fast.whole.append(time.perf_counter() - start)
        if not isinstance(result, Embedded):
            raise SystemExit(f"the clip was not embedded: {result.reason}")
        fast.vectors = result.vectors
        for name, watch in watches.items():
            fast.each.setdefault(name, []).append(watch.seconds)


def straightforward(net: TorchEmbedder, path: Path, side: int) -> np.ndarray:
    """``(seconds, dim)`` of a clip that is decoded for this network alone."""
    info = probe(path, LIMITS)
    inputs: Iterable[np.ndarray]
    if net.card.modality is Modality.PICTURE:
        assert info.video is not None
        reader = FrameReader(path, info.video, LIMITS, zero=info.video.start, side=side)
        inputs = (frame.image for frame in reader)
    else:
        assert info.audio is not None
        inputs = SoundReader(path, info.audio, LIMITS, zero=info.audio.start, rate=net.card.sample_rate)
    return np.stack([each.vector for each in net.embed(inputs)])


def cosines(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Least and mean cosine between vectors of the same second, ``(seconds, dim)`` each.

    Raises:
        ValueError: If the shapes differ, or a vector is zero or not finite.
    """
    if ours.shape != theirs.shape or ours.ndim != 2:
        raise ValueError(f"{ours.shape} and {theirs.shape} are not vectors of the same seconds")
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("a vector is zero or not finite")
    found = (a * b).sum(axis=1) / lengths
    return float(found.min()), float(found.mean())


def report(slow: Side, fast: Side, seconds: int) -> Iterator[str]:
    """The table of both sides, and whether they reach what is wanted."""
    yield "| network | straightforward, s | pipeline, s | ratio | batch | in | least cosine to fp32 | mean |"
    yield "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
    worst = 1.0
    for net in fast.nets:
        name = net.card.name
        before, after = statistics.median(slow.each[name]), statistics.median(fast.each[name])
        ratio = paired(slow.each[name], fast.each[name])
        least, mean = cosines(fast.vectors[name], slow.vectors[name])
        worst = min(worst, least)
        yield (
            f"| `{name}` | {before:.2f} | {after:.2f} | {ratio:.2f} | {net.batch} | {net.precision} | "
            f"{least:.6f} | {mean:.6f} |"
        )
    before, after = statistics.median(slow.whole), statistics.median(fast.whole)
    ratio = paired(slow.whole, fast.whole)
    yield f"| whole clip | {before:.2f} | {after:.2f} | {ratio:.2f} | | | | |"
    yield ""
    pairs = [a / b for a, b in zip(slow.whole, fast.whole, strict=True)]
    spread = ", ".join(f"{each:.2f}" for each in pairs)
    inside = sum(statistics.median(times) for times in fast.each.values())
    yield (
        f"Ratios are medians over pairs; those of the whole clip are {spread}. The pipeline takes "
        f"{after / seconds:.2f} s a second of the clip, {100 * inside / after:.0f} % of it in the networks."
    )
    yield ""
    device = fast.nets[0].device
    wanted, where = target(device)
    yield "| target | measured | |"
    yield "| --- | ---: | --- |"
    said = verdict(ratio >= wanted)
    if ratio >= wanted > min(pairs):
        said += " by the median, not by every pair"
    yield f"| at least {wanted:g} times as fast, {where} | {ratio:.2f} | {said} |"
    reached = verdict(worst >= COSINE)
    yield f"| cosine to fp32 at least {COSINE:g}, every network and second | {worst:.6f} | {reached} |"
    if device == "cpu":
        yield f"| at least {WANTED_CUDA:g} times as fast on a graphics card | not measured | there was none |"
    heaviest = max(fast.each, key=lambda name: statistics.median(fast.each[name]))
    share = statistics.median(fast.each[heaviest]) / after
    yield ""
    yield (
        f"What limits it: `{heaviest}` takes {100 * share:.0f} % of the pipeline's time, most of it in full "
        "layers like the one above; what bf16 gains in those is the processor's."
    )


def paired(before: Sequence[float], after: Sequence[float]) -> float:
    """Median of the pairs' ratios."""
    return statistics.median(a / b for a, b in zip(before, after, strict=True))


def target(device: str) -> tuple[float, str]:
    """How many times as fast it should be here, and where that is."""
    if device != "cpu":
        return WANTED_CUDA, "on a graphics card"
    if native_bf16("cpu"):
        return WANTED_BF16, f"on {CORES} cores with native bf16"
    return WANTED_ELSE, "on cores without native bf16"


def verdict(reached: bool) -> str:
    """The word for it."""
    return "reached" if reached else "**missed**"


def rates_report(seconds: int, threads: int, seed: int, repeat: int) -> Iterator[str]:
    """How OpenL3's vectors at lower rates point to those at the paper's."""
    yield (
        f"OpenL3 hears {OPENL3_RATE} windows a second by default, the paper's rate; `rate` is an option. "
        f"With random weights, on {seconds} s of a seeded sound that changes all the time, arithmetic as "
        "above:"
    )
    yield ""
    yield f"| windows a second | s | least cosine to {OPENL3_RATE} | mean |"
    yield "| ---: | ---: | ---: | ---: |"
    samples = changing_sound(seconds, OpenL3MusicMel256.card.sample_rate or 0)
    reference = None
    for rate in RATES:
        net = OpenL3MusicMel256.with_random_weights(seed, rate=rate, threads=threads)
        warm_up(net)
        taken = []
        for _ in range(repeat):
            start = time.perf_counter()
            vectors = np.stack([each.vector for each in net.embed([samples])])
            taken.append(time.perf_counter() - start)
        reference = vectors if reference is None else reference
        least, mean = cosines(vectors, reference)
        yield f"| {rate} | {statistics.median(taken):.2f} | {least:.6f} | {mean:.6f} |"


def changing_sound(seconds: int, rate: int, seed: int = 5) -> np.ndarray:
    """Seeded: clicks, a tone that rises, and noise that comes and goes."""
    random = np.random.default_rng(seed)
    times = np.arange(seconds * rate) / rate
    noise = random.standard_normal(len(times)) * np.interp(
        times, np.arange(0, seconds + 1, 0.2), random.uniform(0, 0.2, len(np.arange(0, seconds + 1, 0.2)))
    )
    tone = 0.2 * np.sin(2 * np.pi * (200 + 700 * (times % 1.7)) * times) * (times % 0.9 < 0.4)
    clicks = np.zeros(len(times))
    clicks[random.integers(0, len(times), 4 * seconds)] = 0.8
    return (noise + tone + clicks).clip(-1, 1).astype(np.float32)


if __name__ == "__main__":
    main()
