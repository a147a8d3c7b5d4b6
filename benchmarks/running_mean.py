"""What a change model is measured against: smooth the scores over some seconds, and cut them off.

Nothing is held back: the seconds and the cut-off are those that do best on the clips that it is tuned on, of
all windows up to a quarter of a minute and all cut-offs that lie between two smoothed scores' percentiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadd.detect.engine import Observation
from vadd.detect.score import to_unit
from vadd.protocol.predictions import Proposal
from vadd.timeline import grid

#: Seconds of the running mean that are tried; odd, so that it is centred.
WINDOWS = range(1, 16, 2)
#: Cut-offs that are tried: percentiles of the smoothed scores of all clips together.
CUTS = np.linspace(20, 99.5, 60)


@dataclass(frozen=True)
class Seconds:
    """The seconds of a clip.

    Attributes:
        discrepancy: ``(T,)``, higher is more discrepant.
        speaking: ``(T,)`` bool, whether both streams say something.
        edges: ``(T + 1,)`` where seconds begin, and the last ends.
    """

    discrepancy: NDArray[np.float64]
    speaking: NDArray[np.bool_]
    edges: NDArray[np.float64]

    @classmethod
    def of(cls, observation: Observation) -> Seconds:
        """The seconds of what was observed."""
        evidence = observation.evidence
        spans = grid(evidence.duration)
        edges = np.array([*(float(span.start) for span in spans), float(spans[-1].end)])
        if evidence.scores is None:
            return cls(np.zeros(len(spans)), np.zeros(len(spans), np.bool_), edges)
        return cls(evidence.scores.discrepancy, evidence.speaking, edges)


def smoothed(seconds: Seconds, window: int) -> NDArray[np.float64]:
    """``(T,)`` the mean over ``window`` seconds around each, of those that speak; ``-inf`` of none."""
    kernel = np.ones(window)
    half = window // 2
    total = np.convolve(np.where(seconds.speaking, seconds.discrepancy, 0), kernel)[half:][
        : len(seconds.speaking)
    ]
    number = np.convolve(seconds.speaking.astype(float), kernel)[half:][: len(seconds.speaking)]
    return np.where(number > 0.5, total / np.maximum(number, 1), -np.inf)


def proposals(seconds: Seconds, window: int, cut: float) -> list[Proposal]:
    """Runs of seconds whose smoothed score is above the cut-off; their mean is their score, highest first."""
    mean = smoothed(seconds, window)
    above = np.concatenate([[False], mean > cut, [False]])
    starts, ends = np.flatnonzero(~above[:-1] & above[1:]), np.flatnonzero(above[:-1] & ~above[1:])
    found = [
        (to_unit(float(mean[a:b].mean())), float(seconds.edges[a]), float(seconds.edges[b]))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return sorted(found, reverse=True)


@dataclass(frozen=True)
class Setting:
    """A window and a cut-off, and how they do.

    Attributes:
        window: Seconds.
        cut: Above it a second is foreign.
        figures: Of its spans, each the higher the better.
        flagged: Share of the untouched clips in which there is any span.
    """

    window: int
    cut: float
    figures: NDArray[np.float64]
    flagged: float


def settings(
    clips: Sequence[Seconds],
    untouched: Sequence[bool],
    figures: Callable[[Sequence[Sequence[Proposal]]], NDArray[np.float64]],
) -> list[Setting]:
    """All that is tried.

    Args:
        clips: What it is tuned on.
        untouched: Which of them have no foreign sound.
        figures: From the spans of all clips to what is to be high.
    """
    tried = []
    for window in WINDOWS:
        means = np.concatenate([smoothed(each, window) for each in clips])
        for cut in np.unique(np.percentile(means[np.isfinite(means)], CUTS)).tolist():
            given = [proposals(each, window, cut) for each in clips]
            flagged = [bool(found) for found, own in zip(given, untouched, strict=True) if own]
            tried.append(Setting(window, cut, figures(given), float(np.mean(flagged))))
    return tried


def best(tried: Sequence[Setting], figure: int, most_flagged: float | None) -> Setting:
    """The setting with which a figure is highest.

    Args:
        tried: All settings.
        figure: Its place among the figures.
        most_flagged: Share of the untouched clips that may have any span; ``None``: no bound. Where no
            setting keeps to it, the one that flags fewest.
    """
    bound = 1.0 if most_flagged is None else most_flagged
    return max(tried, key=lambda each: (-max(0.0, each.flagged - bound), float(each.figures[figure])))
