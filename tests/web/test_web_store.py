"""The jobs in SQLite: what is kept, in which order, and who has a claim to what."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.errors import StoreError
from vadd.web.jobs import NAME_LENGTH, Job, clean_name, new_id
from vadd.web.store import VERSION, Store


def job(at: float = 1.0, **more: object) -> Job:
    values = {"id": new_id(), "kind": "file", "names": ("ä \x1b.mp4",), "files": ("f" * 32,), "sizes": (7,)}
    return Job(**{**values, "created": at, **more})  # type: ignore[arg-type]


def test_a_job_comes_back_also_from_another_server(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    kept = store.add(job(sha256=("a" * 64, None), stamps=("1-2", None), owned=False, score=0.25))
    store.close()
    again = Store(tmp_path / "jobs.sqlite")
    assert again.get(kept.id) == kept
    assert again.get("x" * 22) is None
    again.close()


def test_no_two_jobs_are_of_the_same_moment_and_pages_of_the_list_leave_none_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    ids = [store.add(job(5.0)).id for _ in range(25)]
    seen: list[str] = []
    before = None
    while page := store.newest(10, before):
        seen += [each.id for each in page]
        before = page[-1].created
    assert seen == ids[::-1]
    first = store.first_queued()
    assert first is not None
    assert first.id == ids[0]
    assert store.ahead_of(store.newest(1)[0]) == 24
    store.close()


def test_a_change_wants_the_state_it_was_meant_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    kept = store.add(job())
    assert store.change(kept.id, ("running",), state="done") is None
    changed = store.change(kept.id, ("queued", "running"), state="running", sha256=["b" * 64])
    assert changed is not None
    assert (changed.state, changed.sha256) == ("running", ("b" * 64,))
    assert store.requeue() == 1
    assert store.requeue() == 0
    assert store.counts() == {"queued": 1}
    store.close()


def test_the_last_claim_frees_a_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite")
    one, two = store.add(job()), store.add(job())
    store.claim(one.id, ["k", "m"])
    store.claim(two.id, ["k"])
    store.claim(two.id, ["k"])
    removed = store.remove(one.id)
    assert removed is not None
    assert removed[1] == ["m"]
    assert store.claims() == {"k"}
    removed = store.remove(two.id)
    assert removed is not None
    assert removed[1] == ["k"]
    assert store.remove(two.id) is None
    with pytest.raises(StoreError):
        store.claim(two.id, ["k"])
    store.close()


def test_a_database_of_another_version_or_none_at_all(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match="of version"):
        Store(path)
    (tmp_path / "text").write_text("no database, and long enough not to be taken for an empty one" * 40)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "text")


@given(st.text())
def test_a_name_has_no_folder_and_is_valid(name: str) -> None:
    kept = clean_name(name)
    assert 0 < len(kept) <= NAME_LENGTH
    assert "/" not in kept
    assert "\0" not in kept
    kept.encode()


@pytest.mark.parametrize(("name", "kept"), [
    ("../../etc/passwd", "passwd"), ("C:\\clips\\a.mp4", "a.mp4"), ("", "unnamed"), ("..", ".."),
    ("a\udcff.mp4", "a\\xff.mp4"),
])  # fmt: skip
def test_names_from_outside(name: str, kept: str) -> None:
    assert clean_name(name) == kept
