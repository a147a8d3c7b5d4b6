"""Training: it learns, resumes as if nothing had been, refuses what makes no sense, and loses nothing."""

from __future__ import annotations

import errno
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("pyarrow")

from made_store import DIMS, clips_of, quick, store_of  # noqa: E402

from vadd.classify import snapshot as snapshot_module  # noqa: E402
from vadd.classify.apply import by_clip, distances, posteriors  # noqa: E402
from vadd.classify.choose import FUSIONS, spec_for  # noqa: E402
from vadd.classify.dataset import moments  # noqa: E402
from vadd.classify.evaluate import check_vectors, evaluate, folded, samples_of  # noqa: E402
from vadd.classify.lesson import prepare  # noqa: E402
from vadd.classify.match import match  # noqa: E402
from vadd.classify.model import load, load_network  # noqa: E402
from vadd.classify.spec import PLACEMENTS  # noqa: E402
from vadd.classify.train import train  # noqa: E402
from vadd.errors import ModelError, OutputError, StoreError  # noqa: E402
from vadd.protocol.synth import World, make  # noqa: E402
from vadd.scenes import INDOOR_OUTDOOR, INDOOR_OUTDOOR_VEHICLE, TAU  # noqa: E402


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("store") / "s", 2, twins=True)


def run(store, out, recipe=None, *, seed=3, augment=None, **asked):
    recipe = recipe or quick()
    spec = spec_for(store, dropout=recipe.dropout, **asked)
    lesson = prepare(store, spec, validation=recipe.validation, seed=seed, augment=augment)
    return train(lesson, spec, recipe, out, seed=seed, threads=1)


def weights(folder):
    return load_network(folder).state_dict()


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("fusion", PLACEMENTS)
def test_every_placement_learns(store, tmp_path, fusion):
    card = run(store, tmp_path / "c", fusion=fusion, augment=False)
    history = card.metrics["history"]
    assert history[1]["loss"] < history[0]["loss"] < 2.5
    network = load_network(tmp_path / "c")
    assert network.spec.levels == PLACEMENTS[fusion]
    found = evaluate(network, samples_of(store, network.spec, TAU, "test"))
    assert found.score.by_vote > 0.5


def test_placements_are_distinct(store, tmp_path):
    """Distinct code paths: other parameter counts, other answers."""
    counts, answers = set(), []
    for fusion in PLACEMENTS:
        torch.manual_seed(0)
        from vadd.classify.model import build

        network = build(spec_for(store, fusion=fusion)).eval()
        counts.add(sum(value.numel() for value in network.parameters()))
        answers.append(posteriors(network, samples_of(store, network.spec, TAU, "test")))
    assert len(counts) == len(PLACEMENTS)
    for at, first in enumerate(answers):
        assert all(np.abs(first - other).max() > 1e-3 for other in answers[at + 1 :])


@pytest.mark.parametrize(
    "asked",
    [
        {"fusion": "hybrid"},
        {"instance": "clip"},
        {"modality": "audio"},
        {"classes": 3},
        {"classes": 2},
        {"modality": "visual", "fusion": "es"},
    ],
    ids=str,
)
def test_other_kinds_learn(store, tmp_path, asked):
    card = run(store, tmp_path / "c", **asked)
    network = load_network(tmp_path / "c")
    found = evaluate(network, samples_of(store, network.spec, network.spec.scene_set, "test"))
    assert found.score.by_vote > 1.5 / len(card.scenes)
    assert found.document()["clips"] == len(found.clips)


