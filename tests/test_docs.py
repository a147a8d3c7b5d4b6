"""The documentation's commands: how they are found, and that the two that matter are among them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run_docs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("run_docs")


def test_marked_blocks_are_found(run_docs: ModuleType) -> None:
    text = (
        "a\n\n<!-- ci -->\n```sh\none && two\n```\n\n```sh\nnot run\n```\n"
        "<!-- ci: exit 1 -->\n\n```sh\nthree\nfour\n```\n"
    )
    blocks = run_docs.blocks("x.md", text)
    assert [(b.place, b.commands, b.status) for b in blocks] == [
        ("x.md:3", "one && two\n", 0),
        ("x.md:11", "three\nfour\n", 1),
    ]


def test_a_mark_without_a_block_is_an_error(run_docs: ModuleType) -> None:
    with pytest.raises(ValueError, match="without a sh block"):
        run_docs.blocks("x.md", "<!-- ci -->\n\nwords\n\n```sh\nnot run\n```\n")


@pytest.mark.parametrize(("commands", "mark", "fails"), [
    ("true", "ci", False), ("exit 3", "ci: exit 3", False),
    ("false\ntrue", "ci", True), ("true", "ci: exit 1", True),
])  # fmt: skip
def test_unexpected_status_fails(
    run_docs: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    commands: str,
    mark: str,
    fails: bool,
) -> None:
    document = tmp_path / "x.md"
    document.write_text(f"<!-- {mark} -->\n```sh\n{commands}\n```\n")
    monkeypatch.setattr(sys, "argv", ["run_docs.py", str(document)])
    if fails:
        with pytest.raises(SystemExit, match=r"x\.md:1: exit status"):
            run_docs.main()
    else:
        run_docs.main()


def test_the_readme_shows_the_two_commands_and_ci_runs_them(run_docs: ModuleType) -> None:
    commands = [b.commands.strip() for b in run_docs.blocks("README.md", (ROOT / "README.md").read_text())]
    assert "pip install . && vadd demo" in commands
    assert "pip install '.[test]' && pytest -n auto" in commands
