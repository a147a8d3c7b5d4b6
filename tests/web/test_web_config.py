"""How a server may be set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from vadd.errors import UsageError
from vadd.web.config import Config, default_state, is_loopback, parse_size

TOKEN = "t" * 32


@pytest.mark.parametrize(("text", "size"), [
    ("1048576", 1048576), ("500MB", 500_000_000), ("2GiB", 2 * 2**30), ("1.5 kb", 1500), ("3k", 3000),
    ("7B", 7),
    ("0.5GiB", 2**29),
])  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e9", "1 PB", "nan", "1,5MB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="a size is"):
        parse_size(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert Config(Path("x"), host=host).token is None


@pytest.mark.parametrize(
    "host", ["::", "10.0.0.1", "192.168.1.2", "example", "127.0.0.1.example", "::ffff:8.8.8.8"]
)
def test_others_do(host: str) -> None:
    with pytest.raises(UsageError, match="token"):
        Config(Path("x"), host=host)
    assert Config(Path("x"), host=host, token=TOKEN).token == TOKEN


@pytest.mark.parametrize("token", ["", "t" * 31, "t" * 31 + " ", "ü" * 40, "t" * 31 + "\n"])
def test_a_token_is_long_and_plain(token: str) -> None:
    with pytest.raises(UsageError, match="a token"):
        Config(Path("x"), token=token)


def test_a_token_is_not_told() -> None:
    assert TOKEN not in repr(Config(Path("x"), token=TOKEN))


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"max_upload": 0}, {"keep_hours": float("nan")}, {"false_alarms": 1.0}]
)
def test_bounds_are_above_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Config(Path("x"), **wrong)  # type: ignore[arg-type]


def test_where_the_state_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state() == tmp_path / "vadd" / "server"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state() == tmp_path / ".local" / "state" / "vadd" / "server"
