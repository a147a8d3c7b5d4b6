"""``vadd models`` with weights that do not come with the install."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import pytest

from vadd.cli import main
from vadd.embed import catalog
from vadd.embed.base import Weights
from vadd.errors import ModelError

CONTENT = b"fits and more"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Toy:
    """An embedder whose network takes files that start with "fits"."""

    card = replace(
        catalog.card("yamnet"),
        name="toy",
        weights=Weights("toy.pth", None, 2_500_000, "the toy shop", "MIT", None, f"sha256:{SHA256[:8]}"),
    )

    def __init__(self, threads):
        pass

    def check(self, path):
        if not path.read_bytes().startswith(b"fits"):
            raise ModelError(f"{path} does not fit the network")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    module = ModuleType("toy_module")
    module.Toy = Toy
    monkeypatch.setitem(sys.modules, "toy_module", module)
    monkeypatch.setitem(catalog._TABLE, "toy", ("toy_module", "Toy"))
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some name.pth"
    path.write_bytes(CONTENT)
    return path


def line(capsys, name: str = "toy") -> str:
    assert main(["models", "list"]) == 0
    (found,) = (text for text in capsys.readouterr().out.splitlines() if text.split()[0] == name)
    return found


def test_add_makes_a_model_usable(capsys, file, home):
    assert line(capsys).endswith("2.5 MB, not here")
    assert main(["models", "add", "toy", str(file)]) == 0
    assert capsys.readouterr().out == f"toy: added, SHA-256 {SHA256}\n"
    assert line(capsys).endswith("0.0 MB")
    assert main(["models", "show", "toy"]) == 0
    told = dict(text.split(maxsplit=1) for text in capsys.readouterr().out.splitlines())
    assert told["weights.sha256"] == SHA256
    assert told["here"] == "yes"
    assert "get" not in told


def test_show_says_how_to_get_it(capsys):
    assert main(["models", "show", "toy"]) == 0
    told = dict(text.split(maxsplit=1) for text in capsys.readouterr().out.splitlines())
    assert told["here"] == "no"
    assert "vadd models add toy PATH" in told["get"]
    assert "weights.sha256" not in told


def test_verify_tells_the_absent_from_the_damaged(capsys, file, home):
    assert main(["models", "verify"]) == 0
    assert "toy: not here\n" in capsys.readouterr().out
    assert main(["models", "add", "toy", str(file)]) == 0
    assert main(["models", "verify"]) == 0
    assert "toy: as recorded\n" in capsys.readouterr().out
    (home / "weights" / "toy.pth").write_bytes(CONTENT[:-1])
    assert main(["models", "verify"]) == 2
    assert "were changed" in capsys.readouterr().out


def test_link(file, home):
    assert main(["models", "add", "toy", str(file), "--link"]) == 0
    assert (home / "weights" / "toy.pth").resolve() == file.resolve()


@pytest.mark.parametrize(
    ("args", "content", "told"),
    [
        (["toy"], CONTENT[:-1], "is not the published toy.pth, or not all of it"),
        (["toy", "--unpublished"], b"other", "does not fit the network"),
        (["yamnet"], CONTENT, "the weights of yamnet come with vadd"),
        (["nothing"], CONTENT, "there is no embedder 'nothing'"),
    ],
)
def test_what_is_refused_leaves_nothing(capsys, file, home, args, content, told):
    file.write_bytes(content)
    assert main(["models", "add", args[0], str(file), *args[1:]]) == 2
    err = capsys.readouterr().err
    assert err.startswith("vadd: ")
    assert err.count("\n") == 1
    assert told in err
    assert not (home / "weights.lock.json").exists()
    assert not list(home.rglob("weights/*"))


def test_a_file_that_is_not_there(capsys, tmp_path):
    assert main(["models", "add", "toy", str(tmp_path / "none")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_replace_and_unpublished(capsys, file, home):
    assert main(["models", "add", "toy", str(file)]) == 0
    file.write_bytes(CONTENT + b"!")
    assert main(["models", "add", "toy", str(file), "--unpublished"]) == 2
    assert "say --replace" in capsys.readouterr().err
    assert main(["models", "add", "toy", str(file), "--unpublished", "--replace"]) == 0
    lock = json.loads((home / "weights.lock.json").read_text())
    assert lock["toy"]["sha256"] == hashlib.sha256(CONTENT + b"!").hexdigest()


def test_download_of_what_nobody_publishes(capsys):
    assert main(["models", "download", "toy"]) == 2
    assert "vadd models add toy PATH" in capsys.readouterr().err


def test_listing_needs_no_heavy_library(home):
    code = (
        "from vadd.cli import main; import sys; main(['models', 'list']); "
        "print([m for m in ('torch', 'torchvision', 'h5py') if m in sys.modules], file=sys.stderr)"
    )
    environment = {**os.environ, "VADD_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == "[]\n"
    assert done.stdout.count("not here") == sum(
        not catalog.card(name).weights.bundled for name in catalog.names() if name != "toy"
    )
