"""How well the everyday model tells a clip's own sound from another's, from the committed feature tables.

    python benchmarks/everyday.py          # prints the tables
    python benchmarks/everyday.py --write  # also writes docs/benchmark-everyday.md and the predictions

Every figure on clips is taken with the kinds of both its clips left out of all that is learnt from clips
(the prior, the calibration). The bootstrap draws clips, 1,000 times, seed 0.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]

import learn_everyday as learning  # noqa: E402
from everyday_before import before_lines, write_predictions  # noqa: E402
from everyday_sure import sure_lines  # noqa: E402
from measures import auc, caught, over_clips  # noqa: E402
from vadd._version import __version__  # noqa: E402
from vadd.classify.everyday import Everyday  # noqa: E402
from vadd.detect.decide import Decision, Evidence, decide  # noqa: E402
from vadd.detect.score import discrepancy  # noqa: E402
from vadd.detect.verdict import Outcome  # noqa: E402

PAGE = ROOT / "docs" / "benchmark-everyday.md"
FALSE_ALARMS = 0.10
OPENING = (
    "# Benchmark of the everyday model\n\n"
    f"Written by `python benchmarks/everyday.py --write` with vadd {__version__}; "
    "what is measured and how is in [protocol.md](protocol.md).\n\n"
)
Pair = tuple[int, int]
Array = NDArray[np.floating]


@dataclass
class Swaps:
    """Own and swapped clips, judged without their kinds.

    Attributes:
        kinds: Kind of each clip.
        known: Evidence of each own and foreign pair.
        calibrated: Pair → calibration that left its kinds out.
    """

    kinds: list[str]
    known: dict[Pair, Evidence]
    calibrated: dict[frozenset[str], learning.Calibration]

    @cached_property
    def scores(self) -> dict[Pair, float]:
        """The discrepancy of each pair, abstained ones too."""
        return {pair: learning.clip_score(evidence) for pair, evidence in self.known.items()}

    @cached_property
    def decisions(self) -> dict[Pair, Decision]:
        """What the detector would say of each pair at default settings."""
        return {pair: self.decide(pair, FALSE_ALARMS) for pair in self.known}

    @cached_property
    def forced(self) -> dict[Pair, bool]:
        """What each pair would be called without abstention: discrepant or not."""
        return {
            pair: score > self.calibrated[self.group(pair)].threshold(FALSE_ALARMS)
            for pair, score in self.scores.items()
        }

    def decide(self, pair: Pair, false_alarms: float) -> Decision:
        """What the detector would say of a pair at some rate of false alarms."""
        return decide(self.known[pair], self.calibrated[self.group(pair)], false_alarms)

    def group(self, pair: Pair) -> frozenset[str]:
        """The kinds that a pair is of, one or two."""
        return frozenset((self.kinds[pair[0]], self.kinds[pair[1]]))

    def pairs(self, *, own: bool, music: bool = True) -> list[Pair]:
        """The own or the swapped pairs, with or without those in which there is a music clip."""
        return [
            pair
            for pair in self.known
            if (pair[0] == pair[1]) == own and (music or not any("music" in self.kinds[at] for at in pair))
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    model, photographs = learning.learn_model()
    plain, plain_photographs = learning.learn_model(probe=False)
    clips = learning.load_clips(model)
    swaps = judged(model, clips, photographs)
    without = judged(plain, learning.load_clips(plain), plain_photographs)
    masks = {
        name: judged(model, clips.with_sounds(scores, model), photographs, swaps.calibrated)
        for name, scores in learning.table("masked").items()
        if name != "length"
    }
    lines = [
        *swap_lines(swaps, without),
        *scene_lines(model, plain),
        *stamp_lines(model),
        *setting_lines(swaps),
        *mask_lines(masks),
        *before_lines(swaps, masks),
        *sure_lines(swaps),
    ]
    page = OPENING + "\n".join(lines) + "\n"
    print(page)
    if options.write:
        PAGE.write_text(page)
        if "dev" not in __version__:
            write_predictions(swaps, masks)
    if options.check and PAGE.read_text() != page:
        print(f"{PAGE.name} says otherwise", file=sys.stderr)
        return 1
    return 0


def judged(
    model: Everyday,
    clips: learning.Clips,
    photographs: Array,
    calibrated: dict[frozenset[str], learning.Calibration] | None = None,
) -> Swaps:
    known = learning.pair_evidence(model, clips, photographs)
    swaps = Swaps(clips.kinds, known, calibrated or {})
    if calibrated is None:
        for pair in known:
            if swaps.group(pair) not in swaps.calibrated:
                swaps.calibrated[swaps.group(pair)] = learning.calibrate(
                    swaps.scores, clips.kinds, swaps.group(pair)
                )
    return swaps


def swap_lines(swaps: Swaps, without: Swaps) -> list[str]:
    lines = ["## Swapped against own sound", ""]
    own, other = swaps.pairs(own=True), swaps.pairs(own=False)
    lines += [
        f"{len(own)} clips with their own sound and {len(other)} swaps between foreign kinds, raw scores of "
        "all pairs, abstained ones too; 95 % bootstrap interval over clips.",
        "",
        "| What | With the scene probe | Without |",
        "| --- | --- | --- |",
    ]
    for label, kind in (
        ("AUC, all pairs", "pooled"),
        ("AUC, pairs without music", "no music"),
        ("AUC, every kind weighing the same", "by kind"),
        ("swaps caught at 10 % false alarms, %", "caught"),
    ):
        cells = [
            interval(swap_figure(these, kind), len(these.kinds), 100 if kind == "caught" else 1)
            for these in (swaps, without)
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return [*lines, ""]


def swap_figure(swaps: Swaps, kind: str):
    music = kind != "no music"
    own, other = swaps.pairs(own=True, music=music), swaps.pairs(own=False, music=music)
    own_scores, other_scores = (np.array([swaps.scores[pair] for pair in pairs]) for pairs in (own, other))
    count = {name: swaps.kinds.count(name) for name in set(swaps.kinds)}
    share = np.array([1 / count[name] if kind == "by kind" else 1.0 for name in swaps.kinds])
    first = np.array([pair[0] for pair in own])
    left, right = np.array(other).T

    def figure(drawn: NDArray[np.int64]) -> float:
        weight = drawn * share
        own_weight, other_weight = weight[first], weight[left] * weight[right]
        if kind == "caught":
            return caught(own_scores, other_scores, FALSE_ALARMS, own_weight, other_weight)
        return auc(own_scores, other_scores, own_weight, other_weight)

    return figure


def interval(figure, clips: int, factor: float = 1) -> str:
    value, low, high = (factor * number for number in over_clips(figure, clips))
    return (
        f"{value:.1f} ({low:.1f} to {high:.1f})" if factor > 1 else f"{value:.3f} ({low:.3f} to {high:.3f})"
    )


def scene_matches(names: list[str]) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Scene → (recordings that fit, recordings that are foreign), from the committed answer key."""
    groups: dict[str, list[str]] = {}
    matches = {}

    def spread(text: str) -> set[str]:
        return {name for term in text.split() for name in (groups[term] if term.startswith("@") else [term])}

    for line in (ROOT / "benchmarks" / "scene_matches.txt").read_text().splitlines():
        if line.startswith("@"):
            term, *members = line.split()
            groups[term] = members
        elif line and not line.startswith("#"):
            scene, fitting, open_ = line.split("|")
            fit, neither = (
                np.array([name in named or name.split("__")[-1] in named for name in names])
                for named in (spread(fitting), spread(open_))
            )
            matches[scene.strip()] = (fit, ~fit & ~neither)
    return matches


