"""What every scorer keeps to, and what each one gives, against sums written out by hand."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.classify import everyday
from vadd.classify.judge import Matcher
from vadd.classify.spec import ContrastiveSpec, EmbedderRef
from vadd.classify.vote import fold
from vadd.detect.recalibrate import Recalibration
from vadd.detect.score import discrepancy, to_unit
from vadd.detect.scorers import (
    KINDS,
    SCORERS,
    Confusions,
    Contrastive,
    EverydayScorer,
    Graded,
    Scorer,
    Takes,
    kind,
    scorer,
)
from vadd.detect.scorers.document import ScorerDocument
from vadd.embed.base import Modality
from vadd.errors import ModelError, UsageError
from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, TAU

GRADED = Graded()
#: Lengths of the two embeddings of the network made here.
SEEN, HEARD = 5, 4


def posteriors(seed: int, seconds: int = 10, scenes: int = 10, sharp: float = 4.0) -> np.ndarray:
    logits = sharp * np.random.default_rng(seed).normal(size=(seconds, scenes))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def sure(*scenes: int, of: int = 10) -> np.ndarray:
    return np.eye(of, dtype=np.float32)[list(scenes)]


def matcher() -> Matcher:
    """A network that projects both streams at random: the first rows' cosines."""
    rng = np.random.default_rng(0)
    eye, ear = rng.normal(size=(SEEN, 3)), rng.normal(size=(HEARD, 3))

    def run(x: np.ndarray) -> np.ndarray:
        seen, heard = x[:, :SEEN] @ eye, x[:, SEEN:] @ ear
        lengths = np.linalg.norm(seen, axis=1) * np.linalg.norm(heard, axis=1)
        return ((seen * heard).sum(axis=1) / np.maximum(lengths, 1e-12)).astype(np.float32)

    spec = ContrastiveSpec((
        EmbedderRef("eye", SEEN, Modality.PICTURE, None), EmbedderRef("ear", HEARD, Modality.SOUND, None),
    ))  # fmt: skip
    return Matcher(SimpleNamespace(spec=spec), run)


def confusions(scenes: int) -> Confusions:
    """A scorer that learnt something else of either side."""
    rng = np.random.default_rng(scenes)
    sides = [
        Recalibration(
            float(rng.uniform(0.5, 2)),
            tuple(rng.normal(size=scenes)),
            tuple(tuple(row) for row in (rng.dirichlet(np.ones(scenes), scenes) + 4 * np.eye(scenes)) / 5),
        )
        for _ in range(2)
    ]
    return Confusions(*sides)


@dataclass(frozen=True)
class Case:
    """A scorer and what it can be given.

    Attributes:
        name: In the table.
        scenes: The numbers of scenes that it takes.
    """

    name: str
    scenes: tuple[int, ...] = (2, 3, 10)

    def __str__(self) -> str:
        return self.name

    def made(self, scenes: int) -> Scorer:
        return _made(self.name, scenes)

    def rows(self, seed: int, seconds: int, scenes: int, sharp: float) -> tuple[np.ndarray, np.ndarray]:
        takes = KINDS[self.name].takes
        if takes is Takes.EMBEDDINGS:
            rng = np.random.default_rng(seed)
            return tuple(sharp * rng.normal(size=(seconds, dim)) for dim in (SEEN, HEARD))
        shape = EverydayScorer().dims if takes is Takes.CONCEPTS else (scenes, scenes)
        return tuple(posteriors(seed + at, seconds, each, sharp) for at, each in enumerate(shape))


@cache
def _made(name: str, scenes: int) -> Scorer:
    special = {"confusions": lambda: confusions(scenes), "contrastive": lambda: Contrastive(matcher()),
               "everyday": EverydayScorer}  # fmt: skip
    return special[name]() if name in special else SCORERS[name]


