"""Training the IOV network: it learns, it resumes as if nothing had been, and the embedder takes it."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import media
from vadd.cli import main
from vadd.errors import StoreError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from vadd.classify import train_iov as module  # noqa: E402
from vadd.classify.iov_seconds import Recording, Seconds, find_recordings  # noqa: E402
from vadd.classify.train_iov import IovRecipe, train_iov  # noqa: E402
from vadd.embed.iov import CLASSES, IovNet, load_iov, log_mel  # noqa: E402

RECIPE = IovRecipe(epochs=3, batch=4, validation=0.4, seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seconds each of a low hum, of hiss and of a whistle: nobody could mix them up."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for label in CLASSES:
        (folder / label).mkdir()
        for number in range(3):
            if label == "indoor":
                sound = media.tone(2, 32_000, hertz=100 + 10 * number)
            elif label == "outdoor":
                sound = (0.1 * rng.standard_normal((1, 64_000))).astype(np.float32)
            else:
                sound = media.tone(2, 32_000, hertz=6000 + 100 * number)
            media.wav_float(folder / label / f"{number}.wav", sound, 32_000)
    return folder


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, train_iov(find_recordings(folder), out, RECIPE, threads=1)


def tensors(path):
    network = IovNet()
    load_iov(network, path)
    return network.state_dict()


def test_what_it_writes(trained):
    out, done = trained
    card = json.loads((out / "card.json").read_text())
    assert done.weights == out / "iov_cnn420.safetensors"
    assert card["sha256"] == done.sha256 == hashlib.sha256(done.weights.read_bytes()).hexdigest()
    assert card["classes"] == list(CLASSES)
    assert card["recipe"]["epochs"] == len(card["history"]) == 3
    assert card["recordings"] == dict.fromkeys(CLASSES, 3)
    assert card["seconds"] == {"learnt": 12, "validation": 6}
    assert card["validation_accuracy"] == done.accuracy
    assert done.failures == ()


def test_it_learns(trained, folder):
    _, done = trained
    losses = [epoch["loss"] for epoch in done.history]
    assert losses[-1] < 0.7 * losses[0]
    fresh = torch.manual_seed(RECIPE.seed) and IovNet().state_dict()
    assert not torch.equal(tensors(done.weights)["head.weight"], fresh["head.weight"])


def test_seconds_are_what_the_embedder_hears(folder, tmp_path):
    recordings = find_recordings(folder)
    seconds = Seconds(tmp_path / "s", recordings)
    seconds.prepare()
    rows = seconds.rows()
    assert rows.shape == (18, 128, 101)
    assert seconds.labels().tolist() == [0] * 6 + [1] * 6 + [2] * 6
    samples = media.tone(2, 32_000, hertz=100)[0]
    want = log_mel(torch.from_numpy(samples.reshape(2, 32_000))).squeeze(1).numpy()
    assert np.abs(rows[:2].astype(np.float32) - want).max() < 0.1


def test_killed_run_ends_with_the_same_weights(trained, folder, tmp_path, monkeypatch):
    real, left = module._snapshot, [1]

    def killed(*arguments):
        real(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_snapshot", killed)
    with pytest.raises(KeyboardInterrupt):
        train_iov(find_recordings(folder), tmp_path, RECIPE, threads=1)
    monkeypatch.setattr(module, "_snapshot", real)
    monkeypatch.setattr("vadd.classify.iov_seconds._seconds_of", lambda _: pytest.fail("decoded again"))
    steps = []
    done = train_iov(
        find_recordings(folder), tmp_path, RECIPE, threads=1, training=lambda at, of: steps.append((at, of))
    )
    assert steps == [(4, 9), (5, 9), (6, 9), (7, 9), (8, 9), (9, 9)]
    assert done.history == trained[1].history
    whole, resumed = tensors(trained[1].weights), tensors(done.weights)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    with pytest.raises(StoreError, match="another recipe"):
        train_iov(find_recordings(folder), tmp_path, IovRecipe(epochs=2, batch=4), threads=1)
    (tmp_path / "snapshot.pt").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match=r"snapshot\.pt is damaged"):
        train_iov(find_recordings(folder), tmp_path, RECIPE, threads=1)


def test_preparing_goes_on_after_a_torn_line(folder, tmp_path):
    recordings = find_recordings(folder)
    whole = Seconds(tmp_path / "a", recordings)
    whole.prepare()
    torn = Seconds(tmp_path / "b", recordings)
    torn.prepare()
    log, data = tmp_path / "b" / "seconds.jsonl", tmp_path / "b" / "seconds.f16"
    log.write_text("\n".join(log.read_text().split("\n")[:4]) + '\n{"path": "ha')
    data.write_bytes(data.read_bytes()[: 9 * 128 * 101 * 2 + 77])
    again = Seconds(tmp_path / "b", recordings)
    assert len(again.rows()) == 8
    again.prepare()
    assert np.array_equal(again.rows(), whole.rows())
    with pytest.raises(StoreError, match="of other recordings"):
        Seconds(tmp_path / "b", recordings[::-1])


def test_unreadable_and_too_few(folder, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    recordings = [*find_recordings(folder), Recording(broken, "indoor", "x")]
    done = train_iov(recordings, tmp_path / "out", IovRecipe(epochs=1, batch=4), threads=1)
    assert [path for path, _ in done.failures] == [broken]
    few = [each for each in find_recordings(folder) if each.label != "vehicle"]
    with pytest.raises(UsageError, match="vehicle has 0 groups"):
        train_iov(few, tmp_path / "few", RECIPE, threads=1)


def test_no_group_is_learnt_from_and_tested_on(folder, tmp_path):
    recordings = [
        Recording(each.path, each.label, f"g{at % 2}") for at, each in enumerate(find_recordings(folder))
    ]
    seconds = Seconds(tmp_path, recordings)
    seconds.prepare()
    learnt, kept = module._split(recordings, seconds, RECIPE)
    owner = seconds.recordings()
    groups = [{(recordings[at].label, recordings[at].group) for at in owner[rows]} for rows in (learnt, kept)]
    assert groups[0] & groups[1] == set()
    assert len(groups[0] | groups[1]) == 6
    assert sorted([*learnt, *kept]) == list(range(18))


def test_command_and_embedder(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    out = tmp_path / "out"
    assert main(["train-iov", str(folder), "--out", str(out), "--epochs", "1", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "vadd models add iov_cnn420" in said
    weights = out / "iov_cnn420.safetensors"
    assert main(["models", "add", "iov_cnn420", str(weights), "--unpublished"]) == 0
    from vadd.embed import catalog

    (second,) = catalog.load("iov_cnn420", threads=1).embed([media.tone(1, 32_000, hertz=100)[0]])
    network = IovNet().eval()
    load_iov(network, weights)
    with torch.inference_mode():
        want = network.features(log_mel(torch.from_numpy(media.tone(1, 32_000, hertz=100))))[0].numpy()
    assert np.dot(second.vector, want) / np.linalg.norm(second.vector) / np.linalg.norm(want) > 0.999
