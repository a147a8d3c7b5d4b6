"""A trained classifier on disk: written whole or not at all, read with suspicion, run by either runtime."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_classifiers import JOINT, PICTURES, embeddings, hashes, network, spec  # noqa: E402

from vadd import __version__  # noqa: E402
from vadd.classify import card as cards  # noqa: E402
from vadd.classify import export as exporting  # noqa: E402
from vadd.classify import judge  # noqa: E402
from vadd.classify.card import CARD, ONNX, WEIGHTS, read_card  # noqa: E402
from vadd.classify.model import load, load_matcher, load_network, save  # noqa: E402
from vadd.classify.spec import PLACEMENTS, ContrastiveSpec, EmbedderRef  # noqa: E402
from vadd.embed.base import Modality  # noqa: E402
from vadd.errors import ModelError, OutputError  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def keep(folder: Path, built: Any, **changes: Any) -> Path:
    told = {"recipe": {"name": "none"}, "seed": 7, "data": {"clips": 3}, "metrics": {"accuracy": 0.5}}
    save(folder, built, **{**told, **changes})
    return folder


def stacked(clip: dict[str, Any], of: tuple[EmbedderRef, ...] = JOINT) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([clip[each.name] for each in of], axis=1))


# --- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["fusion", "hybrid"])
def test_what_was_saved_judges_as_it_did(tmp_path: Path, family: str) -> None:
    built = network(spec("ms+ls", family=family))
    classifier = load(keep(tmp_path / "model", built))
    clip = embeddings(7)
    posteriors = classifier.posteriors(clip, hashes())
    with torch.no_grad():
        expected = torch.softmax(built(stacked(clip)), dim=1)
    np.testing.assert_allclose(posteriors, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)
    assert posteriors.shape == (7, len(classifier.scenes)) == (7, 10)


def test_the_card_tells_what_it_was_told(tmp_path: Path) -> None:
    what = spec("es+ls", instance="clip", seconds=6, dropout=0.25)
    folder = keep(tmp_path / "model", network(what), recipe={"name": "paper", "rate": 0.001})
    card = read_card(folder)
    assert card.spec == what
    assert card.scenes == what.scene_set.scenes
    assert (card.recipe, card.seed, card.data, card.metrics) == (
        {"name": "paper", "rate": 0.001}, 7, {"clips": 3}, {"accuracy": 0.5},
    )  # fmt: skip
    assert card.vadd == __version__
    written = json.loads((folder / CARD).read_text())
    assert written["spec"]["embedders"][0] == {
        "name": "eye", "dim": 20, "modality": "picture", "sha256": "a" * 64,
    }  # fmt: skip
    assert sorted(p.name for p in folder.iterdir()) == sorted([CARD, WEIGHTS])


def test_a_network_comes_back_to_be_trained_on(tmp_path: Path) -> None:
    built = network(spec("es+ms", attention="batch", heads=1))
    again = load_network(keep(tmp_path / "model", built))
    assert again.spec == built.spec
    assert not again.training
    state = again.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in built.state_dict().items())


def test_a_contrastive_model_scores_discrepancy(tmp_path: Path) -> None:
    built = network(ContrastiveSpec(JOINT, width=6, hidden=9))
    matcher = load_matcher(keep(tmp_path / "model", built))
    clip = embeddings(300)
    with torch.no_grad():
        expected = (1 - built(stacked(clip)).numpy()) / 2
    found = matcher.discrepancy(clip, hashes())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.shape == (300,)
    assert 0 <= found.min() < found.max() <= 1
    with pytest.raises(ModelError, match="gives no posteriors"):
        load(tmp_path / "model")
    with pytest.raises(ModelError, match="gives posteriors"):
        load_matcher(keep(tmp_path / "other", network(spec())))


# --- what a judge refuses -------------------------------------------------------------------------


def test_attention_across_the_batch_judges_no_file(tmp_path: Path) -> None:
    folder = keep(tmp_path / "model", network(spec("ls", attention="batch", heads=1)))
    with pytest.raises(ModelError, match="for the record only"):
        load(folder)
    with pytest.raises(ModelError, match="for the record only"):
        exporting.export(folder)
    assert load_network(folder).spec.attention == "batch"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> judge.Classifier:
    return load(keep(tmp_path_factory.mktemp("classifier") / "model", network(spec())))


def with_value(value: float) -> dict[str, Any]:
    clip = embeddings(4)
    clip["ear"][2, 0] = value
    return clip


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (embeddings(4, of=PICTURES), "trained on drum, ear, eye, lens; given: eye, lens"),
        ({}, "given: nothing"),
        ({**embeddings(4), "yamnet": np.zeros((4, 3))}, "given: drum, ear, eye, lens, yamnet"),
        ({**embeddings(4), "eye": np.zeros((4, 21))}, r"eye gives \(seconds, 20\) vectors, not \(4, 21\)"),
        ({**embeddings(4), "eye": np.zeros(20)}, "eye gives"),
        ({**embeddings(4), "ear": np.zeros((5, 13))}, "ear has 5 seconds, eye has 4"),
        (with_value(math.nan), "second 2 of ear"),
        (with_value(-math.inf), "second 2 of ear"),
        ({**embeddings(4), "drum": np.full((4, 5), 1e300)}, "second 0 of drum"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(
    classifier: judge.Classifier, clip: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        classifier.posteriors(clip)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ear": "e" * 64}, "ear with weights cccccccccccc...; those at hand are eeeeeeeeeeee..."),
        ({"ear": None}, "those at hand are of unknown origin"),
        ({"other": "e" * 64}, "given: drum, ear, eye, lens, other"),
    ],
)
def test_other_weights_are_refused(
    classifier: judge.Classifier, changes: dict[str, str | None], message: str
) -> None:
    classifier.require(hashes())
    with pytest.raises(ModelError, match=message):
        classifier.require({**hashes(), **changes})
    with pytest.raises(ModelError, match=message):
        classifier.posteriors(embeddings(2), {**hashes(), **changes})


def test_features_of_unknown_origin_train_nothing_that_judges_files(tmp_path: Path) -> None:
    unknown = (EmbedderRef("eye", 20, Modality.PICTURE),)
    what = spec("ns", embedders=unknown, modality="visual")
    loaded = load(keep(tmp_path / "model", network(what)))
    with pytest.raises(ModelError, match="with weights of unknown origin; those at hand are aaaa"):
        loaded.require({"eye": "a" * 64})
    loaded.require({"eye": None})  # the same imported store, to be evaluated


# --- length of the clip ---------------------------------------------------------------------------


def test_a_clip_of_no_seconds_has_no_posteriors(classifier: judge.Classifier) -> None:
    assert classifier.posteriors(embeddings(0)).shape == (0, 10)


def test_a_long_clip_is_its_seconds(classifier: judge.Classifier) -> None:
    seconds = 2 * judge.BLOCK + 3
    clip = embeddings(seconds)
    whole = classifier.posteriors(clip)
    assert whole.shape == (seconds, 10)
    for second in (0, judge.BLOCK - 1, judge.BLOCK, seconds - 1):
        alone = classifier.posteriors({name: v[second : second + 1] for name, v in clip.items()})
        np.testing.assert_allclose(alone[0], whole[second], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("seconds", "starts"), [(1, [0]), (4, [0]), (5, [0]), (10, [0, 5]), (13, [0, 5, 8])])
def test_windows_of_a_clip_cover_each_second_once(tmp_path: Path, seconds: int, starts: list[int]) -> None:
    """The last window reaches back, and gives only the seconds that none before it gave."""
    built = network(spec("ls", instance="clip", seconds=5))
    loaded = load(keep(tmp_path / "model", built))
    clip = embeddings(seconds)
    expected = np.zeros((seconds, 10))
    with torch.no_grad():
        for start in reversed(starts):  # the earlier window has the word where two overlap
            window = stacked(clip)[None, start : start + 5]
            expected[start : start + 5] = torch.softmax(built(window), dim=-1)[0]
    np.testing.assert_allclose(loaded.posteriors(clip), expected, rtol=1e-4, atol=1e-6)


# --- writing --------------------------------------------------------------------------------------


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_classifier_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    folder = keep(tmp_path / "model", network(spec()))
    (folder / "losses.png").write_bytes(b"theirs")
    before = content(folder)
    with pytest.raises(OutputError, match="holds a classifier already"):
        keep(folder, network(spec(), seed=1))
    assert content(folder) == before
    keep(folder, network(spec("ms"), seed=1), overwrite=True)
    assert load(folder).spec.placement == "ms"
    assert (folder / "losses.png").read_bytes() == b"theirs"


@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk_leaves_the_old_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    folder = keep(tmp_path / "model", network(spec()))
    before = content(folder)
    synced: list[int] = []

    def full(handle: int) -> None:
        synced.append(handle)
        if len(synced) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cards.os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        keep(folder, network(spec(), seed=1), overwrite=True)
    assert content(folder) == before


def test_a_kill_between_the_files_leaves_no_mixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = keep(tmp_path / "model", network(spec()))
    replace, replaced = Path.replace, []

    def killed(self: Path, target: Path) -> Path:
        if replaced:
            raise KeyboardInterrupt
        replaced.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        keep(folder, network(spec(), seed=1), overwrite=True)
    monkeypatch.undo()
    assert [path.name for path in replaced] == [WEIGHTS]
    with pytest.raises(ModelError, match="not a trained classifier"):
        load(folder)
    keep(folder, network(spec(), seed=1))  # and it is not in the way
    assert load(folder).spec == spec()


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write the classifier"):
        keep(tmp_path / "file" / "model", network(spec()))


def test_a_training_gone_wrong_is_not_saved(tmp_path: Path) -> None:
    built = network(spec())
    with torch.no_grad():
        built.head[0].weight[3, 4] = math.nan
    with pytest.raises(ModelError, match=r"head\.0\.weight holds a value that is not finite"):
        keep(tmp_path / "model", built)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("metrics", [{"loss": math.inf}, {"deep": {"loss": [math.nan]}}, {"path": Path("x")}])
def test_what_json_cannot_hold_is_not_saved(tmp_path: Path, metrics: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="card"):
        keep(tmp_path / "model", network(spec()), metrics=metrics)
    assert not (tmp_path / "model").exists()


# --- reading --------------------------------------------------------------------------------------


def rewrite(folder: Path, **changes: Any) -> None:
    told = json.loads((folder / CARD).read_text())
    for path, value in changes.items():
        at = told
        *way, last = path.split("__")
        for step in way:
            at = at[step]
        at[last] = value
    (folder / CARD).write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format"),
        ({"spec__placement": "xs"}, "no placement 'xs'"),
        ({"spec__colour": "red"}, "colour"),
        ({"spec__family": "magic"}, "spec"),
        ({"spec__width": "wide"}, "width"),
        ({"scenes": ["park", "bus"]}, "not the scene set of its spec"),
        ({"files": {}}, "names no weights"),
        ({"files": {"weights.safetensors": "abc"}}, "files"),
        ({"files": {"../../secret": "a" * 64}}, "files"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_card_that_is_none_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = keep(tmp_path / "model", network(spec()))
    rewrite(folder, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert "cannot be used" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_card_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a trained classifier"):
        load(tmp_path / "nowhere")
    folder = keep(tmp_path / "model", network(spec()))
    (folder / CARD).write_bytes(b"\x80\x04 not JSON")
    with pytest.raises(ModelError, match="cannot be used"):
        load(folder)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = keep(tmp_path / "model", network(spec()))
    data = (folder / WEIGHTS).read_bytes()
    for damaged in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), b""):
        (folder / WEIGHTS).write_bytes(damaged)
        with pytest.raises(ModelError, match="damaged or was exchanged"):
            load(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="cannot read"):
        load(folder)


@pytest.mark.parametrize("how", ["shape", "missing", "no safetensors"])
def test_weights_of_another_network_are_refused(tmp_path: Path, how: str) -> None:
    """Even under the right hash: the card may have been written by hand."""
    folder = keep(tmp_path / "model", network(spec()))
    if how == "no safetensors":
        (folder / WEIGHTS).write_bytes(b"PK\x03\x04 a pickle in a zip")
    else:
        state = load_file(folder / WEIGHTS)
        wrong = state.pop("head.3.bias")
        save_file({**state, "head.3.bias": wrong[1:].clone()} if how == "shape" else state, folder / WEIGHTS)
    rewrite(folder, files={WEIGHTS: cards.hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()})
    with pytest.raises(ModelError, match="do not fit its card") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


# --- ONNX -----------------------------------------------------------------------------------------

EXPORTS = (
    *((placement, "second", "fusion") for placement in PLACEMENTS),
    ("ls", "clip", "fusion"),
    ("ls", "second", "hybrid"),
)


@pytest.fixture
def exporter() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")


@pytest.mark.usefixtures("exporter")
@pytest.mark.parametrize(("placement", "instance", "family"), EXPORTS)
def test_the_exported_graph_is_the_network(
    tmp_path: Path, placement: str, instance: str, family: str
) -> None:
    built = network(spec(placement, instance=instance, family=family, seconds=5))
    folder = keep(tmp_path / "model", built)
    before = read_card(folder)
    by_torch = load(folder)
    card = exporting.export(folder)
    assert card == read_card(folder)
    assert set(card.files) == {WEIGHTS, ONNX}
    assert card.model_copy(update={"files": before.files}) == before
    by_onnx = load(folder)
    for seconds in (1, 2, 7, 12):
        clip = embeddings(seconds, seed=seconds)
        np.testing.assert_allclose(by_onnx.posteriors(clip), by_torch.posteriors(clip), atol=1e-5)
    assert sorted(path.name for path in folder.iterdir()) == sorted([CARD, WEIGHTS, ONNX])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    folder = keep(tmp_path_factory.mktemp("exported") / "model", network(ContrastiveSpec(JOINT, 6, 9)))
    exporting.export(folder)
    return folder


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = sys.modules["safetensors"] = None
import numpy as np
from vadd.classify import model
clip = {name: np.array(rows) for name, rows in json.load(sys.stdin).items()}
print(json.dumps(getattr(model, sys.argv[2])(sys.argv[1]).discrepancy(clip).tolist()))
"""


