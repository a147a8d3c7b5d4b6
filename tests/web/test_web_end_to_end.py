"""The whole way with real judging, the example's client and the command line."""

from __future__ import annotations

import http.client
import json
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import ask, ended, form, run, running, upload

sys.path.append(str(Path(__file__).parents[1] / "run"))

from clip_folder import clip

from vadd.detect.detector import Detector
from vadd.report.document import line
from vadd.web.process import WORKER

ROOT = Path(__file__).parents[2]


def test_the_result_is_that_of_the_command_line(tmp_path: Path) -> None:
    path = clip(tmp_path / "ä clip.mp4", 3)
    other = clip(tmp_path / "other.mp4", 5)
    detector = Detector()
    alone, pair = line(detector.check(path)), line(detector.check_pair(path, other))

    async def work() -> None:
        async with running(tmp_path / "state", worker=WORKER) as app:
            one = (await upload(app, path.read_bytes(), path.name)).json()["id"]
            body, headers = form(
                picture=(path.name, path.read_bytes()), sound=(other.name, other.read_bytes())
            )
            two = (await ask(app, "POST", "/api/v1/jobs", body, headers)).json()["id"]
            text = (await upload(app, b"this is no media file", "notes.mp4")).json()["id"]
            for id_, wanted in ((one, alone), (two, pair)):
                job = await ended(app, id_, 300)
                assert job["state"] == "done", job
                answer = await ask(app, "GET", job["links"]["result"])
                assert answer.body.decode() == f"{wanted}\n"
                assert (job["verdict"], job["score"]) == (answer.json()["verdict"], answer.json()["score"])
            bad = await ended(app, text, 300)
            assert (bad["state"], bad["verdict"], bad["reason"]) == ("done", "failed", "not_media")
            assert (await ask(app, "GET", bad["links"]["result"])).json()["provenance"]["inputs"][0][
                "name"
            ] == "notes.mp4"
            assert (await ask(app, "GET", f"/jobs/{text}/media")).status == 404
            page = (await ask(app, "GET", f"/api/v1/jobs/{one}/report.html")).body.decode()
            assert "ä clip.mp4" in page
            assert page.count("data:image/jpeg") >= 1
            media = await ask(app, "GET", f"/jobs/{one}/media")
            assert (media.headers["content-type"], media.body) == ("video/mp4", path.read_bytes())
            assert (await ask(app, "GET", f"/jobs/{one}/thumbnails/0.jpg")).body[:2] == b"\xff\xd8"
            assert (await ask(app, "GET", f"/jobs/{one}/spectrogram.png")).body[:4] == b"\x89PNG"
            # The same bytes under another name: measured once, told under its own name.
            again = (await upload(app, path.read_bytes(), "copy.mp4")).json()["id"]
            job = await ended(app, again, 300)
            assert (await ask(app, "GET", job["links"]["result"])).json()["provenance"]["inputs"][0][
                "name"
            ] == "copy.mp4"
            for id_ in (one, two, text, again):
                assert (await ask(app, "DELETE", f"/api/v1/jobs/{id_}")).status == 204
            kinds = ("records", "measurements", "reports", "strips")
            assert not [
                p for kind in kinds for p in (tmp_path / "state" / "results" / kind).rglob("*") if p.is_file()
            ]

    run(work())


def test_the_command_serves_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "vadd", "serve", "--port", "0", "--state", str(tmp_path / "state")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.fullmatch(
            r"vadd is at (http://127\.0\.0\.1:\d+)/ \(Ctrl-C ends it\)\n", process.stdout.readline()
        )
        assert found is not None
        path = clip(tmp_path / "clip.mp4", 4)
        runpy.run_path(str(ROOT / "examples" / "api_client.py"))["main"](path, found[1])
        words = capsys.readouterr().out.split()
        connection = http.client.HTTPConnection(found[1].removeprefix("http://"), timeout=60)
        connection.request("GET", "/api/v1/jobs")
        (job,) = json.load(connection.getresponse())["jobs"]
        connection.close()
        assert words[0] == job["verdict"]
        assert job["names"] == ["clip.mp4"]
        taken = subprocess.run([*command[:-1], str(tmp_path / "b"), "--port", found[1].rpartition(":")[2]],
                               capture_output=True, text=True, check=False, timeout=120)  # fmt: skip
        assert (taken.returncode, taken.stdout) == (2, "")
        assert "cannot listen at 127.0.0.1" in taken.stderr
        same = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert (same.returncode, "another server uses" in same.stderr) == (2, True)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        process.stdout.close()
    assert process.returncode in {0, 130}


@pytest.mark.parametrize(("options", "told"), [
    (["--host", "::"], "can be reached from other machines"),
    (["--host", "::", "--token", "short"], "a token has at least 32"),
    (["--max-upload", "much"], "a size is"),
    (["--allow-root", "/does/not/exist"], "is no folder"),
    (["--model", "none"], "there is no detector"),
    (["--keep", "0"], "0"),
    (["--host", "no.such.host.invalid", "--token", "t" * 32], "cannot listen at"),
])  # fmt: skip
def test_wrong_calls_are_told_in_one_line(tmp_path: Path, options: list[str], told: str) -> None:
    command = [sys.executable, "-m", "vadd", "serve", "--port", "0", "--state", str(tmp_path / "s"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
