"""What becomes of jobs: in order, cancelled, deleted, after crashes, after a restart, after a while."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import Live, ask, ended, form, left_in, live, reaches, request, run, running, upload

from vadd.errors import UsageError
from vadd.report.schema import validate
from vadd.web.config import Config
from vadd.web.server import Server


def test_a_file_is_judged_and_its_result_has_its_name(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            answer = await upload(app, b"a clip", 'sch\\"on é.mp4')
            assert answer.status == 201
            job = answer.json()
            assert answer.headers["location"] == job["links"]["self"]
            assert (job["state"], job["verdict"], job["links"]["result"]) == ("queued", None, None)
            done = await ended(app, job["id"])
            assert (done["state"], done["verdict"], done["progress"]) == ("done", "discrepant", 1.0)
            result = (await ask(app, "GET", done["links"]["result"])).json()
            validate(result)
            assert result["provenance"]["inputs"][0]["name"] == 'sch"on é.mp4'
            for path, kind in (
                ("report.html", "text/html"),
                ("report.csv", "text/csv"),
                ("result.json", "application/json"),
                ("spans.srt", "application/x-subrip"),
            ):
                got = await ask(app, "GET", f"/api/v1/jobs/{job['id']}/{path}")
                assert got.status == 200
                assert got.headers["content-type"].startswith(kind)
                assert got.headers["content-disposition"].startswith("attachment; filename=")
                assert got.headers["content-security-policy"].endswith("sandbox")
                if path != "spans.srt":
                    assert "on \u00e9.mp4" in got.body.decode().replace("\\u00e9", "\u00e9")

    run(work())


def test_a_damaged_folder_is_no_result(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app)).json()["id"]
            await ended(app, id_)
            for kind, paths in (("measurements", ["report.html"]), ("records", ["report.csv", "result"])):
                (file,) = (tmp_path / "results" / kind).rglob("*.*")
                file.write_bytes(b"damaged")
                for path in paths:
                    got = await ask(app, "GET", f"/api/v1/jobs/{id_}/{path}")
                    assert (got.status, got.headers["content-type"]) == (500, "application/problem+json")
                    assert str(tmp_path).encode() not in got.body
            assert (await ask(app, "DELETE", f"/api/v1/jobs/{id_}")).status == 204
            assert left_in(tmp_path) == []

    run(work())


def test_jobs_are_done_in_order_and_bounded_in_number(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, max_jobs=3) as app:
            first = (await upload(app, b"slow 30")).json()["id"]
            await reaches(app, first, "running")
            waiting = [(await upload(app, f"clip {n}".encode())).json()["id"] for n in range(3)]
            refused = await upload(app, b"one too many")
            assert (refused.status, refused.headers["retry-after"]) == (429, "5")
            assert len(list((tmp_path / "uploads").iterdir())) == 4
            await ask(app, "POST", f"/api/v1/jobs/{first}/cancel")
            times = [(await ended(app, id_))["started"] for id_ in waiting]
            assert times == sorted(times)
            assert (await upload(app)).status == 201

    run(work())


def test_a_running_job_is_cancelled_and_the_next_one_begun(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            slow = (await upload(app, b"slow 600")).json()["id"]
            await reaches(app, slow, "running")
            after = (await upload(app, b"quick")).json()["id"]
            answer = await ask(app, "POST", f"/api/v1/jobs/{slow}/cancel")
            assert (answer.status, answer.json()["state"]) == (202, "cancelled")
            assert (await ended(app, after))["state"] == "done"
            assert (await ask(app, "GET", f"/api/v1/jobs/{slow}")).json()["state"] == "cancelled"
            assert (await ask(app, "POST", f"/api/v1/jobs/{slow}/cancel")).status == 409
            assert (await ask(app, "GET", f"/api/v1/jobs/{slow}/result")).status == 404

    run(work())


def test_a_job_that_waits_is_cancelled(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            slow = (await upload(app, b"slow 600")).json()["id"]
            waits = (await upload(app, b"quick")).json()["id"]
            await ask(app, "POST", f"/api/v1/jobs/{waits}/cancel")
            await ask(app, "POST", f"/api/v1/jobs/{slow}/cancel")
            last = (await upload(app, b"last")).json()["id"]
            assert (await ended(app, last))["state"] == "done"
            assert (await ask(app, "GET", f"/api/v1/jobs/{waits}")).json()["started"] is None

    run(work())


def test_deleting_removes_all_but_what_another_job_has(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            one, same, other = [
                (await upload(app, data)).json()["id"]
                for data in (b"same bytes", b"same bytes", b"other bytes")
            ]
            for id_ in (one, same, other):
                await ended(app, id_)
            assert len(left_in(tmp_path)) == 3 + 2 * 2
            assert (await ask(app, "DELETE", f"/api/v1/jobs/{one}")).status == 204
            assert len(left_in(tmp_path)) == 2 + 2 * 2
            assert (await ask(app, "GET", f"/api/v1/jobs/{same}/result")).status == 200
            assert (await ask(app, "DELETE", f"/api/v1/jobs/{same}")).status == 204
            assert len(left_in(tmp_path)) == 1 + 2
            assert (await ask(app, "DELETE", f"/api/v1/jobs/{other}")).status == 204
            assert left_in(tmp_path) == []
            assert app.state.vadd.metrics.disk == 0
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("GET", "/events")):
                assert (await ask(app, method, f"/api/v1/jobs/{one}{path}")).status == 404

    run(work())


def test_deleting_a_running_job_leaves_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            slow = (await upload(app, b"slow 600")).json()["id"]
            await reaches(app, slow, "running")
            assert (await ask(app, "DELETE", f"/api/v1/jobs/{slow}")).status == 204
            quick = (await upload(app, b"quick")).json()["id"]
            await ended(app, quick)
            await ask(app, "DELETE", f"/api/v1/jobs/{quick}")
            assert left_in(tmp_path) == []

    run(work())


@pytest.mark.parametrize(("data", "state", "strikes"), [
    (b"crash once", "done", 1), (b"crash", "failed", 1), (b"bug", "failed", 0), (b"error", "failed", 0),
    (b"unread", "done", 0),
])  # fmt: skip
def test_what_a_worker_cannot_do(tmp_path: Path, data: bytes, state: str, strikes: int) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app, data)).json()["id"]
            job = await ended(app, id_)
            assert job["state"] == state
            assert app.state.vadd.job(id_).strikes == strikes
            assert "secret" not in json.dumps(job)
            if data == b"unread":
                assert (job["verdict"], job["reason"]) == ("failed", "changed")
            after = (await upload(app, b"quick")).json()["id"]
            assert (await ended(app, after))["state"] == "done"

    run(work())


def test_old_jobs_are_deleted(tmp_path: Path) -> None:
    now = 1_000_000.0

    async def work() -> None:
        nonlocal now
        async with running(tmp_path, clock=lambda: now, keep_hours=2) as app:
            old = (await upload(app, b"old")).json()["id"]
            await ended(app, old)
            now += 3600
            young = (await upload(app, b"young")).json()["id"]
            await ended(app, young)
            slow = (await upload(app, b"slow 600")).json()["id"]
            await reaches(app, slow, "running")
            now += 3601
            assert app.state.vadd.expire() == 1
            assert [job.id for job in app.state.vadd.jobs()] == [slow, young]
            now += 1e6
            assert app.state.vadd.expire() == 1
            assert [job.id for job in app.state.vadd.jobs()] == [slow]

    run(work())


def test_a_restart_goes_on_and_sweeps(tmp_path: Path) -> None:
    async def first() -> list[str]:
        async with running(tmp_path) as app:
            slow = (await upload(app, b"slow 1")).json()["id"]
            await reaches(app, slow, "running")
            return [slow, *[(await upload(app, f"clip {n}".encode())).json()["id"] for n in range(3)]]

    ids = run(first())
    (tmp_path / "uploads" / ("0" * 32)).write_bytes(b"an upload that broke off with its server")
    orphan = tmp_path / "results" / "records" / "aa" / ("a" * 64 + ".json")
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"nobody's")

    async def second() -> None:
        async with running(tmp_path) as app:
            for id_ in ids:
                assert (await ended(app, id_))["state"] == "done"
            assert len(list((tmp_path / "uploads").iterdir())) == 4
            assert not orphan.exists()

    run(second())


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "a"):
            with pytest.raises(UsageError, match="another server"):
                Server(Config(tmp_path / "a"))

    run(work())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").touch()
    with pytest.raises(UsageError, match="other things"):
        Server(Config(tmp_path / "b"))


def test_what_is_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "s") as app:
            await ended(app, (await upload(app)).json()["id"])
            for path in (tmp_path / "s", tmp_path / "s" / "uploads", tmp_path / "s" / "results"):
                assert path.stat().st_mode & 0o077 == 0
            assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "s" / "uploads").iterdir())

    run(work())


def test_events_tell_of_every_change_and_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, max_listeners=2) as app:
            id_ = (await upload(app, b"slow 0.5")).json()["id"]
            told = await ask(app, "GET", f"/api/v1/jobs/{id_}/events")
            assert told.headers["content-type"].startswith("text/event-stream")
            jobs = [
                json.loads(event.partition("data: ")[2])
                for event in told.body.decode().split("\n\n")
                if event.startswith("event: job\n")
            ]
            progress = [job["progress"] for job in jobs if job["state"] == "running"]
            assert progress == sorted(progress)
            assert len(set(progress)) > 2
            assert jobs[-1]["state"] == "done"
            assert app.state.vadd._board.listeners == 0

    run(work())


def test_listeners_are_bounded_and_noticed_when_they_go(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, max_listeners=2) as app:
            id_ = (await upload(app, b"slow 600")).json()["id"]
            at = f"/api/v1/jobs/{id_}/events"
            listening = [asyncio.create_task(ask(app, "GET", at)) for _ in range(2)]
            async with asyncio.timeout(30):
                while app.state.vadd._board.listeners < 2:
                    await asyncio.sleep(0.01)
            assert (await ask(app, "GET", at)).status == 429
            await ask(app, "GET", at, then="break")
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
            assert app.state.vadd._board.listeners == 0
            gone = asyncio.create_task(ask(app, "GET", at))
            await asyncio.sleep(0.1)
            await ask(app, "DELETE", f"/api/v1/jobs/{id_}")
            async with asyncio.timeout(30):
                await gone

    run(work())


def test_numbers_for_prometheus(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            await ended(app, (await upload(app, b"12345678")).json()["id"])
            await ask(app, "GET", "/api/v1/jobs/none")
            answer = await ask(app, "GET", "/api/v1/metrics")
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            lines = dict(
                line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if not line.startswith("#")
            )
            assert lines['vadd_jobs{state="done"}'] == "1"
            assert lines['vadd_verdicts_total{verdict="discrepant"}'] == "1"
            assert lines["vadd_upload_bytes_total"] == "8"
            assert lines["vadd_disk_bytes"] == "108"
            assert lines['vadd_refused_total{status="404"}'] == "1"
            assert lines['vadd_job_seconds_bucket{le="+Inf"}'] == lines["vadd_job_seconds_count"] == "1"

    run(work())


def test_nothing_is_lost_by_kill_9(tmp_path: Path) -> None:
    def told(server: Live, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(request(server, "GET", f"/api/v1{path}")[1])
        return found

    def submit(server: Live, data: bytes) -> str:
        status, answer = request(server, "POST", "/api/v1/jobs", *form(file=("clip.mp4", data)))
        assert status == 201
        id_: str = json.loads(answer)["id"]
        return id_

    server = Live(tmp_path, workers=2)
    ids = [submit(server, f"slow 0.05 {n}".encode()) for n in range(60)]
    server.kill()
    for _ in range(2):
        server = Live(tmp_path, workers=2)
        while (health := told(server, "/health"))["running"] == 0 and health["queued"] > 0:
            pass
        server.kill()
    with live(tmp_path, workers=2) as server:
        while (health := told(server, "/health"))["queued"] + health["running"]:
            pass
        states = {job["id"]: job["state"] for job in told(server, "/jobs?limit=200")["jobs"]}
    assert states == dict.fromkeys(ids, "done")
    assert len(left_in(tmp_path)) == 60 * 3