CASES = {name: Case(name, (10,) if name in ("contrastive", "everyday") else (2, 3, 10)) for name in KINDS}
every = pytest.mark.parametrize("case", CASES.values(), ids=str)
of_scenes = pytest.mark.parametrize(
    "case", [each for each in CASES.values() if KINDS[each.name].takes is Takes.POSTERIORS], ids=str
)
unlearnt = pytest.mark.parametrize("name", SCORERS)


@every
@given(st.data(), st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([0.1, 2.0, 50.0]))
def test_scores_are_in_their_bounds(case, data, seed, seconds, sharp):
    scenes = data.draw(st.sampled_from(case.scenes))
    made, rows = case.made(scenes), case.rows(seed, seconds, scenes, sharp)
    low, high = made.bounds(scenes)
    score, each = made(*rows), made.seconds(*rows)
    assert type(score) is float
    assert (each.shape, each.dtype) == ((seconds,), np.float64)
    for found in (score, *each.tolist()):
        assert low - 1e-9 <= found <= high + 1e-9
        assert 0 <= to_unit(found) <= 1
    if seconds == 1:
        assert each[0] == pytest.approx(score, abs=1e-9)


@every
@given(st.integers(0, 10**6))
def test_seconds_in_any_order(case, seed):
    made, rows = case.made(10), case.rows(seed, 10, 10, 4.0)
    order = np.random.default_rng(seed).permutation(10)
    assert made(*(each[order] for each in rows)) == pytest.approx(made(*rows), abs=1e-5)
    np.testing.assert_allclose(
        made.seconds(*(each[order] for each in rows)), made.seconds(*rows)[order], atol=1e-5
    )


@every
@given(st.integers(0, 10**6))
def test_a_second_does_not_depend_on_those_beside_it(case, seed):
    if case.name == "hard":
        return  # a statement about the clip
    made, rows = case.made(10), case.rows(seed, 6, 10, 4.0)
    alone = [made.seconds(*(each[at : at + 1] for each in rows))[0] for at in range(6)]
    np.testing.assert_allclose(made.seconds(*rows), alone, atol=1e-5)


@every
def test_seconds_of_which_nothing_is_known(case):
    made, rows = case.made(10), case.rows(0, 4, 10, 4.0)
    whole = made.seconds(*rows)
    unknown = made.seconds(*(np.zeros_like(each) for each in rows))
    low, high = made.bounds(10)
    assert len(set(unknown.tolist())) == 1
    assert low <= unknown[0] <= high
    if made.neutral is not None:
        assert unknown[0] == made.neutral
    for side in (0, 1):
        gaps = [each.copy() for each in rows]
        gaps[side][2] = 0
        found = made.seconds(*gaps)
        assert found[2] == unknown[0]
        if case.name != "hard":
            np.testing.assert_allclose(np.delete(found, 2), np.delete(whole, 2), atol=1e-5)
        with pytest.raises(ValueError, match=r"poster|embedding"):
            made(*gaps)


@every
@pytest.mark.parametrize("wrong", ["nan", "inf", "empty", "flat", "wide", "long", "negative", "half"])
@pytest.mark.parametrize("side", [0, 1])
def test_what_cannot_be_compared_is_refused(case, wrong, side):
    made = case.made(10)
    rows = [each.copy() for each in case.rows(3, 3, 10, 1.0)]
    broken = rows[side]
    if wrong in ("negative", "half") and made.takes is Takes.EMBEDDINGS:
        return  # a vector may be that
    rows[side] = {
        "nan": lambda: np.where(np.arange(broken.size).reshape(broken.shape) == 4, np.nan, broken),
        "inf": lambda: np.where(np.arange(broken.size).reshape(broken.shape) == 4, np.inf, broken),
        "empty": lambda: broken[:0], "flat": lambda: broken[0],
        "long": lambda: np.concatenate([broken, broken]),
        "wide": lambda: np.concatenate([broken, np.zeros((3, 1))], axis=1),
        "negative": lambda: broken + np.r_[0.5, -0.5, np.zeros(broken.shape[1] - 2)],
        "half": lambda: broken / 2,
    }[wrong]()  # fmt: skip
    for call in (made, made.seconds):
        with pytest.raises(ValueError, match=r"poster|embedding"):
            call(*rows)
    if wrong == "empty":
        with pytest.raises(ValueError, match=r"poster|embedding"):
            made(*(each[:0] for each in rows))


