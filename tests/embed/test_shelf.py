from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from vadd.embed import catalog, shelf
from vadd.embed.base import Weights
from vadd.errors import ModelError, OutputError

CONTENT = b"fits" + os.urandom(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def toy(monkeypatch):
    """Puts an embedder ``toy`` into the catalog, whose network takes files that start with "fits"."""
    record = Weights("toy.pth", None, 100_000, "the toy shop", "MIT", "https://toys.example/toy.pth", None)

    class Toy:
        card = replace(catalog.card("yamnet"), name="toy", weights=record)

        def __init__(self, threads):
            pass

        def check(self, path):
            if not path.read_bytes().startswith(b"fits"):
                raise ModelError(f"{path} does not fit the network")

    module = ModuleType("toy_module")
    module.Toy = Toy
    monkeypatch.setitem(sys.modules, "toy_module", module)
    monkeypatch.setitem(catalog._TABLE, "toy", ("toy_module", "Toy"))

    def change(**fields) -> Weights:
        Toy.card = replace(Toy.card, weights=replace(record, **fields))
        return Toy.card.weights

    return change


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.pth"
    path.write_bytes(CONTENT)
    return path


def left(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and p.name != ".writing")


SHELVED = ["weights.lock.json", "weights/toy.pth"]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"VADD_HOME": "/here"}, "/here"),
        ({"VADD_HOME": "", "XDG_DATA_HOME": "/data"}, "/data/vadd"),
        ({"VADD_HOME": "", "XDG_DATA_HOME": "", "HOME": "/me"}, "/me/.local/share/vadd"),
    ],
)
def test_home(monkeypatch, variables, wanted):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert shelf.home() == Path(wanted)


@pytest.mark.parametrize("link", [False, True])
def test_added_weights_are_found_and_locked(toy, home, file, link):
    weights = toy()
    assert not shelf.is_there(weights, "toy")
    assert shelf.pinned(weights, "toy") == weights
    assert shelf.add("toy", file, link=link) == SHA256
    assert shelf.is_there(weights, "toy")
    path = shelf.weights_path(weights, "toy")
    assert path.read_bytes() == CONTENT
    assert path.is_symlink() == link
    assert left(home) == SHELVED
    assert json.loads((home / "weights.lock.json").read_text()) == {
        "toy": {"file": "toy.pth", "sha256": SHA256, "size": len(CONTENT)}
    }
    assert shelf.pinned(weights, "toy") == replace(weights, sha256=SHA256, size=len(CONTENT))
    assert file.read_bytes() == CONTENT
    assert shelf.add("toy", file, link=link) == SHA256  # again is no harm


@pytest.mark.parametrize("link", [False, True])
def test_a_file_that_changed_afterwards_is_refused(toy, file, link):
    weights = toy()
    shelf.add("toy", file, link=link)
    path = shelf.weights_path(weights, "toy")
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"toy\.pth were changed") as caught:
        shelf.weights_path(weights, "toy")
    assert SHA256[:12] in str(caught.value)


def test_missing_weights_say_all_that_is_needed(toy):
    weights = toy()
    with pytest.raises(ModelError) as caught:
        shelf.weights_path(weights, "toy")
    message = str(caught.value)
    assert "\n" not in message
    for fact in ("the toy shop", "https://toys.example/toy.pth", "about 0 MB", "MIT"):
        assert fact in message
    assert "vadd models download toy (or: vadd models add toy PATH)" in message
    weights = toy(url=None, size=None)
    with pytest.raises(ModelError, match=r"not published; size unknown; .* vadd models add toy PATH$"):
        shelf.weights_path(weights, "toy")


def test_a_linked_file_that_went_away_is_missing(toy, file):
    weights = toy()
    shelf.add("toy", file, link=True)
    file.unlink()
    assert not shelf.is_there(weights, "toy")
    with pytest.raises(ModelError, match="the weights of toy are not here"):
        shelf.weights_path(weights, "toy")


