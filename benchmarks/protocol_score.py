"""How long scoring takes: reading a manifest and predictions, and a bootstrap over locations.

    python benchmarks/protocol_score.py [--trials 1000000] [--draws 1000] [--locations 400]
    python benchmarks/protocol_score.py --write             into docs/benchmark-vadd.md

Everything is made up: scores that know a little of the truth, ties among them, spans in none; once without
abstentions, once with a tenth of them. Each run is a process of its own; times are medians.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from page import Told, machine, put
from vadd.protocol.audit import audit, name_features
from vadd.protocol.manifest import Entry, Party, read_manifest, write_manifest
from vadd.protocol.predictions import VERDICTS, read_predictions
from vadd.protocol.rules import rules
from vadd.protocol.scoring import Options, score_predictions
from vadd.protocol.truth import truth_of
from vadd.scenes import TAU

PAGE = Path(__file__).parents[1] / "docs" / "benchmark-vadd.md"


class Steps:
    """Steps of a run: what, seconds, and the most memory so far in GiB."""

    def __init__(self) -> None:
        self.done: list[tuple[str, float, float]] = []

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        """Time a step."""
        begun = time.perf_counter()
        yield
        taken = time.perf_counter() - begun
        self.done.append((what, taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def made(trials: int, locations: int) -> Iterator[Entry]:
    rng = np.random.default_rng(0)
    where, scene, other = (rng.integers(most, size=trials) for most in (locations, 10, 9))
    for at in range(trials):
        place, own = int(where[at]), int(scene[at])
        city = f"city{place % 10}"
        picture = Party(f"clip{at}", TAU.scenes[own], TAU.scenes[own], city, str(place))
        foreign = TAU.scenes[(own + 1 + int(other[at])) % 10]
        sound = picture if at % 2 else Party(f"clip{at + 1}", foreign, foreign, city, str(place))
        yield Entry(f"t{at:015x}", picture, sound, at % 2 == 0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--locations", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=3, help="runs behind each median")
    parser.add_argument("--write", action="store_true", help="into the docs")
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.one:
        print(json.dumps(one_run(wanted)))
        return
    told = Told()
    told(
        f"Scoring {wanted.trials:,} predictions, pictures from {wanted.locations} locations. {machine()}; "
        f"seconds, medians of {wanted.repeat} runs; the most memory of any run until then."
    )
    told()
    told(f"| step | {' | '.join(f'{kind}, s | GiB' for kind in KINDS)} |")
    told(f"| --- |{' ---: | ---: |' * len(KINDS)}")
    sizes = [f"--{name}={getattr(wanted, name)}" for name in ("trials", "draws", "locations")]
    found = {
        kind: [
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--one", kind, *sizes], check=True, capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(wanted.repeat)
        ]
        for kind in KINDS
    }  # fmt: skip
    for at, (what, _, _) in enumerate(found[KINDS[0]][0]):
        cells = [
            f"{statistics.median(run[at][1] for run in runs):.1f} | {max(run[at][2] for run in runs):.2f}"
            for runs in found.values()
        ]
        told(f"| {what} | {' | '.join(cells)} |")
    if wanted.write:
        put(PAGE, "python benchmarks/protocol_score.py --write", told.lines)


#: Whether a tenth of the verdicts are inconclusive.
KINDS = ("all answered", "a tenth abstained")


def one_run(wanted: argparse.Namespace) -> list[tuple[str, float, float]]:
    """All steps once, in this process."""
    timed = Steps()
    with tempfile.TemporaryDirectory() as folder:
        manifest, predictions = Path(folder, "m.csv"), Path(folder, "p.csv")
        write_manifest(manifest, made(wanted.trials, wanted.locations), {})
        with timed("read the manifest"):
            truth = truth_of(read_manifest(manifest))
        rng = np.random.default_rng(1)
        scores = np.round(rng.random(len(truth)) * 0.7 + 0.3 * truth.manipulated, 6)
        verdicts = np.where(scores >= 0.5, 1, 0)
        if wanted.one == KINDS[1]:
            verdicts[rng.random(len(truth)) < 0.1] = 2
        lines = [
            f"{trial},{score},{VERDICTS[verdict]}\n"
            for trial, score, verdict in zip(truth.trials, scores.tolist(), verdicts.tolist(), strict=True)
        ]
        predictions.write_text("trial,score,verdict\n" + "".join(lines))
        with timed("read the predictions"):
            read = read_predictions(predictions, truth)
        with timed("rules that need no skill"):
            rules(truth)
        with timed("audit of the name parts"):
            audit(name_features(truth), truth)
        with timed("figures without intervals"):
            score_predictions(truth, read, Options(draws=0))
        with timed(f"figures with {wanted.draws:,} draws"):
            score_predictions(truth, read, Options(draws=wanted.draws))
    return timed.done


if __name__ == "__main__":
    main()
