"""The paper's tables on small synthetic stores: the figures on the pages, computed again in plain numpy."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")
pytest.importorskip("safetensors")

from sklearn import metrics as sk
from tiny_stores import clips_of, store_of

from vadd.classify.model import load_network
from vadd.classify.recipe import recipe
from vadd.embed.store import Store
from vadd.errors import ModelError, ProtocolError, StoreError, UsageError
from vadd.protocol.reproduce.campaign import CLASSIFIERS, Campaign, Wanted
from vadd.protocol.reproduce.leak import leak
from vadd.protocol.reproduce.page import csv_text, markdown
from vadd.protocol.reproduce.table1 import table1
from vadd.protocol.reproduce.table2 import ABLATION, table2
from vadd.protocol.reproduce.vadd_table import vadd_table
from vadd.protocol.swaps import paper_design
from vadd.protocol.tau import TauClip
from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, TAU, coarsen

QUICK = replace(recipe("ours"), epochs=3, rate=3e-3, reach=3, batch=32)
PLAIN = replace(QUICK, name="paper", validation=0.0, keep="last")
KINDS = dict(zip(TAU.scenes, coarsen(TAU, INDOOR_OUTDOOR_VEHICLE), strict=True))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("store") / "s", clips_of())


@pytest.fixture(scope="module")
def first(tmp_path_factory, store):
    """The first table, its folder and what was told."""
    out, told = tmp_path_factory.mktemp("first"), []
    campaign = Campaign(store, out, PLAIN, seeds=(0, 3), threads=1, told=told.append)
    return table1(campaign), out, told


@pytest.fixture(scope="module")
def swapped(tmp_path_factory, store):
    out = tmp_path_factory.mktemp("swapped")
    campaign = Campaign(store, out, PLAIN, seeds=(0, 1), threads=1)
    return vadd_table(campaign, contrastive=True), out


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def said(folder, store, modality, *, split="test"):
    """Clip → posteriors of its seconds, from the classifier on disk and the store's plain arrays."""
    import torch

    names = {"joint": list(store.embedders), "visual": ["vit_h14_swag"], "audio": ["openl3_music_mel256"]}
    clips = store.clips(split=split)
    x = torch.from_numpy(store.arrays(names[modality], clips))
    network = load_network(folder)
    with torch.no_grad():
        shares = torch.softmax(network(x.flatten(0, 1)), dim=-1).reshape(len(clips), 10, -1).numpy()
    return {clip.name: each for clip, each in zip(clips, shares, strict=True)}


def voted(shares):
    counts = np.bincount(shares.argmax(axis=1), minlength=shares.shape[1])
    return max(range(len(counts)), key=lambda c: (counts[c], shares[:, c].mean()))


def cell(page, *starts):
    """The cells of the one line of a page that starts with these."""
    lines = [[part.strip() for part in line.strip("|").split("|")] for line in page.split("\n")]
    found = [line for line in lines if line[: len(starts)] == list(starts)]
    assert len(found) == 1, (starts, found)
    return found[0][len(starts) :]


def test_first_table_is_what_the_classifiers_answer(first, store):
    result, out, _ = first
    page = result.markdown
    clips = store.clips(split="test")
    truth = np.array([TAU.index(clip.scene) for clip in clips])
    kinds = np.array([KINDS[clip.scene] for clip in clips])
    for approach, modality in {"VASC": "joint", "ASC": "audio", "VSC": "visual"}.items():
        right, summed, losses = [], [], []
        for seed in (0, 3):
            answers = said(out / CLASSIFIERS / f"{modality}-10-ls-seed{seed}", store, modality)
            shares = np.stack([answers[clip.name] for clip in clips])
            right.append(np.mean([voted(each) for each in shares] == truth))
            losses.append(-np.log(shares.mean(axis=1)[np.arange(len(truth)), truth]).mean())
            into = np.eye(3)[[KINDS[scene] for scene in TAU.scenes]]
            summed.append(np.mean([voted(each) for each in shares @ into] == kinds))
        line = cell(page, approach, "10", "own head")
        mean, spread = 100 * np.mean(right), 100 * np.std(right, ddof=1)
        assert line[1] == f"{mean:.2f} ± {spread:.2f}"
        assert line[5] == f"{np.mean(losses):.3f} ± {np.std(losses, ddof=1):.3f}"
        low, high = map(float, line[2].split(" to "))
        assert low <= mean <= high
        assert cell(page, approach, "3", "summed from 10")[1].startswith(f"{100 * np.mean(summed):.2f} ")
        assert cell(page, approach, "3", "own head")[1] != "not measured"
        assert np.mean(right) > 0.3, "it has learnt something"
    assert cell(page, "VASC", "10", "own head")[0] == "97.24"
    assert cell(page, "ASC", "3", "own head")[0] == "99.84"
    assert cell(page, "Most frequent scene", "10")[2] == "10.00"
    assert cell(page, "Drawn from the prior", "3")[2] == "34.00"


