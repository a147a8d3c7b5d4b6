"""What a tool says of a benchmark's trials: a plain CSV, or the JSON of AV-Deepfake1M.

The CSV has the columns ``trial`` and ``score``, any real number, higher for more discrepant; further
``verdict`` (consistent, discrepant, inconclusive or failed), ``probability`` (0-1, that the trial is
manipulated) and ``spans`` (``1-2.5:0.8;6-8:0.4``, start-end:score in seconds). Every trial of the manifest
is there once. A trial that was not judged, ``inconclusive`` or ``failed``, may be without a score.

The JSON maps a trial's file name to a list of ``[score, start, end]``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.tables import records
from vadd.protocol.truth import Truth

__all__ = ["VERDICTS", "Predictions", "Proposal", "read_avdeepfake1m", "read_predictions", "to_avdeepfake1m"]

#: In the order of their codes.
VERDICTS = ("consistent", "discrepant", "inconclusive", "failed")
_DISCREPANT = VERDICTS.index("discrepant")
_ABSTAINS = VERDICTS.index("inconclusive")
#: File suffix that names of trials have in AV-Deepfake1M's files.
SUFFIX = ".mp4"
_MOST = sys.float_info.max

#: Score, start and end in seconds.
Proposal = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Answers to the trials of a manifest, in its order.

    Attributes:
        scores: ``(n,)`` float64, higher for more discrepant; NaN where there is none.
        verdicts: ``(n,)`` indices into :data:`VERDICTS`, or ``None`` if the tool gives none.
        probabilities: ``(n,)`` 0-1, NaN where there is none; ``None`` without such a column.
        spans: For each trial what was found in time, highest score first; ``None`` if the tool says
            nothing of when.
    """

    scores: NDArray[np.float64]
    verdicts: NDArray[np.int8] | None = None
    probabilities: NDArray[np.float64] | None = None
    spans: tuple[tuple[Proposal, ...], ...] | None = None

    @property
    def abstained(self) -> NDArray[np.bool_]:
        """``(n,)`` whether the verdict is inconclusive or failed."""
        if self.verdicts is None:
            return np.zeros(len(self.scores), np.bool_)
        return np.greater_equal(self.verdicts, _ABSTAINS)

    def flagged(self, threshold: float) -> NDArray[np.bool_]:
        """``(n,)`` whether the verdict is discrepant; without verdicts, whether the score reaches it."""
        if self.verdicts is None:
            return np.greater_equal(self.scores, threshold)
        return np.equal(self.verdicts, _DISCREPANT)


def read_predictions(path: Path, truth: Truth) -> Predictions:
    """Read a CSV.

    Raises:
        UsageError: If it cannot be read.
        ProtocolError: If a trial is missing, twice or unknown, or a field makes no sense; names the file
            and, where there is one, the line.
    """
    place = {name: at for at, name in enumerate(truth.trials)}
    # Lists, which Python fills one by one in a third of the time that an array takes.
    lines = [0] * len(truth)
    found, given = [math.nan] * len(truth), [math.nan] * len(truth)
    coded = [-1] * len(truth)
    spans: list[tuple[Proposal, ...]] = [()] * len(truth)
    timed = False
    codes = {name: code for code, name in enumerate(VERDICTS)}
    for number, fields in records(path, ("trial", "score"), optional=("verdict", "probability", "spans")):
        trial, score, verdict, probability, said = fields
        at = place.get(trial)
        if at is None:
            raise ProtocolError(f"{path}, line {number}: the manifest has no trial {trial!r}")
        if lines[at]:
            raise ProtocolError(f"{path}, line {number}: the trial {trial} is in line {lines[at]} already")
        lines[at] = number
        code = -1
        if verdict:
            code = codes.get(verdict, -1)
            if code < 0:
                names = ", ".join(codes)
                raise ProtocolError(f"{path}, line {number}: the verdict {verdict!r} is none of {names}")
            coded[at] = code
        if score or code < _ABSTAINS:
            value = _number(score)
            if value is None:
                raise ProtocolError(f"{path}, line {number}: the score is {score!r}, not a number")
            found[at] = value
        if probability:
            share = _finite(probability, f"{path}, line {number}: the probability")
            if not 0 <= share <= 1:
                raise ProtocolError(
                    f"{path}, line {number}: the probability {probability} is not between 0 and 1"
                )
            given[at] = share
        if said:
            timed = True
            spans[at] = _proposals(said, found[at], f"{path}, line {number}")
    _complete(path, truth, np.array(lines) > 0)
    scores, shares, verdicts = np.array(found), np.array(given), np.array(coded, np.int8)
    judged = verdicts >= 0
    if judged.any() and not judged.all():
        at = int(np.array(lines)[~judged].min())
        raise ProtocolError(f"{path}, line {at}: there is no verdict, but other lines have one")
    return Predictions(
        scores=scores,
        verdicts=verdicts if judged.any() else None,
        probabilities=None if np.isnan(shares).all() else shares,
        spans=tuple(spans) if timed else None,
    )


