"""A folder into a store: several nets, one decode, nothing twice, nothing lost."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

import media
from vadd.embed import catalog
from vadd.embed.extract import extract
from vadd.embed.many import chosen, embed_into, find_sources, open_or_create
from vadd.embed.pipeline import Pipeline, Source
from vadd.embed.store import Store
from vadd.embed.twin import Change, twin
from vadd.errors import ModelError, StoreError, UsageError
from vadd.media.limits import Limits

pytest.importorskip("pyarrow")

NAMES = ("efficientnet_lite0", "yamnet")


@pytest.fixture(scope="module")
def nets():
    return [catalog.load(name, threads=1) for name in NAMES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for number in range(3):
        picture = media.Picture(media.seconds_of_colour(3, first=number))
        tone = media.Sound(media.tone(3, hertz=300 * (number + 1)))
        media.write(folder / f"c{number}.mp4", picture, [tone])
    (folder / "sub").mkdir()
    media.clip(folder / "sub" / "deep.mkv", 2)
    (folder / "text.mp4").write_text("no media")
    media.write(folder / "mute.mp4", media.Picture(media.seconds_of_colour(2)))
    (folder / "notes.txt").write_text("not looked at")
    return folder


def fill(place, folder, nets, **options):
    seed = options.get("seed")
    with open_or_create(place, nets, limits=Limits(), seed=seed) as store:
        return embed_into(store, find_sources(folder), nets, **options)


def test_vectors_are_those_of_a_check(tmp_path, folder, nets):
    seen = []
    summary = fill(tmp_path / "s", folder, nets, progress=lambda *at: seen.append(at))
    assert (summary.written, summary.skipped) == (4, 0)
    assert seen[-1] == (6, 6)
    reasons = {failure.source.name: failure.reason for failure in summary.failures}
    assert set(reasons) == {"mute", "text"}
    assert "no sound" in reasons["mute"]
    store = Store.open(tmp_path / "s")
    assert [clip.name for clip in store.clips(NAMES)] == ["c0", "c1", "c2", "sub/deep"]
    for clip in store.clips():
        path = next(folder.glob(f"{clip.name}.*"))
        want = extract(path, path)
        found = store.arrays(NAMES, [clip])[0]
        assert clip.sha256 == want.inputs[0][1].sha256
        assert np.allclose(found[:, :1280], want.picture.vectors, rtol=1e-3, atol=1e-3)
        assert np.allclose(found[:, 1280:], want.sound.vectors, rtol=1e-3, atol=1e-3)


def test_resume_computes_only_what_is_lacking(tmp_path, folder, nets, monkeypatch):
    fill(tmp_path / "s", folder, nets[:1])
    summary = fill(tmp_path / "s", folder, nets)
    assert (summary.written, summary.skipped) == (4, 0)  # the sound; mute.mp4 has a picture already
    assert {failure.source.name for failure in summary.failures} == {"mute", "text"}
    real, asked = Pipeline.run, []

    def noted(pipeline, sources, **options):
        asked.extend(source.name for source in sources)
        return real(pipeline, sources, **options)

    monkeypatch.setattr(Pipeline, "run", noted)
    again = fill(tmp_path / "s", folder, nets[:1])
    assert (again.written, again.skipped) == (0, 5)
    assert asked == ["text"]  # what could not be read may be mended by now


def test_killed_run_ends_with_the_same_bytes(tmp_path, folder, nets, monkeypatch):
    monkeypatch.setattr("vadd.embed.many.GROUP", 2)
    fill(tmp_path / "whole", folder, nets, seed=3)
    real, left = Store.write, [3]

    def killed(store, *arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(store, *arguments)

    monkeypatch.setattr(Store, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "killed", folder, nets, seed=3)
    monkeypatch.setattr(Store, "write", real)
    fill(tmp_path / "killed", folder, nets, seed=3)
    shards = sorted(path.name for path in (tmp_path / "whole" / "shards").iterdir())
    assert len(shards) > 3
    assert sorted(path.name for path in (tmp_path / "killed" / "shards").iterdir()) == shards
    for name in shards:
        whole, resumed = (tmp_path / run / "shards" / name for run in ("whole", "killed"))
        assert whole.read_bytes() == resumed.read_bytes()


def test_twins_are_of_the_changed_frames_and_not_of_the_test_fold(tmp_path, folder, nets):
    sources = [replace(source, split="test" if source.name == "c0" else "train")
               for source in find_sources(folder) if source.name in ("c0", "c1")]  # fmt: skip
    with open_or_create(tmp_path / "s", nets, limits=Limits(), seed=5) as store:
        embed_into(store, sources, nets, seed=5)
        (changed,) = store.clips(NAMES, augmented=True)
        assert changed.name == "c1"
        found = store.arrays(NAMES[:1], [changed])[0]
        assert store.recipe["config"]["seed"] == 5
    picture = np.full((48, 64, 3), media.COLOURS[1], np.uint8)
    want = next(nets[0].embed([twin(picture, Change.drawn(5, "c1", 0))])).vector
    cosine = found[0] @ want / np.linalg.norm(found[0]) / np.linalg.norm(want)
    assert cosine > 0.97  # the codec changes the colours a little
    with pytest.raises(StoreError, match="begun with the augmentation seed 5, not 6"):
        open_or_create(tmp_path / "s", nets, limits=Limits(), seed=6)


def test_twin_of_a_frame():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(4, axis=0)
    assert np.array_equal(twin(ramp, Change(0, 0, 0)), ramp[:, ::-1])
    bright = twin(ramp, Change(40, 0, 0))[0, ::-1, 0].astype(int)
    assert np.abs(bright - (40 + np.arange(256) * 215 / 255)).max() <= 0.5
    dark = twin(ramp, Change(-40, 0, 0))[0, ::-1, 0].astype(int)
    assert np.abs(dark - np.arange(256) * 215 / 255).max() <= 0.5
    soft = twin(ramp, Change(0, -40, 0))[0, ::-1, 0].astype(int)
    assert abs(soft[127] - 127) <= 1
    assert soft[255] - soft[0] == pytest.approx(255 * 131 * 87 / (127 * 171), abs=1)
    square = np.full((60, 60, 3), 200, np.uint8)
    turned = twin(square, Change(0, 0, 5))
    assert turned.shape == square.shape
    assert turned[0, 0].tolist() == [0, 0, 0]
    assert turned[30, 30].tolist() == [200, 200, 200]


def test_changes_follow_from_the_seed():
    drawn = [Change.drawn(1, f"c{number}", 0) for number in range(3000)]
    assert drawn == [Change.drawn(1, f"c{number}", 0) for number in range(3000)]
    assert Change.drawn(1, "c0", 0) != Change.drawn(2, "c0", 0)
    for name, most in (("brightness", 40), ("contrast", 40), ("degrees", 5)):
        values = {getattr(change, name) for change in drawn}
        assert values == set(range(-most, most + 1))


def test_picture_of_one_file_and_sound_of_another(folder, nets):
    (result,) = Pipeline(nets).run([Source("pair", folder / "c0.mp4", folder / "c1.mp4")])
    want = extract(folder / "c0.mp4", folder / "c1.mp4")
    assert np.allclose(result.vectors["efficientnet_lite0"], want.picture.vectors, atol=1e-3)
    assert np.allclose(result.vectors["yamnet"], want.sound.vectors, atol=1e-3)


def test_chunks_that_run_over_clips_change_nothing(folder, nets, monkeypatch):
    sources = [Source(f"c{number}", *[folder / f"c{number}.mp4"] * 2) for number in range(3)]
    whole = list(Pipeline(nets).run(sources))
    monkeypatch.setattr("vadd.embed.pipeline.CHUNK", 2)
    for one, other in zip(whole, Pipeline(nets).run(sources), strict=True):
        for name in NAMES:
            assert np.allclose(one.vectors[name], other.vectors[name], atol=1e-4)


def test_file_that_changed_is_named(tmp_path, nets):
    path = media.clip(tmp_path / "a.mp4", 2)
    fill(tmp_path / "s", tmp_path, nets)
    stamp = path.stat().st_mtime_ns
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))
    assert fill(tmp_path / "s", tmp_path, nets).skipped == 1  # touched, but the bytes are the same
    media.clip(path, 3)
    summary = fill(tmp_path / "s", tmp_path, nets)
    assert summary.skipped == 0
    assert "another file of this name" in summary.failures[0].reason


def test_stores_of_other_making_are_refused(tmp_path, folder, nets):
    open_or_create(tmp_path / "s", nets[1:], limits=Limits()).close()
    with pytest.raises(StoreError, match="begun with frames of 0 pixels"):
        open_or_create(tmp_path / "s", nets, limits=Limits())
    with pytest.raises(StoreError, match="with other settings"):
        open_or_create(tmp_path / "s", nets[1:], limits=Limits(coverage=0.5))


def test_names(tmp_path, folder):
    assert chosen("default") == NAMES
    assert len(chosen("paper")) == 6
    assert chosen("yamnet, efficientnet_lite0") == ("yamnet", "efficientnet_lite0")
    with pytest.raises(ModelError, match="nose"):
        chosen("yamnet,nose")
    for names in ("yamnet,yamnet", ","):
        with pytest.raises(UsageError):
            chosen(names)
    with pytest.raises(UsageError, match="no folder"):
        find_sources(tmp_path / "none")
    with pytest.raises(UsageError, match="no clip"):
        find_sources(tmp_path)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.mkv").touch()
    with pytest.raises(UsageError, match="same name"):
        find_sources(tmp_path)
