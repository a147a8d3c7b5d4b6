"""Adapts a detector to clips of one's own, all taken as authentic: a stranger's camera is not exchangeable.

The threshold is conformal on the scores of these clips (:mod:`vadd.detect.calibrate`). The curve, and when
a clip is left open, are chosen by them and by swaps of their sounds where the swaps score clearly higher;
clips that are all of one scene have no foreign sounds among them, and then the base's curve is moved along
with the threshold and nothing more is called consistent than before. What stretches mean is kept from the
base and made stricter where the clips' own stretches ask for it; where the base has a bound of what it knows,
that is raised to admit these clips.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vadd.detect import models
from vadd.detect.adapted import write_adapted
from vadd.detect.adapted_report import Adapted, Tally
from vadd.detect.calibrate import Calibration
from vadd.detect.documents import AdaptationDocument, Side
from vadd.detect.engine import Engine
from vadd.detect.install import require_room
from vadd.detect.own_abstention import judge_swaps
from vadd.detect.own_calibration import Learnt, judged, learn
from vadd.detect.own_clips import OwnClip, find_files, measure
from vadd.detect.own_swaps import Swap, swaps_of
from vadd.errors import UsageError
from vadd.media.limits import Limits

__all__ = ["FEWEST", "adapt", "adapt_to", "needed"]

#: With fewer clips a calibration says little, whatever rate is asked for.
FEWEST = 10

_SIDES: dict[str, Side] = {"picture": "visual", "sound": "audio"}


def needed(false_alarms: float) -> int:
    """How many clips it takes: enough to promise the rate also without the one that is being judged."""
    return max(FEWEST, math.ceil(round(1 / false_alarms, 9)))


def adapt(
    folder: str | Path,
    out: str | Path,
    *,
    model: str | Path = "everyday",
    false_alarms: float = 0.10,
    seed: int = 0,
    overwrite: bool = False,
    limits: Limits | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Adapted:
    """Adapt a detector to the clips in a folder and save it.

    Args:
        folder: With authentic clips, also in folders in it.
        out: Folder of the new detector.
        model: Name or folder of the detector to adapt.
        false_alarms: Rate, in (0, 1), that it is tried at and that the clips must be enough for.
        seed: Of the draw of foreign sounds.
        overwrite: Replace a detector that is there.
        limits: What a file may cost; the defaults if ``None``.
        progress: Called with (files done, files in all).

    Returns:
        How the clips are judged by the detector and, leave-one-out, by the adapted one; what changed.

    Raises:
        UsageError: If the rate is out of range, or the folder cannot be read or has too few clips that can be
            used.
        ModelError: If the detector is unknown, damaged or cannot run.
        OutputError: If there is a detector in ``out`` already, or it cannot be written.
    """
    folder, out, model = Path(folder), Path(out), str(model)
    if not 0 < false_alarms < 1:
        raise UsageError(f"a false-alarm rate lies between 0 and 1, not {false_alarms}")
    files = find_files(folder, out)
    if not files:
        raise UsageError(f"there are no files in {folder}")
    require_room(out, overwrite=overwrite)
    engine = models.load(model)
    clips, left_out = measure(files, engine, limits=limits, progress=progress)
    if len(clips) < needed(false_alarms):
        reasons = ", ".join(f"{reason} {count}" for reason, count in left_out.items())
        raise UsageError(
            f"{folder} has {len(clips)} clips that can be used, and a false-alarm rate of {false_alarms:g} "
            f"takes {needed(false_alarms)}" + (f"; left out: {reasons}" if reasons else "")
        )
    learnt, adapted = adapt_to(clips, engine, folder.resolve().name, false_alarms, seed, left_out)
    provenance = AdaptationDocument(
        base=engine.card.name,
        base_hashes=dict(engine.hashes()),
        clips=len(clips),
        clips_sha256=hashlib.sha256("".join(f"{at}\n" for at in _digests(clips)).encode()).hexdigest(),
        left_out=left_out,
        swaps=learnt.swaps if learnt.clear else 0,
        curve=learnt.curve,
        false_alarms=false_alarms,
        seed=seed,
    )
    wider = {_SIDES[side]: bound for side, bound in learnt.bounds.items()}
    write_adapted(out, model, learnt.calibration, bounds=wider, adaptation=provenance, overwrite=overwrite)
    return adapted


def adapt_to(
    clips: tuple[OwnClip, ...],
    engine: Engine,
    name: str,
    false_alarms: float,
    seed: int = 0,
    left_out: dict[str, int] | None = None,
) -> tuple[Learnt, Adapted]:
    """What clips teach, and how base and adapted detector judge them.

    Args:
        clips: At least :func:`needed`.
        engine: Of the detector to adapt.
        name: Of the clips, for people.
        false_alarms: As of :func:`adapt`.
        seed: Likewise.
        left_out: Reason → files that are not among the clips.
    """
    base, usual = engine.calibration, engine.bounds()
    swaps = swaps_of(clips, engine, seed=seed)
    described = f"{len(clips)} clips of {name}, taken as authentic (vadd adapt)"
    learnt = learn(clips, swaps, base, usual, false_alarms, described)
    neutral = clips[0].evidence.neutral
    before = swaps_before = None
    promised = 1 / (len(base.own) + 1) <= false_alarms * (1 + 1e-9)
    if promised:
        before = Tally.of(judged(clip, base, usual, false_alarms) for clip in clips)
        swaps_before = Tally.of(_outcomes(swaps, base, false_alarms, neutral))
    found = [_without(at, clips, swaps, engine, false_alarms) for at in range(len(clips))]
    return learnt, Adapted(
        base=engine.card.name,
        clips=len(clips),
        left_out=left_out or {},
        false_alarms=false_alarms,
        lowest=1 / (len(clips) + 1),
        before=before,
        after=Tally.of(own for own, _ in found),
        swaps_before=swaps_before if learnt.clear else None,
        swaps_after=Tally.of(each for _, its in found for each in its) if learnt.clear else None,
        threshold_before=_effective(base.threshold(false_alarms), neutral) if promised else None,
        threshold=_effective(learnt.calibration.threshold(false_alarms), neutral),
        curve=learnt.curve,
        swaps=learnt.swaps,
        area=learnt.area,
        abstention_before=base.abstention,
        abstention=learnt.calibration.abstention,
        long=learnt.long,
        spans=learnt.spans,
        wider=tuple(learnt.bounds),
    )


def _without(
    at: int, clips: tuple[OwnClip, ...], swaps: tuple[Swap, ...], engine: Engine, false_alarms: float
) -> tuple[str, list[str]]:
    """How a clip, and swaps with its picture, are judged by what the others teach."""
    others = clips[:at] + clips[at + 1 :]
    # The clips after it move up by one.
    kept = tuple(
        replace(each, picture=each.picture - (each.picture > at), sound=each.sound - (each.sound > at))
        for each in swaps
        if at not in (each.picture, each.sound)
    )
    learnt = learn(others, kept, engine.calibration, engine.bounds(), false_alarms, "")
    mine = tuple(each for each in swaps if each.picture == at)
    return (
        judged(clips[at], learnt.calibration, {**engine.bounds(), **learnt.bounds}, false_alarms),
        _outcomes(mine, learnt.calibration, false_alarms, clips[at].evidence.neutral),
    )


def _outcomes(
    swaps: tuple[Swap, ...], calibration: Calibration, false_alarms: float, neutral: float | None
) -> list[str]:
    found = judge_swaps(swaps, calibration, false_alarms, neutral)
    return [
        "discrepant" if called else "consistent" if fits else "inconclusive"
        for called, fits in zip(found.discrepant, found.consistent, strict=True)
    ]


def _effective(own: float, neutral: float | None) -> float:
    """The threshold of a clip without generic sounds; see :func:`vadd.detect.decide.decide`."""
    return own if neutral is None else max(own, neutral)


def _digests(clips: tuple[OwnClip, ...]) -> list[str]:
    return sorted(clip.sha256 for clip in clips)