def recordings(names: list[str]) -> list[str]:
    """What each recording is called, whatever collection it is from."""
    return [name.split("__")[-1] for name in names]


def scene_lines(model: Everyday, plain: Everyday) -> list[str]:
    images, sounds = learning.table("images"), learning.table("sounds")
    test = images["test"]
    scenes = images["scene"][test]
    names = list(sounds["name"])
    cuts = np.cumsum(sounds["length"])[:-1]
    same = recordings(names)
    weight = np.array([1 / same.count(name) for name in same])
    columns = {}
    for label, these in (("with", model), ("without", plain)):
        heard = np.stack(
            [rows.mean(axis=0) for rows in np.split(these.sound(sounds["sounds"].astype(np.float32)), cuts)]
        )
        seen = these.picture(
            images["vectors"][test].astype(np.float32), images["classes"][test].astype(np.float32)
        )
        # Over photographs, as no clip is judged here: every photograph of the tests with every recording.
        expected = these.expectation(seen)
        columns[label] = np.stack(
            [
                discrepancy(np.tile(row, (len(heard), 1)), heard, these.concepts.generic).discrepancy
                for row in expected
            ]
        )
    lines = [
        "## Scene photographs against ambience",
        "",
        f"{test.sum()} photographs that nothing was learnt from, {len(names)} recordings, "
        "of which those of one name weigh as one; the answer key "
        "is `benchmarks/scene_matches.txt`.",
        "",
        "| Scene | Photographs | Recordings that fit | Foreign | AUC with the scene probe | Without |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    figures = []
    for scene, (fits, foreign) in sorted(scene_matches(names).items()):
        rows = scenes == scene
        figures.append(
            [
                auc(
                    scores[rows][:, fits].ravel(),
                    scores[rows][:, foreign].ravel(),
                    np.tile(weight[fits], rows.sum()),
                    np.tile(weight[foreign], rows.sum()),
                )
                for scores in columns.values()
            ]
        )
        with_, without = figures[-1]
        lines.append(
            f"| {scene} | {rows.sum()} | {fits.sum()} | {foreign.sum()} | {with_:.3f} | {without:.3f} |"
        )
    with_, without = np.mean(figures, axis=0)
    return [*lines, f"| **mean over scenes** | {test.sum()} | | | **{with_:.3f}** | {without:.3f} |", ""]


def stamp_lines(model: Everyday) -> list[str]:
    stamps = learning.table("stamps")
    kinds = stamps["kind"]
    seen = model.picture(stamps["vectors"].astype(np.float32), stamps["classes"].astype(np.float32))
    heard = model.sound(stamps["sounds"].astype(np.float32))
    scores = np.stack(
        [
            discrepancy(np.tile(row, (len(heard), 1)), heard, model.concepts.generic).discrepancy
            for row in model.expectation(seen)
        ]
    )
    foreign = kinds[:, None] != kinds[None]

    def figure(drawn: NDArray[np.int64]) -> float:
        return auc(np.diag(scores), scores[foreign], drawn, np.outer(drawn, drawn)[foreign])

    return [
        "## Tux Paint photographs and recordings",
        "",
        f"{len(kinds)} cut-outs on grey with a recording of the same thing, {len(set(kinds))} kinds; nothing "
        "was tuned on them.",
        "",
        f"AUC, own sound against that of every other kind: {interval(figure, len(kinds))}.",
        "",
    ]


def rates(swaps: Swaps, *, own: bool) -> dict[Outcome, float]:
    outcomes = [swaps.decisions[pair].outcome for pair in swaps.pairs(own=own)]
    return {outcome: outcomes.count(outcome) / len(outcomes) for outcome in Outcome}


def setting_lines(swaps: Swaps) -> list[str]:
    lines = [
        "## Verdicts at default settings",
        "",
        "False-alarm rate 0.10; threshold and probability from the clips of other kinds.",
        "",
        "| % of | discrepant | consistent | inconclusive |",
        "| --- | --- | --- | --- |",
    ]
    for label, own in (("clips with their own sound", True), ("swapped clips", False)):
        shares = rates(swaps, own=own)
        cells = (shares[o] for o in (Outcome.DISCREPANT, Outcome.CONSISTENT, Outcome.INCONCLUSIVE))
        lines.append(f"| {label} | " + " | ".join(f"{100 * share:.1f}" for share in cells) + " |")
    return [*lines, ""]


def mask_lines(masks: dict[str, Swaps]) -> list[str]:
    lines = [
        "## Speech or music over the scene",
        "",
        "The sound of each clip under recorded speech, or under another clip's music (then without the music "
        "clips), own and swapped clips weighing the same. Judged wrongly or rightly: by the threshold alone, "
        "without abstention.",
        "",
        "| Masker | AUC | judged wrongly, % | of these abstained, % | of the rest abstained, % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, swaps in masks.items():
        speech = name.startswith("speech")
        label = f"{'speech' if speech else 'music'} at {name[-1]} dB"
        wrong, wrong_open, right, right_open = mask_rates(swaps, music=speech)
        own, other = (
            np.array([swaps.scores[pair] for pair in swaps.pairs(own=side, music=speech)])
            for side in (True, False)
        )
        lines.append(
            f"| {label} | {auc(own, other):.3f} | {100 * wrong:.1f} | {100 * wrong_open / wrong:.1f} | "
            f"{100 * right_open / right:.1f} |"
        )
    return [*lines, ""]


def mask_rates(swaps: Swaps, *, music: bool) -> tuple[float, float, float, float]:
    """Shares of wrong, wrong and abstained, right, right and abstained; own and swapped weigh the same."""
    total = np.zeros(4)
    for own in (True, False):
        pairs = swaps.pairs(own=own, music=music)
        wrong = np.array([swaps.forced[pair] == own for pair in pairs])
        open_ = np.array([swaps.decisions[pair].outcome is Outcome.INCONCLUSIVE for pair in pairs])
        total += [wrong.mean(), (wrong & open_).mean(), (~wrong).mean(), (~wrong & open_).mean()]
    wrong_, wrong_open, right, right_open = total / 2
    return wrong_, wrong_open, right, right_open


if __name__ == "__main__":
    sys.exit(main())
