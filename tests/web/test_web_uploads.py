"""Uploads: counted while they come, under random names, and gone when they break off."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import BOUNDARY, Answer, ask, form, left_in, run, running, send, upload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TYPE = f"multipart/form-data; boundary={BOUNDARY}"
CHUNKED = {"content-type": TYPE, "transfer-encoding": "chunked"}


def cut(data: bytes, sizes: random.Random) -> list[bytes]:
    pieces = []
    while data:
        size = sizes.choice([1, 2, 7, 100, 5000, 70_000])
        pieces.append(data[:size])
        data = data[size:]
    return pieces


async def post(app: object, body: bytes | list[bytes], headers: dict[str, str], **more: str) -> Answer:
    return await ask(app, "POST", "/api/v1/jobs", body, headers, **more)


@pytest.mark.parametrize("seed", range(8))
def test_bytes_arrive_as_they_are_however_they_are_cut(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    # Boundaries that nearly are, and line ends, are what a parser trips over.
    parts = [
        b"\r\n--" + BOUNDARY.encode()[:-1],
        b"\r\n",
        b"--",
        b"\r",
        BOUNDARY.encode(),
        chance.randbytes(3000),
    ]
    whole = b"--" + BOUNDARY.encode()
    data = [b"".join(chance.choices(parts, k=60)).replace(whole, whole[:-1]) for _ in range(2)]

    async def work() -> None:
        async with running(tmp_path) as app:
            body, headers = form(picture=("a.mp4", data[0]), false_alarms="0.1", sound=("b.wav", data[1]))
            answer = await post(app, cut(body, chance), headers)
            assert answer.status == 201, answer.body
            job = app.state.vadd.job(answer.json()["id"])
            assert [app.state.vadd.path(job, which).read_bytes() for which in (0, 1)] == data
            assert (job.kind, job.names) == ("pair", ("a.mp4", "b.wav"))
            assert job.sizes == tuple(map(len, data))

    run(work())


def test_the_limit_holds_to_the_byte_and_while_it_comes(tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield form(file=("a", b"x"))[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        while True:
            taken += 1
            yield b"y" * 10_000

    async def work() -> None:
        async with running(tmp_path, max_upload=100_000) as app:
            assert (await upload(app, b"x" * 100_000)).status == 201
            too_much = await upload(app, b"x" * 100_001)
            assert (too_much.status, too_much.headers["connection"]) == (413, "close")
            assert (await send(app, endless(), TYPE)).status == 413
            # What is thrown away, so that the client can read the answer, is little.
            assert 10 < taken < 20
            assert len([*(tmp_path / "uploads").iterdir()]) == 1

    run(work())


@pytest.mark.parametrize("told", ["1000000000", "99999999999999999999999", "-5", "1e3", "0x10", "٣"])
def test_a_length_is_not_believed(tmp_path: Path, told: str) -> None:
    async def work() -> None:
        async with running(tmp_path, max_upload=100_000) as app:
            body, headers = form(file=("a", b"x" * 100))
            given = [(b"host", b"127.0.0.1:8750"), (b"content-length", told.encode())]
            given += [(name.encode(), value.encode()) for name, value in headers.items()]
            assert (await ask(app, "POST", "/api/v1/jobs", body, given)).status == 413  # type: ignore[arg-type]
            given[1] = (b"content-length", b"1")
            given.append((b"transfer-encoding", b"chunked"))
            assert (await ask(app, "POST", "/api/v1/jobs", body, given)).status == 400  # type: ignore[arg-type]

    run(work())


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, max_uploads=2, max_jobs=2) as app:
            body, headers = form(file=("a", b"x" * 3_000_000))
            for at in (10, 120, 1_000_000, 2_999_000):
                answer = await post(
                    app, [body[:at]], {**headers, "content-length": str(len(body))}, then="break"
                )
                assert answer.status in {0, 400}
            for _ in range(5):
                task = asyncio.create_task(post(app, [body[:2_000_000], b""], CHUNKED, then="break"))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert (await post(app, body[: len(body) // 2], headers)).status == 400
            assert left_in(tmp_path) == []
            assert (app.state.vadd.metrics.uploads, app.state.vadd.room._coming) == (0, 0)
            assert (await upload(app)).status == 201

    run(work())


@pytest.mark.parametrize("config", [{"idle_seconds": 0.2}, {"grace_seconds": 0.1, "min_rate": 10**9}])
def test_who_is_too_slow_is_sent_away(tmp_path: Path, config: dict[str, float]) -> None:
    async def work() -> None:
        async with running(tmp_path, **config) as app:
            body, _ = form(file=("a", b"x" * 1000))
            pieces = [body[:500]] if "idle_seconds" in config else [body[:500]] + [b"y"] * 3000
            answer = await send(app, iter(pieces), TYPE, pause=0.01)
            assert answer.status == 408
            assert left_in(tmp_path) == []

    run(work())


def test_the_number_of_uploads_at_a_time_is_bounded(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, max_uploads=2) as app:
            body, _ = form(file=("a", b"x"))
            waiting = [asyncio.create_task(send(app, iter([body[:60]]), TYPE)) for _ in range(2)]
            await asyncio.sleep(0.2)
            assert (await upload(app)).status == 429
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (await upload(app)).status == 201

    run(work())


def test_the_disk_is_bounded(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "a", max_disk=250_000) as app:
            first = await upload(app, b"slow 600" + b"x" * 200_000)
            assert first.status == 201
            assert (await upload(app, b"x" * 60_000)).status == 507
            pieces = [*form(file=("a", b"x" * 60_000))[:1]]
            assert (await post(app, pieces, CHUNKED)).status == 507
            assert len([*(tmp_path / "a" / "uploads").iterdir()]) == 1
            await ask(app, "DELETE", f"/api/v1/jobs/{first.json()['id']}")
            assert (await upload(app, b"x" * 60_000)).status == 201
        free = shutil.disk_usage(tmp_path).free
        async with running(tmp_path / "b", free_bytes=2 * free) as app:
            assert (await upload(app)).status == 507
        async with running(tmp_path / "c", max_kept=1) as app:
            assert (await upload(app)).status == 201
            assert (await upload(app)).status == 507

    run(work())


@pytest.mark.parametrize(("parts", "status"), [
    ({}, 422),
    ({"file": ("", b"")}, 422),
    ({"file": ("a", b"")}, 201),
    ({"file": b"without a name"}, 201),
    ({"picture": ("a", b"x")}, 422),
    ({"file": ("a", b"x"), "sound": ("b", b"x")}, 422),
    ({"file": ("a", b"x"), "picture": ("b", b"x"), "sound": ("c", b"x")}, 422),
    ({"file": ("a", b"x"), "picture": ("", b""), "sound": ("", b"")}, 201),
    ({"file": ("a", b"x"), "path": "/etc/passwd"}, 422),
    ({"file": ("a", b"x"), "false_alarms": "0.2"}, 201),
    ({"file": ("a", b"x"), "false_alarms": ""}, 201),
    ({"file": ("a", b"x"), "false_alarms": "nan"}, 422),
    ({"file": ("a", b"x"), "false_alarms": "1"}, 422),
    ({"file": ("a", b"x"), "false_alarms": "ten"}, 422),
    ({"file": ("a", b"x"), "false_alarms": "0.0000001"}, 422),
    ({"file": ("a", b"x"), "false_alarms": "0" * 300}, 422),
])  # fmt: skip
def test_forms(tmp_path: Path, parts: dict, status: int) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            body, headers = form(**parts)
            answer = await post(app, body, headers)
            assert answer.status == status, answer.body
            if status != 201:
                assert answer.json()["status"] == status
                assert answer.headers["content-type"] == "application/problem+json"
                assert left_in(tmp_path) == []

    run(work())


def test_the_same_field_twice_and_other_kinds_of_body(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            one, headers = form(file=("a", b"x"))
            assert (await post(app, one[: -len(BOUNDARY) - 6] + one, headers)).status == 422
            assert (await post(app, one, {"content-type": "multipart/form-data"})).status == 415
            assert (await post(app, one, {"content-type": "text/plain"})).status == 415
            assert (await post(app, one, {})).status == 415
            assert (
                await post(app, one, {"content-type": f"multipart/form-data; boundary={'b' * 2000}"})
            ).status == 400
            long = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; x="{"y" * 9000}"\r\n\r\n'
            assert (await post(app, long.encode(), headers)).status == 400
            many = f"--{BOUNDARY}\r\n" + "X-A: b\r\n" * 100 + "\r\n"
            assert (await post(app, many.encode(), headers)).status == 400
            assert left_in(tmp_path) == []

    run(work())


@settings(max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.binary(max_size=400), max_size=6), st.booleans())
def test_no_body_is_a_bug(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], begun: bool) -> None:
    start = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="'.encode() if begun else b""
    )

    async def work() -> None:
        path = tmp_path_factory.mktemp("any")
        async with running(path) as app:
            answer = await post(app, [start, *pieces], {"content-type": TYPE, "transfer-encoding": "chunked"})
            assert answer.status in {201, 400, 413, 422}
            if answer.status != 201:
                assert left_in(path) == []

    run(work())