def test_first_table_is_loud_and_says_what_made_it(first, store):
    result, out, told = first
    assert result.markdown.startswith("# Table 1: scenes told by picture and sound — SYNTHETIC DATA\n")
    assert "no clip was ever seen" in result.markdown
    best = store.metadata["bayes"]["10"]["visual"], store.metadata["bayes_test"]["10"]["visual"]
    assert cell(result.markdown, "VSC", "10", "own head")[-2:] == [f"{100 * each:.2f}" for each in best]
    assert [each.reused for each in told] == [False] * 12
    made = json.loads(json.dumps(result.document, allow_nan=False))["made_from"]
    assert made["synthetic"]
    assert made["seeds"] == [0, 3]
    assert made["recipe"]["name"] == "paper"
    assert set(made["embedders"]) == set(store.embedders)
    assert set(made["classifiers"]) == {path.name for path in (out / CLASSIFIERS).iterdir()}
    assert made["store"]["test_clips"] == 60
    assert made["store"]["train_locations"] == 30
    assert made["store"]["locations_in_both_folds"] == 0
    assert str(out) not in json.dumps(made)
    assert str(out) not in result.markdown


def test_first_table_counts_confusions_of_all_seeds(first):
    result, _, _ = first
    names = {each.name: each for each in result.matrices}
    assert len(names) == 9
    matrix = names["table1-confusion-asc-10"]
    assert matrix.values.sum() == 120
    rows = list(csv.reader(io.StringIO(matrix.csv())))
    assert rows[0][1:] == [row[0] for row in rows[1:]] == list(TAU.scenes)
    assert np.array_equal(np.array([row[1:] for row in rows[1:]], int), matrix.values)
    diagonal = np.diagonal(matrix.values).sum() / 120
    assert cell(result.markdown, "ASC", "10", "own head")[1].startswith(f"{100 * diagonal:.2f} ")
    both = matrix.values + matrix.values.T
    at = {scene: number for number, scene in enumerate(TAU.scenes)}
    confused = result.markdown.partition("## Most confused")[2]
    found = re.findall(r"(\w+)/(\w+) (\d+)", cell(confused, "ASC")[1])
    assert [(a, b) for a, b, _ in found] == [
        ("bus", "tram"), ("airport", "shopping_mall"), ("public_square", "street_pedestrian"),
    ]  # fmt: skip
    assert all(both[at[a], at[b]] == int(n) for a, b, n in found)


def test_first_table_finds_swaps_with_its_own_classifiers(first, store):
    result, out, _ = first
    clips = store.clips(split="test")
    for classes, scenes in ((10, TAU), (3, INDOOR_OUTDOOR_VEHICLE)):
        trials = paper_design(clips, scenes, 0)
        truth = [trial.manipulated for trial in trials]
        f1 = []
        for seed in (0, 3):
            seen, heard = (
                {name: voted(each) for name, each in said(folder, store, side).items()}
                for side in ("visual", "audio")
                for folder in [out / CLASSIFIERS / f"{side}-{classes}-ls-seed{seed}"]
            )
            f1.append(sk.f1_score(truth, [seen[t.picture] != heard[t.sound] for t in trials]))
        line = cell(result.markdown, str(classes), "own head")
        assert line[1] == f"{100 * np.mean(f1):.2f} ± {100 * np.std(f1, ddof=1):.2f}"
        assert line[0] == {10: "79.16", 3: "95.54"}[classes]
    rows = [row for row in rows_of(result.tables["table1-seeds.csv"]) if row["measure"] == "f1"]
    assert [row["seed"] for row in rows] == ["0", "3"] * 3


