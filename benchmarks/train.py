"""How fast a classifier trains, against a plain PyTorch loop, how near it comes to the best, in what memory.

    python benchmarks/train.py                 speed, on 20,000 seconds
    python benchmarks/train.py --accuracy      against the best possible accuracy of synthetic data
    python benchmarks/train.py --memory        peak memory with all 172,920 seconds
    python benchmarks/train.py --write         all of it, into docs/benchmark-train.md

The plain loop has the same network, the same batches in the same order, its training set as one float32
tensor in memory, `torch.optim.SGD` as it comes, and nothing else. Ours is `vadd.classify.train.train`
itself, timed from its first step to its last. The two take turns; the ratio is taken pair by pair.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from vadd.classify.batches import Batches
from vadd.classify.choose import spec_for
from vadd.classify.dataset import moments
from vadd.classify.dense import Dense
from vadd.classify.evaluate import evaluate, samples_of
from vadd.classify.lesson import Lesson, prepare
from vadd.classify.model import build, load_network
from vadd.classify.recipe import Recipe, recipe
from vadd.classify.spec import Spec
from vadd.classify.train import train
from vadd.embed.store import Store
from vadd.protocol.synth import DIMENSIONS, World, invented_clips, make, thinned
from vadd.protocol.tau import TauClip
from vadd.scenes import TAU

PAGE = Path(__file__).parents[1] / "docs" / "benchmark-train.md"
OPENING = """# Benchmark of training

Written by `python benchmarks/train.py --write`: a synthetic store in the shape of TAU, its vectors made up.

