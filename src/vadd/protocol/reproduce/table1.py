"""The paper's first table: how well scenes are told by both streams, by the sound and by the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vadd.classify.evaluate import Evaluation, folded
from vadd.classify.measure import most_confused
from vadd.detect.scorers import scorer
from vadd.protocol.baselines import EVERYTHING, Blind, blind, by_chance
from vadd.protocol.metrics import detection, f1_interval
from vadd.protocol.reproduce.campaign import Campaign, ModalityName, Wanted
from vadd.protocol.reproduce.figures import SceneFigures, Spread, scene_figures
from vadd.protocol.reproduce.page import (
    NOT_MEASURED,
    Matrix,
    Result,
    csv_text,
    markdown,
    number,
    percent,
    share,
)
from vadd.protocol.reproduce.pairs import manipulated, pair_scores
from vadd.protocol.reproduce.provenance import best_possible, foot, head, made_from
from vadd.protocol.swaps import Trial, paper_design
from vadd.scenes import TAU, by_size, coarsen

__all__ = ["PAPER", "PAPER_PAIRS", "PAPER_VADD", "table1"]

#: What the paper calls a classifier → its modality, in the order of its table.
APPROACHES: Mapping[str, ModalityName] = {"VASC": "joint", "ASC": "audio", "VSC": "visual"}
#: (classifier, classes) → the paper's accuracy.
PAPER = {
    ("VASC", 10): 0.9724,
    ("VASC", 3): 0.9995,
    ("ASC", 10): 0.7884,
    ("ASC", 3): 0.9984,
    ("VSC", 10): 0.9432,
    ("VSC", 3): 0.9993,
}
#: Classes → the paper's F1 on VADD.
PAPER_VADD = {10: 0.7916, 3: 0.9554}
#: What the paper says is confused.
PAPER_PAIRS = (("bus", "tram"), ("airport", "shopping_mall"), ("public_square", "street_pedestrian"))
OWN, SUMMED = "own head", "summed from 10"


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A classifier of the table, in one set of scenes."""

    approach: str
    classes: int
    how: str
    found: tuple[Evaluation, ...]
    figures: SceneFigures


@dataclass(frozen=True, slots=True, eq=False)
class _Swapped:
    """What the two single-modality classifiers make of swapped sounds, hard."""

    classes: int
    how: str
    f1: Spread
    interval: tuple[float, float]
    everything: float


def table1(
    campaign: Campaign, *, classes: Sequence[int] = (10, 3), fusion: str = "ls", design_seed: int = 0
) -> Result:
    """Train, measure and tell.

    Args:
        campaign: What on.
        classes: Of 10 and 3; what is not among them is not measured.
        fusion: Of all classifiers.
        design_seed: Of the swapped sounds.

    Raises:
        VaddError: As :class:`Campaign`, and where the test fold gives no swapped sounds.
    """
    sets = {*classes, *((3,) if 10 in classes else ())}  # ten posteriors make three
    trials = {each: paper_design(campaign.tested, by_size(each), design_seed) for each in sets}
    rows: list[_Row] = []
    for approach, modality in APPROACHES.items():
        for each in sorted(classes, reverse=True):
            wanted = Wanted(modality, each, fusion)
            found = tuple(campaign.evaluated(wanted, seed) for seed in campaign.seeds)
            rows.append(_Row(approach, each, OWN, found, scene_figures(found)))
            if each == 10:
                coarse = tuple(folded(one) for one in found)
                rows.append(_Row(approach, 3, SUMMED, coarse, scene_figures(coarse)))
    by_key = {(row.approach, row.classes, row.how): row for row in rows}
    swapped = [
        _swapped(by_key["VSC", row.classes, row.how], row, trials[row.classes])
        for row in rows
        if row.approach == "ASC"
    ]
    naive = {each: _blind(campaign, each) for each in (10, 3)}
    made = made_from(campaign)
    return Result(
        name="table1",
        markdown=_page(campaign, by_key, swapped, naive, fusion, made),
        document={
            "table": "table1",
            "made_from": made,
            "fusion": fusion,
            "design_seed": design_seed,
            "rows": [
                {"approach": row.approach, "classes": row.classes, "how": row.how, **row.figures.document()}
                for row in rows
            ],
            "vadd": [
                {
                    "classes": each.classes,
                    "how": each.how,
                    "f1": each.f1.document(),
                    "f1_interval": list(each.interval),
                }
                for each in swapped
            ],
        },
        synthetic=campaign.store.synthetic,
        tables={"table1.csv": _summary(rows, swapped), "table1-seeds.csv": _seeds(campaign, rows, swapped)},
        matrices=tuple(_matrix(row) for row in rows),
    )