def test_a_second_run_trains_nothing_and_says_the_same(first, store):
    result, out, _ = first
    told = []
    again = table1(Campaign(store, out, PLAIN, seeds=(0, 3), threads=1, told=told.append))
    assert all(each.reused for each in told)
    assert again.markdown == result.markdown
    assert again.tables == result.tables
    assert again.document == result.document


def test_what_was_not_asked_for_is_not_measured(first, store):
    _, out, _ = first
    result = table1(Campaign(store, out, PLAIN, seeds=(3,), threads=1), classes=(3,))
    assert cell(result.markdown, "VASC, accuracy")[2:4] == ["not measured", "not measured"]
    assert cell(result.markdown, "VSC", "10", "own head")[1:7] == ["not measured"] * 6
    assert "±" not in cell(result.markdown, "VSC", "3", "own head")[1]
    assert cell(result.markdown, "10", "own head") == ["79.16", *["not measured"] * 3]


def test_a_classifier_of_something_else_is_refused(first, store, tmp_path):
    _, out, _ = first
    wanted = Wanted("visual", 3)
    where = re.escape(str(out / CLASSIFIERS / "visual-3-ls-seed0"))
    with pytest.raises(ModelError, match=f"{where} holds a classifier with another recipe"):
        Campaign(store, out, replace(PLAIN, epochs=4), seeds=(0,)).classifier(wanted, 0)
    other = store_of(tmp_path / "s", clips_of(), seed=2)
    with pytest.raises(ModelError, match="with another store, fold or set of clips"):
        Campaign(other, out, PLAIN, seeds=(0,)).classifier(wanted, 0)
    folder = tmp_path / CLASSIFIERS / "visual-3-ls-seed1"
    folder.mkdir(parents=True)
    for path in (out / CLASSIFIERS / "visual-3-ls-seed0").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match="with another seed"):
        Campaign(store, tmp_path, PLAIN, seeds=(1,)).classifier(wanted, 1)
    folder.rename(folder.with_name("visual-3-ls-seed0"))
    (folder.with_name("visual-3-ls-seed0") / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="damaged or was exchanged"):
        Campaign(store, tmp_path, PLAIN, seeds=(0,)).classifier(wanted, 0)


class Killed(BaseException):
    pass


def killing(after):
    """A watch that ends the run after so many steps."""
    from contextlib import contextmanager

    steps = Counter()

    @contextmanager
    def watch(name):
        def progress(done, total):
            steps[name] += 1
            if sum(steps.values()) == after:
                raise Killed

        yield progress

    return watch