@pytest.mark.parametrize(
    "fields",
    [
        {"sha256": SHA256},
        {"fingerprint": f"sha256:{SHA256[:8]}"},
        {"fingerprint": f"md5:{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"},
        {"fingerprint": None},
    ],
)
@pytest.mark.parametrize("link", [False, True])
def test_the_published_fingerprint_is_checked(toy, home, file, fields, link):
    toy(**fields)
    shelf.add("toy", file, link=link)
    for path in home.rglob("*"):
        if path.is_file():
            path.unlink()
    file.write_bytes(CONTENT[:-1])
    if fields == {"fingerprint": None}:
        return
    with pytest.raises(ModelError, match=r"mine\.pth is not the published toy\.pth, or not all of it"):
        shelf.add("toy", file, link=link)
    assert left(home) == []
    assert file.read_bytes() == CONTENT[:-1]


@pytest.mark.parametrize("link", [False, True])
def test_what_does_not_fit_the_network_leaves_nothing(toy, home, file, link):
    toy()
    file.write_bytes(b"other" + CONTENT)
    with pytest.raises(ModelError, match=rf"{re.escape(str(file))} does not fit"):
        shelf.add("toy", file, link=link)
    assert left(home) == []
    assert file.exists()


def test_a_bad_file_leaves_the_good_one(toy, home, file, tmp_path):
    weights = toy()
    shelf.add("toy", file)
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"bad")
    with pytest.raises(ModelError, match="does not fit"):
        shelf.add("toy", bad, replaced=True)
    assert shelf.weights_path(weights, "toy").read_bytes() == CONTENT
    assert left(home) == SHELVED


def test_other_weights_are_not_taken_by_accident(toy, home, file):
    weights = toy()
    shelf.add("toy", file)
    file.write_bytes(CONTENT + b"more")
    with pytest.raises(ModelError, match="has other weights already") as caught:
        shelf.add("toy", file)
    assert "--replace" in str(caught.value)
    assert shelf.weights_path(weights, "toy").read_bytes() == CONTENT
    digest = shelf.add("toy", file, replaced=True)
    assert digest == hashlib.sha256(CONTENT + b"more").hexdigest()
    assert shelf.weights_path(weights, "toy").read_bytes() == CONTENT + b"more"


def test_a_file_that_is_not_the_published_one_on_request(toy, home, file, tmp_path):
    weights = toy(fingerprint="sha256:00000000")
    other = tmp_path / "converted.safetensors"
    other.write_bytes(CONTENT)
    with pytest.raises(ModelError, match="not the published"):
        shelf.add("toy", other)
    assert shelf.add("toy", other, published=False) == SHA256
    assert shelf.weights_path(weights, "toy").name == "toy.safetensors"
    toy(fingerprint=None)
    file.write_bytes(CONTENT + b"published")
    shelf.add("toy", file, replaced=True)
    assert left(home) == SHELVED  # the other one is gone


@pytest.mark.parametrize(
    ("name", "told"),
    [("nothing", "there is no embedder 'nothing'"), ("yamnet", "the weights of yamnet come with vadd")],
)
def test_names_that_take_no_weights(file, name, told):
    for call in (partial(shelf.add, name, file), partial(shelf.download, name)):
        with pytest.raises(ModelError, match=told):
            call()


def test_what_is_no_file(toy, home, tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ModelError, match="there is no file"):
            shelf.add("toy", path)
    assert left(home) == []


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"toy": {}}', '{"toy": 3}', '{"toy": {"file": "a", "size": "x"}}']
)
def test_a_damaged_lock_is_told(toy, home, text):
    home.mkdir()
    (home / "weights.lock.json").write_text(text)
    with pytest.raises(ModelError, match=r"weights\.lock\.json is damaged"):
        shelf.weights_path(toy(), "toy")


def test_a_lock_cannot_point_elsewhere(toy, home):
    home.mkdir()
    entry = {"file": "../../etc/passwd", "sha256": SHA256, "size": 1}
    (home / "weights.lock.json").write_text(json.dumps({"toy": entry}))
    with pytest.raises(ModelError, match="outside its folder"):
        shelf.weights_path(toy(), "toy")


def test_a_shelf_that_cannot_be_written(toy, file, tmp_path, monkeypatch):
    toy()
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "blocked"))
    with pytest.raises((OutputError, ModelError), match="blocked"):
        shelf.add("toy", file)


