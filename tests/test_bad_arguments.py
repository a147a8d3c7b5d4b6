"""Inputs that cannot be opened and outputs that cannot be written: refused in one line, with nothing done."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import broken
from calls import refused, vadd_check

#: Drops root's right to open everything; others do not have it in the first place.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@contextmanager
def _socket(path: Path) -> Iterator[None]:
    # The name of a socket may be 107 bytes long, and a test's folder is longer.
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{here}/{path.name}")
            yield
    finally:
        os.close(here)


def test_socket(tmp_path):
    with _socket(tmp_path / "socket.mp4"):
        refused(vadd_check(tmp_path / "socket.mp4"), "is not a regular file")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param(["none.mp4"], "there is no file none.mp4", id="missing"),
        pytest.param(["good.mp4", "none.mp4"], "there is no file none.mp4", id="one-missing"),
        pytest.param(
            ["--picture", "good.mp4", "--sound", "none.wav"], "no file none.wav", id="missing-of-a-pair"
        ),
        pytest.param(["to-nowhere.mp4"], "there is no file to-nowhere.mp4", id="broken-link"),
        pytest.param(["to-itself.mp4"], "cannot open to-itself.mp4: too many levels", id="link-loop"),
        pytest.param(["folder.mp4"], "folder.mp4 is a folder", id="folder"),
        pytest.param(["."], ". is a folder", id="here"),
        pytest.param(["good.mp4/x.mp4"], "cannot open good.mp4/x.mp4: not a directory", id="inside-a-file"),
        pytest.param([300 * "a"], "file name too long", id="long-name"),
        pytest.param(["pipe.mp4"], "pipe.mp4 is not a regular file", id="fifo"),
        pytest.param(["/dev/zero"], "/dev/zero is not a regular file", id="dev-zero"),
        pytest.param(["/dev/null"], "/dev/null is not a regular file", id="dev-null"),
        pytest.param(["-good.mp4"], "No such option", id="dash-without-dashes"),
        # FFmpeg would take these for instructions; to vadd they are names, of files that do not exist.
        pytest.param(["http:clip.mp4"], "there is no file http:clip.mp4", id="url"),
        pytest.param(["file:good.mp4"], "there is no file file:good.mp4", id="file-url"),
        pytest.param(["concat:good.mp4|good.mp4"], "there is no file concat:good.mp4|good.mp4", id="concat"),
        pytest.param(["pipe:0"], "there is no file pipe:0", id="pipe-url"),
        pytest.param(["no\x1b[31m\nsuch.mp4"], "no\\x1b[31m\\x0asuch.mp4", id="escapes"),
    ],
)
def test_no_file_to_open(tmp_path, args, told):
    broken.copy(tmp_path / "good.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "to-nowhere.mp4").symlink_to("nowhere")
    (tmp_path / "to-itself.mp4").symlink_to("to-itself.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(vadd_check("--json", *args, cwd=tmp_path), told)


@pytest.fixture
def as_anybody(tmp_path) -> list[str]:
    """What to run a command with, so that file modes hold for it even if root runs the tests."""
    locked = tmp_path / "locked"
    locked.touch(0o000)
    try:
        probe = subprocess.run([*AS_ANYBODY, "cat", locked], check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("root has no setpriv to give its rights up with")
    if probe.returncode == 0 or b"denied" not in probe.stderr:
        pytest.skip("file modes do not hold here")
    return AS_ANYBODY


def test_file_without_permission(tmp_path, as_anybody):
    broken.copy(tmp_path / "mine.mp4").chmod(0o000)
    refused(
        vadd_check("--json", "mine.mp4", cwd=tmp_path, before=as_anybody), "cannot open mine.mp4: permission"
    )


@pytest.mark.parametrize("option", ["--html", "--csv"])
def test_folder_without_permission(tmp_path, as_anybody, option):
    folder = tmp_path / "closed"
    folder.mkdir(0o555)
    target = folder / "out"
    refused(vadd_check(broken.GOOD, option, target, before=as_anybody), f"cannot write {target}: permission")


# Outputs that cannot be written


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param(
            ["--html", "none/out.html"],
            "cannot write none/out.html: there is no folder none",
            id="html-no-folder",
        ),
        pytest.param(
            ["--csv", "none/out.csv"],
            "cannot write none/out.csv: there is no folder none",
            id="csv-no-folder",
        ),
        pytest.param(["--csv", "folder"], "cannot write folder: it is a folder", id="csv-folder"),
        pytest.param(["--html", "file/"], "cannot write file: file exists", id="html-file-as-folder"),
        pytest.param(["--html", "file/out.html"], "not a directory", id="html-inside-a-file"),
        pytest.param(
            ["good.mp4", "--html", "file"], "cannot write file: file exists", id="html-folder-is-a-file"
        ),
        pytest.param(["--html", ""], "empty", id="html-no-name"),
        pytest.param(["--csv", ""], "empty", id="csv-no-name"),
        pytest.param(["--html", "-"], "not to the standard output", id="html-dash"),
        pytest.param(["--csv", "-"], "not to the standard output", id="csv-dash"),
        pytest.param(["--html", 300 * "a"], "file name too long", id="html-long-name"),
        pytest.param(["--csv", 300 * "a"], "file name too long", id="csv-long-name"),
        pytest.param(["--html", "loop"], "cannot write loop: too many levels", id="html-link-loop"),
        pytest.param(["--csv", "loop"], "cannot write loop: too many levels", id="csv-link-loop"),
        pytest.param(["--model", 300 * "a"], "there is no detector", id="model-long-name"),
        pytest.param(["--html", "good.mp4"], "would replace good.mp4", id="html-onto-the-input"),
        pytest.param(["--csv", "good.mp4"], "would replace good.mp4", id="csv-onto-the-input"),
        pytest.param(["--csv", "x", "--html", "x"], "would replace x", id="both-the-same"),
        pytest.param(["--csv", "/dev/full"], "cannot write /dev/full: no space left", id="csv-no-space"),
    ],
)
def test_output_that_cannot_be_written(tmp_path, args, told):
    before = broken.copy(tmp_path / "good.mp4").read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("precious")
    (tmp_path / "loop").symlink_to("loop")
    refused(vadd_check("-q", "good.mp4", *args, cwd=tmp_path), told)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "good.mp4", "loop"]
    assert (tmp_path / "good.mp4").read_bytes() == before
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_standard_output_that_cannot_be_written(form):
    with Path("/dev/full").open("w") as full:
        done = vadd_check(*form, broken.GOOD, stdout=full.fileno())
    refused(done, "cannot write to the standard output: no space left")
