"""What classifiers' answers mean: temperatures, leanings and confusions against independent fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from simulated import PICTURE, SCENES, SOUND, classified, leaning, sharpened
from vadd.detect import recalibrate as module
from vadd.detect.recalibrate import Lesson, Recalibration, degree, learn
from vadd.detect.temperature import fit_temperature, targets, tempered


def said(seed: int, clips: int, counts=SOUND):
    return classified(np.random.default_rng(seed), clips, counts)


def log_loss(rows: np.ndarray, wanted: np.ndarray) -> float:
    return float(-(wanted * np.log(rows)).sum(axis=1).mean())


# --- temperature ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sharper", [0.25, 1, 5])
def test_the_temperature_is_that_of_another_search(sharper):
    rows, truth = said(1, 400)
    rows = sharpened(rows, sharper)
    wanted = np.full(rows.shape, 1 / 402 / 9)
    wanted[np.arange(400), truth] = 1 - 1 / 402
    found = minimize_scalar(lambda log: log_loss(sharpened(rows, np.exp(-log)), wanted), bounds=(-5, 5))
    assert fit_temperature(rows, truth) == pytest.approx(np.exp(found.x), rel=1e-3)


@pytest.mark.parametrize("sharper", [0.25, 1, 4])
def test_a_distorted_classifier_comes_back(sharper):
    rows, truth = said(2, 20_000)
    found = fit_temperature(sharpened(rows, sharper), truth)
    assert found == pytest.approx(sharper, rel=0.05)
    np.testing.assert_allclose(tempered(sharpened(rows, sharper), sharper), rows, atol=1e-4)


@given(st.integers(0, 10**6), st.floats(0.05, 20))
def test_what_is_most_probable_stays_so(seed, temperature):
    rows, _ = said(seed, 5)
    rows[2] = 0
    found = tempered(rows, temperature)
    assert found.dtype == np.float32
    assert not found[2].any()
    known = np.arange(5) != 2
    np.testing.assert_allclose(found[known].sum(axis=1), 1, atol=1e-6)
    # Single precision can make near neighbours equal, but never exchange them.
    assert (found[known].max(axis=1) == found[known, rows[known].argmax(axis=1)]).all()
    assert (tempered(rows, 1) == rows.astype(np.float32)).all()


def test_posteriors_with_zeros_and_few_clips_stay_finite():
    sure = np.eye(4)[[0, 1, 2, 3]]
    right = fit_temperature(sure, np.arange(4))
    wrong = fit_temperature(sure, np.array([1, 2, 3, 0]))
    assert 1 < right < wrong <= 1000
    # As sure as four clips can be: one in six is taken to be wrong.
    assert tempered(sure, right).max() == pytest.approx(5 / 6, abs=1e-3)
    assert tempered(sure, wrong).max() < 0.3
    assert 0.001 <= fit_temperature(np.full((3, 4), 0.25), np.zeros(3, np.int64)) <= 1000


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_no_temperature(temperature):
    with pytest.raises(ValueError, match="over 0"):
        tempered(np.full((2, 4), 0.25), temperature)


def test_nothing_to_fit_a_temperature_to():
    with pytest.raises(ValueError, match="at least one"):
        fit_temperature(np.zeros((0, 4)), np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="as many scenes"):
        fit_temperature(np.full((2, 4), 0.25), np.zeros(3, np.int64))


# --- lessons --------------------------------------------------------------------------------------


def test_each_scene_counts_alike_and_each_clip_of_it():
    clips = [np.full((length, 3), 1 / 3) for length in (1, 4, 2, 5)]
    lesson = Lesson.of(clips, [0, 0, 0, 2], list("aabb"))
    weights = lesson.weights()
    assert weights.sum() == pytest.approx(4)
    by_clip = np.bincount(lesson.clip, weights=weights)
    assert by_clip == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert lesson.counts().tolist() == [3, 0, 1]
    part = lesson.part(np.array([False, True, False, True]))
    assert (part.groups, part.clip.tolist(), part.counts().tolist()) == (
        ("a", "b"), [0] * 4 + [1] * 5, [1, 0, 1],
    )  # fmt: skip


@pytest.mark.parametrize(("clips", "truth", "message"), [
    ([], [], "of clips"), ([np.full((1, 2), 0.5)], [0, 1], "a scene and a group"),
    ([np.full((1, 2), 0.5)], [2], "not among the 2"), ([np.full((1, 2), np.nan)], [0], "finite"),
    ([np.zeros((1, 2))], [0], "one second"), ([np.zeros((0, 2))], [0], "one second"),
    ([np.full((1, 2), 0.5), np.full((1, 3), 0.3)], [0, 0], "over the same scenes"),
    ([np.full(2, 0.5)], [0], "seconds, scenes"),
])  # fmt: skip
def test_no_lesson(clips, truth, message):
    with pytest.raises(ValueError, match=message):
        Lesson.of(clips, truth)


# --- leanings and confusions ----------------------------------------------------------------------


def test_leanings_are_those_of_another_search():
    rows, truth = said(3, 500)
    rows = leaning(sharpened(rows, 2), 1)
    lesson = Lesson.of(list(rows[:, None]), truth.tolist())
    weights = lesson.weights()
    logs, wanted = np.log(rows), targets(truth, weights, SCENES)

    def loss(at: np.ndarray) -> float:
        logits = at[0] * logs + at[1:]
        total = np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)) + logits.max(axis=1)
        return float(weights @ (total - (wanted * logits).sum(axis=1)) + at[1:] @ at[1:] / 2)

    want = minimize(loss, np.r_[0.5, np.zeros(SCENES)], method="BFGS", options={"gtol": 1e-6}).x
    sharpness, bias = module._leaning(logs, wanted, weights, 0.5)
    assert sharpness == pytest.approx(want[0], abs=1e-3)
    np.testing.assert_allclose(bias, want[1:], atol=2e-3)


def test_confusions_of_hard_answers_are_counts():
    rng = np.random.default_rng(4)
    answers, truth = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    weights = rng.uniform(0.5, 1.5, 200)
    counted = np.eye(3) + 1 / 3
    np.add.at(counted, (answers, truth), weights)
    want = counted / counted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(module._mixture(np.eye(3)[answers], truth, weights), want, atol=1e-5)


def test_confusions_make_the_truth_likeliest():
    rows, truth = said(5, 2_000)
    stray = np.array([scene if at % 5 else (scene + 3) % SCENES for at, scene in enumerate(truth)])
    weights = np.ones(len(rows))
    matrix = module._mixture(rows, stray, weights)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert (matrix > 0).all()

    def objective(candidate: np.ndarray) -> float:
        prior = ((np.eye(SCENES) + 1 / SCENES) * np.log(candidate)).sum()
        return np.log((rows @ candidate)[np.arange(len(rows)), stray]).sum() + prior

    best = objective(matrix)
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = 0.98 * matrix + 0.02 * rng.dirichlet(np.ones(SCENES), SCENES)
        assert objective(other) < best
    # A fifth of the clips show the third scene on.
    assert np.mean([matrix[at, (at + 3) % SCENES] for at in range(SCENES)]) == pytest.approx(0.2, abs=0.05)


# --- how much is learnt ---------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "expected"), [
    (lambda rows: rows, {"nothing", "temperature"}),
    (lambda rows: sharpened(rows, 4), {"temperature"}),
    (lambda rows: sharpened(rows, 0.25), {"temperature"}),
    (lambda rows: leaning(rows, 3), {"leaning"}),
    (lambda rows: np.eye(SCENES)[rows.argmax(axis=1)], {"confusions"}),
])  # fmt: skip
def test_as_much_is_learnt_as_is_there(change, expected):
    rows, truth = said(6, 3_000)
    found = learn(Lesson.of(list(change(rows)[:, None]), truth.tolist()))
    assert degree(found) in expected
    fresh, labels = said(7, 5_000)
    after = found(change(fresh))
    np.testing.assert_allclose(after.sum(axis=1), 1)
    wanted = np.eye(SCENES)[labels]
    before = log_loss(np.maximum(change(fresh), 1e-30), wanted)
    assert log_loss(after, wanted) <= before + 1e-3
    if expected != {"confusions"}:
        assert log_loss(after, wanted) == pytest.approx(log_loss(fresh, wanted), abs=0.02)


def test_few_clips_teach_little():
    rows, truth = said(8, 60)
    clips, scenes = list(leaning(rows, 3)[:, None]), truth.tolist()
    assert degree(learn(Lesson.of(clips, scenes, ["one"] * 60))) == "nothing"
    # A scene that hardly any clip shows: its confusions are anyone's guess.
    few = [at for at, scene in enumerate(scenes) if scene != 4]
    found = learn(Lesson.of([clips[at] for at in few], [scenes[at] for at in few]))
    assert degree(found) in ("nothing", "temperature")


def test_groups_are_kept_apart():
    """Confusions that one place has and no other: what holds there is not borne out elsewhere."""
    truth = said(9, 1_000, PICTURE)[1]
    place = np.arange(1_000) % 5
    wrong = (truth + place) % SCENES  # in place 0 the answers are right, in others each is off by its own
    answers = np.eye(SCENES)[wrong] * 0.9 + 0.01
    apart = learn(Lesson.of(list(answers[:, None]), truth.tolist(), [str(at) for at in place]))
    mixed = learn(Lesson.of(list(answers[:, None]), truth.tolist()))
    assert degree(mixed) == "confusions"
    sure = [each(answers)[np.arange(1_000), truth] for each in (apart, mixed)]
    assert sure[0].mean() <= sure[1].mean() + 1e-9


@pytest.mark.parametrize("arguments", [
    (0.0, (0.0, 0.0), ((1.0, 0.0), (0.0, 1.0))), (float("nan"), (0.0, 0.0), ((1.0, 0.0), (0.0, 1.0))),
    (1.0, (0.0, float("inf")), ((1.0, 0.0), (0.0, 1.0))), (1.0, (0.0,), ((1.0,),)),
    (1.0, (0.0, 0.0), ((1.0, 0.0),)), (1.0, (0.0, 0.0), ((1.0, 0.0), (0.5,))),
    (1.0, (0.0, 0.0), ((1.0, 0.0), (0.7, 0.7))), (1.0, (0.0, 0.0), ((1.0, 0.0), (1.5, -0.5))),
    (1.0, (0.0, 0.0), ((1.0, 0.0), (float("nan"), 1.0))),
])  # fmt: skip
def test_no_recalibration(arguments):
    with pytest.raises(ValueError, match=r"temperature|confusions"):
        Recalibration(*arguments)