def test_a_full_disk_leaves_nothing(toy, home, file, monkeypatch):
    toy()

    def full(source, target):
        Path(target).write_bytes(b"fits, as far as it goes")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf.shutil, "copyfile", full)
    with pytest.raises(OutputError, match="No space left on device"):
        shelf.add("toy", file)
    assert left(home) == []


def test_two_at_a_time_both_stay(toy, home, tmp_path, monkeypatch):
    toy()
    monkeypatch.setitem(catalog._TABLE, "toy2", ("toy_module", "Toy"))
    files = {}
    for name in ("toy", "toy2"):
        files[name] = tmp_path / f"{name}.pth"
        files[name].write_bytes(CONTENT + name.encode())
    threads = [
        threading.Thread(
            target=shelf.add, args=(name, files[name]), kwargs={"published": False, "replaced": True}
        )
        for name in files
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads((home / "weights.lock.json").read_text()).keys() == {"toy", "toy2"}


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT; the first answer breaks off after ``breaks`` bytes, if that is set."""

    breaks = None
    ranges = True
    asked: list[str | None]

    def do_GET(self):
        kind = type(self)
        wanted = self.headers.get("Range")
        kind.asked.append(wanted)
        if self.path != "/toy.pth":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if kind.breaks is not None:
            body, kind.breaks = body[: kind.breaks], None
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(toy):
    kind = type("Fresh", (Server,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        kind.url = f"http://127.0.0.1:{running.server_port}/toy.pth"
        toy(url=kind.url, fingerprint=f"sha256:{SHA256[:8]}")
        yield kind
        running.shutdown()
        thread.join()


def test_download(server, home):
    seen = []
    assert shelf.download("toy", progress=lambda done, total: seen.append((done, total))) == SHA256
    assert left(home) == SHELVED
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert shelf.weights_path(catalog.card("toy").weights, "toy").read_bytes() == CONTENT
    assert shelf.download("toy") == SHA256
    assert server.asked == [None]  # nothing is brought twice


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(server, home, ranges):
    server.breaks, server.ranges = 40_000, ranges
    with pytest.raises(ModelError, match="40000 of 100004 bytes"):
        shelf.download("toy")
    assert left(home) == ["weights/.part.toy.pth"]
    assert shelf.download("toy") == SHA256
    assert server.asked == [None, "bytes=40000-"]
    assert left(home) == SHELVED


def test_a_download_killed_after_its_last_byte_goes_on(server, home):
    (home / "weights").mkdir(parents=True)
    (home / "weights" / ".part.toy.pth").write_bytes(CONTENT)
    assert shelf.download("toy") == SHA256


def test_a_download_of_something_else_leaves_nothing(server, home, toy):
    toy(url=server.url, fingerprint="sha256:00000000")
    with pytest.raises(ModelError, match=r"127\.0\.0\.1.* is not the published toy\.pth"):
        shelf.download("toy")
    assert left(home) == []


def test_servers_that_do_not_answer(server, home, toy):
    toy(url=server.url + "x")
    with pytest.raises(ModelError, match="the server says 404"):
        shelf.download("toy")
    toy(url="http://127.0.0.1:9/toy.pth")
    with pytest.raises(ModelError, match="Connection refused"):
        shelf.download("toy")
    toy(url="file:///etc/passwd")
    with pytest.raises(ModelError, match="no address to load from"):
        shelf.download("toy")
    toy(url=None)
    with pytest.raises(ModelError, match="not published"):
        shelf.download("toy")
    assert left(home) == []


def test_the_address_that_torchvision_knows():
    pytest.importorskip("torchvision")
    from torchvision.models import ViT_H_14_Weights

    weights = catalog.card("vit_h14_swag").weights
    wanted = ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1.url
    assert shelf.address(weights) == wanted
    assert wanted.rpartition("/")[2] == weights.file


def test_the_shelf_needs_no_heavy_library():
    code = (
        "import sys; from vadd.embed import shelf; assert not {'torch', 'numpy.testing'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
