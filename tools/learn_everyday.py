"""Learn what the everyday model does not know by hand, from the committed feature tables alone.

    python tools/learn_everyday.py             # writes the model's and the calibration's file
    python tools/learn_everyday.py --check     # fails when the committed files differ from what is learnt
    python tools/learn_everyday.py --no-probe  # leaves the scene probe out

Four things are learnt: the scene probe (photographs), the prior of sounds over pictures at large
(photographs and clips), what scores mean (clips, each scored without its kind), and what the scores of
stretches mean (joined clips, likewise). No parameter belongs to
a single clip. Numbers are rounded before they are stored, so that the last bits of another machine's
linear algebra do not show.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from vadd.classify.concepts import concepts
from vadd.classify.everyday import Everyday
from vadd.classify.tables import HASHES
from vadd.detect.calibrate import Calibration
from vadd.detect.change import Marks, foreign_stretches
from vadd.detect.decide import ALL_GENERIC, Evidence
from vadd.detect.score import discrepancy, smooth
from vadd.detect.shots import cuts
from vadd.detect.span_calibration import SpanCalibration
from vadd.embed.extract import PictureTrack
from vadd.timeline import Fraction

ROOT = Path(__file__).parents[1]
FEATURES = ROOT / "tools" / "features"
MODEL = ROOT / "src" / "vadd" / "classify" / "data" / "everyday.npz"
CALIBRATION = ROOT / "src" / "vadd" / "detect" / "data" / "everyday.json"
#: Ridge of the probe: the first value tried that kept its posteriors soft; not searched for.
PROBE_C = 0.01
#: Shares of the prior: clips, photographs, and all picture concepts alike.
PRIOR_SHARES = (0.25, 0.25, 0.5)
#: Where the vectors' spread is small they are not blown up.
SPREAD_FLOOR = 0.1
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Clips:
    """The clips' tables, split by clip.

    Attributes:
        kinds: Kind of each clip.
        pictures: ``(T, V)`` picture posteriors.
        sounds: ``(T, A)`` sound posteriors.
        usable: ``(T,)`` bool, seconds with both streams, not silent, not blank.
    """

    kinds: list[str]
    pictures: list[Array]
    sounds: list[Array]
    usable: list[NDArray[np.bool_]]

    def with_sounds(self, scores: NDArray[np.float16], model: Everyday) -> Clips:
        """The same clips with other YAMNet scores, row for row."""
        cuts = np.cumsum([len(rows) for rows in self.sounds])[:-1]
        heard = np.split(scores.astype(np.float32), cuts)
        return replace(self, sounds=[model.sound(rows) for rows in heard])


def table(name: str) -> dict[str, NDArray[np.generic]]:
    """A committed feature table."""
    with np.load(FEATURES / f"{name}.npz", allow_pickle=False) as stored:
        return dict(stored)


def fit_probe(images: dict[str, NDArray[np.generic]]) -> tuple[Array, Array]:
    """Weights ``(S, 1280)`` and bias ``(S,)`` of the scene probe, standardisation folded in."""
    train = ~images["test"]
    vectors = images["vectors"][train].astype(np.float64)
    labels = images["scene"][train]
    centre, spread = vectors.mean(axis=0), vectors.std(axis=0) + SPREAD_FLOOR
    # Run far into convergence: the optimum is unique, so what is left of the path is below the rounding.
    fitted = LogisticRegression(C=PROBE_C, tol=1e-9, max_iter=20_000).fit((vectors - centre) / spread, labels)
    assert tuple(fitted.classes_) == concepts().scenes
    weights = fitted.coef_ / spread
    bias = fitted.intercept_ - weights @ centre
    return np.round(weights * 1024) / 1024, np.round((bias - bias.mean()) * 1024) / 1024


def load_clips(model: Everyday) -> Clips:
    """The clips as the model sees them."""
    stored = table("clips")
    cuts = np.cumsum(stored["length"])[:-1]
    pictures = model.picture(stored["vectors"].astype(np.float32), stored["classes"].astype(np.float32))
    heard = model.sound(stored["sounds"].astype(np.float32))
    usable = stored["seen"] & stored["heard"] & ~stored["blank"] & (stored["level"] > -70)
    return Clips(
        list(stored["kind"]), np.split(pictures, cuts), np.split(heard, cuts), np.split(usable, cuts)
    )


def prior(model: Everyday, clips: Clips, images: Array, without: Collection[str] = ()) -> Array:
    """``(A,)`` how much each sound is to be expected, with the clips of some kinds left out."""
    kept = [
        rows.mean(axis=0)
        for rows, kind in zip(clips.pictures, clips.kinds, strict=True)
        if kind not in without
    ]
    means = (
        np.mean(kept, axis=0),
        images.mean(axis=0),
        np.full(len(model.concepts.seen), 1 / len(model.concepts.seen)),
    )
    mixed = sum(share * mean for share, mean in zip(PRIOR_SHARES, means, strict=True))
    expected: Array = (mixed @ model.concepts.expected).astype(np.float32)
    return expected


def learn_model(*, probe: bool = True) -> tuple[Everyday, Array]:
    """The everyday model, and the ``(N, V)`` picture posteriors of the photographs it was trained on."""
    images = table("images")
    weights, bias = fit_probe(images) if probe else (np.zeros((0, 1280)), np.zeros(0))
    model = Everyday(concepts(), weights.astype(np.float32), bias.astype(np.float32), np.ones(1, np.float32))
    train = ~images["test"]
    photographs = model.picture(
        images["vectors"][train].astype(np.float32), images["classes"][train].astype(np.float32)
    )
    expected = prior(model, load_clips(model), photographs)
    return replace(model, prior=np.round(expected * 2**20).astype(np.float32) / 2**20), photographs


def evidence(model: Everyday, clips: Clips, picture: int, sound: int) -> Evidence:
    """What the detector would know of the picture of one clip with the sound of another."""
    length = min(len(clips.pictures[picture]), len(clips.sounds[sound]))
    usable = (clips.usable[picture][:length]) & (clips.usable[sound][:length])
    there = np.ones(length, np.bool_)
    seen = smooth(clips.pictures[picture][:length], there)
    heard = smooth(clips.sounds[sound][:length], there)
    return Evidence(
        duration=Fraction(length),
        seen=there,
        heard=there,
        blank=~usable,
        level=np.zeros(length),
        scores=discrepancy(model.expectation(seen), heard, model.concepts.generic),
    )


def clip_score(known: Evidence) -> float:
    """A clip's discrepancy, as :func:`vadd.detect.decide.decide` takes it."""
    assert known.scores is not None
    counted = known.speaking if known.speaking.any() else known.common
    return float(known.scores.discrepancy[counted].mean())


