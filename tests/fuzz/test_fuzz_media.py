"""Damaged media of every container: a result or a known reason, never anything else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import _containers
import _media_fuzz
from _media_fuzz import LIMITS, decoded, media, seeds
from vadd.media.guard import Guard
from vadd.media.probe import CONTAINERS

SEED, INPUTS = 20, 10


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(limits=LIMITS) as one:
        yield one


@pytest.fixture(scope="module")
def wells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return seeds(tmp_path_factory.mktemp("seeds"))


def test_there_is_a_file_of_every_container() -> None:
    assert {seed.demuxers for seed in _containers.SEEDS.values()} == set(CONTAINERS.split(","))


@pytest.mark.parametrize("name", _containers.SEEDS)
def test_a_whole_file_decodes_and_damaged_ones_are_judged(
    name: str, guard: Guard, wells: dict[str, bytes], tmp_path: Path
) -> None:
    suffix = _containers.SEEDS[name].suffix
    paths = [tmp_path / f"{number}{suffix}" for number in range(INPUTS + 1)]
    paths[0].write_bytes(wells[name])
    for number, path in enumerate(paths[1:]):
        path.write_bytes(media(name, wells, SEED, number)[0])
    answers = list(decoded(guard, paths))
    assert [answer.path for answer in answers] == paths
    assert answers[0].outcome == "ok"
    assert [answer for answer in answers if answer.finding] == []


def test_damage_is_the_same_for_the_same_seed(wells: dict[str, bytes]) -> None:
    made = [media("mp4", wells, SEED, number) for number in range(20)]
    assert made == [media("mp4", wells, SEED, number) for number in range(20)]
    assert made != [media("mp4", wells, SEED + 1, number) for number in range(20)]
    assert sum(data != wells["mp4"] for data, _ in made) >= 18


def _said(**changes: object) -> dict[str, object]:
    """What the child says of a file that holds a second of both."""
    stream = {"index": 0, "codec": "x", "start": "0/1", "duration": "1/1", "rate": 16000, "language": None}
    info = {
        "name": "a.mp4", "size": 1, "sha256": None, "container": "mp4", "duration": "1/1", "video": None,
        "audio": {**stream, "channels": 1, "layout": "mono"}, "notes": [],
    }  # fmt: skip
    return {"at": "a.mp4", "info": info, "duration": "1/1", "there": [False, True], **changes}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (_said(), ""),
        (_said(reason="damaged", message="it ends early"), ""),
        (_said(reason="surprise", message="what"), "an unknown reason"),
        (_said(reason="damaged", message=""), "an unknown reason"),
        (_said(at="b.mp4"), "an answer about b.mp4"),
        (_said(info={}), "cannot be read"),
        (_said(duration="0/1"), "impossible facts"),
        (_said(there=[False, False]), "impossible facts"),
    ],
)
def test_what_breaks_a_promise_is_found(said: dict[str, object], found: str) -> None:
    told = _media_fuzz._told(Path("a.mp4"), said).finding
    assert (found in told) if found else not told
    assert bool(told) is bool(found)


def test_a_bug_in_the_child_is_found_and_the_other_files_are_done(
    guard: Guard, wells: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    for path in paths:
        path.write_bytes(wells["wav"])
    real = guard.run

    def run(job: str, arguments: dict[str, object], **options: object) -> object:
        files = arguments["files"]
        # The second file is one that our code in the child cannot stand.
        crossed = [each if not each.endswith("b.wav") else 7 for each in files]  # type: ignore[attr-defined]
        return real(job, {**arguments, "files": crossed}, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(guard, "run", run)
    answers = list(decoded(guard, paths))
    assert [answer.outcome for answer in answers] == ["ok", "bug", "ok"]
    assert "ChildBugError" in answers[1].finding