def _swapped(seen: _Row, heard: _Row, trials: tuple[Trial, ...]) -> _Swapped:
    truth, answers = manipulated(trials), []
    for one, other in zip(seen.found, heard.found, strict=True):
        said = [
            {clip.name: rows for clip, rows in zip(each.clips, each.posteriors, strict=True)}
            for each in (one, other)
        ]
        answers.append(pair_scores(scorer("hard"), trials, *said) > 0.5)
    where = {clip.name: f"{clip.city}/{clip.location}" for clip in seen.found[0].clips}
    return _Swapped(
        seen.classes,
        seen.how,
        Spread(tuple(detection(truth, each).f1 for each in answers)),
        f1_interval(truth, answers, [where[trial.picture] for trial in trials]),
        by_chance(float(truth.mean()))[EVERYTHING].f1,
    )


def _blind(campaign: Campaign, classes: int) -> Blind:
    into = np.array(coarsen(TAU, by_size(classes)), np.int64)
    trained, tested = (
        into[np.array([TAU.index(clip.scene) for clip in clips], np.int64)]
        for clips in (campaign.trained, campaign.tested)
    )
    return blind(trained, tested, classes)


def _matrix(row: _Row) -> Matrix:
    how = "" if row.how == OWN else "-summed"
    return Matrix.of_confusion(
        f"table1-confusion-{row.approach.lower()}-{row.classes}{how}",
        f"{row.approach}, {row.classes} classes, {row.how}: test clips of {len(row.found)} seed(s)",
        row.figures.scenes.scenes,
        row.figures.confusion,
    )


def _page(
    campaign: Campaign,
    rows: Mapping[tuple[str, int, str], _Row],
    swapped: Sequence[_Swapped],
    naive: Mapping[int, Blind],
    fusion: str,
    made: Mapping[str, Any],
) -> str:
    doubled = (
        "doubled by augmented twins" if campaign.doubled else "without augmentation: the store has no twins"
    )
    parts = [
        head(campaign, "Table 1: scenes told by picture and sound"),
        f"Accuracy in percent by the vote of a clip's seconds, mean ± standard deviation over "
        f"{len(campaign.seeds)} seed(s). Fusion `{fusion}`, attention within a second, recipe "
        f"`{campaign.recipe.name}`, training set {doubled}. VASC takes picture and sound, ASC the sound, VSC "
        "the picture. VADD is the F1 of flagging a clip whose picture and sound the VSC and the ASC name "
        "differently, on swaps of our own in the paper's design: its published lists are not read here.\n",
        _compact(rows, swapped),
        "\n## All figures\n",
        "Intervals are 95 % bootstrap intervals over locations of the mean over seeds; log-loss (natural "
        "logarithm) and expected calibration error are of a clip's mean posterior. Three classes are "
        "indoor, outdoor and vehicle: by a head of their own, or by sums of the ten posteriors.\n",
        _details(campaign, rows, naive),
        "\n## VADD, hard comparison\n",
        _vadd(swapped),
        "\n## Most confused scenes\n",
        "Ten classes, both directions together, clips of all seeds. The paper names bus/tram, "
        "airport/shopping mall and public square/street pedestrian.\n",
        _confused(rows),
        "\nConfusion matrices: `table1-confusion-*.csv` and `.png`; every seed: `table1-seeds.csv`.\n",
        foot(made),
    ]
    return "\n".join(parts)


def _compact(rows: Mapping[tuple[str, int, str], _Row], swapped: Sequence[_Swapped]) -> str:
    header = ["Approach", "3 classes", "paper", "3, summed", "10 classes", "paper"]
    lines = []
    for approach in APPROACHES:
        cells = [_accuracy(rows.get((approach, *what))) for what in ((3, OWN), (3, SUMMED), (10, OWN))]
        three, ten = (percent(PAPER[approach, each]) for each in (3, 10))
        lines.append([f"{approach}, accuracy", cells[0], three, cells[1], cells[2], ten])
    f1 = {(each.classes, each.how): each.f1 for each in swapped}
    cells = [percent(f1.get(what)) for what in ((3, OWN), (3, SUMMED), (10, OWN))]
    three, ten = (percent(PAPER_VADD[each]) for each in (3, 10))
    lines.append(["VADD, F1", cells[0], three, cells[1], cells[2], ten])
    return markdown(header, lines)


def _accuracy(row: _Row | None) -> str:
    return NOT_MEASURED if row is None else percent(row.figures.accuracy)


