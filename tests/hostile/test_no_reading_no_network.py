"""Nothing beside the file is read, nobody is called: by a tracer, by canaries, and without a network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from judged import Listener
from make_references import CASES, net
from parts import CANARY, REFUSED, good

from calls import documents, vadd_check

#: Those that name a file or an address in each way once.
NAMING = (
    "HLS, absolute", "HLS called .mp4, relative", "HLS called .mp4, by http",
    "HLS with an AES key, by its path", "HLS with an AES key, by http", "HLS by crypto+concat+file",
    "ffconcat, absolute", "ffconcat by http", "DASH, relative", "DASH by http", "SDP called .mp4",
    "MP4 whose picture is in another file", "QuickTime reference movie", "a file called http:clip.mp4",
)  # fmt: skip


@pytest.fixture
def listener():
    with Listener() as listening:
        net.port = listening.port
        yield listening


@pytest.fixture
def naming(tmp_path: Path, listener: Listener) -> list[Path]:
    """Files that name canaries, or the listener."""
    made = []
    for case in CASES:
        if case.name in NAMING:
            folder = tmp_path / "in" / str(len(made))
            folder.mkdir(parents=True)
            made.append(case.make(folder))
    assert len(made) == len(NAMING)
    return made


def traced(log: Path) -> list[str]:
    """What a command is prefixed with to have its calls written down."""
    if not shutil.which("strace"):
        pytest.skip("there is no strace")
    calls = "trace=open,openat,openat2,socket,bind,connect,sendto,sendmsg,sendmmsg"
    command = ["strace", "-f", "-qq", "-s", "4096", "-o", str(log), "-e", calls]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("processes may not be traced here")
    return command


def test_the_tracer_sees_what_it_should(tmp_path: Path) -> None:
    """Or the test below could not fail."""
    (tmp_path / "canary.txt").write_text(CANARY)
    with Listener() as listening:
        call = "socket.create_connection(('127.0.0.1', int(sys.argv[2])))"
        script = f"import socket, sys; open(sys.argv[1]).read(); {call}"
        arguments = [str(tmp_path / "canary.txt"), str(listening.port)]
        subprocess.run([*traced(tmp_path / "log"), "python3", "-c", script, *arguments], check=True)
        assert listening.came == 1
    log = (tmp_path / "log").read_text()
    assert "canary.txt" in log
    assert "AF_INET" in log


def test_nothing_else_is_opened_and_nobody_is_called(
    tmp_path: Path, naming: list[Path], listener: Listener
) -> None:
    done = vadd_check("--json", *naming, before=traced(tmp_path / "log"))
    assert len(documents(done)) == len(naming)
    calls = (tmp_path / "log").read_text(errors="replace").splitlines()
    for path in naming:
        assert any(str(path) in call for call in calls), "the log holds what is opened"
    allowed = [str(path) for path in naming]
    assert not [
        call for call in calls if str(tmp_path / "in") in call and not any(each in call for each in allowed)
    ]
    assert not [call for call in calls if "canary." in call and not any(each in call for each in allowed)]
    assert not [call for call in calls if "AF_INET" in call]
    assert listener.came == 0


def test_no_secret_comes_out(tmp_path: Path, naming: list[Path], listener: Listener) -> None:
    """Of a folder of such files, with pages and tables: no word of what lies beside them."""
    done = vadd_check(tmp_path / "in", "--all-files", "--out", tmp_path / "out", "--workers", "2", "--json")
    assert done.returncode == 0
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) > len(naming)
    for path in written:
        assert CANARY.encode() not in path.read_bytes()
        assert CANARY[:16].encode() not in path.read_bytes()
    assert listener.came == 0


def test_it_is_the_same_without_a_network(naming: list[Path]) -> None:
    """In a network namespace of its own, without even a loopback that works, the documents are the same."""
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no network namespace may be made here")
    some = [naming[0], naming[2], naming[-1]]
    inside = documents(vadd_check("--json", *some, before=alone))
    assert inside == documents(vadd_check("--json", *some))
    assert [each["verdict"] for each in inside] == ["failed", "failed", "consistent"]


def test_links_out_of_a_folder_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.mp4").write_bytes(good())
    (tmp_path / "in" / "clip.mp4").write_bytes(good(fast=True))
    (tmp_path / "in" / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (tmp_path / "in" / "in.mp4").symlink_to("clip.mp4")
    (tmp_path / "in" / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "in" / "up").symlink_to(tmp_path, target_is_directory=True)
    done = vadd_check(tmp_path / "in", "--out", tmp_path / "out", "--workers", "1", cwd=tmp_path)
    assert done.returncode == 0
    assert "2 files: 2 consistent" in done.stdout
    assert "left out: 1 links out of the folder" in done.stdout
    assert "left out: 1 links to nothing" in done.stdout


def test_the_list_names_cases() -> None:
    assert set(NAMING) <= {case.name for case in CASES if REFUSED not in case.gives}
