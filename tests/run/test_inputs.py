from __future__ import annotations

import os
from pathlib import Path

import pytest

from vadd.errors import UsageError
from vadd.run.inputs import find, of_shard


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "b").mkdir(parents=True)
    (root / ".hidden").mkdir()
    for name in ("z.mp4", "b/a.MOV", "b/c.txt", ".x.mp4", ".hidden/y.mp4"):
        (root / name).touch()
    return root


def names(found: object, root: Path) -> list[str]:
    return [os.path.relpath(path, root) for path in found.paths]  # type: ignore[attr-defined]


def test_a_folder_stands_for_its_media(tree: Path) -> None:
    found = find([tree])
    assert names(found, tree) == ["b/a.MOV", "z.mp4"]
    assert found.left_out == {"hidden": 1, "of no media suffix": 1}


def test_everything_takes_any_suffix(tree: Path) -> None:
    assert names(find([tree], everything=True), tree) == ["b/a.MOV", "b/c.txt", "z.mp4"]


def test_the_results_folder_in_it_is_no_input(tree: Path) -> None:
    assert names(find([tree], apart=tree / "b"), tree) == ["z.mp4"]


def test_what_is_named_twice_is_found_once(tree: Path) -> None:
    assert len(find([tree, tree / "z.mp4", str(tree / "*.mp4")]).paths) == 2


def test_a_pattern(tree: Path) -> None:
    assert names(find([str(tree / "**" / "*.MOV")]), tree) == ["b/a.MOV"]
    with pytest.raises(UsageError, match="nothing matches"):
        find([str(tree / "*.webm")])


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].mp4").touch()
    assert find([tmp_path / "a[1].mp4"]).paths == (str(tmp_path / "a[1].mp4"),)


def test_links(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.mp4").touch()
    (tree / "in.mp4").symlink_to(tree / "z.mp4")
    (tree / "out.mp4").symlink_to(tmp_path / "outside.mp4")
    (tree / "loop.mp4").symlink_to(tree / "loop.mp4")
    (tree / "gone.mp4").symlink_to(tree / "nothing.mp4")
    (tree / "round").symlink_to(tree)
    found = find([tree])
    assert names(found, tree) == ["b/a.MOV", "in.mp4", "z.mp4"]
    assert found.left_out["links out of the folder"] == 1
    assert found.left_out["links to nothing"] == 2


def test_a_pipe_in_a_folder_is_left_out(tree: Path) -> None:
    os.mkfifo(tree / "pipe.mp4")
    assert find([tree]).left_out["no regular files"] == 1


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_a_list_counts_from_its_own_folder(tmp_path: Path, end: bytes) -> None:
    odd = b"\xff two.mp4"
    (tmp_path / "all.txt").write_bytes(end.join([b"one.mp4", odd, b""]))
    assert find([tmp_path / "all.txt"]).paths == (
        str(tmp_path / "one.mp4"),
        str(tmp_path / os.fsdecode(odd)),
    )


def test_a_zero_ended_list_may_hold_any_name(tmp_path: Path) -> None:
    (tmp_path / "all.lst").write_bytes(b"a\nb.mp4\0")
    assert find([tmp_path / "all.lst"]).paths == (str(tmp_path / "a\nb.mp4"),)


@pytest.mark.parametrize(
    ("named", "told"), [("", "empty name"), ("nowhere", "does not exist"), ("a\0b", "can't be opened")]
)
def test_what_is_not_there(named: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        find([named])


def test_nothing_at_all_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "a.doc").touch()
    with pytest.raises(UsageError, match="1 of no media suffix"):
        find([tmp_path])


def test_shards_are_a_partition_that_other_files_do_not_move() -> None:
    paths = [f"clips/{at}.mp4" for at in range(1000)]
    parts = [of_shard(paths, (which, 7)) for which in range(1, 8)]
    assert sorted(path for part in parts for path in part) == sorted(paths)
    # 1000 falls of 7 equal chances: far outside would be more than 4 standard deviations (about 44).
    assert all(abs(len(part) - 1000 / 7) < 45 for part in parts)
    assert set(of_shard(paths[:100], (3, 7))) <= set(parts[2])