@of_scenes
def test_posteriors_with_zeros_give_finite_scores(case):
    made = case.made(10)
    for rows in ((sure(1, 2), sure(1, 2)), (sure(1, 1), sure(2, 2)), (sure(0), np.full((1, 10), 0.1))):
        assert math.isfinite(made(*rows))
        assert np.isfinite(made.seconds(*rows)).all()


@every
def test_the_table(case):
    made = case.made(10)
    assert KINDS[case.name] is type(made)
    assert made.name == case.name
    assert made.about
    assert "\n" not in made.about


@of_scenes
def test_a_scorer_comes_back_from_its_document(case):
    made, rows = case.made(10), case.rows(5, 6, 10, 3.0)
    text = ScorerDocument.of(made).model_dump_json()
    again = ScorerDocument.model_validate(json.loads(text)).scorer()
    assert type(again) is type(made)
    assert again(*rows) == made(*rows)
    assert again.seconds(*rows).tolist() == made.seconds(*rows).tolist()


def test_scorers_that_are_no_documents():
    for made in (_made("contrastive", 10), _made("everyday", 10)):
        with pytest.raises(ValueError, match="no scorer of scene posteriors"):
            ScorerDocument.of(made)
    prior = Graded(0.2, (0.25, 0.75))
    assert ScorerDocument.of(prior).scorer() == prior


@pytest.mark.parametrize(("parameters", "message"), [
    ({"name": "hard", "doubt": 0.1}, "hard has the parameters none, not doubt"),
    ({"name": "graded"}, "graded has the parameters doubt, not none"),
    ({"name": "graded", "doubt": 0.1, "prior": [0.5, 0.6]}, "cannot be used: the prior"),
    ({"name": "confusions", "doubt": 0.1}, "doubt, picture, sound, not doubt"),
    ({"name": "seconds", "prior": [0.5, 0.5]}, "not prior"),
])  # fmt: skip
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ModelError, match=message):
        ScorerDocument.model_validate(parameters).scorer()


def test_confusions_that_make_no_sense():
    document = ScorerDocument.of(confusions(3))
    other = ScorerDocument.of(confusions(2))
    with pytest.raises(ModelError, match="learnt on 3 scenes, what sounds mean on 2"):
        document.model_copy(update={"sound": other.sound}).scorer()
    broken = document.picture.model_copy(update={"temperature": -1.0})
    with pytest.raises(ModelError, match="temperature is over 0"):
        document.model_copy(update={"picture": broken}).scorer()


@pytest.mark.parametrize("scenes", [2, 12])
def test_another_number_of_scenes_than_was_learnt_on(scenes):
    made = confusions(10)
    rows = posteriors(0, 3, scenes), posteriors(1, 3, scenes)
    for call in (made, made.seconds):
        with pytest.raises(ValueError, match=f"learnt on 10 scenes; these are of {scenes}"):
            call(*rows)


# --- what those that are not learnt keep to -------------------------------------------------------


@unlearnt
def test_the_bounds_are_reached(name):
    low, high = SCORERS[name].bounds(10)
    assert SCORERS[name](sure(3, 3), sure(3, 3)) == pytest.approx(low)
    assert SCORERS[name](sure(3, 3), sure(4, 4)) == pytest.approx(high)


@unlearnt
@given(st.integers(0, 10**6))
def test_scenes_in_any_order(name, seed):
    one, other = posteriors(seed), posteriors(seed + 1)
    score = SCORERS[name](one, other)
    scenes = np.random.default_rng(seed).permutation(10)
    assert SCORERS[name](one[:, scenes], other[:, scenes]) == pytest.approx(score, abs=1e-9)
    assert SCORERS[name].symmetric
    assert SCORERS[name](other, one) == pytest.approx(score, abs=1e-9)


