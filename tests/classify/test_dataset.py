"""What a classifier learns from: windows, statistics, locations kept apart, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from made_store import DIMS, store_of

from vadd.classify.choose import modality_embedders, spec_for
from vadd.classify.dataset import Samples, held_out, labelled_clips, moments, place
from vadd.classify.lesson import prepare
from vadd.embed.base import Modality
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.errors import StoreError, UsageError
from vadd.scenes import INDOOR_OUTDOOR, INDOOR_OUTDOOR_VEHICLE, TAU, coarsen


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("store") / "s", twins=True)


def owners(*lengths):
    owner = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    rows = np.zeros((len(owner), 1), np.float16)
    return Samples(rows, np.zeros(len(owner), np.int64), owner, ())


def test_windows_cover_every_second_once():
    samples = owners(10, 3, 23, 1)
    windows = samples.windows(10)
    assert windows.tolist() == [[0, 10, 10], [10, 3, 3], [13, 10, 10], [23, 10, 10], [26, 10, 3], [36, 1, 1]]
    new = [at for start, length, fresh in windows for at in range(start + length - fresh, start + length)]
    assert sorted(new) == list(range(37))
    assert len(owners(4).windows(1)) == 4


def test_moments_of_a_large_offset():
    rng = np.random.default_rng(0)
    rows = (rng.normal(0, 1, (5000, 3)) * [1, 0.5, 0] + [200, -3, 7]).astype(np.float16)
    mean, std = moments(rows)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, exact.std(axis=0), rtol=1e-4, atol=1e-6)


def test_locations_are_kept_whole_and_the_same_for_every_classifier(store):
    kept = held_out(store.clips(split="train"), 0.3, 5)
    joint = prepare(store, spec_for(store), validation=0.3, seed=5)
    audio = prepare(store, spec_for(store, modality="audio", classes=3), validation=0.3, seed=5)
    assert joint.places == audio.places == kept
    assert joint.kept is not None
    learnt = {place(clip) for clip in joint.learnt.clips}
    assert not learnt & {place(clip) for clip in joint.kept.clips}
    assert learnt | kept == {place(clip) for clip in store.clips(split="train")}
    for scene in TAU.scenes:
        assert any(clip.scene == scene for clip in joint.kept.clips)
    assert held_out(store.clips(split="train"), 0.3, 6) != kept
    assert not any(clip.split == "test" for clip in (*joint.learnt.clips, *joint.kept.clips))


def test_validation_clips_have_no_twins_among_what_is_learnt(store):
    lesson = prepare(store, spec_for(store), validation=0.3, seed=5)
    assert lesson.augmented
    assert lesson.kept is not None
    assert not {clip.name for clip in lesson.learnt.clips} & {clip.name for clip in lesson.kept.clips}
    assert not any(clip.augmented for clip in lesson.kept.clips)
    plain = prepare(store, spec_for(store), validation=0.3, seed=5, augment=False)
    assert len(lesson.learnt.rows) == 2 * len(plain.learnt.rows)
    facts = lesson.described()
    assert facts["synthetic"] is True
    assert facts["clips"] == len(plain.learnt.clips)
    assert facts["store"] != plain.described()["store"]


def test_labels_of_coarser_sets(store):
    lesson = prepare(store, spec_for(store, classes=2), augment=False)
    assert {clip.scene for clip in lesson.learnt.clips} == set(TAU.scenes) - {"bus", "metro", "tram"}
    into = coarsen(TAU, INDOOR_OUTDOOR)
    assert lesson.learnt.truth.tolist() == [into[TAU.index(c.scene)] for c in lesson.learnt.clips]
    three = prepare(store, spec_for(store, classes=3), augment=False)
    assert set(three.learnt.labels.tolist()) == {0, 1, 2} == set(range(len(INDOOR_OUTDOOR_VEHICLE)))


def test_rows_are_the_stores(store):
    spec = spec_for(store, modality="visual", embedders=["clip_h14_laion2b"])
    lesson = prepare(store, spec, augment=False)
    some = lesson.learnt.clips[7]
    np.testing.assert_array_equal(
        lesson.learnt.rows[lesson.learnt.owner == 7],
        store.arrays(["clip_h14_laion2b"], [some])[0].astype(np.float16),
    )


def test_modalities(store):
    assert modality_embedders(store, "visual") == ("vit_h14_swag", "clip_h14_laion2b")
    assert spec_for(store).dim == sum(DIMS.values())
    with pytest.raises(UsageError, match="no modality"):
        modality_embedders(store, "smell")
    with pytest.raises(UsageError, match="no fusion"):
        spec_for(store, fusion="xs")
    with pytest.raises(UsageError, match="two modalities"):
        spec_for(store, fusion="contrastive", modality="audio")
    with pytest.raises(StoreError, match="no embedder 'yamnet'"):
        spec_for(store, embedders=["yamnet"])


def tiny(folder, clips):
    record = EmbedderRecord("eye", Modality.PICTURE, 3, "made up")
    with Store.create(folder, [record]) as made:
        rng = np.random.default_rng(0)
        made.write(clips, {"eye": rng.normal(size=(sum(c.seconds for c in clips), 3))})
    return made


def a_clip(name, scene="bus", location="1", split="train"):
    return StoredClip(name, "", 2, False, scene, "paris", location, split)


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ([a_clip("a", split="test")], "no labelled training clip"),
        ([a_clip("a", scene="moon")], "'moon', which is none of TAU's"),
        ([a_clip("a", scene="")], "no scene"),
        ([a_clip("a"), a_clip("b", location="2")], "no training clip of airport, metro,"),
        ([a_clip(str(at), scene) for at, scene in enumerate(TAU.scenes)], "one location"),
    ],
)
def test_what_cannot_be_learnt_from(tmp_path, clips, said):
    made = tiny(tmp_path / "s", clips)
    spec = spec_for(made, modality="visual")
    with pytest.raises(UsageError, match=said):
        prepare(made, spec)


def test_a_scene_of_one_location_cannot_be_validated(tmp_path):
    clips = [a_clip(f"{scene}{at}", scene, str(at)) for scene in TAU.scenes for at in range(2)]
    clips = [replace(clip, location="1") if clip.scene == "tram" else clip for clip in clips]
    made = tiny(tmp_path / "s", clips)
    assert prepare(made, spec_for(made, modality="visual")).kept is None
    with pytest.raises(UsageError, match="tram are from the one location paris/1"):
        prepare(made, spec_for(made, modality="visual"), validation=0.5)


def test_missing_twins_are_told(tmp_path):
    clips = [a_clip(f"{scene}{at}", scene, str(at)) for scene in TAU.scenes for at in range(2)]
    made = tiny(tmp_path / "s", clips)
    with pytest.raises(StoreError, match="20 of 20 training clips"):
        prepare(made, spec_for(made, modality="visual"), augment=True)
    with made:
        made.write([replace(clips[0], augmented=True)], {"eye": np.ones((2, 3))})
    with pytest.raises(StoreError, match="19 of 20 training clips"):
        prepare(made, spec_for(made, modality="visual"))
    assert len(labelled_clips(made, spec_for(made, modality="visual").embedders, TAU, split="train")) == 20


def test_a_picture_less_store(tmp_path):
    made = tiny(tmp_path / "s", [a_clip("a")])
    with pytest.raises(UsageError, match="no embedder of sounds"):
        spec_for(made)