def near_kinds() -> set[frozenset[str]]:
    """Pairs of kinds that count as neither own nor foreign."""
    lines = (ROOT / "benchmarks" / "kinds_near.txt").read_text().splitlines()
    return {frozenset(line.split()) for line in lines if line and not line.startswith("#")}


def foreign_pairs(kinds: list[str]) -> NDArray[np.bool_]:
    """``(n, n)``: is the sound of a column foreign to the picture of a row?"""
    near = near_kinds()
    return np.array([[a != b and frozenset((a, b)) not in near for b in kinds] for a in kinds])


def pair_evidence(model: Everyday, clips: Clips, photographs: Array) -> dict[tuple[int, int], Evidence]:
    """Every own and foreign pair, each with a prior that left out the kinds of both its clips."""
    priors: dict[frozenset[str], Everyday] = {}
    foreign = foreign_pairs(clips.kinds)
    known = {}
    for i, picture_kind in enumerate(clips.kinds):
        for j, sound_kind in enumerate(clips.kinds):
            if i != j and not foreign[i, j]:
                continue
            left_out = frozenset((picture_kind, sound_kind))
            if left_out not in priors:
                priors[left_out] = replace(model, prior=prior(model, clips, photographs, left_out))
            known[i, j] = evidence(priors[left_out], clips, i, j)
    return known


def calibrate(
    scores: dict[tuple[int, int], float], kinds: list[str], without: Collection[str] = ()
) -> Calibration:
    """What scores mean, learnt from pairs of which neither clip is of a kind left out."""
    pairs = [pair for pair in scores if not {kinds[pair[0]], kinds[pair[1]]} & set(without)]
    own = sorted(scores[pair] for pair in pairs if pair[0] == pair[1])
    swapped = [scores[pair] for pair in pairs if pair[0] != pair[1]]
    values = np.array([*own, *swapped])
    label = np.repeat([0, 1], [len(own), len(swapped)])
    # Own and swapped clips weigh the same in all: prior 0.5.
    weight = np.where(label == 0, 0.5 / len(own), 0.5 / len(swapped)) * len(values)
    curve = LogisticRegression(C=1e6, tol=1e-10).fit(values[:, None], label, sample_weight=weight)
    return Calibration(
        own=tuple(round(value, 4) for value in own),
        slope=round(float(curve.coef_[0, 0]), 3),
        intercept=round(float(curve.intercept_[0]), 3),
        described=(
            f"{len(own)} real clips (excerpts of VGGSound, VAS, AudioSet and TAU; "
            f"{len(set(kinds) - set(without))} kinds) and every swap between kinds that are not near, "
            "each scored without its kinds"
        ),
    )