@unlearnt
@given(st.integers(0, 10**6))
def test_alike_scores_less_than_opposed(name, seed):
    one = posteriors(seed)
    alike = SCORERS[name](one, one.copy())
    assert alike <= SCORERS[name].alike + 1e-9
    assert SCORERS[name](sure(1, 1, 1), sure(2, 2, 2)) > alike


@unlearnt
def test_ten_scenes_are_scored_as_three(name):
    """Two scenes that are both vehicles agree once they are folded."""
    bus, tram = sure(1, 1), sure(9, 9)
    folded = [fold(rows, TAU, INDOOR_OUTDOOR_VEHICLE) for rows in (bus, tram)]
    assert SCORERS[name](bus, tram) == pytest.approx(SCORERS[name].bounds(10)[1])
    assert SCORERS[name](*folded) == pytest.approx(SCORERS[name].bounds(3)[0])


def test_the_names():
    assert list(SCORERS) == ["hard", "seconds", "graded", "divergence", "bhattacharyya"]
    assert list(KINDS) == [*SCORERS, "confusions", "contrastive", "everyday"]
    assert scorer("hard") is SCORERS["hard"]
    with pytest.raises(UsageError, match="no scorer 'soft'; the scorers are hard, seconds"):
        scorer("soft")
    assert kind("confusions") is Confusions
    with pytest.raises(UsageError, match=r"no scorer 'soft'; the scorers are hard, .*, confusions$"):
        kind("soft")
    with pytest.raises(UsageError, match=r"'contrastive' compares the embeddings .* give scene posteriors"):
        kind("contrastive")


# --- one by one -----------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_hard_and_seconds_by_counting(seed):
    one, other = posteriors(seed, scenes=3, sharp=1), posteriors(seed + 7, scenes=3, sharp=1)
    named = [[max(range(3), key=lambda c, row=row: row[c]) for row in rows] for rows in (one, other)]
    winners = []
    for rows, votes in zip((one, other), named, strict=True):
        most = max(Counter(votes).values())
        tied = [scene for scene, count in Counter(votes).items() if count == most]
        winners.append(max(tied, key=lambda c, rows=rows: math.fsum(rows[:, c])))
    assert SCORERS["hard"](one, other) == float(winners[0] != winners[1])
    differing = sum(a != b for a, b in zip(*named, strict=True))
    assert SCORERS["seconds"](one, other) == pytest.approx(differing / 10)


@given(st.integers(0, 10**6), st.floats(0.001, 0.5))
def test_graded_by_summing_over_scenes(seed, doubt):
    one, other = posteriors(seed, 4, 5), posteriors(seed + 1, 4, 5)
    prior = np.random.default_rng(seed).dirichlet(np.ones(5) * 5)
    seen, heard = ((1 - doubt) * rows.astype(float) + doubt * prior for rows in (one, other))
    ratio = [sum(seen[t, c] * heard[t, c] / prior[c] for c in range(5)) for t in range(4)]
    graded = Graded(doubt, tuple(prior))
    np.testing.assert_allclose(graded.seconds(one, other), -np.log(ratio), rtol=1e-5, atol=1e-5)
    means = seen.mean(axis=0), heard.mean(axis=0)
    whole = sum(means[0][c] * means[1][c] / prior[c] for c in range(5))
    assert graded(one, other) == pytest.approx(-math.log(whole), rel=1e-5, abs=1e-6)
    assert to_unit(graded(one, other)) == pytest.approx(1 / (1 + whole), rel=1e-5)


