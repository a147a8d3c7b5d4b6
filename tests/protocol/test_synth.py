"""The made-up store: shaped like TAU, honest about what it is, and as hard as it says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vadd.embed.store import Store
from vadd.errors import ProtocolError, StoreError, UsageError
from vadd.protocol.synth import DIMENSIONS, World, bayes, bayes_here, invented_clips, make, thinned
from vadd.protocol.tau import TauClip, file_order, named, read_clips
from vadd.scenes import TAU

pytest.importorskip("pyarrow")

SMALL = dict.fromkeys(DIMENSIONS, 24)


def store_of(folder, clips, *, confusability=1.0, seed=1, dims=SMALL, twins=False):
    world = World(clips, dims, confusability=confusability, seed=seed)
    with make(folder, clips, world, confusability=confusability, twins=twins) as store:
        return store


def test_invented_clips_have_the_shape_of_tau():
    clips = invented_clips(3000, seed=2)
    assert len({clip.name for clip in clips}) == 3000
    assert all(named(clip.name) == (clip.scene, clip.city, clip.location) for clip in clips)
    assert set(Counter(clip.scene for clip in clips).values()) == {300}
    folds = {}
    for clip in clips:
        folds.setdefault(clip.location, set()).add(clip.split)
    assert {len(splits) for splits in folds.values()} == {1}
    for scene in TAU.scenes:
        assert {clip.split for clip in clips if clip.scene == scene} == {"train", "test"}
    assert 0.6 < np.mean([clip.split == "train" for clip in clips]) < 0.8
    assert invented_clips(3000, seed=2) == clips != invented_clips(3000, seed=3)


def test_store_says_what_it_is(tmp_path):
    clips = invented_clips(200)
    store_of(tmp_path / "s", clips, twins=True)
    store = Store.open(tmp_path / "s")
    assert store.synthetic
    assert [clip.name for clip in store.clips(list(SMALL))] == [clip.name for clip in clips]
    found = store.clips()[0]
    assert (found.scene, found.split, found.seconds) == (clips[0].scene, clips[0].split, 10)
    trained = [clip.name for clip in clips if clip.split == "train"]
    assert [clip.name for clip in store.clips(list(SMALL), augmented=True)] == trained
    assert set(store.metadata["bayes"]) == {"10", "3"}
    assert all("synthetic" in record.identity for record in store.embedders.values())
    with pytest.raises(StoreError, match="holds a store already"):
        store_of(tmp_path / "s", clips)


def test_same_seed_same_vectors(tmp_path):
    clips = invented_clips(60)
    first, again, other = (
        store_of(tmp_path / name, clips, seed=seed).arrays(list(SMALL))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_structure_of_scene_city_location_clip_and_second(tmp_path):
    """What belongs together is alike: seconds of a clip most, then a location, a scene, and nothing least."""
    clips = invented_clips(800)
    store = store_of(tmp_path / "s", clips, dims={"vit_h14_swag": 32})
    vectors = store.arrays(["vit_h14_swag"]).astype(np.float64)
    stored = store.clips()
    rng = np.random.default_rng(0)

    def distance(alike):
        pairs = rng.integers(0, len(stored), (60_000, 2))
        chosen = [(a, b) for a, b in pairs if a != b and alike(stored[a], stored[b])]
        return np.mean([((vectors[a, 0] - vectors[b, 5]) ** 2).sum() for a, b in chosen])

    within = ((vectors[:, 0] - vectors[:, 5]) ** 2).sum(axis=1).mean()
    place = distance(lambda a, b: a.location == b.location)
    scene = distance(lambda a, b: a.scene == b.scene and a.location != b.location)
    apart = distance(lambda a, b: a.scene != b.scene)
    assert within < place < scene < apart


def test_best_accuracy_falls_with_confusability_and_with_classes():
    clips = invented_clips()
    best = [bayes(World(clips, SMALL, confusability=x, seed=1), draws=4000) for x in (0.5, 1.0, 2.0, 50.0)]
    joint = [each["10"]["joint"] for each in best]
    assert joint == sorted(joint, reverse=True)
    assert joint[0] > 0.99
    assert abs(joint[-1] - 0.1) < 0.05  # hidden by noise: one scene of ten
    for each in best:
        assert each["3"]["joint"] >= each["10"]["joint"]
        assert each["10"]["joint"] >= max(each["10"]["visual"], each["10"]["audio"]) - 0.02
    assert best[1]["10"]["visual"] > best[1]["10"]["audio"]


def test_best_accuracy_is_the_best(tmp_path):
    """A classifier that is right for this kind of data, and learns, comes near the bound and not above."""
    learn = pytest.importorskip("sklearn.discriminant_analysis").LinearDiscriminantAnalysis
    clips = invented_clips(6000)
    dims = {"vit_h14_swag": 16, "clip_h14_laion2b": 16}
    world = World(clips, dims, confusability=1.3, seed=4)
    with make(tmp_path / "s", clips, world, confusability=1.3) as store:
        train, test = store.clips(split="train"), store.clips(split="test")
        known = store.arrays(list(dims), train).mean(axis=1)
        model = learn().fit(known, [clip.scene for clip in train])
        asked = store.arrays(list(dims), test).mean(axis=1)
        reached = np.mean(model.predict(asked) == [clip.scene for clip in test])
    here = store.metadata["bayes_test"]["10"]["visual"]
    assert set(store.metadata["bayes"]["10"]) == {"visual"}
    assert here - 0.03 < reached < here + 0.01
    assert abs(here - store.metadata["bayes"]["10"]["visual"]) < 0.05
    assert bayes_here(world, [clip for clip in clips if clip.split == "test"])["10"]["visual"] == here


def test_wrong_arguments():
    clips = invented_clips(20)
    for confusability in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="confusability"):
            World(clips, SMALL, confusability=confusability, seed=0)
    with pytest.raises(UsageError, match="no embedder 'nose'"):
        World(clips, {"nose": 3}, confusability=1, seed=0)
    with pytest.raises(UsageError, match="at least 2 dimensions"):
        World(clips, {"iov_cnn420": 1}, confusability=1, seed=0)
    with pytest.raises(ProtocolError, match="'moon' is not one"):
        World([TauClip("moon-x-1-1", "moon", "x", "1", "train")], SMALL, confusability=1, seed=0)
    with pytest.raises(UsageError, match="21 clips are wanted of a list of 20"):
        thinned(clips, 21)
    with pytest.raises(UsageError):
        invented_clips(0)


META = "filename_audio\tfilename_video{more}\naudio/{name}.wav\tvideo/{name}.mp4{label}\n"


def test_lists_in_both_forms(tmp_path):
    setup = tmp_path / "meta" / "evaluation_setup"
    setup.mkdir(parents=True)
    train = META.format(name="park-lyon-12-9", more="\tscene_label", label="\tpark")
    (setup / "fold1_train.csv").write_text(train)
    (setup / "fold1_test.csv").write_text(META.format(name="bus-prague-7-3-a", more="", label=""))
    table = tmp_path / "list.csv"
    table.write_text(
        "clip,scene,city,location,fold1\nbus-prague-7-3-a,bus,prague,7,test\npark-lyon-12-9,park,lyon,12,train\n"
    )
    want = (
        TauClip("bus-prague-7-3-a", "bus", "prague", "7", "test"),
        TauClip("park-lyon-12-9", "park", "lyon", "12", "train"),
    )
    for place in (tmp_path, tmp_path / "meta", setup, table):
        assert read_clips(place) == want


def test_files_sort_otherwise_than_names():
    clips = [TauClip(name, "bus", "x", "1", "train") for name in ("bus-x-1-1", "bus-x-1-1-a", "bus-x-1-10")]
    assert [clip.name for clip in file_order(clips)] == ["bus-x-1-1-a", "bus-x-1-1", "bus-x-1-10"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,scene,city,location\n", r"line 1: there is no column 'fold1'"),
        ("clip,scene,city,location,fold1\na,b,c,d,train\na,b,c,d,train\n", "line 3: 'a' is listed twice"),
        ("clip,scene,city,location,fold1\na,b,c,d,maybe\n", "line 2: the fold is 'maybe'"),
        ("clip,scene,city,location,fold1\na,b\n", "line 2: it has too few columns"),
        ("clip,scene,city,location,fold1\n", "names no clips"),
    ],
)
def test_lists_that_make_no_sense(tmp_path, text, message):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ProtocolError, match=message):
        read_clips(path)
    with pytest.raises(UsageError, match="no list"):
        read_clips(tmp_path / "other.csv")


@pytest.mark.shared
def test_true_list(shared, tmp_path):
    clips = read_clips(shared / "tau" / "development.csv")
    assert Counter(clip.split for clip in clips) == {"train": 8646, "test": 3645}
    assert all(named(clip.name) == (clip.scene, clip.city, clip.location) for clip in clips)
    few = thinned(clips, 500)
    assert {clip.scene for clip in few} == set(TAU.scenes)
    store = store_of(tmp_path / "s", few, dims={"iov_cnn420": 16})
    assert [clip.name for clip in store.clips()] == [clip.name for clip in few]
