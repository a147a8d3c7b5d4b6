"""What holds for the package as a whole: its rooms, its size, what an import costs, what it must not name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

import vadd

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"

#: A room may import itself and rooms of a smaller number. Modules beside the rooms are below them all.
ROOMS = {
    "media": 1, "embed": 2, "classify": 3, "detect": 4, "report": 5,
    "demo": 6, "protocol": 6, "run": 6, "web": 7, "cli": 8,
}  # fmt: skip
BELOW = {"_version", "errors", "scenes", "timeline"}
#: The package's own face, which offers names of all rooms.
FACE = {"__init__", "__main__"}

#: Folders and files that are committed; others may lie beside them in a checkout.
COMMITTED = (
    ".ci", "benchmarks", "docs", "examples", "requirements", "src", "tests", "tools",
    ".gitignore", "CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "pyproject.toml",
)  # fmt: skip
#: Assembled from parts, so that this file does not name them either.
HOSTS = [
    name.encode() + rb"\." + end.encode()
    for name, end in (
        ("pypi", "org"), ("pythonhosted", "org"), ("download.pytorch", "org"), ("anaconda", "org"),
        ("npmjs", "org"), ("crates", "io"), ("proxy.golang", "org"), ("download.nvidia", "com"),
    )
]  # fmt: skip
MACHINE_PATH = re.compile(rb"(?<![\w.~$}\])>*])/(?:work|root|home|Users|tmp|opt)/[\w.{]")


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    found = []
    for path in sorted((SOURCE / "vadd").rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        found.append((name, ast.parse(path.read_text(), str(path))))
    return tuple(found)


def imports(name: str, tree: ast.Module, *, typing: bool) -> Iterator[str]:
    """Names of vadd's modules that a module imports, anywhere in it.

    ``typing`` says whether what only a type checker imports counts too.
    """
    known = {found for found, _ in modules()}
    skip = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") and not typing
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in skip:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "vadd")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            if node.module and node.module.split(".")[0] == "vadd":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in known else node.module


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else "__init__"


def committed_files() -> list[Path]:
    found = []
    for name in COMMITTED:
        top = ROOT / name
        assert top.exists(), name
        found += [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts and path.suffix != ".pyc"]


def test_every_module_has_its_place() -> None:
    assert {room(name) for name, _ in modules()} <= ROOMS.keys() | BELOW | FACE


def test_rooms_import_in_one_direction() -> None:
    wrong = []
    for name, tree in modules():
        here = room(name)
        if here in FACE:
            continue
        for target in imports(name, tree, typing=True):
            there = room(target)
            allowed = there in BELOW if here in BELOW else there == here or there in BELOW
            allowed = allowed or ROOMS.get(there, 99) < ROOMS.get(here, 0)
            if not allowed:
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_no_import_cycles() -> None:
    graph = {name: set(imports(name, tree, typing=False)) - {name} for name, tree in modules()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("folder", ["src", "tools", "benchmarks", "examples"])
def test_no_module_is_long(folder: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert lengths
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 400} == {}


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running ``code``."""
    names = "*sorted({name.split('.')[0] for name in sys.modules})"
    script = f"import sys\n{code}\nprint({names}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stderr.split())


def test_import_is_cheap() -> None:
    loaded = loaded_by("import vadd")
    assert "vadd" in loaded
    heavy = {"PIL", "av", "jinja2", "numpy", "onnxruntime", "pydantic", "rich", "torch"}
    assert loaded & heavy == set()


def test_help_loads_neither_decoder_nor_networks() -> None:
    loaded = loaded_by("from vadd.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass")
    assert "click" in loaded
    assert loaded & {"PIL", "av", "jinja2", "numpy", "onnxruntime", "pydantic", "torch"} == set()


def test_public_names_exist() -> None:
    for name in vadd.__all__:
        assert getattr(vadd, name) is not None
    assert set(vadd.__all__) <= set(dir(vadd))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = vadd.no_such_name


def test_version_is_the_same_everywhere() -> None:
    assert metadata.version("vadd") == vadd.__version__
    assert f"## [{vadd.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_nothing_names_a_registry_host_or_a_path_of_one_machine() -> None:
    found = []
    for path in committed_files():
        data = path.read_bytes()
        hits = [match for host in HOSTS for match in re.findall(host, data)] + MACHINE_PATH.findall(data)
        found += [f"{path.relative_to(ROOT)}: {hit.decode()}" for hit in hits]
    assert not found


def test_dependencies_are_pinned_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        "base.txt": project["dependencies"],
        "test.txt": project["dependencies"] + project["optional-dependencies"]["test"],
        "tools.txt": project["dependencies"],
    }
    for name, requirements in wanted.items():
        pins = (ROOT / "requirements" / name).read_text().split("\n")
        pinned = {line.split("==")[0] for line in pins if "==" in line}
        assert {re.split(r"[>=<\[;~ ]", requirement)[0].lower() for requirement in requirements} <= pinned
        for line, following in pairwise(pins):
            assert "==" not in line or following.startswith("    --hash=sha256:"), line
