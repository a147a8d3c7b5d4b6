"""The store: what is written comes back, nothing is lost, and whatever is damaged is named."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from vadd.embed.base import Modality
from vadd.embed.store import EmbedderRecord, Store, StoredClip
from vadd.embed.store_files import read_labels, write_shard
from vadd.errors import StoreError

pytest.importorskip("pyarrow")

EYE = EmbedderRecord("eye", Modality.PICTURE, 6, "e1")
EAR = EmbedderRecord("ear", Modality.SOUND, 3, "e2")


def clip(name, seconds=4, **labels):
    return StoredClip(name, f"sha-{name}", seconds, **labels)


def numbers(clips, dim, seed=0):
    rows = sum(each.seconds for each in clips)
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def filled(folder):
    clips = [clip(f"c{i}", scene="bus", city="lyon", location="7", split="train") for i in range(5)]
    with Store.create(folder, [EYE, EAR], config={"side": 8}, metadata={"synthetic": True}) as store:
        store.write(clips, {"eye": numbers(clips, 6), "ear": numbers(clips, 3, 1)})
    return folder, clips


def test_round_trip(filled):
    folder, clips = filled
    store = Store.open(folder)
    assert store.clips() == tuple(clips)
    assert store.clips(split="test") == ()
    assert store.synthetic
    assert store.recipe["config"] == {"side": 8}
    both = store.arrays(["ear", "eye"], clips[1:3])
    assert both.dtype == np.float32
    want = np.concatenate([numbers(clips, 3, 1), numbers(clips, 6)], axis=1)[4:12]
    assert np.array_equal(both, want.astype(np.float16).astype(np.float32).reshape(2, 4, 9))
    assert store.check() == 40


def test_instances_of_unequal_clips(folder):
    clips = [clip("a", 2), clip("b", 5), clip("c", 1)]
    with Store.create(folder, [EYE]) as store:
        store.write(clips, {"eye": numbers(clips, 6)})
        found = store.instances(["eye"], [clips[2], clips[1]])
        assert found.matrix.dtype == np.float16
        assert found.clip.tolist() == [0] + [1] * 5
        assert found.second.tolist() == [0, 0, 1, 2, 3, 4]
        halves = numbers(clips, 6).astype(np.float16)
        assert np.array_equal(found.matrix, halves[[7, 2, 3, 4, 5, 6]])
        with pytest.raises(StoreError, match="b has 5 seconds, a 2"):
            store.arrays(["eye"])


def test_embedders_come_one_by_one_and_stay_aligned(folder):
    clips = [clip(f"c{i}") for i in range(6)]
    with Store.create(folder, [EYE]) as store:
        store.write(clips[:2], {"eye": numbers(clips, 6)[:8]})
        store.write(clips[2:], {"eye": numbers(clips, 6)[8:]})
        store.add_embedder(EAR)
        backwards = clips[::-1]
        store.write(backwards, {"ear": numbers(clips, 3)})
        assert store.clips(["ear", "eye"]) == tuple(clips)
    found = Store.open(folder).arrays(["eye", "ear"], clips)
    halves = numbers(clips, 6).astype(np.float16).reshape(6, 4, 6)
    assert np.array_equal(found[..., :6], halves)
    assert np.array_equal(found[..., 6:], numbers(clips, 3).astype(np.float16).reshape(6, 4, 3)[::-1])


def test_stream_gives_every_row_once(folder, monkeypatch):
    monkeypatch.setattr("vadd.embed.store.SHARD_ROWS", 8)
    clips = [clip(f"c{i}", 3) for i in range(11)]
    with Store.create(folder, [EYE, EAR]) as store:
        store.write(clips, {"eye": numbers(clips, 6)})
        store.write(clips[::-1], {"ear": numbers(clips, 3)})
        assert len(list((folder / "shards").iterdir())) > 6
        pieces = list(store.stream(["eye", "ear"], rows=7))
        assert max(len(piece.matrix) for _, piece in pieces) == 9
        names = [each.name for chosen, _ in pieces for each in chosen]
        assert sorted(names) == sorted(each.name for each in clips)
        stacked = np.concatenate([piece.matrix for _, piece in pieces])
        whole = store.instances(["eye", "ear"], [c for chosen, _ in pieces for c in chosen]).matrix
        assert np.array_equal(stacked, whole)


def test_twin_hears_what_the_clip_hears(filled):
    folder, clips = filled
    twins = [replace(each, augmented=True) for each in clips]
    with Store.open(folder) as store:
        store.write(twins, {"eye": numbers(clips, 6, 9)})
        assert store.clips(["eye", "ear"], augmented=True) == tuple(twins)
        plain, changed = store.arrays(["eye", "ear"], clips), store.arrays(["eye", "ear"], twins)
    assert np.array_equal(plain[..., 6:], changed[..., 6:])
    assert np.array_equal(changed[..., :6], numbers(clips, 6, 9).astype(np.float16).reshape(5, 4, 6))


def test_what_is_there_is_not_written_again(filled):
    folder, clips = filled
    with Store.open(folder) as store:
        assert store.has("c0", "eye")
        assert not store.has("c0", "eye", augmented=True)
        assert not store.has("nobody", "eye")
        with pytest.raises(StoreError, match="c0 already"):
            store.write(clips[:1], {"eye": numbers(clips[:1], 6)})
        with pytest.raises(StoreError, match="c0 already"):
            store.write([replace(clips[0], sha256="other")], {})


def test_wrong_vectors_are_refused(folder):
    clips = [clip("a"), clip("b")]
    with Store.create(folder, [EYE]) as store:
        with pytest.raises(StoreError, match=r"shape \(8, 5\), not \(8, 6\)"):
            store.write(clips, {"eye": numbers(clips, 5)})
        with pytest.raises(StoreError, match="no embedder 'ear'"):
            store.write(clips, {"ear": numbers(clips, 3)})
        bad = numbers(clips, 6)
        bad[6, 2] = np.nan
        with pytest.raises(StoreError, match="b, second 2: values of eye are not finite"):
            store.write(clips, {"eye": bad})
        bad[6, 2] = 1e6
        with pytest.raises(StoreError, match="b, second 2: values of eye are beyond half precision"):
            store.write(clips, {"eye": bad})
        assert store.clips() == ()
        with pytest.raises(StoreError, match="eye with 6 numbers, not 7"):
            store.add_embedder(replace(EYE, dim=7))
        with pytest.raises(StoreError, match="other weights"):
            store.add_embedder(replace(EYE, identity="other"))


def test_vectors_that_are_lacking_are_named(filled):
    folder, _ = filled
    with Store.open(folder) as store:
        more = clip("z")
        store.write([more], {"eye": numbers([more], 6)})
        assert len(store.clips(["eye"])) == 6
        assert len(store.clips(["ear"])) == 5
        with pytest.raises(StoreError, match="z has no vectors of ear"):
            store.arrays(["ear"], [more])
        with pytest.raises(StoreError, match="no embedder 'nose'"):
            store.arrays(["nose"], [more])


def test_no_store_and_other_version(tmp_path, filled):
    folder, _ = filled
    with pytest.raises(StoreError, match="no embedding store"):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match="holds a store already"):
        Store.create(folder, [EYE])
    head = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps({**head, "version": 2}))
    with pytest.raises(StoreError, match="version 2, not vadd-store version 1"):
        Store.open(folder)
    (folder / "store.json").write_text("{")
    with pytest.raises(StoreError, match=r"store\.json is damaged"):
        Store.open(folder)


def test_torn_manifest_row_is_forgotten_and_its_shard_replaced(filled):
    folder, clips = filled
    manifest = folder / "manifest.jsonl"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole + whole[: len(whole) // 2])
    (folder / "shards" / "000001.parquet").write_bytes(b"half a shard")
    more = clip("z")
    with Store.open(folder) as store:
        assert store.clips() == tuple(clips)
        store.write([more], {"eye": numbers([more], 6)})
    again = Store.open(folder)
    assert again.clips() == (*clips, more)
    assert again.check() == 44


def test_damaged_manifest_shard_and_page(filled):
    folder, _ = filled
    shard, manifest = folder / "shards" / "000000.parquet", folder / "manifest.jsonl"
    good, rows = shard.read_bytes(), manifest.read_bytes()
    manifest.write_bytes(b"nonsense\n" + rows)
    with pytest.raises(StoreError, match=r"manifest\.jsonl, line 1 is damaged"):
        Store.open(folder)
    manifest.write_bytes(rows)
    shard.write_bytes(good[:-10])
    with pytest.raises(StoreError, match=r"000000\.parquet is damaged: it has \d+ bytes"):
        Store.open(folder)
    flipped = bytearray(good)
    at = good.index(numbers([clip(f"c{i}") for i in range(5)], 6).astype("<f2").tobytes())
    flipped[at] ^= 1
    shard.write_bytes(flipped)
    store = Store.open(folder)
    with pytest.raises(StoreError, match=r"000000\.parquet is damaged"):
        store.arrays(["eye"])
    assert store.arrays(["ear"]).shape == (5, 4, 3)
    shard.unlink()
    with pytest.raises(StoreError, match=r"line 1: the shard 000000\.parquet is missing"):
        Store.open(folder)


def labels(names, seconds, claimed):
    columns = {
        "clip": names,
        "sha256": ["x"] * len(names),
        "seconds": claimed,
        "augmented": [False] * len(names),
    }
    columns |= {name: [""] * len(names) for name in ("scene", "city", "location", "split")}
    return {**columns, "second": seconds}


def foreign(folder, columns, matrix, embedder="eye"):
    """Puts a shard made by somebody else into a new store."""
    with Store.create(folder, [EYE]):
        pass
    path = folder / "shards" / "000000.parquet"
    size = write_shard(path, columns, {embedder: matrix}, 100)
    row = {"shard": path.name, "size": size, "rows": len(matrix), "embedders": [embedder]}
    (folder / "manifest.jsonl").write_text(json.dumps(row) + "\n")
    return path


@pytest.mark.parametrize(
    ("names", "seconds", "claimed", "message"),
    [
        ("aaabb", [0, 1, 2, 0, 2], [3, 3, 3, 2, 2], "row 4: second 1 of the clip b is missing"),
        ("aaabb", [1, 2, 3, 0, 1], [3, 3, 3, 2, 2], "row 0: second 0 of the clip a is missing"),
        ("aaabb", [0, 1, 2, 0, 1], [3, 3, 3, 3, 3], "row 4: seconds of the clip b are missing after it"),
    ],
)
def test_missing_seconds(folder, names, seconds, claimed, message):
    path = foreign(folder, labels(list(names), seconds, claimed), np.zeros((5, 6), np.float16))
    with pytest.raises(StoreError, match=f"{path.name}, {message}"):
        Store.open(folder)


def test_rows_that_are_not_finite_and_mixed_dimensions(folder, tmp_path):
    matrix = np.zeros((5, 6), np.float16)
    matrix[3, 1] = np.inf
    path = foreign(folder, labels(list("aaabb"), [0, 1, 2, 0, 1], [3, 3, 3, 2, 2]), matrix)
    with pytest.raises(StoreError, match=rf"{path.name}, row 3: the vector of eye holds values"):
        Store.open(folder).check()
    other = foreign(
        tmp_path / "b", labels(list("aaabb"), [0, 1, 2, 0, 1], [3, 3, 3, 2, 2]), np.zeros((5, 4), np.float16)
    )
    with pytest.raises(StoreError, match=rf"{other.name}: the vectors of eye have 4 numbers, not 6"):
        Store.open(tmp_path / "b").instances(["eye"])


def test_same_clip_with_other_labels_is_refused(filled):
    folder, _ = filled
    columns = labels(["c0"] * 4, [0, 1, 2, 3], [4] * 4)
    path = folder / "shards" / "000001.parquet"
    size = write_shard(path, columns, {"eye": np.zeros((4, 6), np.float16)}, 100)
    row = {"shard": path.name, "size": size, "rows": 4, "embedders": ["eye"]}
    with (folder / "manifest.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    with pytest.raises(StoreError, match="row 0: the clip c0 has another sha256 elsewhere"):
        Store.open(folder)


def test_one_writer_at_a_time_and_the_next_sees_what_was_written(filled):
    folder, clips = filled
    late = Store.open(folder)
    with Store.open(folder) as first:
        more = clip("y")
        first.write([more], {"eye": numbers([more], 6)})
        with pytest.raises(StoreError, match="another process is writing"):
            late.write([clip("z")], {"eye": numbers([more], 6)})
    late.write([clip("z")], {"eye": numbers([more], 6)})
    assert [each.name for each in late.clips()] == [*(each.name for each in clips), "y", "z"]
    late.close()


def test_full_disk_loses_nothing(filled):
    """A file system that takes no more bytes, as the kernel's limit on the size of a file plays it."""
    folder, clips = filled
    script = f"""
import resource, sys
import numpy as np
from pathlib import Path
from vadd.embed.store import Store, StoredClip
from vadd.errors import StoreError
store = Store.open(Path({str(folder)!r}))
clips = [StoredClip(f"big{{i}}", "s", 100) for i in range(40)]
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    store.write(clips, {{"eye": np.random.default_rng(0).standard_normal((4000, 6))}})
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "what was stored before is safe" in done.stdout
    assert [path.name for path in (folder / "shards").iterdir()] == ["000000.parquet"]
    store = Store.open(folder)
    assert store.clips() == tuple(clips)
    assert store.check() == 40


def test_rows_are_readable_by_other_tools(filled):
    import pyarrow.parquet as parquet

    folder, clips = filled
    path = folder / "shards" / "000000.parquet"
    table = parquet.read_table(path)
    assert table["city"].to_pylist() == ["lyon"] * 20
    first = np.frombuffer(table["vector.eye"][0].as_py(), "<f2")
    assert np.array_equal(first, numbers(clips, 6)[0].astype(np.float16))
    assert read_labels(path, ("second",))["second"].to_pylist() == [0, 1, 2, 3] * 5
