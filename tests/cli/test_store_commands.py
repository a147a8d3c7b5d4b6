"""The commands that make and look into stores, from their arguments to their exit status."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import media
from vadd.cli import main
from vadd.embed.store import Store

pytest.importorskip("pyarrow")

CLIPS = ["bus-lyon-2-1", "bus-lyon-2-1-a", "park-paris-5-3", "tram-paris-6-4"]


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "list.csv"
    rows = [
        f"{name},{name.split('-')[0]},{name.split('-')[1]},{name.split('-')[2]},{fold}"
        for name, fold in zip(CLIPS, ("train", "train", "train", "test"), strict=True)
    ]
    path.write_text("\n".join(["clip,scene,city,location,fold1", *rows]) + "\n")
    return path


def pickled(path, value):
    path.write_bytes(pickle.dumps(value))
    return str(path)


def test_import_of_published_features(tmp_path, listed, capsys):
    rng = np.random.default_rng(0)
    vit = rng.standard_normal((80, 5)).astype(np.float32)
    pann = rng.standard_normal((40, 3)).astype(np.float32)
    place = str(tmp_path / "s")
    first = pickled(tmp_path / "feats_vit_x.pkl", list(vit))
    second = pickled(tmp_path / "feats_pann.pkl", pann)
    assert main(["store", "import", first, second, "--store", place, "--list", str(listed)]) == 0
    assert "authors_vit, authors_pann" in capsys.readouterr().out
    store = Store.open(tmp_path / "s")
    names = ["authors_vit", "authors_pann"]
    # Video files sort with their suffix, so the name with a device code comes before the one without.
    order = ["bus-lyon-2-1-a", "bus-lyon-2-1", "park-paris-5-3", "tram-paris-6-4"]
    plain, twins = store.clips(names), store.clips(names, augmented=True)
    assert [clip.name for clip in plain] == [clip.name for clip in twins] == sorted(CLIPS)
    for chosen, half in ((plain, vit[:40]), (twins, vit[40:])):
        for clip, found in zip(chosen, store.arrays(names, chosen), strict=True):
            at = 10 * order.index(clip.name)
            want = np.concatenate([half[at : at + 10], pann[at : at + 10]], axis=1)
            assert np.array_equal(found, want.astype(np.float16).astype(np.float32))
    assert plain[2].scene == "park"
    assert store.clips(split="test")[0].name == "tram-paris-6-4"
    # Doing it again finds all there, another file of that network is another matter.
    assert main(["store", "import", first, "--store", place, "--list", str(listed)]) == 0
    other = pickled(tmp_path / "feats_vit.pkl", list(vit + 1))
    assert main(["store", "import", other, "--store", place, "--list", str(listed)]) == 2
    assert "other weights" in capsys.readouterr().err


def test_import_refuses_what_does_not_fit(tmp_path, listed, capsys):
    def refused(name, value):
        path = pickled(tmp_path / name, value)
        place = tmp_path / "none"
        assert main(["store", "import", path, "--store", str(place), "--list", str(listed)]) == 2
        assert not place.exists()
        return capsys.readouterr().err

    assert "not feats_NAME.pkl" in refused("feats_nose.pkl", np.zeros((40, 3), np.float32))
    assert "holds 39 vectors, not 40 or twice" in refused("feats_vit.pkl", np.zeros((39, 3), np.float32))
    assert "is refused, it holds builtins.print" in refused("feats_iov.pkl", print)


def test_synth_info_and_check(tmp_path, listed, capsys):
    place = str(tmp_path / "s")
    small = ["--dims", "vit_h14_swag=20, iov_cnn420=20", "--seed", "3", "--store", place]
    assert main(["synth", *small, "--clips", "300", "--augment"]) == 0
    out = capsys.readouterr().out
    assert "300 synthetic clips" in out
    assert "best possible accuracy, 10 classes:" in out
    assert main(["store", "info", "--store", place]) == 0
    out = capsys.readouterr().out
    assert "synthetic: made-up vectors" in out
    assert "vit_h14_swag  picture  20 numbers  300 clips" in out
    assert "confusability: 1.0" in out
    assert main(["store", "check", "--store", place]) == 0
    twins = len(Store.open(tmp_path / "s").clips(augmented=True))
    assert f"{6000 + 10 * twins} vectors, all whole" in capsys.readouterr().out
    assert main(["synth", *small]) == 2
    assert "holds a store already" in capsys.readouterr().err
    shard = next((tmp_path / "s" / "shards").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1])
    assert main(["store", "check", "--store", place]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_synth_of_a_list(tmp_path, listed):
    place = tmp_path / "s"
    options = ["--list", str(listed), "--dims", "iov_cnn420=8", "--seed", "0", "--store", str(place)]
    assert main(["synth", *options, "--confusability", "0.5"]) == 0
    assert [clip.name for clip in Store.open(place).clips()] == CLIPS


@pytest.mark.parametrize(
    "wrong",
    [
        ["--clips", "none"],
        ["--clips", "0"],
        ["--dims", "iov_cnn420"],
        ["--dims", "iov_cnn420=4,iov_cnn420=5"],
        ["--dims", "nose=4"],
        ["--confusability", "0"],
        ["--confusability", "nan"],
        ["--list", "missing.csv"],
        ["--seed", "-1"],
    ],
)
def test_synth_called_wrongly(tmp_path, wrong, capsys):
    assert main(["synth", "--store", str(tmp_path / "s"), "--seed", "0", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_embed_a_folder(tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    media.clip(clips / "park-lyon-3-8.mp4", 2)
    (clips / "broken.mp4").write_text("x")
    place = str(tmp_path / "s")
    assert main(["embed", str(clips), "--store", place, "--threads", "1"]) == 4
    out, err = capsys.readouterr()
    assert "1 clips embedded, 0 were there already, 1 could not be read" in out
    assert "broken.mp4" in err
    (clip,) = Store.open(tmp_path / "s").clips()
    assert (clip.scene, clip.city, clip.location, clip.split) == ("park", "lyon", "3", "")
    (clips / "broken.mp4").unlink()
    assert main(["embed", str(clips), "--store", place]) == 0
    assert "0 clips embedded, 1 were there already" in capsys.readouterr().out
    assert main(["embed", str(clips), "--store", place, "--embedders", "nose"]) == 2
    assert main(["embed", str(tmp_path / "none"), "--store", place]) == 2


def test_embed_reads_the_folders_of_tau(tmp_path, capsys):
    root = tmp_path / "tau"
    setup = root / "meta" / "evaluation_setup"
    for folder in (setup, root / "video", root / "audio"):
        folder.mkdir(parents=True)
    for name, file in (("bus-lyon-2-1", "fold1_train.csv"), ("park-paris-5-3", "fold1_test.csv")):
        row = f"audio/{name}.wav\tvideo/{name}.mp4\t{name.split('-')[0]}\n"
        (setup / file).write_text("filename_audio\tfilename_video\tscene_label\n" + row)
        media.write(root / "video" / f"{name}.mp4", media.Picture(media.seconds_of_colour(2)))
        sound = media.Sound(media.tone(2), codec="pcm_s16le")
        media.write(root / "audio" / f"{name}.wav", None, [sound])
    assert main(["embed", str(root), "--store", str(tmp_path / "s"), "--threads", "1"]) == 0
    clips = Store.open(tmp_path / "s").clips(["efficientnet_lite0", "yamnet"])
    assert [(clip.name, clip.scene, clip.split) for clip in clips] == [
        ("bus-lyon-2-1", "bus", "train"),
        ("park-paris-5-3", "park", "test"),
    ]
    (root / "audio" / "park-paris-5-3.wav").unlink()
    capsys.readouterr()
    assert main(["embed", str(root), "--store", str(tmp_path / "s")]) == 2
    assert "1 files that" in capsys.readouterr().err


def test_train_iov_called_wrongly(tmp_path, capsys):
    pytest.importorskip("torch")
    out = ["--out", str(tmp_path / "out")]
    assert main(["train-iov", *out]) == 2
    assert main(["train-iov", str(tmp_path), "--tau", str(tmp_path), *out]) == 2
    assert main(["train-iov", str(tmp_path), *out]) == 2
    assert "there is no folder" in capsys.readouterr().err
    (tmp_path / "indoor").mkdir()
    assert main(["train-iov", str(tmp_path), *out]) == 2
    assert "no recording in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
