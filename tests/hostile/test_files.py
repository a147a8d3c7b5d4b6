"""Every hostile file gets the verdict, or the refusal, that the table names, and nothing else happens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cases import CASES, GROUPS, SYSTEM
from judged import chunks, judged
from make_container import SEEDS
from make_names import NAMES
from parts import CONSISTENT, REFUSED, Case, good

from calls import documents, vadd_check

_CHUNKS = chunks(CASES)
_NUMBER = {case.name: number for number, chunk in enumerate(_CHUNKS) for case in chunk}

#: The least share of its picture and sound that a clip must still have to be called as if it were whole.
#: The limit is 0.9 of what is declared; the rest is what blurs at the edges of a hole.
_KEPT = 0.85


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of this test run."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):
        folder = folder.parent
    (folder / "hostile").mkdir(exist_ok=True)
    return folder / "hostile"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}-{case.name}")
def test_the_file_gets_what_the_table_says(case: Case, shared: Path) -> None:
    number = _NUMBER[case.name]
    found = judged(number, _CHUNKS[number], shared)[case.name]
    assert found["gives"] in case.gives, found
    assert case.told in found["told"]
    assert "\n" not in found["told"] or found["gives"] == REFUSED
    assert found["met"] == 0, "somebody was called"
    assert found["read"] == [], "another file was read"
    if case.whole is not None and found["gives"] == CONSISTENT:
        assert min(found["whole"]) >= _KEPT, "it was called consistent although data were lost"


#: One of each kind, and what has a message of its own, through the command line.
SAMPLE = (
    "0 bytes", "cut after moov", "Ogg with wrong check sums", "HLS with an AES key, by its path",
    "40 streams", "a gap of half the sound", "turned by 90 degrees", "NaN for half of the time",
    "antiphase", "not UTF-8",
)  # fmt: skip


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    cases = [case for case in CASES if case.name in SAMPLE]
    assert len(cases) == len(SAMPLE)
    paths = []
    for at, case in enumerate(cases):
        (tmp_path / str(at)).mkdir()
        paths.append(case.make(tmp_path / str(at)))
    found = documents(vadd_check("--json", *paths))
    for case, document in zip(cases, found, strict=True):
        reason = f" ({document['reason']})" if document["reason"] else ""
        assert document["verdict"] + reason in case.gives
        assert case.told in " ".join((document["explanation"], *document["notes"]))


@pytest.mark.parametrize(
    "case", [case for case in CASES if REFUSED in case.gives], ids=lambda case: case.name
)
def test_a_refusal_is_one_line(tmp_path: Path, case: Case) -> None:
    (tmp_path / "in").mkdir()
    done = vadd_check("--", case.make(tmp_path / "in"))
    assert done.returncode == 2
    assert done.stderr.startswith("vadd: ")
    assert done.stderr.count("\n") == 1


def test_any_name_goes_through_a_run(tmp_path: Path) -> None:
    """Of a folder, with the same stem twice: every file is told of, under its name, and once."""
    (tmp_path / "in").mkdir()
    for name in NAMES.values():
        (tmp_path / "in" / name).write_bytes(good(".mkv" if name.endswith(".mkv") else ".mp4"))
    arguments = ("in", "--all-files", "--out", "out", "--workers", "1", "--json")
    done = vadd_check(*arguments, cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert summary["verdicts"]["consistent"] == summary["files"] == len(NAMES)
    assert summary["judged"] == 2  # there are two different contents
    again = json.loads(vadd_check(*arguments, cwd=tmp_path).stdout)
    assert (again["files"], again["judged"]) == (len(NAMES), 0)
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}, "nothing was made by a name"
    listed = subprocess.run(
        [sys.executable, "-m", "vadd", "results", "out"], check=False, capture_output=True, cwd=tmp_path
    )
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert b"\x1b]0;" not in listed.stdout


def test_the_suite_is_complete() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert len(CASES) + len(SYSTEM) >= 120
    assert {case.group for case in CASES} | {"system"} == set(GROUPS)
    assert sum(name.startswith("random damage") for name in names) == SEEDS == 40
    for group in set(GROUPS) - {"system"}:
        assert sum(case.group == group for case in CASES) >= 12, group
    for case in CASES:
        assert case.gives
        assert (CONSISTENT in case.gives and len(case.gives) > 2) <= (case.whole is not None), case.name


def test_the_documentation_has_the_same_table() -> None:
    root = Path(__file__).parents[2]
    tool = root / "tools" / "hostile_table.py"
    made = subprocess.run([sys.executable, str(tool), "--print"], check=True, capture_output=True)
    assert made.stdout.decode() == (root / "docs" / "hostile.md").read_text("utf-8")
