"""How near the scorers come to the best possible, and what their probabilities and thresholds are worth.

    python benchmarks/sure.py          # prints the tables
    python benchmarks/sure.py --write  # also writes docs/benchmark-sure.md

Made on scene posteriors simulated by `simulate/paper_grade.py` in the folder that VADD_SHARED names; without
it there is nothing to measure, and the script says so and ends well. A seed is a world of its own: other
scenes, other classifiers. In each, 3,645 clips are learnt from and 3,645 others judged.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks")]

from measures import BINS, calibration_gap, over_clips  # noqa: E402
from page import Told  # noqa: E402
from sure_worlds import (  # noqa: E402
    LEARNT,
    Array,
    Tried,
    World,
    bayes,
    distorted,
    held_out,
    leaning,
    learn,
    scored,
    simulator,
    try_scorer,
    world,
)
from vadd._version import __version__  # noqa: E402
from vadd.detect.calibrate import Calibration  # noqa: E402
from vadd.detect.scorers import SCORERS  # noqa: E402
from vadd.errors import UsageError  # noqa: E402

PAGE = ROOT / "docs" / "benchmark-sure.md"
#: Clips that are learnt from, and as many that are judged: the test set of the paper.
CLIPS = 3_645
SEEDS = range(5)
RATES = (0.10, 0.05, 0.01)
#: How much sharper than they should be the posteriors of picture and sound are made.
DISTORTED = {
    "as they are": (1, 1),
    "both too sure": (4, 4),
    "both not sure enough": (1 / 4, 1 / 4),
    "picture too sure, sound not enough": (4, 1 / 4),
    "sound too sure, picture not enough": (1 / 4, 4),
}
LEANING = "leaning to some scenes"
#: Draws and sizes of the two tables that draw clips over and over.
SPLITS, FOR_THRESHOLD = 2_000, (19, 66, 99, 500)
DRAWS, FEW = 8, (200, 800)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    simulate = simulator()
    if simulate is None:
        print("VADD_SHARED names no folder with simulate/paper_grade.py: nothing to measure")
        return 0
    worlds = {seed: world(simulate, seed, CLIPS) for seed in SEEDS}
    tried = {
        seed: {name: try_scorer(name, each, each.visual, each.audio) for name in (*SCORERS, LEARNT)}
        for seed, each in worlds.items()
    }
    told = Told()
    told("# Benchmark: how sure\n")
    told(
        f"Written by `python benchmarks/sure.py --write` with vadd {__version__}. Scene posteriors of ten "
        "scenes are simulated by `simulate/paper_grade.py` of the shared folder, with classifiers as "
        f"accurate as the paper's (picture 94.3 %, sound 78.8 %) that confuse what it names. Seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}; each is a world of its own. In each {CLIPS:,} clips are learnt from and "
        f"{CLIPS:,} others judged, half of all with a foreign sound. No real clip is in it.\n"
    )
    scorer_lines(told, worlds, tried)
    distorted_lines(told, worlds)
    calibration_lines(told, worlds, tried)
    split_lines(told, worlds, tried)
    few_lines(told, worlds)
    if options.write:
        PAGE.write_text("\n".join(told.lines).rstrip() + "\n")
    return 0


def spread(values: list[float], factor: float, digits: int) -> str:
    low, mean, high = (factor * each for each in (min(values), float(np.mean(values)), max(values)))
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def behind(best: list[float], found: list[float], factor: float, digits: int) -> str:
    """The mean and the worst of what is missing from the best."""
    gaps = [factor * (a - b) for a, b in zip(best, found, strict=True)]
    return f"{np.mean(gaps):.{digits}f} (worst {max(gaps):.{digits}f})".replace("-", "−")


def scorer_lines(told: Told, worlds: dict[int, World], tried: dict[int, dict[str, Tried]]) -> None:
    told("## Every scorer\n")
    told(
        "F1 at the threshold that is best on the clips learnt from, and the area under the ROC curve, on the "
        "clips judged: mean over the seeds (least to greatest), and what is missing from the best that any "
        "scorer can reach, Bayes' rule with the simulation's own parameters. `confusions` is learnt on the "
        "clips learnt from; its scores on them, for thresholds and curves, are cross-fitted in five folds. "
        "`contrastive` and `everyday` take no scene posteriors, and cannot be tried here.\n"
    )
    best = [bayes(each) for each in worlds.values()]
    f1, area = [each.f1 for each in best], [each.area for each in best]
    told("| Scorer | F1, % | Points behind | AUC | Behind |")
    told("| --- | --- | --- | --- | --- |")
    told(f"| Bayes' rule | {spread(f1, 100, 1)} | – | {spread(area, 1, 4)} | – |")
    for name in (*SCORERS, LEARNT):
        found = [tried[seed][name] for seed in worlds]
        mine, its = [each.f1 for each in found], [each.area for each in found]
        told(
            f"| `{name}` | {spread(mine, 100, 1)} | {behind(f1, mine, 100, 2)} | {spread(its, 1, 4)} | "
            f"{behind(area, its, 1, 4)} |"
        )
    told(
        "\nThese posteriors mean what they say, so that the sum of products that `graded` is made of is "
        "Bayes' rule itself. What `confusions` finds by cross-validation that there is to learn, of the "
        f"picture and the sound of each seed: {degrees_told([tried[seed][LEARNT] for seed in worlds])}.\n"
    )


def degrees_told(found: list[Tried]) -> str:
    counts = Counter(each for one in found for each in one.degrees)
    return ", ".join(f"{name} ({number})" for name, number in counts.most_common())


def distorted_lines(told: Told, worlds: dict[int, World]) -> None:
    told("## Classifiers that do not mean what they say\n")
    told(
        "The same posteriors distorted: 4 times as sure as they should be, a quarter as sure, or leaning to "
        "some scenes (each scene's share multiplied by a factor of its own, log-normal with a deviation of "
        "1.5, the same for all clips of a seed). None of that takes anything away from what can be known, so "
        "that the best possible stays what it is. F1 in %, points behind the best, AUC; mean and worst of "
        "the seeds. Last, what was learnt of both sides, with the number of seeds.\n"
    )
    best = [bayes(each) for each in worlds.values()]
    f1, area = [each.f1 for each in best], [each.area for each in best]
    told("| Posteriors | Scorer | F1, % | Points behind | AUC | Behind | Learnt |")
    told("| --- | --- | --- | --- | --- | --- | --- |")
    for variant in (*DISTORTED, LEANING):
        for name in ("hard", "graded", LEARNT):
            found = []
            for seed, each in worlds.items():
                if variant == LEANING:
                    rows = leaning(each.visual, seed), leaning(each.audio, seed + 100)
                else:
                    rows = [
                        distorted(of, by)
                        for of, by in zip((each.visual, each.audio), DISTORTED[variant], strict=True)
                    ]
                found.append(try_scorer(name, each, *rows))
            mine, its = [one.f1 for one in found], [one.area for one in found]
            told(
                f"| {variant} | `{name}` | {100 * np.mean(mine):.1f} | {behind(f1, mine, 100, 2)} | "
                f"{np.mean(its):.4f} | {behind(area, its, 1, 4)} | {degrees_told(found) or '–'} |"
            )
    told(
        "\nBeing too sure costs `graded` little: the order of the clips hardly changes, and a curve makes up "
        "for the rest. Not being sure enough, and leaning, cost it points that `confusions` gets back.\n"
    )


def calibration_lines(told: Told, worlds: dict[int, World], tried: dict[int, dict[str, Tried]]) -> None:
    told("## Calibration error\n")
    told(
        f"The mean distance of probability and share over {BINS} bins of equal width, weighted by the clips "
        "in each, on the judged clips of all seeds, with a 95 % bootstrap interval over clips (1,000 draws, "
        "seed 0). A draw adds noise to every bin, so that the interval lies a little high. The curve is "
        "logistic or isotonic, chosen on the clips learnt from by five-fold cross-validation; in brackets "
        "for how many seeds.\n"
    )
    told("| Scorer | Calibration error | Curve | Error with the logistic curve alone |")
    told("| --- | --- | --- | --- |")
    truth = np.concatenate([each.manipulated[~each.learns] for each in worlds.values()])
    for name in (*SCORERS, LEARNT):
        found = [tried[seed][name] for seed in worlds]
        said = np.concatenate([each.probability for each in found])

        def figure(drawn: NDArray[np.int64], said: Array = said) -> float:
            return calibration_gap(said, truth, drawn)

        value, low, high = over_clips(figure, len(truth))
        plain = np.concatenate([logistic(each, of) for each, of in zip(found, worlds.values(), strict=True)])
        kinds = Counter(each.calibration.curve.kind for each in found)
        told(
            f"| `{name}` | {value:.3f} ({low:.3f} to {high:.3f}) | "
            f"{', '.join(f'{kind} ({number})' for kind, number in kinds.items())} | "
            f"{calibration_gap(plain, truth):.3f} |"
        )
    told("")


def logistic(found: Tried, of: World) -> Array:
    plain = Calibration(found.calibration.own, found.calibration.slope, found.calibration.intercept, "")
    return np.array([plain.probability(each) for each in found.scores[~of.learns].tolist()])


def split_lines(told: Told, worlds: dict[int, World], tried: dict[int, dict[str, Tried]]) -> None:
    told("## False alarms: requested and realised\n")
    told(
        "A threshold from the clips learnt from (those with their own sound), and the share of the judged "
        "clips with their own sound that exceed it: mean of the seeds, and in brackets the seed with the "
        "most and the most that chance allows at the requested rate (the 97.5 % quantile of the "
        "beta-binomial distribution: both the judged clips and those of the threshold are a sample).\n"
    )
    told("| Scorer | " + " | ".join(f"At {rate:.0%}, % (worst; allowed)" for rate in RATES) + " |")
    told("| --- |" + " --- |" * len(RATES))
    for name in ("graded", LEARNT, "divergence", "bhattacharyya"):
        cells = []
        for rate in RATES:
            shares, allowed = [], []
            for seed, each in worlds.items():
                one = tried[seed][name]
                judged = one.scores[~each.learns & ~each.manipulated]
                shares.append(float((judged > one.calibration.threshold(rate)).mean()))
                allowed.append(chance_allows(rate, len(one.calibration.own), len(judged)))
            cells.append(f"{100 * np.mean(shares):.2f} ({100 * max(shares):.2f}; {100 * max(allowed):.2f})")
        told(f"| `{name}` | {' | '.join(cells)} |")
    told(
        "\nOver many splits: of the judged clips with their own sound of seed 0, scored by `confusions` that "
        f"learnt from none of them, some are drawn for the threshold and the others judged, {SPLITS:,} times "
        "(seed 1). Mean realised rate, its standard error, and the 5th to 95th percentile of the splits.\n"
    )
    told("| Clips for the threshold | " + " | ".join(f"At {rate:.0%}, %" for rate in RATES) + " |")
    told("| --- |" + " --- |" * len(RATES))
    first = worlds[SEEDS[0]]
    scores = tried[SEEDS[0]][LEARNT].scores[~first.learns & ~first.manipulated]
    for number in FOR_THRESHOLD:
        rng = np.random.default_rng([1, number])
        cells = []
        for rate in RATES:
            shares = []
            for _ in range(SPLITS):
                order = rng.permutation(scores)
                kept = Calibration(tuple(np.sort(order[:number]).tolist()), 1.0, 0.0, "")
                try:
                    threshold = kept.threshold(rate)
                except UsageError:
                    break
                shares.append(float((order[number:] > threshold).mean()))
            if not shares:
                cells.append("refused: too few clips to promise it")
                continue
            low, high = np.percentile(shares, [5, 95])
            error = np.std(shares) / math.sqrt(len(shares))
            cells.append(
                f"{100 * np.mean(shares):.2f} ± {100 * error:.2f} ({100 * low:.1f} to {100 * high:.1f})"
            )
        told(f"| {number} | {' | '.join(cells)} |")
    told(
        "\nThe promise is about the mean: a single set of calibration clips may be lucky or unlucky, and "
        "with few clips by much.\n"
    )


def chance_allows(rate: float, calibration: int, judged: int) -> float:
    """97.5 % quantile of the realised share: the threshold's rate is beta-distributed, the count binomial."""
    from scipy.stats import betabinom

    above = calibration + 1 - math.ceil(round((calibration + 1) * (1 - rate), 9))
    return float(betabinom.ppf(0.975, judged, above, calibration + 1 - above)) / judged


