"""The gate: names, origins, tokens, headers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import HOST, ask, ended, form, run, running, upload

from vadd.web.access import COOKIE, Access
from vadd.web.config import Config
from vadd.web.metrics import Metrics
from vadd.web.security import Gate, hosts_of

TOKEN = "a-token-of-this-server-0123456789"  # noqa: S105 - of no server


@pytest.mark.parametrize("host", [HOST, "localhost:8750", "LOCALHOST:8750", "[::1]:8750"])
def test_its_own_names(tmp_path: Path, host: str) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            assert (await ask(app, "GET", "/api/v1/health", headers={"host": host})).status == 200

    run(work())


@pytest.mark.parametrize("host", [
    "evil.example:8750", "evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:87500", "localhost",
    "127.0.0.2:8750",
    "127.0.0.1:8750.evil.example", "evil.example#127.0.0.1:8750", "127.0.0.1:8750@evil.example", "", " ",
    "[::1]",
    "0.0.0.0:8750", "[::ffff:127.0.0.1]:8750", "127.1:8750", "2130706433:8750", "localhost.:8750", "a" * 5000,
])  # fmt: skip
def test_a_name_that_leads_here_by_a_trick(tmp_path: Path, host: str) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            for method, path in (
                ("GET", "/api/v1/jobs"),
                ("GET", "/"),
                ("POST", "/api/v1/jobs"),
                ("GET", "/static/x"),
            ):
                answer = await ask(app, method, path, headers={"host": host})
                assert answer.status == 421
                assert answer.headers["content-type"] == "application/problem+json"

    run(work())


def test_one_host_and_no_forwarded_ones(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            own = (b"host", HOST.encode())
            assert (await ask(app, "GET", "/api/v1/health", headers=[])).status == 400
            assert (await ask(app, "GET", "/api/v1/health", headers=[own, own])).status == 400
            for name in (
                "x-forwarded-host",
                "x-host",
                "forwarded",
                "x-original-url",
                "x-rewrite-url",
                "x-forwarded-proto",
            ):
                answer = await ask(app, "GET", "/api/v1/jobs/none", headers={name: "host=evil.example"})
                assert answer.status == 404
                assert b"evil" not in answer.body
                answer = await ask(app, "GET", "/api/v1/health", headers={"host": "evil.example", name: HOST})
                assert answer.status == 421

    run(work())


def test_names_of_a_server_for_others(tmp_path: Path) -> None:
    config = Config(tmp_path, host="192.168.7.6", token=TOKEN, allow_hosts=("Vadd.Newsroom.example:443",))
    gate = Gate(None, config, Metrics())  # type: ignore[arg-type]
    for host in ("192.168.7.7:8750", "[fe80::1]:8750", "vadd.newsroom.example:443"):
        assert gate.host_allowed(host), host
    for host in (
        "evil.example:8750",
        "192.168.7.7",
        "192.168.7.7:80",
        "vadd.newsroom.example:80",
        "[fe80::1]",
        "[:8750",
    ):
        assert not gate.host_allowed(host), host
    assert "127.0.0.1" in hosts_of(Config(tmp_path, port=80), 80)


CROSS = [
    {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:8751"},
    {"origin": "http://localhost:8750"}, {"origin": "http://127.0.0.1"}, {"origin": ""},
    {"origin": f"http://{HOST}.evil.example"}, {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": ""},
]  # fmt: skip


@pytest.mark.parametrize("headers", CROSS)
def test_other_sites_send_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app, b"slow 600")).json()["id"]
            body, kind = form(file=("a", b"x"))
            for method, path, data, more in (
                ("POST", "/api/v1/jobs", body, kind), ("POST", f"/api/v1/jobs/{id_}/cancel", b"", {}),
                ("DELETE", f"/api/v1/jobs/{id_}", b"", {}), ("POST", f"/ui/jobs/{id_}/delete", b"", {}),
                ("POST", "/ui/jobs", body, kind), ("PUT", "/", b"", {}), ("POST", "/login", b"token=x", {}),
            ):  # fmt: skip
                answer = await ask(app, method, path, data, {**more, **headers})
                assert answer.status == 403, path
                assert "access-control-allow-origin" not in answer.headers
            assert app.state.vadd.jobs()[0].state in {"queued", "running"}
            assert len(app.state.vadd.jobs()) == 1

    run(work())


def test_other_sites_read_nothing_but_may_link(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app)).json()["id"]
            await ended(app, id_)
            for site in ("cross-site", "same-site"):
                for path in ("/api/v1/jobs", f"/jobs/{id_}/media", "/", f"/api/v1/jobs/{id_}/events"):
                    for mode, dest in (
                        ("no-cors", "script"),
                        ("no-cors", "video"),
                        ("cors", "empty"),
                        ("navigate", "iframe"),
                    ):
                        told = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
                        assert (await ask(app, "GET", path, headers=told)).status == 403
                opened = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
                assert (await ask(app, "GET", "/", headers=opened)).status == 200
                assert (await ask(app, "GET", "/api/v1/jobs", headers=opened)).status == 403
            preflight = {"origin": "http://evil.example", "access-control-request-method": "DELETE"}
            answer = await ask(app, "OPTIONS", f"/api/v1/jobs/{id_}", headers=preflight)
            assert answer.status == 405
            assert not [name for name in answer.headers if name.startswith("access-control")]

    run(work())


@pytest.mark.parametrize("headers", [
    {}, {"origin": f"http://{HOST}"}, {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"},
    {"origin": f"https://{HOST}"}, {"sec-fetch-site": "none"},
])  # fmt: skip
def test_its_own_pages_and_tools_may(tmp_path: Path, headers: dict[str, str]) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            body, kind = form(file=("a", b"x"))
            assert (await ask(app, "POST", "/api/v1/jobs", body, {**kind, **headers})).status == 201

    run(work())


def test_every_answer_has_its_headers_a_bug_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:

            @app.get("/bug")
            async def bug() -> None:
                raise RuntimeError("the secret of the bug")

            id_ = (await upload(app)).json()["id"]
            await ended(app, id_)
            paths = ("/", f"/jobs/{id_}", f"/jobs/{id_}/media", "/api/v1/jobs", "/none", "/bug",
            "/static/vadd.css",
                     "/api/v1/openapi.json", "/api/v1/jobs?limit=0", "/login", "/docs")  # fmt: skip
            for path in paths:
                answer = await ask(app, "GET", path)
                assert answer.headers["x-content-type-options"] == "nosniff", path
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["referrer-policy"] == "same-origin"
                assert answer.headers["cross-origin-resource-policy"] == "same-origin"
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'")
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert ("script-src 'self'" in policy) == answer.headers.get("content-type", "").startswith(
                    "text/html"
                )
                assert "server" not in answer.headers
                if path not in {"/static/vadd.css"} and "media" not in path:
                    assert answer.headers["cache-control"] == "no-store"
            bug_ = await ask(app, "GET", "/bug")
            assert (bug_.status, bug_.json()["title"]) == (500, "Internal Server Error")
            assert b"secret" not in bug_.body

    with caplog.at_level(logging.INFO):
        run(work())
    assert "the secret of the bug" in caplog.text


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/none", 404), ("PATCH", "/api/v1/jobs", 405), ("GET", "/api/v1/jobs?limit=1000", 422),
    ("GET", "/api/v1/jobs?before=nan", 422), ("TRACE", "/", 405), ("GET", "/api/v1/jobs/" + "x" * 3000, 414),
    ("PROPFIND", "/api/v1/jobs", 405), ("DELETE", "/api/v1/jobs/none", 404),
])  # fmt: skip
def test_errors_are_problems(tmp_path: Path, method: str, path: str, status: int) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            answer = await ask(app, method, path)
            assert answer.status == status
            assert answer.headers["content-type"] == "application/problem+json"
            told = answer.json()
            assert told["status"] == status
            assert set(told) == {"type", "title", "status", "detail"}
            if status == 405:
                assert answer.headers["allow"]

    run(work())


def test_the_log_has_no_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            for data in (b"canary bytes", b"crash", b"bug"):
                id_ = (await upload(app, data, "canary-name.mp4")).json()["id"]
                await ended(app, id_)
            await ask(app, "GET", "/api/v1/jobs/canary-in-address?canary=query")
            await ask(app, "GET", "/canary-in-address", headers={"user-agent": "canary"})

    with caplog.at_level(logging.DEBUG):
        run(work())
    assert "POST /api/v1/jobs 201" in caplog.text
    assert "canary" not in caplog.text


def test_a_token_is_wanted_for_everything(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, token=TOKEN) as app:
            for path in (
                "/api/v1/jobs",
                "/api/v1/health",
                "/api/v1/metrics",
                "/api/v1/openapi.json",
                "/",
                "/jobs/x",
            ):
                for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"},
                              {"authorization": f"Bearer {TOKEN}x"}, {"authorization": "Bearer "},
                              {"authorization": ""},
                              {"cookie": f"{COOKIE}={TOKEN}"},
                              {"cookie": f"{COOKIE}=9999999999.{'0' * 64}"}):  # fmt: skip
                    answer = await ask(app, "GET", path, headers=given)
                    assert answer.status == 401, path
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert TOKEN.encode() not in answer.body
            answer = await ask(app, "GET", "/api/v1/jobs", headers={"authorization": f"bearer {TOKEN}"})
            assert answer.status == 200
            assert (await ask(app, "GET", "/static/vadd.css")).status == 200
            page = await ask(app, "GET", "/", headers={"accept": "text/html"})
            assert (page.status, page.headers["location"]) == (303, "/login")
            assert (await ask(app, "GET", "/api/v1/jobs", headers={"accept": "text/html"})).status == 401

    run(work())


def test_a_browser_signs_in_and_out(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path, token=TOKEN) as app:
            form_ = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://{HOST}"}
            page = await ask(app, "GET", "/login")
            assert (page.status, b"<form" in page.body) == (200, True)
            for wrong in (
                b"token=wrong",
                b"",
                b"token",
                b"\xff\xfe",
                b"token=" + b"x" * 60_000,
                b"a=1&" * 100,
            ):
                answer = await ask(app, "POST", "/login", wrong, form_)
                assert answer.status == 401
                assert "set-cookie" not in answer.headers
            assert (await ask(app, "POST", "/login", b"token=" + b"x" * 70_000, form_)).status == 413
            answer = await ask(app, "POST", "/login", f"token={TOKEN}".encode(), form_)
            assert (answer.status, answer.headers["location"]) == (303, "/")
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert TOKEN not in cookie
            own = {"cookie": cookie.partition(";")[0]}
            assert (await ask(app, "GET", "/", headers=own)).status == 200
            body, kind = form(file=("a", b"x"))
            assert (await ask(app, "POST", "/api/v1/jobs", body, {**kind, **own})).status == 403
            told = {**kind, **own, "origin": f"http://{HOST}"}
            assert (await ask(app, "POST", "/api/v1/jobs", body, told)).status == 201
            out = await ask(app, "POST", "/logout", headers={**own, "origin": f"http://{HOST}"})
            assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (303, True)

    run(work())


def test_a_session_ends_and_cannot_be_made_longer() -> None:
    now = 1000.0
    access = Access(TOKEN, lambda: now)
    cookie = access.cookie().partition(";")[0].encode()
    assert access.session(cookie)
    until, _, proof = cookie.decode().partition("=")[2].partition(".")
    assert not access.session(f"{COOKIE}={int(until) + 1}.{proof}".encode())
    for other in (
        b"",
        b"\xff",
        b"a=b",
        f"{COOKIE}=".encode(),
        f"{COOKIE}=.".encode(),
        f"{COOKIE}=x.{proof}".encode(),
    ):
        assert not access.session(other)
    assert not Access(TOKEN + "x", lambda: now).session(cookie)
    now += 12 * 3600
    assert not access.session(cookie)


def test_without_a_token_there_is_nothing_to_sign_in_to(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            assert (await ask(app, "GET", "/login")).headers["location"] == "/"
            assert (
                await ask(app, "GET", "/api/v1/health", headers={"authorization": "Bearer x"})
            ).status == 200

    run(work())