def read_avdeepfake1m(path: Path, truth: Truth) -> Predictions:
    """Read the JSON of AV-Deepfake1M's temporal localisation; times are in seconds.

    A trial's score is the highest of its proposals; a trial without proposals ranks below all.

    Raises:
        UsageError: If it cannot be read.
        ProtocolError: If it is not of that form, or a trial is missing, twice or unknown; names the file
            and the trial.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_Pairs)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, _Pairs):
        raise ProtocolError(f"{path} is no JSON object of trials")
    place = {name: at for at, name in enumerate(truth.trials)}
    there = np.zeros(len(truth), np.bool_)
    scores = np.full(len(truth), np.nan)
    spans: list[tuple[Proposal, ...]] = [()] * len(truth)
    for name, proposals in found.pairs:
        at = place.get(name)
        at = place.get(name.removesuffix(SUFFIX)) if at is None else at
        where = f"{path}, {name!r}"
        if at is None:
            raise ProtocolError(f"{where}: the manifest has no such trial")
        if there[at]:
            raise ProtocolError(f"{where}: the trial is there twice")
        there[at] = True
        if not isinstance(proposals, list):
            raise ProtocolError(f"{where}: its proposals are no list")
        spans[at] = _ordered(_triple(each, where) for each in proposals)
        if spans[at]:
            scores[at] = spans[at][0][0]
    _complete(path, truth, there)
    return Predictions(scores=scores, spans=tuple(spans))


def to_avdeepfake1m(predictions: Predictions, truth: Truth) -> dict[str, str]:
    """Proposals and truth as AV-Deepfake1M's own tools read them (``fps=1``, ``file``, ``fake_segments``).

    Returns:
        File name → JSON.

    Raises:
        ValueError: If the predictions say nothing of when.
    """
    if predictions.spans is None:
        raise ValueError("there are no spans to write")
    names = [f"{trial}{SUFFIX}" for trial in truth.trials]
    proposals = dict(zip(names, predictions.spans, strict=True))
    segments = [
        {"file": name, "fake_segments": [[float(span.start), float(span.end)] for span in spans]}
        for name, spans in zip(names, truth.spans, strict=True)
    ]
    return {
        "avdeepfake1m-proposals.json": json.dumps(proposals, allow_nan=False) + "\n",
        "avdeepfake1m-truth.json": json.dumps(segments, allow_nan=False) + "\n",
    }


class _Pairs:
    """A JSON object with its names in order, those that are there twice as well."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _complete(path: Path, truth: Truth, there: NDArray[np.bool_]) -> None:
    if not there.all():
        missing = np.flatnonzero(~there)
        first = truth.trials[missing[0]]
        count = f"{len(missing)} of {len(truth)} trials are" if len(missing) > 1 else "a trial is"
        raise ProtocolError(f"{path}: {count} missing, the first is {first}")


def _finite(text: str, what: str) -> float:
    value = _number(text)
    if value is None:
        raise ProtocolError(f"{what} is {text!r}, not a number")
    return value


def _number(text: str) -> float | None:
    """A finite number; ``None`` for what is none, and for the underscores that Python takes."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _proposals(text: str, score: float, where: str) -> tuple[Proposal, ...]:
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        times, colon, own = part.partition(":")
        start, dash, end = times.partition("-")
        if not dash:
            raise ProtocolError(f"{where}: {part!r} is no span of seconds")
        what = f"{where}: in the span {part!r} the"
        given = _finite(own, f"{what} score") if colon else score
        if math.isnan(given):
            raise ProtocolError(f"{where}: the span {part!r} has no score, and neither has the trial")
        found.append(_span(given, _finite(start, f"{what} start"), _finite(end, f"{what} end"), where, part))
    return _ordered(found)


def _triple(value: Any, where: str) -> Proposal:
    numbers = isinstance(value, list) and len(value) == 3
    # An integer may be larger than any float.
    if not numbers or not all(isinstance(each, int | float) and abs(each) <= _MOST for each in value):
        raise ProtocolError(f"{where}: {json.dumps(value, default=str)[:60]} is not [score, start, end]")
    return _span(float(value[0]), float(value[1]), float(value[2]), where, str(value))


def _span(score: float, start: float, end: float, where: str, text: str) -> Proposal:
    if not 0 <= start < end:
        raise ProtocolError(f"{where}: the span {text!r} does not end after it starts, at 0 or later")
    return score, start, end


def _ordered(found: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """Highest score first; of equal ones in the order given."""
    return tuple(sorted(found, key=lambda each: -each[0]))