def learn_spans(
    model: Everyday, clips: Clips, photographs: Array, curve: Calibration, without: Collection[str] = ()
) -> SpanCalibration:
    """What the scores of stretches mean, from joined clips, each judged with a prior without its kinds.

    A spliced clip is as likely as an untouched one, and a stretch is foreign if it overlaps with a true span
    by more than half of what both cover.

    Args:
        model: The everyday model.
        clips: What joined clips are joined of.
        photographs: As for :func:`prior`.
        curve: What makes log-odds of a second's score.
        without: Kinds; joined clips with one of them are left out.
    """
    stored = table("joined")
    cuts = np.cumsum(stored["length"])[:-1]
    kind_of_row = np.repeat(clips.kinds, [len(rows) for rows in clips.pictures])
    source = table("clips")
    parts = {name: np.split(stored[name], cuts) for name in stored if name not in ("length", "span")}
    own, seconds, scores, right = [], [], [], []
    for at, rows in enumerate(parts["row"]):
        kinds = frozenset(kind_of_row[rows].tolist())
        if kinds & set(without):
            continue
        these = replace(model, prior=prior(model, clips, photographs, kinds))
        vectors, classes = (source[name][rows].astype(np.float32) for name in ("vectors", "classes"))
        seen = these.picture(vectors, classes)
        cut = cuts_of(vectors)
        true = [tuple(span[1:]) for span in stored["span"] if span[0] == at]
        for version in ("own", "spliced"):
            heard = these.sound(parts[version][at].astype(np.float32))
            found = discrepancy(these.expectation(seen), heard, these.concepts.generic)
            stretches = foreign_stretches(
                curve.slope * found.discrepancy + curve.intercept,
                found.unexplained,
                found.unexplained <= ALL_GENERIC,
                Marks(parts[f"{version}_turn"][at], parts[f"{version}_turn_at"][at], cut),
                Fraction(len(rows)),
            )
            scores += [each.score for each in stretches]
            if version == "own":
                own.append(max((each.score for each in stretches), default=0.0))
                seconds.append(len(rows))
                right += [False] * len(stretches)
            else:
                right += [
                    any(overlap(float(each.start), float(each.end), *span) > 0.5 for span in true)
                    for each in stretches
                ]
    fitted = LogisticRegression(C=1e6, tol=1e-10).fit(np.array(scores)[:, None], right)
    return SpanCalibration(
        own=tuple(sorted(round(max(0.0, value), 3) for value in own)),
        seconds=round(float(np.mean(seconds)), 1),
        slope=round(float(fitted.coef_[0, 0]), 3),
        intercept=round(float(fitted.intercept_[0]), 3),
    )


def cuts_of(vectors: Array) -> NDArray[np.bool_]:
    """Where the picture is cut, from the vectors of its frames alone."""
    count = len(vectors)
    empty = np.zeros(count, np.float32)
    track = PictureTrack(
        "efficientnet_lite0", np.ones(count, np.bool_), vectors, empty, *[empty] * 8, coverage=1.0, rotation=0
    )
    return cuts(track)


def overlap(start: float, end: float, begin: float, stop: float) -> float:
    """Intersection over union of two spans."""
    return max(0.0, min(end, stop) - max(start, begin)) / (max(end, stop) - min(start, begin))


def learn(*, probe: bool) -> tuple[bytes, bytes]:
    """The content of the model's and of the calibration's file."""
    model, photographs = learn_model(probe=probe)
    clips = load_clips(model)
    scores = {pair: clip_score(known) for pair, known in pair_evidence(model, clips, photographs).items()}
    found = calibrate(scores, clips.kinds)
    spans = learn_spans(model, clips, photographs, found)
    stored = io.BytesIO()
    np.savez_compressed(
        stored,
        probe_weights=model.probe_weights.astype(np.float16),
        probe_bias=model.probe_bias,
        prior=model.prior,
    )
    card = {
        "described": found.described,
        "slope": found.slope,
        "intercept": found.intercept,
        "own": found.own,
        "spans": asdict(spans),
    }
    return stored.getvalue(), (json.dumps(card, indent=1) + "\n").encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--no-probe", action="store_true")
    options = parser.parse_args()
    if not options.check:
        pin()  # a hand-made table that was edited would be refused as damaged
    contents = dict(zip((MODEL, CALIBRATION), learn(probe=not options.no_probe), strict=True))
    if options.check:
        differing = [path.name for path, content in contents.items() if path.read_bytes() != content]
        print(
            f"learnt anew, but different: {', '.join(differing)}" if differing else "learnt anew, bit for bit"
        )
        return 1 if differing else 0
    for path, content in contents.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(path.relative_to(ROOT), len(content), "bytes")
    pin()
    return 0


def pin() -> None:
    """Write the SHA-256 of every file of the model, hand-made ones too, where the code expects it."""
    tables = ROOT / "src" / "vadd" / "classify" / "tables.py"
    code = tables.read_text()
    for name in HASHES:
        digest = hashlib.sha256((MODEL.parent / name).read_bytes()).hexdigest()
        code = re.sub(rf'("{re.escape(name)}": ")[0-9a-f]{{64}}', rf"\g<1>{digest}", code)
        HASHES[name] = digest
    tables.write_text(code)
    calibration = ROOT / "src" / "vadd" / "detect" / "calibrate.py"
    digest = hashlib.sha256(CALIBRATION.read_bytes()).hexdigest()
    code = re.sub(r'(CALIBRATION_SHA256 = ")[0-9a-f]{64}', rf"\g<1>{digest}", calibration.read_text())
    calibration.write_text(code)


if __name__ == "__main__":
    sys.exit(main())
