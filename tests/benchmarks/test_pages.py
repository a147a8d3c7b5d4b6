"""The scripts that write blocks of docs/benchmark-vadd.md: each writes its own and nothing else."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmark-vadd.md"
#: Script, what it is called with to be quick, rows of tables that it then writes.
SCRIPTS = {
    "protocol": (["make", "--clips", "400", "--repeat", "1"], 7),
    "protocol_score": (["--trials", "200", "--draws", "5", "--locations", "9", "--repeat", "1"], 6),
    "render": (["--repeat", "1", "--minutes", "1"], 5),
}
CALLS = {"protocol": "protocol.py make"}


def call(name):
    return f"python benchmarks/{CALLS.get(name, f'{name}.py')} --write"


@pytest.fixture
def script(monkeypatch):
    def load(name):
        spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def blocks(text):
    return dict(re.findall(r"<!-- Written by `(.+?)` -->\n(.*?)<!-- end -->", text, re.DOTALL))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_writes_its_block(script, tmp_path, monkeypatch, name):
    arguments, rows = SCRIPTS[name]
    module = script(name)
    copy = tmp_path / PAGE.name
    copy.write_text(PAGE.read_text())
    monkeypatch.setattr(module, "PAGE", copy)
    if name == "render":
        monkeypatch.setattr(module, "CLIPS", 1)
        monkeypatch.setattr(module, "SIZE", (512, 256))
        monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0})
    for _ in range(2):  # what was written before is replaced
        monkeypatch.setattr(sys, "argv", [name, *arguments, "--write"])
        module.main()
        now, before = blocks(copy.read_text()), blocks(PAGE.read_text())
        assert list(now) == list(before)
        written = now.pop(call(name))
        before.pop(call(name))
        assert now == before
        heads = len(re.findall(r"^\| -", written, re.MULTILINE))
        assert len(re.findall(r"^\|", written, re.MULTILINE)) - 2 * heads == rows
        assert "load " in written
        assert "runs" in written
        assert str(tmp_path) not in written
        if name == "render":
            break


def test_the_page_has_a_block_of_every_script(script):
    found = blocks(PAGE.read_text())
    assert list(found) == [call(name) for name in SCRIPTS]
    for text in found.values():
        assert "| ---" in text, "a script has not been run with --write"


def test_a_page_without_the_block_is_refused(script, tmp_path):
    page = script("page")
    path = tmp_path / "page.md"
    for text in ("", "<!-- Written by `x` -->\n", 2 * "<!-- Written by `x` -->\n<!-- end -->\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"page\.md has not one block"):
            page.put(path, "x", ["1"])
        assert path.read_text() == text