def _details(
    campaign: Campaign, rows: Mapping[tuple[str, int, str], _Row], naive: Mapping[int, Blind]
) -> str:
    header = [
        "Approach", "Classes", "Head", "Paper", "Accuracy", "95 % interval", "By mean posterior", "By second",
        "Log-loss", "Calibration error",
    ]  # fmt: skip
    if campaign.store.synthetic:
        header += ["Best possible", "Best possible on these clips"]
    lines = []
    for approach, modality in APPROACHES.items():
        for classes, how in ((10, OWN), (3, OWN), (3, SUMMED)):
            row = rows.get((approach, classes, how))
            found = None if row is None else row.figures
            line = [approach, str(classes), how, percent(PAPER[approach, classes])]
            if found is None:
                line += [NOT_MEASURED] * 6
            else:
                line += [
                    percent(found.accuracy), share(found.interval), percent(found.by_mean),
                    percent(found.by_second), number(found.log_loss), number(found.calibration_error),
                ]  # fmt: skip
            if campaign.store.synthetic:
                line += [percent(best_possible(campaign, modality, classes, here=h)) for h in (False, True)]
            lines.append(line)
    rest = ["–"] * (2 if campaign.store.synthetic else 0)
    for classes, each in naive.items():
        lines.append(
            ["Most frequent scene", str(classes), "–", "–", percent(each.majority), *["–"] * 5, *rest]
        )
        measured = [percent(each.drawn), *["–"] * 3, number(each.log_loss), number(each.calibration_error)]
        lines.append(["Drawn from the prior", str(classes), "–", "–", *measured, *rest])
    return markdown(header, lines)


def _vadd(swapped: Sequence[_Swapped]) -> str:
    found = {(each.classes, each.how): each for each in swapped}
    lines = []
    for classes, how in ((10, OWN), (3, OWN), (3, SUMMED)):
        each = found.get((classes, how))
        measured = [NOT_MEASURED] * 3
        if each is not None:
            measured = [percent(each.f1), share(each.interval), percent(each.everything)]
        lines.append([str(classes), how, percent(PAPER_VADD[classes]), *measured])
    return markdown(["Classes", "Head", "Paper", "F1", "95 % interval", "Flagging everything"], lines)


def _confused(rows: Mapping[tuple[str, int, str], _Row]) -> str:
    lines = []
    for approach in APPROACHES:
        row = rows.get((approach, 10, OWN))
        if row is None:
            lines.append([approach, NOT_MEASURED, NOT_MEASURED])
            continue
        matrix, names = row.figures.confusion, row.figures.scenes.scenes
        both = matrix + matrix.T
        top = most_confused(matrix, names)
        paper = [(a, b, int(both[TAU.index(a), TAU.index(b)])) for a, b in PAPER_PAIRS]
        lines.append(
            [approach, *(", ".join(f"{a}/{b} {n}" for a, b, n in each) or "none" for each in (top, paper))]
        )
    return markdown(["Approach", "Most confused", "The paper's pairs"], lines)


def _summary(rows: Sequence[_Row], swapped: Sequence[_Swapped]) -> str:
    header = [
        "approach", "classes", "head", "measure", "paper", "mean", "deviation", "low", "high", "log_loss",
        "calibration_error",
    ]  # fmt: skip
    lines: list[list[object]] = [
        [
            row.approach, row.classes, row.how, "accuracy", PAPER[row.approach, row.classes],
            row.figures.accuracy.mean, row.figures.accuracy.deviation, *row.figures.interval,
            row.figures.log_loss.mean, row.figures.calibration_error.mean,
        ]
        for row in rows
    ]  # fmt: skip
    lines += [
        [
            "VADD", each.classes, each.how, "f1", PAPER_VADD[each.classes], each.f1.mean, each.f1.deviation,
            *each.interval, None, None,
        ]
        for each in swapped
    ]  # fmt: skip
    return csv_text(header, lines)


def _seeds(campaign: Campaign, rows: Sequence[_Row], swapped: Sequence[_Swapped]) -> str:
    lines: list[list[object]] = []
    for row in rows:
        found = row.figures
        for name in ("accuracy", "by_mean", "by_second", "log_loss", "calibration_error"):
            values = getattr(found, name).values
            lines += [
                [row.approach, row.classes, row.how, name, seed, value]
                for seed, value in zip(campaign.seeds, values, strict=True)
            ]
    for each in swapped:
        lines += [
            ["VADD", each.classes, each.how, "f1", seed, value]
            for seed, value in zip(campaign.seeds, each.f1.values, strict=True)
        ]
    return csv_text(["approach", "classes", "head", "measure", "seed", "value"], lines)
