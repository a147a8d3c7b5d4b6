"""How long scoring takes: reading a manifest and predictions, and a bootstrap over locations.

    python benchmarks/protocol_score.py [--trials 1000000] [--draws 1000] [--locations 400] [--abstain]

Everything is made up: scores that know a little of the truth, ties among them, spans in none.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vadd.protocol.audit import audit, name_features
from vadd.protocol.manifest import Entry, Party, read_manifest, write_manifest
from vadd.protocol.predictions import VERDICTS, read_predictions
from vadd.protocol.rules import rules
from vadd.protocol.scoring import Options, score_predictions
from vadd.protocol.truth import truth_of
from vadd.scenes import TAU


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what:<40} {time.perf_counter() - begun:8.1f} s   {memory:6.2f} GiB at most so far", flush=True)


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
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--locations", type=int, default=400)
    parser.add_argument("--abstain", action="store_true", help="a tenth of the verdicts are inconclusive")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest, predictions = Path(folder, "m.csv"), Path(folder, "p.csv")
        with timed(f"write a manifest of {wanted.trials}"):
            write_manifest(manifest, made(wanted.trials, wanted.locations), {})
        with timed("read it"):
            truth = truth_of(read_manifest(manifest))
        rng = np.random.default_rng(1)
        scores = np.round(rng.random(len(truth)) * 0.7 + 0.3 * truth.manipulated, 6)
        verdicts = np.where(scores >= 0.5, 1, 0)
        if wanted.abstain:
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
        with timed("score without intervals"):
            score_predictions(truth, read, Options(draws=0))
        with timed(f"score with {wanted.draws} draws"):
            score_predictions(truth, read, Options(draws=wanted.draws))


if __name__ == "__main__":
    main()