"""
#: Seconds that the speed is measured on, and steps that are taken.
ROWS, STEPS = 20_000, 200
#: A PANN of 512 numbers makes 5,352 of the paper's 6,888.
SIZES = {"6,888": {}, "5,352": {"pann_wavegram_logmel_cnn14": 512}}


class Told:
    """Prints lines, and keeps them for the page."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str = "") -> None:
        """Tell a line."""
        print(line, flush=True)
        self.lines.append(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3, help="runs of each loop")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--accuracy", action="store_true", help="accuracy instead of speed")
    parser.add_argument("--memory", action="store_true", help="memory instead of speed")
    parser.add_argument("--write", action="store_true", help="everything, into the docs")
    parser.add_argument("--child", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(peak_of_full_size(Path(options.child), options.threads))
        return
    torch.set_num_threads(options.threads)
    told = Told()
    told(
        f"{platform.machine()}, {options.threads} threads, load {os.getloadavg()[0]:.1f} at the start, "
        f"PyTorch {torch.__version__}; on the CPU."
    )
    with tempfile.TemporaryDirectory() as folder:
        if options.write or not (options.accuracy or options.memory):
            speed(Path(folder), options.pairs, options.threads, told)
        if options.write or options.accuracy:
            accuracy(Path(folder), options.threads, told)
        if options.write or options.memory:
            memory(Path(folder), options.threads, told)
    if options.write:
        PAGE.write_text(OPENING + "\n".join(told.lines) + "\n")


def speed(folder: Path, pairs: int, threads: int, told: Told) -> None:
    """Tell the steps a second of both loops."""
    peak = matrix_peak()
    told()
    told("## Speed")
    told()
    told(
        f"{STEPS} steps on {ROWS:,} seconds in batches of 32, LS, {pairs} pairs; milliseconds a step. "
        f"Matrix peak, measured (2048 x 2048 products): {peak / 1e9:.0f} GFLOPS."
    )
    told()
    told("| numbers a second | recipe | plain loop, ms | ours, ms | times faster, by pair | share of peak |")
    told("| ---: | --- | ---: | ---: | --- | ---: |")
    for name, changes in SIZES.items():
        dims = {each: dim for each, (_, dim) in DIMENSIONS.items()} | changes
        store = made(folder / name, training_clips(ROWS // 10), dims)
        spec = spec_for(store)
        lesson = prepare(store, spec)
        for how in (replace(recipe("paper"), epochs=1), replace(recipe("authors"), epochs=1)):
            plain, ours = [], []
            for _ in range(pairs):
                plain.append(plain_loop(lesson, spec, how))
                ours.append(our_loop(lesson, spec, how, folder / "run", threads))
            ratios = [a / b for a, b in zip(plain, ours, strict=True)]
            share = flops(spec, how.batch) / statistics.median(ours) / peak
            told(
                f"| {name} | {how.name} | {1000 * statistics.median(plain):.1f} | "
                f"{1000 * statistics.median(ours):.1f} | {', '.join(f'{each:.2f}' for each in ratios)} | "
                f"{share:.0%} |"
            )


def plain_loop(lesson: Lesson, spec: Spec, how: Recipe) -> float:
    """Seconds a step of the loop that anybody would write."""
    torch.manual_seed(0)
    network = build(spec)
    network.standardise.fit(*(torch.from_numpy(each).float() for each in moments(lesson.learnt.rows)))
    x, y = torch.from_numpy(lesson.learnt.rows).float(), torch.from_numpy(lesson.learnt.labels)
    optimizer = torch.optim.SGD(network.parameters(), lr=how.rate, weight_decay=how.decay)
    steps = [torch.from_numpy(step[:, 0]) for step in Batches(lesson.learnt, spec, how, seed=0).steps(0)]
    network.train()
    start = time.perf_counter()
    for chosen in steps[:STEPS]:
        loss = torch.nn.functional.cross_entropy(network(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - start) / STEPS


def our_loop(lesson: Lesson, spec: Spec, how: Recipe, out: Path, threads: int) -> float:
    """Seconds a step of our training, its own accounting left out."""
    times: list[float] = []

    def note(_done: int, _total: int) -> None:
        times.append(time.perf_counter())
        if len(times) > STEPS:
            raise EnoughError

    with contextlib.suppress(EnoughError):
        train(lesson, spec, how, out, seed=0, threads=threads, device="cpu", progress=note)
    return (times[-1] - times[0]) / (len(times) - 1)


class EnoughError(Exception):
    """Ends a training that has shown what it should."""


def flops(spec: Spec, batch: int) -> float:
    """Of a step's matrix products: forward, back to the input, and onto the weights."""
    layers = [module for module in build(spec).modules() if isinstance(module, Dense)]
    return sum(6.0 * batch * layer.in_features * layer.out_features for layer in layers)


def matrix_peak(size: int = 2048, runs: int = 10) -> float:
    """Floating point operations a second of the machine's fastest product of two matrices."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def accuracy(folder: Path, threads: int, told: Told) -> None:
    """Tell how near LS comes to the best possible accuracy, by recipe."""
    told()
    told("## Against the best possible accuracy")
    told()
    told(
        "LS within a clip, 10 scenes, on 3,000 synthetic clips with a tenth of the paper's numbers; by vote "
        "of the seconds."
    )
    told()
    dims = {each: dim // 10 for each, (_, dim) in DIMENSIONS.items()}
    clips = thinned(invented_clips(seed=5), 3_000)  # of as many locations as TAU has
    store = made(folder / "accuracy", clips, dims)
    best = store.metadata["bayes_test"]["10"]
    told("| modality | recipe | clips right | best possible on these clips | points below |")
    told("| --- | --- | ---: | ---: | ---: |")
    for name in ("paper", "ours"):
        spec = spec_for(store, dropout=recipe(name).dropout)
        lesson = prepare(store, spec, validation=recipe(name).validation)
        out = folder / f"joint-{name}"
        train(lesson, spec, recipe(name), out, seed=0, threads=threads)
        found = evaluate(load_network(out), samples_of(store, spec, TAU, "test")).score.by_vote
        gap = 100 * (best["joint"] - found)
        told(f"| joint | {name} | {found:.2%} | {best['joint']:.2%} | {gap:.1f} |")


def memory(folder: Path, threads: int, told: Told) -> None:
    """Tell the peak memory of reading and training with everything that TAU's doubled train fold has."""
    told()
    told("## Memory")
    told()
    dims = {each: dim for each, (_, dim) in DIMENSIONS.items()}
    made(folder / "full", training_clips(8_646), dims, twins=True)
    command = [sys.executable, __file__, "--child", str(folder / "full"), "--threads", str(threads)]
    rows, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    told(f"Peak resident memory with {int(rows):,} seconds of 6,888 numbers: {int(peak) / 2**20:.1f} GiB.")


def peak_of_full_size(store: Path, threads: int) -> str:
    """Read a store, take some steps, and say how many seconds it had and what memory that took, in KiB."""
    opened = Store.open(store)
    spec = spec_for(opened)
    lesson = prepare(opened, spec)

    def stop(done: int, _total: int) -> None:
        if done == 30:
            raise EnoughError

    with tempfile.TemporaryDirectory() as out, contextlib.suppress(EnoughError):
        train(lesson, spec, recipe("paper"), Path(out), seed=0, threads=threads, progress=stop)
    return f"{len(lesson.learnt.rows)} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}"


def training_clips(count: int) -> list[TauClip]:
    """Invented clips, all for training."""
    return [replace(clip, split="train") for clip in invented_clips(count)]


def made(folder: Path, clips: object, dims: dict[str, int], *, twins: bool = False) -> Store:
    """A synthetic store."""
    world = World(clips, dims, confusability=1.0, seed=1)
    with make(folder, clips, world, confusability=1.0, twins=twins) as store:
        return store


if __name__ == "__main__":
    main()