def test_an_exported_model_runs_without_torch(exported: Path) -> None:
    clip = embeddings(3)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(exported), "load_matcher"],
        input=json.dumps({name: rows.tolist() for name, rows in clip.items()}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    built = load_network(exported)
    with torch.no_grad():
        expected = (1 - built(stacked(clip)).numpy()) / 2
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)


def test_without_torch_and_without_export_it_says_what_to_do(tmp_path: Path) -> None:
    folder = keep(tmp_path / "model", network(ContrastiveSpec(JOINT, 6, 9)))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(folder), "load_matcher"],
        input="{}", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("vadd.errors.ModelError")
    assert f"vadd export {folder}" in last
    assert "vadd[paper]" in last


def test_a_damaged_graph_is_refused_and_torch_does_not_step_in(exported: Path, tmp_path: Path) -> None:
    folder = copied(exported, tmp_path / "model")
    (folder / ONNX).write_bytes((folder / ONNX).read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged or was exchanged"):
        load_matcher(folder)
    card = read_card(folder)
    digest = cards.hashlib.sha256((folder / ONNX).read_bytes()).hexdigest()
    rewrite(folder, files={**card.files, ONNX: digest})
    with pytest.raises(ModelError, match="ONNX Runtime cannot load"):
        load_matcher(folder)


def test_the_graph_of_another_network_is_refused(exported: Path, tmp_path: Path) -> None:
    graph = (exported / ONNX).read_bytes()
    folder = keep(tmp_path / "model", network(spec("ns", embedders=PICTURES, modality="visual")))
    (folder / ONNX).write_bytes(graph)
    digest = cards.hashlib.sha256(graph).hexdigest()
    rewrite(folder, files={**read_card(folder).files, ONNX: digest})
    with pytest.raises(ModelError, match="its card needs vectors of 47"):
        load(folder)


def test_a_graph_that_answers_otherwise_does_not_count(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = (exported / ONNX).read_bytes()
    folder = keep(tmp_path / "model", network(ContrastiveSpec(JOINT, 6, 9), seed=3))
    monkeypatch.setattr(exporting, "_graph", lambda *_: graph)
    before = content(folder)
    with pytest.raises(ModelError, match="differs from the network by"):
        exporting.export(folder)
    assert content(folder) == before


def test_exporting_anew_keeps_the_classifier_whole_even_when_killed(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(exported, tmp_path / "model")
    graph = (folder / ONNX).read_bytes()
    monkeypatch.setattr(exporting, "_graph", lambda *_: graph)
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target.name == CARD and ONNX not in json.loads((folder / CARD).read_text())["files"]:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        exporting.export(folder)
    monkeypatch.undo()
    assert set(read_card(folder).files) == {WEIGHTS}
    assert load_matcher(folder).discrepancy(embeddings(2)).shape == (2,)


def test_a_new_training_drops_the_old_graph(exported: Path, tmp_path: Path) -> None:
    folder = copied(exported, tmp_path / "model")
    keep(folder, network(spec()), overwrite=True)
    assert not (folder / ONNX).exists()
    assert load(folder).spec == spec()
