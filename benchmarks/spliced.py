"""When the sound is foreign, in clips that have shots: spans found against a running mean with a cut-off.

    python benchmarks/spliced.py --work DIR          needs VADD_SHARED; prints the tables
    python benchmarks/spliced.py --work DIR --write  also writes docs/benchmark-spliced.md

Clips of 30 to 60 s joined of short ones, each judged once as it is and once with a foreign sound in one span
or two (spliced_clips.py makes and measures them, and keeps that in DIR). The everyday model is judged without
the kinds of all clips that a trial is made of: the prior and the calibration are learnt anew without them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]

import learn_everyday as learning  # noqa: E402
from running_mean import Seconds, best, proposals, settings  # noqa: E402
from spliced_clips import AMBIENCE, HALVES, TRACKS, Trial, kept, make  # noqa: E402
from vadd.classify.everyday import Everyday  # noqa: E402
from vadd.detect.assemble import assemble  # noqa: E402
from vadd.detect.calibrate import Calibration, load  # noqa: E402
from vadd.detect.decide import stretches  # noqa: E402
from vadd.detect.engine import Observation  # noqa: E402
from vadd.detect.everyday_engine import observe  # noqa: E402
from vadd.detect.span_calibration import SpanCalibration  # noqa: E402
from vadd.detect.verdict import Outcome, Provenance, Verdict  # noqa: E402
from vadd.embed.extract import Extraction  # noqa: E402
from vadd.protocol.predictions import Proposal  # noqa: E402
from vadd.protocol.spans_score import SPAN_FIGURES, SpanRanking  # noqa: E402
from vadd.timeline import Span  # noqa: E402

PAGE = ROOT / "docs" / "benchmark-spliced.md"
#: Joined clips of each half, and the seed of all that is drawn.
CLIPS, SEED = 30, 2
#: The networks take one frame a second, whose shorter side is scaled to no more than this anyway.
JOINING = ("--size", "456x256", "--frame-rate", "10")
FALSE_ALARMS, PRIOR = 0.10, 0.5
DRAWS = 1000
SHOWN = ("AP@0.5", "AP@0.75", "AP@0.95", "AR@10")
#: Share of untouched clips that the constrained cut-off may flag on the half that it is tuned on.
MOST_FLAGGED = 0.10
OPENING = """# Spliced clips with shots

Written by `python benchmarks/spliced.py --work DIR --write`. Clips of 30 to 60 s are joined of pieces of real
clips, at least 4 s each, by `vadd protocol join`: picture and sound change together at every join. `vadd
protocol splice` replaces the sound in one span or two of 4 to 15 s, at least 1 s from any join; the foreign
sound is of no class, kind or place of the pieces. Each clip is judged twice, untouched and spliced. Seed
{seed}.

The everyday model was calibrated on these clips, so all that it learnt from clips (the prior, the
calibration) is learnt anew for each trial without the kinds of its pieces and of its donor, and how sure a
stretch must be is learnt on the untouched clips of the other half. The constants of the change model were set
on joins of the same clips, with other draws. "As it ships" is the model with nothing left out, which flatters
it. Overlaps and figures are those of AV-Deepfake1M, over all
spans of all trials, so that a span found in an untouched clip counts against precision.

The running mean takes the same model's discrepancy of each second, smooths it over some seconds, and takes
each run above a cut-off as a span whose score is its mean. Seconds and cut-off are those that are best on the
other half of the benchmark, which shares no clip, place or recording with the half that is judged: for each
figure by itself, so that it is given more than one setting for all would give it. The second row must also
leave {most:.0%} of the untouched clips of that half without any span.

Intervals are 95 % intervals of a Bayesian bootstrap: each joined clip and each source clip gets an
exponential weight, and a trial weighs that of its joined clip times the mean of its pieces'.

