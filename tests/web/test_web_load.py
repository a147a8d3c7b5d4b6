"""A server in its own process under many, slow, lying and vanishing clients, by real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import BOUNDARY, Live, form, left_in, live, request

MIB = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Path]]:
    state = tmp_path_factory.mktemp("load")
    with live(
        state, workers=2, max_jobs=6, max_uploads=4, max_upload=4 * MIB, idle_seconds=1.0, free_bytes=1
    ) as it:
        yield it, state


def clear(server: Live) -> None:
    for job in json.loads(request(server, "GET", "/api/v1/jobs?limit=200")[1])["jobs"]:
        assert request(server, "DELETE", job["links"]["self"])[0] == 204


def head(path: str = "/api/v1/jobs", **more: str) -> bytes:
    told = {"Host": "127.0.0.1:{port}", "Content_Type": f"multipart/form-data; boundary={BOUNDARY}", **more}
    lines = [f"POST {path} HTTP/1.1", *[f"{name.replace('_', '-')}: {value}" for name, value in told.items()]]
    return "\r\n".join([*lines, "", ""]).encode()


def answered(connection: socket.socket) -> bytes:
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def test_fifty_clients_on_a_small_queue_lose_nothing(server: tuple[Live, Path]) -> None:
    it, state = server

    def client(number: int) -> tuple[str, int]:
        body, headers = form(file=(f"clip {number}.mp4", f"slow 0.02 {number}".encode() + b"x" * 200_000))
        turned_away = 0
        while True:
            status, told = request(it, "POST", "/api/v1/jobs", body, headers)
            if status == 201:
                return json.loads(told)["id"], turned_away
            assert status == 429, told
            turned_away += 1
            time.sleep(0.05)

    with ThreadPoolExecutor(50) as pool:
        sent = list(pool.map(client, range(50)))
    ids = {id_ for id_, _ in sent}
    assert len(ids) == 50
    assert sum(times for _, times in sent) > 0
    while (health := json.loads(request(it, "GET", "/api/v1/health")[1]))["queued"] + health["running"]:
        time.sleep(0.05)
    jobs = json.loads(request(it, "GET", "/api/v1/jobs?limit=200")[1])["jobs"]
    assert {job["id"] for job in jobs} == ids
    assert {job["state"] for job in jobs} == {"done"}
    clear(it)
    assert left_in(state) == []


def test_clients_that_vanish_leave_nothing(server: tuple[Live, Path]) -> None:
    it, state = server
    whole, _ = form(file=("a", b"x" * MIB))
    for at in (0, 1, 50, 100, 70_000, MIB - 10):
        connection = it.connect()
        start = head(Content_Length=str(len(whole))).replace(b"{port}", str(it.port).encode())
        connection.sendall(start + whole[:at])
        connection.close()
    while left_in(state):
        time.sleep(0.05)
    while b"vadd_uploads 0\n" not in request(it, "GET", "/api/v1/metrics")[1]:
        time.sleep(0.05)


def test_too_much_is_told_before_it_is_sent_or_while_it_comes(server: tuple[Live, Path]) -> None:
    it, state = server
    port = str(it.port).encode()
    connection = it.connect()
    connection.sendall(head(Content_Length=str(10**12), Expect="100-continue").replace(b"{port}", port))
    told = answered(connection)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in told
    connection = it.connect()
    connection.sendall(head(Transfer_Encoding="chunked").replace(b"{port}", port))
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
    sent = 0
    try:
        connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        while sent < 200 * MIB:
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
    except OSError:
        pass
    # What the sockets and the server's buffers hold comes on top.
    assert sent < 32 * MIB
    while left_in(state):
        time.sleep(0.05)


def test_a_slow_upload_is_sent_away(server: tuple[Live, Path]) -> None:
    it, state = server
    whole, _ = form(file=("a", b"x" * 1000))
    connection = it.connect()
    start = head(Content_Length=str(len(whole))).replace(b"{port}", str(it.port).encode())
    connection.sendall(start + whole[:500])
    assert answered(connection).startswith(b"HTTP/1.1 408 ")
    assert left_in(state) == []


def test_a_body_that_nobody_wants_is_not_waited_for(server: tuple[Live, Path]) -> None:
    it, _ = server
    connection = it.connect()
    start = head("/api/v1/jobs/none/cancel", Content_Length="5000", Content_Type="text/plain")
    connection.sendall(start.replace(b"{port}", str(it.port).encode()) + b"x" * 10)
    told = answered(connection)
    assert told.startswith(b"HTTP/1.1 404 ")
    assert b"connection: close" in told


@pytest.mark.parametrize("sent", [
    b"\0\xff\x16\x03\x01" * 50, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 9000, b"GET /" + b"a" * 40_000,
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
])  # fmt: skip
def test_what_is_no_request_ends_the_connection(server: tuple[Live, Path], sent: bytes) -> None:
    it, _ = server
    connection = it.connect()
    try:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    told = answered(connection)
    assert told == b"" or told.split(b" ", 2)[1] in {b"400", b"421", b"413"}
    assert b"evil" not in told
    assert request(it, "GET", "/api/v1/health")[0] == 200


def test_memory_is_bounded(server: tuple[Live, Path]) -> None:
    it, _ = server

    def client(number: int) -> int:
        body, headers = form(file=("a", bytes([number]) * (4 * MIB)))
        return request(it, "POST", "/api/v1/jobs", body, headers)[0]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    clear(it)
    before = it.memory()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(client, range(64)))
    assert set(statuses) <= {201, 429}
    assert it.memory() - before < 40 * MIB
    for _ in range(300):
        assert request(it, "GET", "/api/v1/jobs")[0] == 200
    assert it.memory() - before < 40 * MIB
    clear(it)
