"""Every scorer on swapped sounds: thresholds from validation locations, figures from the test fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.vote import fold, winner
from vadd.detect.scorers import SCORERS, Hard
from vadd.embed.store import StoredClip
from vadd.errors import ProtocolError
from vadd.protocol.metrics import Detection, Flags, best_threshold, detection
from vadd.protocol.reproduce.campaign import Campaign, ModalityName, Trained, Wanted
from vadd.protocol.reproduce.pairs import Said, agreement_scores, manipulated, pair_scores
from vadd.protocol.swaps import Design, Trial
from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, TAU, by_size, coarsen

__all__ = ["CONTRASTIVE", "VIEWS", "Judged", "View", "judge"]

#: What the contrastive network's score is called beside the scorers.
CONTRASTIVE = "contrastive"
_SIDES: tuple[ModalityName, ModalityName] = ("visual", "audio")


@dataclass(frozen=True, slots=True)
class View:
    """Which classes the two streams are compared in.

    Attributes:
        classes: 10 or 3.
        head: Classes of the classifiers: 10 with ``classes`` 3 where posteriors are summed.
    """

    classes: int
    head: int

    @property
    def how(self) -> str:
        """In words."""
        return "own heads" if self.classes == self.head else f"summed from {self.head}"


VIEWS = (View(10, 10), View(3, 3), View(3, 10))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One scorer, one view, one seed.

    Attributes:
        scorer: Its name.
        view: The classes.
        seed: Of the classifiers.
        threshold: Above which a clip is flagged; from the validation locations, but for the hard scorer.
        scores: ``(n,)`` of the test trials.
        flagged: ``(n,)``.
        found: Figures on the test trials.
        errors: Share of the trials whose picture, and whose sound, is named wrong; ``None`` for a scorer
            that names no scenes.
    """

    scorer: str
    view: View
    seed: int
    threshold: float
    scores: NDArray[np.float64]
    flagged: Flags
    found: Detection
    errors: tuple[float, float] | None


def judge(
    campaign: Campaign,
    views: Sequence[View],
    trials: Mapping[int, tuple[Trial, ...]],
    *,
    design: Design,
    fusion: str,
    contrastive: bool,
    design_seed: int,
) -> list[Judged]:
    """Train what is needed, choose thresholds on validation swaps, and judge the test swaps.

    Args:
        campaign: With validation locations kept from training.
        views: Which classes.
        trials: Classes → trials of test clips.
        design: Makes the swaps of the validation clips.
        fusion: Of the classifiers.
        contrastive: Whether to train and apply a contrastive network as well.
        design_seed: Of the validation swaps.

    Raises:
        ProtocolError: If the validation clips of a seed give no swaps.
        VaddError: As :class:`Campaign`.
    """
    # All of them before the first training, so that what is impossible is known at once.
    swaps = {
        (seed, classes): _validation_swaps(campaign, seed, classes, design, design_seed)
        for seed in campaign.seeds
        for classes in trials
    }
    found = []
    for seed in campaign.seeds:
        kept = campaign.validation(seed)
        for head in sorted({view.head for view in views}, reverse=True):
            both = {side: Wanted(side, head, fusion) for side in _SIDES}
            made = {side: campaign.classifier(wanted, seed) for side, wanted in both.items()}
            validated = _said(campaign, made, head, kept)
            tested = _said(campaign, made, head, campaign.tested)
            for view in (each for each in views if each.head == head):
                tried, shown = swaps[seed, view.classes], trials[view.classes]
                before = [_viewed(each, view) for each in validated]
                after = [_viewed(each, view) for each in tested]
                errors = _errors(shown, campaign.tested, view, *after)
                for name, scorer in SCORERS.items():
                    threshold = 0.5
                    if not isinstance(scorer, Hard):
                        scores = pair_scores(scorer, tried, *before)
                        threshold = best_threshold(manipulated(tried), scores)
                    scores = pair_scores(scorer, shown, *after)
                    found.append(_judged(name, view, seed, threshold, scores, shown, errors))
        if contrastive:
            own = [view for view in views if view.classes == view.head]
            found += _contrastive(campaign, seed, own, trials, swaps)
    return found


def _contrastive(
    campaign: Campaign,
    seed: int,
    views: Sequence[View],
    trials: Mapping[int, tuple[Trial, ...]],
    swaps: Mapping[tuple[int, int], tuple[Trial, ...]],
) -> list[Judged]:
    """The same of a contrastive network, which knows no scenes: one view for each set of trials."""
    network: Any = campaign.network(campaign.classifier(Wanted("joint", fusion=CONTRASTIVE), seed))
    kept = campaign.validation(seed)
    found = []
    for view in views:
        tried, tested = swaps[seed, view.classes], trials[view.classes]
        scores = agreement_scores(network, tried, campaign.shown("joint", TAU, kept))
        threshold = best_threshold(manipulated(tried), scores)
        scores = agreement_scores(network, tested, campaign.shown("joint", TAU))
        found.append(_judged(CONTRASTIVE, view, seed, threshold, scores, tested, None))
    return found


def _judged(
    name: str,
    view: View,
    seed: int,
    threshold: float,
    scores: NDArray[np.float64],
    trials: tuple[Trial, ...],
    errors: tuple[float, float] | None,
) -> Judged:
    flagged = scores > threshold
    truth = manipulated(trials)
    return Judged(name, view, seed, threshold, scores, flagged, detection(truth, flagged, scores), errors)


def _validation_swaps(
    campaign: Campaign, seed: int, classes: int, design: Design, design_seed: int
) -> tuple[Trial, ...]:
    try:
        return design(campaign.validation(seed), by_size(classes), design_seed)
    except ProtocolError as error:
        raise ProtocolError(
            f"no threshold can be chosen on the validation clips of seed {seed}: {error}"
        ) from error


def _said(
    campaign: Campaign, made: Mapping[ModalityName, Trained], head: int, clips: Sequence[StoredClip]
) -> list[Said]:
    """What the visual and the audio classifier say of clips."""
    from vadd.classify.apply import by_clip, posteriors

    found: list[Said] = []
    for side in _SIDES:
        network: Any = campaign.network(made[side])
        samples = campaign.shown(side, by_size(head), clips)
        rows = by_clip(posteriors(network, samples), samples)
        found.append({clip.name: each for clip, each in zip(samples.clips, rows, strict=True)})
    return found


def _viewed(said: Said, view: View) -> Said:
    if view.classes == view.head:
        return said
    return {name: fold(rows, TAU, INDOOR_OUTDOOR_VEHICLE) for name, rows in said.items()}


def _errors(
    trials: tuple[Trial, ...], clips: Sequence[StoredClip], view: View, seen: Said, heard: Said
) -> tuple[float, float]:
    into = coarsen(TAU, by_size(view.classes))
    truth = {clip.name: into[TAU.index(clip.scene)] for clip in clips}
    pictures = np.mean([winner(seen[each.picture]) != truth[each.picture] for each in trials])
    sounds = np.mean([winner(heard[each.sound]) != truth[each.sound] for each in trials])
    return float(pictures), float(sounds)
