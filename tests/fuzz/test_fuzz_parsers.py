"""Damaged inputs of every parser of ours: a value or the documented error, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import _parsers
from _mutate import damaged, damaged_json, damaged_text, rng_of
from _parsers import TARGETS, Target, input_of, tried
from vadd.errors import StoreError

TOOL = Path(_parsers.__file__).with_name("fuzz.py")
SEED, INPUTS = 20, 150
#: What a child sends is more than one message, or one that tells of an error.
NOT_VALUES = {"wire", "inbox"}
HERE = [name for name in TARGETS if not TARGETS[name].missing]

Answers = Mapping[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Outcomes by parser, from a process of its own, whose memory is limited and which may die."""
    only = [word for name in HERE for word in ("--only", name)]
    command = [sys.executable, "-W", "ignore", str(TOOL), "--batch", *only]
    ended = subprocess.run(
        [*command, "--seed", str(SEED), "--inputs", str(INPUTS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in HERE}
    for name, number, outcome, told in map(json.loads, ended.stdout.splitlines()):
        found[name].append((outcome, f"{number}: {told}" if told else ""))
    assert ended.returncode == 0, (ended.stderr[-500:], ended.stdout.splitlines()[-1:])
    return found


@pytest.mark.parametrize("name", TARGETS)
def test_damage_gives_a_value_or_the_documented_error(name: str, request: pytest.FixtureRequest) -> None:
    if missing := TARGETS[name].missing:
        pytest.skip(f"{missing} is not installed")
    outcomes = request.getfixturevalue("answers")[name]
    assert len(outcomes) == INPUTS
    assert [told for _, told in outcomes if told] == []


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in NOT_VALUES])
def test_what_is_not_damaged_is_read(name: str) -> None:
    if missing := TARGETS[name].missing:
        pytest.skip(f"{missing} is not installed")
    for well in TARGETS[name].made():
        assert tried(name, well) == ("value", "")


def test_most_parsers_refuse_some_and_take_some(answers: Answers) -> None:
    """Damage that nothing notices, or that nothing survives, would try little."""
    kinds = [Counter(outcome for outcome, _ in answers[name]) for name in HERE]
    assert sum(0 < count["value"] < INPUTS for count in kinds) > len(kinds) / 2


def test_damage_is_the_same_for_the_same_seed() -> None:
    for name in HERE[:6]:
        assert [input_of(name, 1, at) for at in range(9)] == [input_of(name, 1, at) for at in range(9)]
        assert [input_of(name, 1, at) for at in range(9)] != [input_of(name, 2, at) for at in range(9)]


@pytest.mark.parametrize("damage", [damaged, damaged_text, damaged_json])
@pytest.mark.parametrize("data", [b"", b"x", b"[]", b'{"a": 1}', b"a,b\n1,2\n", b"\xff\x00" * 9])
def test_anything_can_be_damaged(damage: object, data: bytes) -> None:
    for number in range(60):
        made, ways = damage(data, rng_of(number), b"other")  # type: ignore[operator]
        assert isinstance(made, bytes)
        assert len(made) <= 2**20
        assert ways


def _tried(monkeypatch: pytest.MonkeyPatch, read: Callable[[bytes, Path], object]) -> tuple[str, str]:
    """What :func:`tried` says of a parser of this test's own."""
    monkeypatch.setattr(_parsers, "TARGETS", {"toy": Target(lambda: [b"x"], read, (StoreError,))})
    return tried("toy", b"x")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (StoreError("no"), "StoreError"),
        (StoreError("a\nb"), "broken"),
        (StoreError(""), "broken"),
        (KeyError("x"), "broken"),
        (MemoryError(), "broken"),
        (SystemExit(0), "broken"),
    ],
)
def test_an_error_that_breaks_a_promise_is_found(
    error: BaseException, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes, folder: Path) -> None:
        raise error

    found, told = _tried(monkeypatch, read)
    assert found == outcome
    assert bool(told) is (outcome == "broken")


def test_a_parser_that_never_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: bytes, folder: Path) -> None:
        while True:
            pass

    monkeypatch.setattr(_parsers, "PATIENCE", 1)
    found, told = _tried(monkeypatch, read)
    assert found == "broken"
    assert "TookTooLongError" in told