"""
Found = Mapping[str, Sequence[Proposal]]


@dataclass(frozen=True)
class Learnt:
    """What the everyday model is without some kinds, made when it is asked for."""

    model: Everyday
    photographs: learning.Array
    clips: learning.Clips
    scores: dict[tuple[int, int], float]

    @classmethod
    def all(cls) -> Learnt:
        """From the committed tables."""
        model, photographs = learning.learn_model()
        clips = learning.load_clips(model)
        pairs = learning.pair_evidence(model, clips, photographs)
        return cls(
            model, photographs, clips, {pair: learning.clip_score(known) for pair, known in pairs.items()}
        )

    def without(self, kinds: frozenset[str]) -> tuple[Everyday, Calibration]:
        """The model and what its scores mean, learnt without these kinds."""
        prior = learning.prior(self.model, self.clips, self.photographs, kinds)
        calibration = learning.calibrate(self.scores, self.clips.kinds, kinds)
        return replace(self.model, prior=prior), calibration


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder that is kept, and gone on with")
    parser.add_argument("--clips", type=int, default=CLIPS, help="joined clips of each half")
    parser.add_argument("--write", action="store_true", help="into the docs")
    options = parser.parse_args()
    trials = make(options.work, Path(os.environ["VADD_SHARED"]) / "data", options.clips, SEED, *JOINING)
    extractions = {each.trial: kept(options.work / TRACKS / f"{each.trial}.npz") for each in trials}
    text = OPENING.format(seed=SEED, most=1 - MOST_FLAGGED) + "\n".join(page(trials, extractions)) + "\n"
    print(text)
    if options.write:
        PAGE.write_text(text)


def page(trials: Sequence[Trial], extractions: Mapping[str, Extraction]) -> list[str]:
    """Judge all trials in all ways; returns the lines of the page."""
    learnt = Learnt.all()
    whole = learnt.without(frozenset())
    left_out = {kinds: learnt.without(kinds) for kinds in {each.kinds for each in trials}}
    observed = {each.trial: observe(extractions[each.trial], left_out[each.kinds][0]) for each in trials}
    meant = {
        half: span_calibration(
            [
                (observed[each.trial], left_out[each.kinds][1], each.seconds)
                for each in trials
                if each.half != half and not each.manipulated
            ]
        )
        for half in HALVES
    }
    apart = {
        each.trial: judged(
            extractions[each.trial],
            observed[each.trial],
            replace(left_out[each.kinds][1], spans=meant[each.half]),
        )
        for each in trials
    }
    shipped = replace(whole[1], spans=load().spans)
    ships = {
        each.trial: judged(extractions[each.trial], observe(extractions[each.trial], whole[0]), shipped)
        for each in trials
    }
    seconds = {name: Seconds.of(observation) for name, (_, observation) in apart.items()}
    free, bound, words = tuned(trials, seconds)
    rows: dict[str, dict[str, Found]] = {
        "everyday model": same(spans(apart)),
        "running mean, best cut-off": free,
        "running mean, few false spans": bound,
        "everyday model, as it ships": same(spans(ships)),
    }
    return table(trials, rows) + words + where(trials, spans(apart)) + verdicts(trials, apart)


def span_calibration(untouched: Sequence[tuple[Observation, Calibration, float]]) -> SpanCalibration:
    """What stretches mean, by untouched clips of the half that is not judged; the curve ships."""
    shipped = load().spans
    assert shipped is not None
    own = [
        max((each.score for each in stretches(observation.evidence, calibration)), default=0.0)
        for observation, calibration, _ in untouched
    ]
    return replace(
        shipped,
        own=tuple(sorted(max(0.0, score) for score in own)),
        seconds=float(np.mean([seconds for _, _, seconds in untouched])),
    )


def judged(
    extraction: Extraction, observation: Observation, calibration: Calibration
) -> tuple[Verdict, Observation]:
    """What the everyday detector says of a trial."""
    nothing = Provenance((), "", "everyday", {}, {}, {})
    return assemble(extraction, observation, calibration, FALSE_ALARMS, PRIOR, nothing), observation


def spans(verdicts: Mapping[str, tuple[Verdict, Observation]]) -> Found:
    """The spans that are told, highest score first."""
    return {
        name: sorted(
            ((each.probability, float(each.span.start), float(each.span.end)) for each in verdict.spans),
            reverse=True,
        )
        for name, (verdict, _) in verdicts.items()
    }


def same(found: Found) -> dict[str, Found]:
    """One answer, whatever figure is asked for."""
    return dict.fromkeys(SPAN_FIGURES, found)


def tuned(
    trials: Sequence[Trial], seconds: Mapping[str, Seconds]
) -> tuple[dict[str, Found], dict[str, Found], list[str]]:
    """For each figure what the running mean finds, each half judged as is best on the other.

    Returns:
        Without and with a bound on the untouched clips that are flagged; and words on the settings.
    """
    free: dict[str, dict[str, Sequence[Proposal]]] = {figure: {} for figure in SPAN_FIGURES}
    bound: dict[str, dict[str, Sequence[Proposal]]] = {figure: {} for figure in SPAN_FIGURES}
    words = []
    for half in HALVES:
        of = [each for each in trials if each.half != half]
        tried = settings(
            [seconds[each.trial] for each in of],
            [not each.manipulated for each in of],
            lambda given, of=of: ranking(of, given).figures(),
        )
        for at, figure in enumerate(SPAN_FIGURES):
            for told, most in ((free, None), (bound, MOST_FLAGGED)):
                chosen = best(tried, at, most)
                told[figure] |= {
                    each.trial: proposals(seconds[each.trial], chosen.window, chosen.cut)
                    for each in trials
                    if each.half == half
                }
                if figure in SHOWN[:2]:
                    few = "" if most is None else ", few false spans"
                    words.append(f"{figure}{few} {chosen.window} s above {chosen.cut:.2f}")
    return free, bound, [f"Settings of the running mean, half by half: {'; '.join(words)}.", ""]


def ranking(trials: Sequence[Trial], found: Sequence[Sequence[Proposal]]) -> SpanRanking:
    """True spans beside found ones; each trial is a group of its own."""
    true = [[Span(Fraction(str(a)), Fraction(str(b))) for a, b in each.spans] for each in trials]
    return SpanRanking(true, found, np.arange(len(trials)))


def weights(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """``(DRAWS, n)`` how much each trial weighs in each draw of the bootstrap."""
    rng = np.random.default_rng(0)
    names = sorted({each.clip for each in trials})
    sources = sorted({source for each in trials for source in each.sources})
    drawn = rng.exponential(size=(DRAWS, len(names)))
    of_source = rng.exponential(size=(DRAWS, len(sources)))
    columns = []
    for each in trials:
        pieces = [sources.index(source) for source in each.sources]
        columns.append(drawn[:, names.index(each.clip)] * of_source[:, pieces].mean(axis=1))
    return np.stack(columns, axis=1)


def table(trials: Sequence[Trial], rows: Mapping[str, Mapping[str, Found]]) -> list[str]:
    """The figures of each way with their intervals, and the first against the second."""
    drawn = weights(trials)
    spliced = sum(each.manipulated for each in trials)
    lines = [
        f"{spliced} spliced and {len(trials) - spliced} untouched clips of "
        f"{sum(each.seconds for each in trials) / len(trials):.0f} s on average, "
        f"{sum(len(each.spans) for each in trials)} foreign spans, "
        f"{len({source for each in trials for source in each.sources})} source clips, "
        f"{len({each.donor['name'] for each in trials})} donors.",
        "",
        "| | " + " | ".join(SHOWN) + " | untouched with a span |",
        "| --- |" + " ---: |" * (len(SHOWN) + 1),
    ]
    told: dict[str, dict[str, tuple[float, NDArray[np.float64]]]] = {}
    for name, answers in rows.items():
        told[name] = {}
        for figure in SHOWN:
            at = SPAN_FIGURES.index(figure)
            ranked = ranking(trials, [answers[figure][each.trial] for each in trials])
            told[name][figure] = float(ranked.figures()[at]), np.array([ranked.figures(w)[at] for w in drawn])
        flagged = np.array([bool(answers["AP@0.5"][each.trial]) for each in trials])
        untouched = ~np.array([each.manipulated for each in trials])
        share = (
            float(flagged[untouched].mean()),
            drawn[:, flagged & untouched].sum(axis=1) / drawn[:, untouched].sum(axis=1),
        )
        cells = [interval(*told[name][figure]) for figure in SHOWN]
        lines.append(f"| {name} | " + " | ".join([*cells, interval(*share)]) + " |")
    model, *others = list(told)[:3]
    for mean in others:
        lines += ["", f"| {model} against {mean} | times |", "| --- | ---: |"]
        for figure in SHOWN[:2]:
            (one, ones), (other, drawn_others) = told[model][figure], told[mean][figure]
            low, high = np.percentile(ones / np.maximum(drawn_others, 1e-9), [2.5, 97.5])
            lines.append(f"| {figure} | {one / max(other, 1e-9):.2f} ({low:.2f} to {high:.2f}) |")
    return [*lines, ""]


def where(trials: Sequence[Trial], found: Found) -> list[str]:
    """Which spans are found: a span counts as found if any proposal overlaps by more than half."""
    counts: dict[str, list[bool]] = {}
    for each in trials:
        for start, end in each.spans:
            hit = any(
                2 * (min(end, stop) - max(start, begin)) > max(end, stop) - min(start, begin)
                for _, begin, stop in found[each.trial]
            )
            over = any(start < join < end for join in each.joins)
            ambience = each.donor["collection"] == AMBIENCE
            for what in (
                "over a join" if over else "within a piece",
                "ambient recording" if ambience else "sound of another clip",
                "up to 8 s" if end - start <= 8 else "longer than 8 s",
            ):
                counts.setdefault(what, []).append(hit)
    lines = ["Spans that the everyday model finds, overlapping by more than half:", "", "| spans | found |",
             "| --- | ---: |"]  # fmt: skip
    lines += [f"| {what} | {sum(hits)} of {len(hits)} |" for what, hits in sorted(counts.items())]
    return [*lines, ""]


def verdicts(trials: Sequence[Trial], judged: Mapping[str, tuple[Verdict, Observation]]) -> list[str]:
    """How often which verdict was given."""
    lines = ["| sound | " + " | ".join(outcome.value for outcome in Outcome) + " |",
             "| --- |" + " ---: |" * len(Outcome)]  # fmt: skip
    for manipulated, words in ((False, "untouched"), (True, "spliced")):
        given = [judged[each.trial][0].verdict for each in trials if each.manipulated == manipulated]
        lines.append(f"| {words} | " + " | ".join(str(given.count(outcome)) for outcome in Outcome) + " |")
    return lines


def interval(value: float, drawn: NDArray[np.float64]) -> str:
    """A share in percent with its interval."""
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
