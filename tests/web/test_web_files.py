"""The player's files: of a fixed type, by ranges, nothing but what was judged. Files named by their path."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'web' is not installed: the server is not tested")

from asked import Answer, ask, ended, form, run, running, upload

from vadd.media.probe import CONTAINERS
from vadd.web.files import media_type

DATA = bytes(range(256)) * 8


def test_every_container_that_is_opened_has_a_type_and_none_is_a_page() -> None:
    video, audio = (
        {"video": {"codec": "h264"}, "audio": {"codec": "aac"}},
        {"video": None, "audio": {"codec": "mp3"}},
    )
    whole = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
    names = whole | (set(CONTAINERS.split(",")) - {part for name in whole for part in name.split(",")})
    for name in names:
        for side in (video, audio):
            kind = media_type({"container": name, **side})
            assert kind is not None, name
            assert kind.startswith(("video/", "audio/"))
    assert (
        media_type({"container": "matroska,webm", "video": {"codec": "vp9"}, "audio": {"codec": "opus"}})
        == "video/webm"
    )
    assert media_type({"container": "matroska,webm", **video}) == "video/x-matroska"
    for wrong in ({}, {"container": "text/html"}, {"container": ["avi"]}, {"container": None}):
        assert media_type(wrong) is None


def test_the_player_gets_ranges(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app, DATA, "<script>.html")).json()["id"]
            early = await ask(app, "GET", f"/jobs/{id_}/media")
            assert early.status in {200, 404}
            await ended(app, id_)

            async def get(asked: str | None) -> Answer:
                return await ask(app, "GET", f"/jobs/{id_}/media", headers={"range": asked} if asked else {})

            whole = await get(None)
            assert (whole.status, whole.body) == (200, DATA)
            assert whole.headers["content-type"] == "video/mp4"
            assert whole.headers["x-content-type-options"] == "nosniff"
            assert whole.headers["content-security-policy"].endswith("sandbox")
            assert whole.headers["content-disposition"] == "attachment"
            assert whole.headers["accept-ranges"] == "bytes"
            for asked, part, told in (
                ("bytes=0-", DATA, "0-2047"), ("bytes=10-19", DATA[10:20], "10-19"), ("bytes=-5",
                DATA[-5:], "2043-2047"),
                ("bytes=2040-9999", DATA[2040:], "2040-2047"), ("bytes=-9999", DATA, "0-2047"),
            ):  # fmt: skip
                got = await get(asked)
                assert (got.status, got.body) == (206, part), asked
                assert got.headers["content-range"] == f"bytes {told}/2048"
                assert got.headers["content-length"] == str(len(part))
            for asked in ("bytes=2048-", "bytes=9-3", "bytes=-0", "bytes=999999999999999999-"):
                got = await get(asked)
                assert (got.status, got.headers["content-range"]) == (416, "bytes */2048"), asked
            for asked in (
                "bytes=0-1,3-4",
                "lines=1-2",
                "bytes=",
                "bytes=-",
                "bytes=a-b",
                "bytes=" + "0-1," * 5000,
            ):
                got = await get(asked)
                assert (got.status, got.body) == (200, DATA), asked[:20]

    run(work())


def test_the_sound_of_a_pair_is_another_file(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            body, headers = form(picture=("a", b"the picture"), sound=("b", b"the sound"))
            id_ = (await ask(app, "POST", "/api/v1/jobs", body, headers)).json()["id"]
            await ended(app, id_)
            assert (await ask(app, "GET", f"/jobs/{id_}/media")).body == b"the picture"
            assert (await ask(app, "GET", f"/jobs/{id_}/media/sound")).body == b"the sound"
            one = (await upload(app)).json()["id"]
            await ended(app, one)
            assert (await ask(app, "GET", f"/jobs/{one}/media/sound")).status == 404

    run(work())


def test_pictures(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app)).json()["id"]
            await ended(app, id_)
            for path, kind, start in (
                ("thumbnails/0.jpg", "image/jpeg", b"\xff\xd8"), ("thumbnails/1.jpg", "image/jpeg",
                b"\xff\xd8"),
                ("spectrogram.png", "image/png", b"\x89PNG"),
            ):  # fmt: skip
                got = await ask(app, "GET", f"/jobs/{id_}/{path}")
                assert (got.status, got.headers["content-type"]) == (200, kind)
                assert got.body.startswith(start)
            for path in (
                "thumbnails/2.jpg",
                "thumbnails/-1.jpg",
                "thumbnails/x.jpg",
                "thumbnails/٣.jpg",
                "thumbnails/" + "9" * 999 + ".jpg",
            ):
                assert (await ask(app, "GET", f"/jobs/{id_}/{path}")).status == 404

    run(work())


def test_no_descriptor_is_lost(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as app:
            id_ = (await upload(app, DATA * 1000)).json()["id"]
            await ended(app, id_)
            before = len([*Path("/proc/self/fd").iterdir()])
            for at in range(30):
                await ask(app, "GET", f"/jobs/{id_}/media", then="break")
                await ask(app, "GET", f"/jobs/{id_}/media", headers={"range": "bytes=99999999-"})
                await ask(app, "GET", f"/jobs/{id_}/media", headers={"range": f"bytes={at}-{at}"})
            assert len([*Path("/proc/self/fd").iterdir()]) <= before + 3

    run(work())


async def _by_path(app: object, **told: object) -> Answer:
    return await ask(
        app, "POST", "/api/v1/jobs", json.dumps(told).encode(), {"content-type": "application/json"}
    )


def test_paths_only_with_a_root_and_only_inside(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "root-beside"
    (root / "deep").mkdir(parents=True)
    outside.mkdir()
    (root / "deep" / "a.mp4").write_bytes(b"a")
    (root / "b.wav").write_bytes(b"b")
    (outside / "canary.mp4").write_bytes(b"canary")
    (root / "link.mp4").symlink_to(outside / "canary.mp4")
    (root / "linked").symlink_to(outside)
    (root / "within.mp4").symlink_to(root / "b.wav")
    os.mkfifo(root / "pipe")

    async def work() -> None:
        async with running(tmp_path / "s1") as app:
            assert (await _by_path(app, path="b.wav")).status == 403
        async with running(tmp_path / "s2", allow_root=root) as app:
            for path in ("deep/a.mp4", str(root / "deep" / "a.mp4"), "deep/../deep/a.mp4", "within.mp4"):
                answer = await _by_path(app, path=path)
                assert answer.status == 201, path
                assert (await ended(app, answer.json()["id"]))["state"] == "done"
            for path in (
                "../root-beside/canary.mp4", str(outside / "canary.mp4"), "link.mp4", "linked/canary.mp4",
                "/etc/passwd",
                "../../../../../../../etc/passwd", "../root-beside/not-there", "/proc/self/environ", "..",
            ):  # fmt: skip
                answer = await _by_path(app, path=path)
                assert answer.status == 403, path
                assert b"canary" not in answer.body
            for path, status in (
                ("none.mp4", 404),
                ("deep", 404),
                ("pipe", 404),
                ("a\0b", 422),
                ("x" * 4000, 404),
            ):
                assert (await _by_path(app, path=path)).status == status, path[:20]
            pair = await _by_path(app, picture="deep/a.mp4", sound="b.wav", false_alarms=0.2)
            assert pair.status == 201
            assert (await ended(app, pair.json()["id"]))["kind"] == "pair"
            for told in (
                {}, {"path": "b.wav", "sound": "b.wav"}, {"picture": "b.wav"}, {"path": 5}, {"path": ""},
                {"path": "b.wav", "other": 1}, {"path": "b.wav", "false_alarms": 2}, {"path": "b.wav",
                "false_alarms": "x"},
            ):  # fmt: skip
                assert (await _by_path(app, **told)).status == 422, told
            for body in (b"", b"[]", b"{", b"\xff", b"[" * 60_000):
                headers = {"content-type": "application/json", "content-length": str(len(body))}
                assert (await ask(app, "POST", "/api/v1/jobs", body, headers)).status == 422

    run(work())
    assert (root / "deep" / "a.mp4").exists()


def test_a_file_that_was_exchanged_is_neither_judged_nor_played(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.mp4").write_bytes(b"a clip")
    (root / "slow.mp4").write_bytes(b"slow 600")
    (tmp_path / "canary").write_bytes(b"canary")

    async def work() -> None:
        async with running(tmp_path / "s", allow_root=root) as app:
            done = (await _by_path(app, path="a.mp4")).json()["id"]
            await ended(app, done)
            assert (await ask(app, "GET", f"/jobs/{done}/media")).body == b"a clip"
            slow = (await _by_path(app, path="slow.mp4")).json()["id"]
            waits = (await _by_path(app, path="a.mp4")).json()["id"]
            (root / "a.mp4").unlink()
            (root / "a.mp4").symlink_to(tmp_path / "canary")
            assert (await ask(app, "GET", f"/jobs/{done}/media")).status == 404
            await ask(app, "POST", f"/api/v1/jobs/{slow}/cancel")
            job = await ended(app, waits)
            assert (job["verdict"], job["reason"]) == ("failed", "changed")
            await ask(app, "DELETE", f"/api/v1/jobs/{done}")
            assert (root / "a.mp4").is_symlink()
            assert (tmp_path / "canary").read_bytes() == b"canary"

    run(work())
