"""What attention across the batch does: the same network, the same clips, other neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import Samples
from vadd.classify.measure import score
from vadd.protocol.reproduce.campaign import Campaign, ModalityName, Wanted
from vadd.protocol.reproduce.figures import Spread
from vadd.protocol.reproduce.page import Result, csv_text, markdown, percent
from vadd.protocol.reproduce.provenance import best_possible, foot, head, made_from
from vadd.scenes import by_size

if TYPE_CHECKING:
    from vadd.classify.fusion import FusionNet

__all__ = ["ORDERS", "answers", "leak"]

#: Seconds that the authors' code puts into a batch.
BATCH = 32
#: How the seconds of the test clips go through the network → in words.
ORDERS = {
    "class-sorted": f"{BATCH} at a time, sorted by class",
    "shuffled": f"{BATCH} at a time, shuffled",
    "clip by clip": "the seconds of one clip at a time",
    "one by one": "each second alone",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One network's answers in one order; ``changed`` and ``moved`` are against one by one."""

    attention: str
    order: str
    by_vote: Spread
    by_second: Spread
    changed: Spread
    moved: float


def leak(
    campaign: Campaign, *, modality: ModalityName = "joint", classes: int = 10, fusion: str = "ls"
) -> Result:
    """Train a network of either attention, and show both the test clips in each order.

    Args:
        campaign: What on.
        modality: Of the networks.
        classes: 10 or 3.
        fusion: A placement with attention.

    Raises:
        VaddError: As :class:`Campaign`; also if the placement's vectors cannot be shared by the heads.
    """
    samples = campaign.shown(modality, by_size(classes))
    rows = []
    for wanted in (Wanted(modality, classes, fusion, attention="batch"), Wanted(modality, classes, fusion)):
        found: dict[str, list[NDArray[np.float32]]] = {order: [] for order in ORDERS}
        for seed in campaign.seeds:
            network: Any = campaign.network(campaign.classifier(wanted, seed))
            for order in ORDERS:
                found[order].append(answers(network, samples, order, seed=seed))
        alone = found["one by one"]
        rows += [_row(wanted.attention, order, each, alone, samples) for order, each in found.items()]
    made = made_from(campaign)
    return Result(
        name="leak",
        markdown=_page(campaign, rows, modality, classes, fusion, made),
        document={
            "table": "leak",
            "made_from": made,
            "modality": modality,
            "classes": classes,
            "fusion": fusion,
            "rows": [
                {
                    "attention": row.attention,
                    "order": row.order,
                    "accuracy": row.by_vote.document(),
                    "accuracy_of_seconds": row.by_second.document(),
                    "answers_changed": row.changed.document(),
                    "posterior_moved_at_most": row.moved,
                }
                for row in rows
            ],
        },
        synthetic=campaign.store.synthetic,
        tables={"leak.csv": _csv(campaign, rows)},
    )


def answers(network: FusionNet, samples: Samples, order: str, *, seed: int) -> NDArray[np.float32]:
    """The posterior of every second when they go through a network in a certain order.

    Args:
        network: That takes single seconds.
        samples: ``N`` seconds.
        order: One of :data:`ORDERS`.
        seed: Of the shuffling.

    Returns:
        ``(N, C)`` in the order of ``samples``.
    """
    from vadd.classify.apply import posteriors

    if order == "class-sorted":
        return posteriors(network, samples, order=np.argsort(samples.labels, kind="stable"), batch=BATCH)
    if order == "shuffled":
        shuffled = np.random.default_rng([seed, 5]).permutation(len(samples.rows))
        return posteriors(network, samples, order=shuffled, batch=BATCH)
    if order == "one by one":
        return posteriors(network, samples, batch=1)
    found = np.empty((len(samples.rows), len(network.spec.scene_set)), np.float32)
    lengths = np.bincount(samples.owner)[samples.owner]
    for length in np.unique(lengths):  # clips of one length fill whole batches
        same = lengths == length
        part = replace(
            samples, rows=samples.rows[same], labels=samples.labels[same], owner=samples.owner[same]
        )
        found[same] = posteriors(network, part, batch=int(length))
    return found


def _row(
    attention: str,
    order: str,
    found: list[NDArray[np.float32]],
    alone: list[NDArray[np.float32]],
    samples: Samples,
) -> _Row:
    from vadd.classify.apply import by_clip

    scores = [score(by_clip(each, samples), samples.truth) for each in found]
    apart = list(zip(found, alone, strict=True))
    return _Row(
        attention,
        order,
        Spread(tuple(each.by_vote for each in scores)),
        Spread(tuple(each.by_second for each in scores)),
        Spread(tuple(float((a.argmax(axis=1) != b.argmax(axis=1)).mean()) for a, b in apart)),
        max(float(np.abs(a - b).max()) for a, b in apart),
    )


def _page(
    campaign: Campaign,
    rows: list[_Row],
    modality: ModalityName,
    classes: int,
    fusion: str,
    made: Mapping[str, Any],
) -> str:
    lines = [
        [
            "across the batch" if row.attention == "batch" else "within a second",
            ORDERS[row.order],
            percent(row.by_vote),
            percent(row.by_second),
            percent(row.changed),
            f"{row.moved:.1g}",
        ]
        for row in rows
    ]
    header = [
        "Attention", "How the seconds go through", "Accuracy", "By second", "Answers changed",
        "Posterior moved",
    ]  # fmt: skip
    parts = [
        head(campaign, "What attention across the batch does"),
        "The paper's published code lets the seconds of a batch attend to each other, so that what is said "
        "of a clip depends on the clips beside it. Here one network of that kind and one whose attention "
        f"stays within a second, alike in all else (`{modality}`, {classes} classes, `{fusion}`, recipe "
        f"`{campaign.recipe.name}`), see the same test clips in four orders. Accuracy in percent by the vote "
        f"of a clip's seconds, mean ± standard deviation over {len(campaign.seeds)} seed(s). *Answers "
        "changed*: percent of the seconds that are named otherwise than alone; *posterior moved*: the "
        "greatest difference of a posterior to that of the second alone.\n",
        markdown(header, lines),
    ]
    if campaign.store.synthetic:
        best, here = (best_possible(campaign, modality, classes, here=h) for h in (False, True))
        parts.append(f"\nBest possible accuracy: {percent(best)}; on these clips {percent(here)}.")
    parts += [
        "\nIn training the batches are shuffled. Sorted by class, all that a second attends to is of its own "
        "scene, which nobody knows of a file that is to be judged; alone, a second attends to itself.\n",
        foot(made),
    ]
    return "\n".join(parts)


def _csv(campaign: Campaign, rows: list[_Row]) -> str:
    lines: list[list[object]] = []
    for row in rows:
        values = zip(
            campaign.seeds, row.by_vote.values, row.by_second.values, row.changed.values, strict=True
        )
        lines += [[row.attention, row.order, *each] for each in values]
    header = ["attention", "order", "seed", "accuracy", "accuracy_of_seconds", "answers_changed"]
    return csv_text(header, lines)