def test_a_killed_run_goes_on(store, tmp_path):
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    wanted = [Wanted("visual", 3), Wanted("audio", 3)]
    for each in wanted:
        Campaign(store, clean, PLAIN, seeds=(0,), threads=1).classifier(each, 0)
    steps = -(-store.clips(split="train").__len__() * 10 // 32)
    # In the second epoch of the second classifier.
    campaign = Campaign(
        store, killed, PLAIN, seeds=(0,), threads=1, watch=killing(PLAIN.epochs * steps + steps + 5)
    )
    campaign.classifier(wanted[0], 0)
    with pytest.raises(Killed):
        campaign.classifier(wanted[1], 0)
    seen, told = [], []

    def watch(name):
        from contextlib import nullcontext

        return nullcontext(lambda done, total: seen.append((name, done)))

    campaign = Campaign(store, killed, PLAIN, seeds=(0,), threads=1, watch=watch, told=told.append)
    for each in wanted:
        campaign.classifier(each, 0)
    assert [each.reused for each in told] == [True, False]
    assert seen[0] == ("audio-3-ls-seed0", steps + 1), "the first epoch is not learnt again"
    for name in ("visual-3-ls-seed0", "audio-3-ls-seed0"):
        weights = [each / CLASSIFIERS / name / "weights.safetensors" for each in (clean, killed)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
    # An unfinished training of something else is not taken up.
    (killed / CLASSIFIERS / "audio-3-ls-seed0").rename(tmp_path / "away")
    campaign = Campaign(store, killed, PLAIN, seeds=(0,), threads=1, watch=killing(steps + 5))
    with pytest.raises(Killed):
        campaign.classifier(wanted[1], 0)
    with pytest.raises(StoreError, match="another store, recipe, network or seed"):
        Campaign(store, killed, replace(PLAIN, epochs=2), seeds=(0,), threads=1).classifier(wanted[1], 0)


def test_every_scorer_by_its_scores(swapped, store):
    result, _ = swapped
    trials = rows_of(result.tables["vadd-trials-10.csv"])
    assert [(row["picture"], row["sound"], bool(int(row["manipulated"]))) for row in trials] == [
        (t.picture, t.sound, t.manipulated) for t in paper_design(store.clips(split="test"), TAU, 0)
    ]
    truth = np.array([int(row["manipulated"]) for row in trials])
    lines = [row for row in rows_of(result.tables["vadd.csv"]) if row["classes"] == "10"]
    assert Counter(row["scorer"] for row in lines) == dict.fromkeys(
        ("hard", "seconds", "graded", "divergence", "bhattacharyya", "contrastive"), 2
    )
    for row in lines:
        scores = np.array([float(each[f"{row['scorer']}-seed{row['seed']}"]) for each in trials])
        flagged = scores > float(row["threshold"])
        assert float(row["f1"]) == pytest.approx(sk.f1_score(truth, flagged))
        assert float(row["precision"]) == pytest.approx(sk.precision_score(truth, flagged))
        assert float(row["recall"]) == pytest.approx(sk.recall_score(truth, flagged))
        assert float(row["accuracy"]) == pytest.approx(sk.accuracy_score(truth, flagged))
        assert float(row["auc"]) == pytest.approx(sk.roc_auc_score(truth, scores))
        assert float(row["f1_low"]) <= float(row["f1_high"])
        if row["scorer"] == "hard":
            assert float(row["threshold"]) == 0.5
            assert float(row["f1"]) >= float(row["least_f1"]) - 1e-9
    hard = [float(row["f1"]) for row in lines if row["scorer"] == "hard"]
    line = cell(result.markdown, "10", "own heads", "hard")
    assert line[:2] == ["79.16", f"{100 * np.mean(hard):.2f} ± {100 * np.std(hard, ddof=1):.2f}"]


def test_thresholds_come_from_clips_that_nobody_learnt_from(swapped, store):
    result, out = swapped
    for seed in (0, 1):
        cards = [
            json.loads((out / CLASSIFIERS / f"{side}-3-ls-val15-seed{seed}" / "card.json").read_text())
            for side in ("visual", "audio")
        ]
        kept = cards[0]["data"]["validation"]
        assert kept == cards[1]["data"]["validation"]
        assert len(kept) == 10, "of each scene one location of three"
        clips = [clip for clip in store.clips(split="train") if f"{clip.city}/{clip.location}" in kept]
        assert cards[0]["data"]["clips"] + len(clips) == 90
        seen, heard = (
            said(out / CLASSIFIERS / f"{side}-3-ls-val15-seed{seed}", store, side, split="train")
            for side in ("visual", "audio")
        )
        trials = paper_design(clips, INDOOR_OUTDOOR_VEHICLE, 0)
        scores = np.array([
            (seen[t.picture].argmax(axis=1) != heard[t.sound].argmax(axis=1)).mean() for t in trials
        ])  # fmt: skip
        truth = np.array([t.manipulated for t in trials])
        row = next(
            row for row in rows_of(result.tables["vadd.csv"])
            if (row["classes"], row["heads"], row["scorer"], row["seed"])
            == ("3", "own heads", "seconds", str(seed))
        )  # fmt: skip
        chosen = float(row["threshold"])
        tried = [sk.f1_score(truth, scores > each / 20 - 0.025) for each in range(22)]
        assert sk.f1_score(truth, scores > chosen) == pytest.approx(max(tried))


def test_cells_by_class_of_picture_and_of_sound(swapped):
    result, _ = swapped
    trials = rows_of(result.tables["vadd-trials-10.csv"])
    kind = {row["picture"]: row["picture"].split("-")[0] for row in trials}
    lines = [row for row in rows_of(result.tables["vadd-cells.csv"]) if row["classes"] == "10"]
    assert len(lines) == 100
    flags = {seed: [float(row[f"hard-seed{seed}"]) > 0.5 for row in trials] for seed in (0, 1)}
    rate = {}
    for line in lines:
        here = [
            kind[row["picture"]] == line["picture"] and kind[row["sound"]] == line["sound"] for row in trials
        ]
        flagged = sum(f for each in flags.values() for f, inside in zip(each, here, strict=True) if inside)
        assert (int(line["clips"]), int(line["flagged"])) == (2 * sum(here), flagged)
        rate[line["picture"], line["sound"]] = int(line["clips"]), flagged
    for line in lines:
        a, b = line["picture"], line["sound"]
        if a == b or not rate[a, b][0]:
            assert line["f1"] == ""
            continue
        recall = rate[a, b][1] / rate[a, b][0]
        alarms = (rate[a, a][1] + rate[b, b][1]) / (rate[a, a][0] + rate[b, b][0])
        precision = recall / (recall + alarms) if recall else 0
        f1 = 2 * precision * recall / (precision + recall) if recall else 0
        assert float(line["f1"]) == pytest.approx(f1)
    assert {each.name for each in result.matrices} == {
        f"vadd-{what}-{which}" for what in ("f1", "flagged") for which in ("10", "3", "3-summed")
    }


def test_the_page_says_what_is_impossible_and_what_is_chance(swapped):
    page = swapped[0].markdown
    assert "SYNTHETIC" in page.split("\n")[0]
    assert cell(page, "The paper, 3 classes") == ["99.93", "99.84", "99.77", "95.54", "**no**"]
    assert cell(page, "The paper, 10 classes") == ["94.32", "78.84", "63.31", "79.16", "yes"]
    for name in ("10 classes, own heads", "3 classes, own heads", "3 classes, summed from 10"):
        assert cell(page, name)[-1] == "yes"
    assert cell(page, "10", "–", "flag everything")[1] == "66.67"
    assert cell(page, "3", "–", "flag nothing")[1] == "0.00"
    assert cell(page, "3", "–", "flag a random half")[1] == "50.00"
    assert "not applicable" in cell(page, "–", "–", "scene and city of the file name")[1]


def test_without_a_contrastive_network_it_is_not_measured(swapped, store):
    _, out = swapped
    result = vadd_table(Campaign(store, out, PLAIN, seeds=(0,), threads=1), classes=(3,))
    assert cell(result.markdown, "3", "–", "contrastive") == ["–", *["not measured"] * 7]
    assert cell(result.markdown, "3", "summed from 10", "graded") == ["–", *["not measured"] * 7]
    assert cell(result.markdown, "10", "own heads", "hard") == ["79.16", *["not measured"] * 7]
    assert list(result.document["trials"]) == ["3"]


def test_ablation_with_and_without_twins(store, tmp_path):
    quick = replace(PLAIN, epochs=1)
    doubled = store_of(tmp_path / "s", clips_of(each=1), twins=True)
    result = table2(Campaign(doubled, tmp_path / "da", quick, seeds=(0,), threads=1))
    names = [path.name for path in (tmp_path / "da" / CLASSIFIERS).iterdir()]
    assert len(names) == len(ABLATION) == 10
    assert sum("-da-" in name for name in names) == 9
    lines = {row.name: cell(result.markdown, row.name) for row in ABLATION}
    assert [line[0] for line in lines.values()] == ["yes"] * 8 + ["no", "yes"]
    assert [line[1] for line in lines.values()] == [
        "97.24", "91.73", "96.98", "94.16", "93.75", "97.02", "92.65", "94.05", "96.98", "–",
    ]  # fmt: skip
    # Parameters: without attention two layers of the head alone.
    inner = 40 // 2
    assert int(lines["NS"][-1].replace(",", "")) == 40 * inner + inner + inner * 10 + 10
    assert len({line[-1] for line in lines.values()}) == 9, "only LS stands there twice"
    card = json.loads((tmp_path / "da" / CLASSIFIERS / "joint-10-ls-da-seed0" / "card.json").read_text())
    assert card["data"]["seconds"] == 2 * 300
    assert "caption" in result.markdown
    assert "3-class variant" in result.markdown

    alone = table2(Campaign(store, tmp_path / "plain", quick, seeds=(0,), threads=1), classes=3)
    assert alone.name == "table2-3"
    assert "The store has no augmented twins" in alone.markdown
    assert cell(alone.markdown, "LS + DA (proposed)") == ["yes", "97.24", *["not measured"] * 5]
    assert cell(alone.markdown, "ES")[0] == "no"
    assert len(list((tmp_path / "plain" / CLASSIFIERS).iterdir())) == 9
    assert {row["augmented"] for row in rows_of(alone.tables["table2-3.csv"])} == {"yes", "no"}


def test_leak(store, tmp_path):
    import torch

    result = leak(Campaign(store, tmp_path, PLAIN, seeds=(0,), threads=1))
    rows = {(row["attention"], row["order"]): row for row in rows_of(result.tables["leak.csv"])}
    assert len(rows) == 8
    clips = store.clips(split="test")
    truth = np.array([TAU.index(clip.scene) for clip in clips])
    x = torch.from_numpy(store.arrays(list(store.embedders), clips))
    for attention in ("batch", "clip"):
        name = "joint-10-ls-batch-seed0" if attention == "batch" else "joint-10-ls-seed0"
        network = load_network(tmp_path / CLASSIFIERS / name)
        order = np.argsort(np.repeat(truth, 10), kind="stable")
        with torch.no_grad():
            alone = torch.cat([network(each[None]) for each in x.flatten(0, 1)]).numpy()
            clipwise = torch.cat([network(each) for each in x]).numpy()
            parts = x.flatten(0, 1)[order].split(32)
            sorted_ = np.empty_like(alone)
            sorted_[order] = torch.cat([network(each) for each in parts]).numpy()
        found = {"one by one": alone, "clip by clip": clipwise, "class-sorted": sorted_}
        for what, logits in found.items():
            row = rows[attention, what]
            answers = logits.argmax(axis=1)
            assert float(row["accuracy_of_seconds"]) == pytest.approx(
                np.mean(answers == np.repeat(truth, 10))
            )
            shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            right = [voted(each) for each in shares.reshape(-1, 10, 10)] == truth
            assert float(row["accuracy"]) == pytest.approx(np.mean(right))
            changed = np.mean(answers != alone.argmax(axis=1))
            assert float(row["answers_changed"]) == pytest.approx(changed)
    within = [row for (attention, _), row in rows.items() if attention == "clip"]
    assert len({row["accuracy"] for row in within}) == 1
    assert {float(row["answers_changed"]) for row in within} == {0}
    across = [float(row["answers_changed"]) for (attention, _), row in rows.items() if attention == "batch"]
    assert max(across) > 0.05
    moved = {row["attention"]: row["posterior_moved_at_most"] for row in result.document["rows"][:5:4]}
    assert moved["clip"] < 1e-5 < moved["batch"]


def test_leak_with_clips_of_other_lengths(store, tmp_path):
    from vadd.protocol.reproduce.leak import answers

    campaign = Campaign(store, tmp_path, replace(PLAIN, epochs=1), seeds=(0,), threads=1)
    network = campaign.network(campaign.classifier(Wanted("audio", 3, attention="batch"), 0))
    whole = campaign.shown("audio", INDOOR_OUTDOOR_VEHICLE)
    kept = np.ones(len(whole.rows), np.bool_)
    kept[10:15] = kept[38:40] = False  # the second clip has five seconds, the fourth eight
    short = replace(whole, rows=whole.rows[kept], labels=whole.labels[kept], owner=whole.owner[kept])
    found = answers(network, short, "clip by clip", seed=0)
    for clip in range(6):
        part = replace(
            short, rows=short.rows[short.owner == clip], labels=short.labels[short.owner == clip],
            owner=short.owner[short.owner == clip],
        )  # fmt: skip
        alone = answers(network, part, "clip by clip", seed=0)
        np.testing.assert_allclose(found[short.owner == clip], alone, atol=1e-6)


def test_what_cannot_be_made_is_refused_before_training(store, tmp_path):
    def campaign(clips, folder, **settings):
        made = store_of(tmp_path / folder, clips)
        return Campaign(made, tmp_path / "out", PLAIN, **{"seeds": (0,), **settings})

    everything = clips_of(each=1)
    trained = [clip for clip in everything if clip.split == "train"]
    with pytest.raises(UsageError, match="has no labelled test clip with vectors of vit_h14_swag, openl3"):
        campaign(trained, "train")
    with pytest.raises(UsageError, match="has no labelled training clip"):
        campaign([clip for clip in everything if clip.split == "test"], "test")
    few = [*trained, *(clip for clip in everything if clip.split == "test" and clip.scene == "park")]
    with pytest.raises(ProtocolError, match="none of the 2 clips of the class park can get a sound"):
        vadd_table(campaign(few, "few"))
    one = [*trained, *(c for c in clips_of() if c.split == "test" and c.scene == "park")]
    with pytest.raises(ProtocolError, match="none of the 6 clips of the class park can get a sound"):
        table1(campaign(one, "one"))
    placed = [replace(clip, location="1", city="lyon") for clip in trained]
    single = [*placed, *(clip for clip in everything if clip.split == "test")]
    with pytest.raises(UsageError, match="from the one location lyon/1"):
        vadd_table(campaign(single, "single"))
    with pytest.raises(UsageError, match=r"all training clips of .* are from one location"):
        table1(campaign(single, "single2"))
    nowhere = [replace(clip, location="") if clip.split == "test" else clip for clip in everything]
    with pytest.raises(ProtocolError, match="not known where the clip"):
        table1(campaign(nowhere, "nowhere"))
    with pytest.raises(StoreError, match="no embedder 'eye'"):
        Campaign(store, tmp_path / "out", PLAIN, seeds=(0,), embedders=["eye"])
    deaf = store_of(tmp_path / "deaf", everything, dims={"vit_h14_swag": 8})
    with pytest.raises(UsageError, match="no embedder of sounds"):
        Campaign(deaf, tmp_path / "out", PLAIN, seeds=(0,))
    for seeds in ((), (1, 1), (-1,)):
        with pytest.raises(UsageError, match="seeds are numbers"):
            Campaign(store, tmp_path / "out", PLAIN, seeds=seeds)
    assert not (tmp_path / "out").exists()


def test_clips_without_all_vectors_and_shared_locations_are_told(tmp_path):
    clips = list(clips_of(places=4, each=2))
    again = [
        TauClip(f"{c.name}-a", c.scene, c.city, c.location, "test") for c in clips if c.split == "train"
    ][:4]
    made = store_of(tmp_path / "s", [*clips, *again])
    record = made.embedders["vit_h14_swag"]
    lonely = replace(made.clips(split="test")[0], name="tram-paris-99-1", scene="tram", location="99")
    with Store.open(tmp_path / "s") as store:
        store.write([lonely], {"vit_h14_swag": np.zeros((10, record.dim))})
    campaign = Campaign(Store.open(tmp_path / "s"), tmp_path / "o", replace(PLAIN, epochs=1), seeds=(0,))
    result = table1(campaign, classes=(3,))
    assert "1 test clips lack vectors or a scene and are left out" in result.markdown
    assert "locations are in both folds: the figures are too good" in result.markdown


def test_markdown_and_csv():
    text = markdown(["a|b", "c"], [["x\ny", "1|2"]])
    assert text == "| a\\|b | c |\n| --- | ---: |\n| x y | 1\\|2 |"
    assert csv_text(["a", "b"], [[None, "x,y"], [1.5, 'q"']]) == 'a,b\n,"x,y"\n1.5,"q"""\n'