def test_standardisation_is_that_of_what_was_learnt(store, tmp_path):
    recipe = quick(validation=0.3)
    run(store, tmp_path / "c", recipe)
    lesson = prepare(store, spec_for(store), validation=0.3, seed=3)
    mean, std = moments(lesson.learnt.rows)
    held = load_network(tmp_path / "c").standardise
    np.testing.assert_allclose(held.mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(held.std.numpy(), std, rtol=1e-4, atol=1e-6)
    exact = lesson.learnt.rows.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("recipe", ["paper", "ours"])
def test_a_killed_run_goes_on_as_if_nothing_had_been(store, tmp_path, recipe, monkeypatch):
    changes = {"rate": 0.003, "last_rate": 0.001} if recipe == "ours" else {}
    how = quick(recipe, epochs=3, **changes)
    run(store, tmp_path / "whole", how)
    from vadd.classify import train as module

    calls = []
    original = module._validate

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(module, "_validate", dies)
    with pytest.raises(KeyboardInterrupt):
        run(store, tmp_path / "killed", how)
    assert not (tmp_path / "killed" / "card.json").exists()
    torch.manual_seed(99)
    torch.rand(17)
    run(store, tmp_path / "killed", how)
    assert len(calls) == 4  # one epoch before the kill, one lost, two after it
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    cards = [json.loads((tmp_path / name / "card.json").read_text()) for name in ("whole", "killed")]
    assert cards[0] == cards[1]
    assert not (tmp_path / "killed" / "snapshot.pt").exists()


def test_seeds_matter_and_repeat(store, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(store, tmp_path / name, quick(epochs=1), seed=seed)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_the_best_epoch_is_kept(store, tmp_path):
    # A rate at which the later epochs spoil what the first has learnt.
    how = quick("ours", epochs=4, rate=0.02, last_rate=0.02, schedule="linear", reach=2)
    card = run(store, tmp_path / "c", how)
    losses = [entry["validation_loss"] for entry in card.metrics["history"]]
    assert card.metrics["kept_epoch"] == losses.index(min(losses)) + 1
    network = load_network(tmp_path / "c")
    lesson = prepare(store, network.spec, validation=how.validation, seed=3)
    found = evaluate(network, lesson.kept)
    assert found.score.log_loss == pytest.approx(min(losses), rel=1e-4)


def test_the_authors_attention_across_the_batch(store, tmp_path):
    # 72 numbers a second, shared by 8 heads.
    run(store, tmp_path / "c", quick("authors"), attention="batch")
    network = load_network(tmp_path / "c")
    samples = samples_of(store, network.spec, TAU, "test")
    alone = posteriors(network, samples, batch=1)
    together = posteriors(network, samples, batch=32)
    assert np.abs(alone - together).max() > 0.01
    with pytest.raises(ModelError, match="no one accuracy"):
        evaluate(network, samples)
    with pytest.raises(ModelError, match="beside the one judged"):
        load(tmp_path / "c")


@pytest.mark.parametrize("instance", ["second", "clip"])
def test_answers_do_not_depend_on_batch_or_order(store, tmp_path, instance):
    run(store, tmp_path / "c", quick(epochs=1), instance=instance)
    network = load_network(tmp_path / "c")
    samples = samples_of(store, network.spec, TAU, "test")
    reference = posteriors(network, samples)
    for batch in (1, 7, 32):
        assert np.abs(posteriors(network, samples, batch=batch) - reference).max() < 1e-5
    if instance == "second":
        order = np.random.default_rng(0).permutation(len(samples.rows))
        assert np.abs(posteriors(network, samples, order=order, batch=7) - reference).max() < 1e-5
    else:
        with pytest.raises(ModelError, match="no order"):
            posteriors(network, samples, order=np.arange(len(samples.rows)))


@pytest.mark.parametrize("instance", ["second", "clip"])
def test_tables_and_judges_agree(store, tmp_path, instance):
    """What evaluates a store and what judges a file are two ways through the same network."""
    run(store, tmp_path / "c", quick(epochs=1), instance=instance)
    network = load_network(tmp_path / "c")
    samples = samples_of(store, network.spec, TAU, "test")
    judge = load(tmp_path / "c")
    for clip, answers in list(
        zip(samples.clips, by_clip(posteriors(network, samples), samples), strict=True)
    )[:5]:
        vectors = {e.name: store.arrays([e.name], [clip])[0] for e in network.spec.embedders}
        np.testing.assert_allclose(judge.posteriors(vectors), answers, atol=1e-5)


def test_folded_answers_by_hand(store, tmp_path):
    run(store, tmp_path / "c")
    network = load_network(tmp_path / "c")
    found = evaluate(network, samples_of(store, network.spec, TAU, "test"))
    three = folded(found)
    groups = [[0, 3, 6], [4, 5, 7, 8], [1, 2, 9]]
    by_hand = np.stack([found.posteriors[0][:, group].sum(axis=1) for group in groups], axis=1)
    np.testing.assert_allclose(three.posteriors[0], by_hand, atol=1e-6)
    assert three.scenes is INDOOR_OUTDOOR_VEHICLE
    two = folded(found, INDOOR_OUTDOOR)
    assert len(two.clips) == sum(clip.scene not in ("bus", "metro", "tram") for clip in found.clips)


def test_contrastive_learns_to_tell_foreign_sound(store, tmp_path):
    how = quick("ours", epochs=6, rate=0.003, last_rate=0.001, validation=0.3)
    card = run(store, tmp_path / "c", how, fusion="contrastive")
    assert card.metrics["history"][-1]["loss"] < card.metrics["history"][0]["loss"]
    network = load_network(tmp_path / "c")
    samples = samples_of(store, network.spec, TAU, "test")
    found = match(network, samples)
    assert found.document()["area_under_curve"] > 0.8
    assert ((distances(network, samples) >= 0) & (distances(network, samples) <= 1)).all()
    assert (match(network, samples).foreign == found.foreign).all()


def test_a_whole_classifier_is_not_trained_over(store, tmp_path):
    run(store, tmp_path / "c", quick(epochs=1))
    with pytest.raises(OutputError, match="holds a classifier already"):
        run(store, tmp_path / "c", quick(epochs=1))


def test_another_runs_snapshot_is_refused(store, tmp_path, monkeypatch):
    from vadd.classify import train as module

    monkeypatch.setattr(module, "save", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run(store, tmp_path / "c", quick(epochs=1))
    monkeypatch.undo()
    for changes in ({"seed": 4}, {"fusion": "ns"}, {"recipe": quick(epochs=2)}, {"augment": False}):
        with pytest.raises(StoreError, match="of a training with another"):
            run(store, tmp_path / "c", **{"recipe": quick(epochs=1), **changes})
    data = bytearray((tmp_path / "c" / "snapshot.pt").read_bytes())
    (tmp_path / "c" / "snapshot.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(StoreError, match="is damaged"):
        run(store, tmp_path / "c", quick(epochs=1))


def test_a_full_disk_loses_nothing(store, tmp_path, monkeypatch):
    how = quick(epochs=2)
    original = snapshot_module._save
    calls = []

    def full(state, path):
        calls.append(1)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(state, path)

    monkeypatch.setattr(snapshot_module, "_save", full)
    with pytest.raises(StoreError, match="no space left"):
        run(store, tmp_path / "c", how)
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["snapshot.pt"]
    run(store, tmp_path / "c", how)
    run(store, tmp_path / "whole", how)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "c"))


def test_a_loss_that_runs_away_is_told(store, tmp_path):
    with pytest.raises(ModelError, match="no finite number in epoch 1"):
        run(store, tmp_path / "c", quick(rate=1e12, last_rate=1e12, epochs=1))
    assert not (tmp_path / "c" / "card.json").exists()


def test_other_vectors_are_refused(store, tmp_path):
    card = run(store, tmp_path / "c", quick(epochs=1))
    check_vectors(store, card.data["embedder_identities"])
    other = store_of(tmp_path / "other", 1, seed=2)
    with pytest.raises(ModelError, match="other vectors of vit_h14_swag"):
        check_vectors(other, card.data["embedder_identities"])


def test_fusions_are_known():
    assert set(PLACEMENTS) < set(FUSIONS)


def test_ls_comes_near_the_best_possible_accuracy(tmp_path):
    """Of synthetic data the best accuracy is known: a classifier within a clip must come near it."""
    clips = clips_of(4, 25, 10)
    world = World(clips, DIMS, confusability=0.7, seed=3)
    with make(tmp_path / "s", clips, world, confusability=0.7) as made:
        best = made.metadata["bayes_test"]["10"]["joint"]
    how = quick("ours", epochs=4, rate=0.0003, last_rate=0.000003)
    run(made, tmp_path / "c", how)
    network = load_network(tmp_path / "c")
    found = evaluate(network, samples_of(made, network.spec, TAU, "test"))
    assert 0.9 < best < 1
    assert len(found.clips) == 400
    assert best - 0.02 <= found.score.by_vote <= best + 0.02