def test_graded_says_neither_where_nothing_is_known():
    flat, known = np.full((2, 10), 0.1), sure(1, 2)
    assert GRADED(flat, known) == pytest.approx(0, abs=1e-12)
    gaps = np.array([known[0], np.zeros(10)])
    assert GRADED.seconds(gaps, known).tolist() == [GRADED.bounds(10)[0], 0]
    # A single second that is surely wrong cannot outweigh nine that are surely right.
    one, other = sure(*[3] * 10), sure(*[3] * 9, 4)
    assert GRADED.seconds(one, other).mean() < -1


@pytest.mark.parametrize("arguments", [(0,), (1,), (float("nan"),), (0.1, (0.5, 0.6)), (0.1, (1.0, 0.0))])
def test_graded_refuses_wrong_settings(arguments):
    with pytest.raises(ValueError, match=r"doubt|prior"):
        Graded(*arguments)
    with pytest.raises(ValueError, match="prior is of 2"):
        Graded(0.1, (0.5, 0.5))(sure(1), sure(1))


@given(st.integers(0, 10**6))
def test_divergence_by_entropies(seed):
    one, other = posteriors(seed).astype(float), posteriors(seed + 1).astype(float)

    def entropy(shares: np.ndarray) -> float:
        return -sum(share * math.log2(share) for share in shares if share > 0)

    seen, heard = one.mean(axis=0), other.mean(axis=0)
    want = entropy((seen + heard) / 2) - (entropy(seen) + entropy(heard)) / 2
    assert SCORERS["divergence"](one, other) == pytest.approx(want, abs=1e-6)


@given(st.integers(0, 10**6))
def test_bhattacharyya_by_summing(seed):
    one, other = posteriors(seed), posteriors(seed + 1)
    seen, heard = one.astype(float).mean(axis=0), other.astype(float).mean(axis=0)
    want = 1 - sum(math.sqrt(a * b) for a, b in zip(seen, heard, strict=True))
    assert SCORERS["bhattacharyya"](one, other) == pytest.approx(want, abs=1e-6)


@given(st.integers(0, 10**6))
def test_confusions_by_summing_over_what_was_said_and_what_was_there(seed):
    made = confusions(4)
    one, other = posteriors(seed, 3, 4), posteriors(seed + 1, 3, 4)
    meant = []
    for rows, side in ((one, made.picture), (other, made.sound)):
        there = np.zeros((3, 4))
        for second in range(3):
            shares = [
                math.exp(math.log(max(float(rows[second, said]), 1e-30)) / side.temperature + side.bias[said])
                for said in range(4)
            ]
            for said in range(4):
                for scene in range(4):
                    there[second, scene] += shares[said] / sum(shares) * side.confusions[said][scene]
        meant.append(there)
    np.testing.assert_allclose(made.seconds(one, other), Graded(0.01).seconds(*meant), atol=1e-9)
    assert made(one, other) == pytest.approx(Graded(0.01)(*meant), abs=1e-9)


def test_confusions_that_learnt_nothing_are_graded():
    nothing = Confusions(Recalibration.nothing(10), Recalibration.nothing(10))
    one, other = posteriors(0), posteriors(1)
    assert nothing(one, other) == GRADED(one, other)
    with pytest.raises(ValueError, match="doubt"):
        replace(nothing, doubt=1.5)


def test_contrastive_is_the_networks_own_measure():
    made = Contrastive(matcher())
    picture, sound = CASES["contrastive"].rows(0, 5, 10, 1.0)
    want = matcher().discrepancy({"eye": picture, "ear": sound})
    np.testing.assert_allclose(made.seconds(picture, sound), want, atol=1e-5)
    assert made(picture, sound) == pytest.approx(float(want.mean()), abs=1e-6)


def test_everyday_is_the_models_own_measure():
    model, made = everyday.load(), EverydayScorer()
    picture, sound = CASES["everyday"].rows(0, 5, 10, 2.0)
    want = discrepancy(model.expectation(picture), sound, model.concepts.generic).discrepancy
    np.testing.assert_allclose(made.seconds(picture, sound), want)
    assert made(picture, sound) == pytest.approx(float(want.mean()))
