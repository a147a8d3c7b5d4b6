"""The other commands, the start of the program, and the package's public names."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

import vadd
from vadd.cli import main
from vadd.detect.verdict import Outcome
from vadd.embed import catalog, weights
from vadd.errors import ModelError
from vadd.report.schema import json_schema
from vadd.report.schema_page import markdown

#: Those whose weights come with the install; nobody added others in ``no_weights_added``.
BUNDLED = [name for name in catalog.names() if catalog.card(name).weights.bundled]
HEAVY = ("numpy", "av", "onnxruntime", "rich", "jinja2", "pydantic", "PIL")


@pytest.fixture(autouse=True)
def no_weights_added(monkeypatch, tmp_path):
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))


def run(*args: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, **options)


@dataclass(frozen=True)
class Clip:
    name: str
    path: object
    expected: Outcome
    caption: str


@pytest.fixture
def demo_clips(monkeypatch, tmp_path):
    def use(**expected: Outcome) -> None:
        module = ModuleType("vadd.demo")
        clips = []
        for name, outcome in expected.items():
            path = tmp_path / f"{name}.mp4"
            path.write_bytes(b"")
            clips.append(Clip(name, path, outcome, f"Shows {name}."))
        module.clips = lambda: tuple(clips)
        monkeypatch.setitem(sys.modules, "vadd.demo", module)

    return use


def test_demo_is_right(detector, demo_clips, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo_clips(consistent=Outcome.CONSISTENT, discrepant=Outcome.DISCREPANT)
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    for name in ("consistent", "discrepant"):
        page = os.path.join("vadd-demo", f"{name}.mp4.html")  # noqa: PTH118
        assert f"Report: {page}" in out
        assert name.capitalize() in (tmp_path / page).read_text("utf-8")
    assert "Every clip got the verdict that it should." in out


def test_demo_is_wrong(detector, demo_clips, tmp_path, capsys):
    demo_clips(consistent=Outcome.CONSISTENT, inconclusive=Outcome.DISCREPANT)
    assert main(["demo", "--out", str(tmp_path / "x")]) == 1
    assert "inconclusive should be discrepant, not inconclusive" in capsys.readouterr().out


def test_demo_that_cannot_write(detector, demo_clips, tmp_path, capsys):
    demo_clips(consistent=Outcome.CONSISTENT)
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("vadd: cannot write")
    assert detector.asked == []


@pytest.mark.parametrize(("out", "told"), [("", "empty"), ("-", "not to the standard output")])
def test_demo_without_a_folder(detector, demo_clips, out, told, capsys):
    demo_clips(consistent=Outcome.CONSISTENT)
    assert main(["demo", "--out", out]) == 2
    assert told in capsys.readouterr().err
    assert detector.asked == []


@dataclass(frozen=True)
class Card:
    name: str
    summary: str
    embedders: tuple[str, ...]
    hashes: tuple[tuple[str, str], ...]


@pytest.fixture
def shelf(monkeypatch):
    module = ModuleType("vadd.detect.models")
    module.damaged = False
    module.detectors = lambda: (
        Card("everyday", "any ordinary video", ("a", "b"), (("bank.txt", "0" * 64),)),
    )

    def verify(name: str) -> None:
        if module.damaged:
            raise ModelError(f"{name} is damaged")

    module.verify = verify
    monkeypatch.setitem(sys.modules, "vadd.detect.models", module)
    monkeypatch.setattr("vadd.detect.models", module, raising=False)
    return module


def test_models_list(shelf, capsys):
    assert main(["models", "list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [
        ["everyday", "detector"], *([name, "embedder"] for name in catalog.names()),
    ]  # fmt: skip


def test_models_show(shelf, capsys):
    assert main(["models", "show", "everyday"]) == 0
    out = capsys.readouterr().out
    assert "a, b" in out
    assert f"hashes.bank.txt  {'0' * 64}" in out
    card = catalog.card("yamnet")
    assert main(["models", "show", "yamnet"]) == 0
    out = capsys.readouterr().out
    for fact in (card.weights.sha256, card.weights.licence, card.input, f"{len(card.scores)} classes"):
        assert fact in out


def test_models_show_unknown(shelf, capsys):
    assert main(["models", "show", "nothing"]) == 2
    err = capsys.readouterr().err
    assert "'nothing'" in err
    assert "everyday, " in err
    assert "yamnet" in err


def test_models_verify(shelf, capsys, monkeypatch):
    assert main(["models", "verify"]) == 0
    assert capsys.readouterr().out.count("as recorded") == 1 + len(BUNDLED)
    shelf.damaged = True
    assert main(["models", "verify"]) == 2
    out = capsys.readouterr().out
    assert "everyday: everyday is damaged" in out
    assert out.count("as recorded") == len(BUNDLED)  # the rest is still looked at


def test_models_verify_reads_the_files(shelf, capsys, monkeypatch):
    def damaged(record, folder=weights.DATA):
        raise ModelError(f"the weights {record.file} are damaged")

    monkeypatch.setattr(weights, "read_weights", damaged)
    assert main(["models", "verify"]) == 2
    assert "yamnet.onnx are damaged" in capsys.readouterr().out


def test_schema(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
    assert main(["schema", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == markdown()


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vadd {vadd.__version__}\n"
    assert main(["--help"]) == 0
    assert "check" in capsys.readouterr().out
    assert main([]) == 2
    assert "Usage" in capsys.readouterr().err
    assert main(["nonsense"]) == 2
    assert "No such command 'nonsense'" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["--help"], ["models", "--help"]])
def test_help_is_not_cut_off(args, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Usage: ")
    assert not [line for line in lines[1:] if line.endswith(("...", "…"))]


@pytest.mark.parametrize("code", ["import vadd", "from vadd.cli import main; main(['--help'])"])
def test_the_start_imports_nothing_heavy(code):
    told = run(
        "-c", f"{code}\nimport sys; print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    assert told.stderr == "[]\n"


def test_wrong_calls_import_nothing_heavy(tmp_path):
    code = f"from vadd.cli import main; main(['check', {str(tmp_path / 'none')!r}])"
    told = run(
        "-c", f"{code}\nimport sys; print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    assert told.stderr.splitlines()[-1] == "[]"


def test_python_m_vadd():
    done = run("-m", "vadd", "--version")
    assert (done.returncode, done.stdout) == (0, f"vadd {vadd.__version__}\n")


def test_a_reader_that_goes_away_is_no_verdict():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "vadd", "schema"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_encoding_without_blocks():
    done = run("-m", "vadd", "check", "nö\udce9", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stderr.startswith("vadd: there is no file n")
    assert done.stderr.isascii()


def test_public_names():
    from vadd.report.document import document
    from vadd.timeline import Span

    assert vadd.Outcome is Outcome
    assert vadd.Span is Span
    assert vadd.document is document
    assert set(vadd.__all__) <= set(dir(vadd))
    detector = {"Detector"} if importlib.util.find_spec("vadd.detect.detector") is None else set()
    for name in set(vadd.__all__) - detector:
        assert getattr(vadd, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        vadd.nonsense  # noqa: B018


def test_check_passes_its_options_on(detector, clip, monkeypatch):
    seen = {}

    def check(self, path, *, exhibit=False):
        seen.update(path=path, exhibit=exhibit)
        return "verdict"

    monkeypatch.setattr(detector, "check", check)
    assert vadd.check("a.mp4", model="m", false_alarms=0.2, exhibit=True) == "verdict"
    assert detector.made == [("m", 0.2)]
    assert seen == {"path": "a.mp4", "exhibit": True}


def test_check_has_the_detectors_defaults():
    module = pytest.importorskip("vadd.detect.detector")
    made = inspect.signature(module.Detector).parameters
    ours = inspect.signature(vadd.check).parameters
    assert ours["model"].default == made["model"].default
    assert ours["false_alarms"].default == made["false_alarms"].default