def few_lines(told: Told, worlds: dict[int, World]) -> None:
    told("## A scorer that learns from the clips its threshold comes from\n")
    told(
        "A learnt scorer gives the very clips that it learnt from better scores than others, and a threshold "
        "taken from these comes out lower. So `vadd detector build` scores each clip by what learnt without "
        "it. Here few clips are learnt from, posteriors lean to some scenes, and both ways are shown: the "
        f"realised rate on the judged clips, mean over {DRAWS * len(SEEDS)} draws ({DRAWS} of each seed) "
        "with its standard error.\n"
    )
    rates = " | ".join(f"At {rate:.0%}, %" for rate in RATES[:2])
    told(f"| Clips learnt from | Scores of those clips | {rates} |")
    told("| --- | --- |" + " --- |" * 2)
    for number in FEW:
        shares: dict[tuple[str, float], list[float]] = {}
        for seed, each in worlds.items():
            visual, audio = leaning(each.visual, seed), leaning(each.audio, seed + 100)
            judged = np.flatnonzero(~each.learns & ~each.manipulated)
            for draw in range(DRAWS):
                rng = np.random.default_rng([seed, draw, number])
                learns = np.zeros(len(visual), np.bool_)
                learns[rng.choice(CLIPS, number, replace=False)] = True
                scorer = learn(each, visual, audio, learns)
                after = scored(scorer, visual[judged], audio[judged])
                apart = held_out(each, visual, audio, learns)
                own = learns & ~each.manipulated
                own_scores = {
                    "cross-fitted": apart[own],
                    "by what learnt from them": scored(scorer, visual[own], audio[own]),
                }
                for how, scores in own_scores.items():
                    kept = Calibration(tuple(np.sort(scores).tolist()), 1.0, 0.0, "")
                    for rate in RATES[:2]:
                        realised = float((after > kept.threshold(rate)).mean())
                        shares.setdefault((how, rate), []).append(realised)
        for how in ("cross-fitted", "by what learnt from them"):
            cells = []
            for rate in RATES[:2]:
                found = shares[how, rate]
                error = np.std(found) / math.sqrt(len(found))
                cells.append(f"{100 * np.mean(found):.2f} ± {100 * error:.2f}")
            told(f"| {number} | {how} | {' | '.join(cells)} |")


if __name__ == "__main__":
    sys.exit(main())
