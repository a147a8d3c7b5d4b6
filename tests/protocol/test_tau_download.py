"""The record of TAU: what a server may do to us, what an archive may hold, and what is left after each."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from made_tau import OWN, archives, listing, serving, zipped
from vadd.errors import OutputError, ProtocolError, UsageError
from vadd.protocol import tau_download
from vadd.protocol.tau import read_clips
from vadd.protocol.tau_download import address, carry_out, chosen, plan
from vadd.protocol.tau_lock import LOCK, read_lock
from vadd.protocol.unzip import unpack
from vadd.protocol.zenodo import MOST_BYTES, parse_record, read_record

PARTS = archives()
AUDIO, META = f"{OWN}.audio.1.zip", f"{OWN}.meta.zip"


@pytest.fixture
def server():
    with serving(PARTS) as running:
        yield running


def bring(folder: Path, server, *parts: str, **options) -> list[str]:
    record = read_record(server.url)
    lines: list[str] = []
    carry_out(plan(folder, record, chosen(record, parts), **options), told=lines.append)
    return lines


def left(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


WHOLE = sorted(
    [
        ".writing",
        LOCK,
        "doc/LICENSE.txt",
        "meta/meta.csv",
        *(f"meta/evaluation_setup/fold1_{fold}.csv" for fold in ("train", "test", "evaluate")),
        *(
            f"{kind}/{name}"
            for name in ("park-lyon-12-9", "bus-lyon-2-1", "bus-prague-7-3", "tram-paris-8-4")
            for kind in ("audio", "video")
        ),
    ]
)


def suffixed(names: list[str]) -> list[str]:
    ends = {"audio": ".wav", "video": ".mp4"}
    return sorted(name + ends.get(name.partition("/")[0], "") for name in names)


def test_all_of_the_record(server, tmp_path):
    lines = bring(tmp_path / "tau", server)
    assert left(tmp_path / "tau") == suffixed(WHOLE)
    assert [line.partition(":")[0] for line in lines] == [
        "LICENSE.txt", f"{OWN}.audio.1.zip", f"{OWN}.meta.zip", f"{OWN}.video.1.zip", f"{OWN}.video.2.zip",
    ]  # fmt: skip
    assert len(read_clips(tmp_path / "tau")) == 4
    lock = read_lock(tmp_path / "tau")
    assert lock.record == "1"
    assert lock.archives[AUDIO].sha256 == hashlib.sha256(PARTS[AUDIO]).hexdigest()
    for name, kept in lock.files.items():
        data = (tmp_path / "tau" / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (kept.size, kept.sha256)
    server.asked.clear()
    assert bring(tmp_path / "tau", server) == []
    assert [path for path, _ in server.asked] == ["/api/records/1"]  # nothing is brought twice


def test_only_parts(server, tmp_path):
    record = read_record(server.url)
    names = {
        ("meta",): ["meta"], ("1",): ["audio.1", "video.1"], ("video",): ["video.1", "video.2"],
        ("video.2", "meta"): ["meta", "video.2"],
    }  # fmt: skip
    for parts, wanted in names.items():
        assert [file.name for file in chosen(record, parts)] == [f"{OWN}.{name}.zip" for name in wanted]
    for wrong in ("3", "vide", ""):
        with pytest.raises(UsageError, match=r"no file of the record fits .*LICENSE\.txt"):
            chosen(record, [wrong])
    bring(tmp_path, server, "meta")
    assert not (tmp_path / "audio").exists()
    bring(tmp_path, server, "audio")
    assert set(read_lock(tmp_path).archives) == {META, AUDIO}


def test_archives_are_kept_on_request(server, tmp_path):
    bring(tmp_path, server, "audio", keep=True)
    assert (tmp_path / "archives" / AUDIO).read_bytes() == PARTS[AUDIO]
    (tmp_path / "audio" / "park-lyon-12-9.wav").unlink()
    server.asked.clear()
    bring(tmp_path, server, "audio")
    assert (tmp_path / "audio" / "park-lyon-12-9.wav").is_file()
    assert [path for path, _ in server.asked] == ["/api/records/1"]  # from the archive
    assert not (tmp_path / "archives").exists()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_was_stopped_goes_on(server, tmp_path, ranges):
    server.ranges = ranges
    part = tmp_path / "archives" / f"{AUDIO}.part"
    part.parent.mkdir()
    part.write_bytes(PARTS[AUDIO][:100])
    planned = plan(tmp_path, read_record(server.url), chosen(read_record(server.url), ["audio"]))
    assert planned.left == len(PARTS[AUDIO]) - 100
    bring(tmp_path, server, "audio")
    assert (f"/files/{AUDIO}", "bytes=100-") in server.asked
    assert not (tmp_path / "archives").exists()


def test_a_connection_that_breaks_is_taken_up_as_long_as_something_comes(server, tmp_path):
    server.breaks[AUDIO] = [100, 50]
    bring(tmp_path, server, "audio")
    ranges = [asked for path, asked in server.asked if AUDIO in path]
    assert ranges == [None, "bytes=100-", "bytes=150-"]
    server.breaks[META] = [100, 0]
    with pytest.raises(ProtocolError, match=r"it ended at 100 of \d+ bytes"):
        bring(tmp_path, server, "meta")
    assert (tmp_path / "archives" / f"{META}.part").stat().st_size == 100
    bring(tmp_path, server, "meta")


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(server, tmp_path):
    server.ranges = False
    server.breaks[AUDIO] = [100] * 30
    with pytest.raises(ProtocolError, match="it ended at 100"):
        bring(tmp_path, server, "audio")
    assert len(server.breaks[AUDIO]) == 28


def test_other_bytes_are_refused_and_taken_away(server, tmp_path):
    data = bytearray(PARTS[AUDIO])
    data[50] ^= 1
    server.files[AUDIO] = bytes(data)
    with pytest.raises(ProtocolError, match=r"audio\.1\.zip from .* is not the one that is listed: MD5"):
        bring(tmp_path, server, "audio")
    assert left(tmp_path) == [".writing"]
    server.files[AUDIO] = PARTS[AUDIO] + bytes(5_000_000)
    with pytest.raises(ProtocolError, match="sends more than the"):
        bring(tmp_path, server, "audio")
    assert left(tmp_path) == [".writing"]


def test_a_part_that_is_too_long_is_begun_anew(server, tmp_path):
    part = tmp_path / "archives" / f"{AUDIO}.part"
    part.parent.mkdir()
    part.write_bytes(PARTS[AUDIO] + b"more")
    bring(tmp_path, server, "audio")
    assert (f"/files/{AUDIO}", None) in server.asked


def test_what_is_not_there(server, tmp_path):
    del server.files[AUDIO]
    with pytest.raises(ProtocolError, match="the server says 404"):
        bring(tmp_path, server, "audio")
    for url in (f"{server.base}/api/records/2", "http://127.0.0.1:9/x"):
        with pytest.raises(ProtocolError, match="cannot load"):
            read_record(url)
    for url in ("file:///etc/passwd", "http://[x", "ftp://h/x", "zenodo", ""):
        with pytest.raises(UsageError, match="no address"):
            read_record(url)


def test_files_may_lie_on_another_host_but_the_listing_may_not(server, tmp_path):
    with serving(PARTS) as other:
        server.moved[f"/files/{AUDIO}"] = f"{other.base}/files/{AUDIO}"
        bring(tmp_path, server, "audio")
        assert [path for path, _ in other.asked] == [f"/files/{AUDIO}"]
        server.moved["/api/records/1"] = other.url
        with pytest.raises(ProtocolError, match=r"sends on to .*, which is not followed"):
            read_record(server.url)
    server.moved = {"/api/records/7": server.url, f"/files/{META}": "ftp://127.0.0.1/x"}
    assert read_record(f"{server.base}/api/records/7").identity == "1"
    with pytest.raises(ProtocolError, match=r"ftp://.* not followed"):
        bring(tmp_path, server, "meta")


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/b.zip", "..", ".hidden", "a\\b", "a\nb", "", "a" * 300, "ä.zip"]
)
def test_listings_that_name_no_plain_file(name):
    data = json.dumps(listing({name: b"x"}, "http://h")).encode()
    with pytest.raises(ProtocolError, match="no plain file name"):
        parse_record(data, "http://h/r")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda told: told.update(files=[]), "files"),
        (lambda told: told["files"][0].update(size=-1), "size"),
        (lambda told: told["files"][0].update(checksum="sha1:00"), "checksum"),
        (lambda told: told["files"][0].pop("links"), "links"),
        (lambda told: told["files"][0]["links"].update(self="file:///etc/passwd"), "which is not taken"),
        (lambda told: told.update(files=told["files"] * 1001), "at most 1000"),
        (lambda told: told.update(files=told["files"] * 2), "twice"),
        (lambda told: told.update(id="../x"), "id"),
    ],
)
def test_listings_that_make_no_sense(change, told):
    document = listing({"a.zip": b"x"}, "http://h")
    change(document)
    with pytest.raises(ProtocolError, match=told):
        parse_record(json.dumps(document).encode(), "http://h/r")


def test_a_listing_that_is_none_or_too_long(server):
    for data, told in ((b"<html>", "is no record"), (b" " * (MOST_BYTES + 1), "longer than")):
        server.listing = data
        with pytest.raises(ProtocolError, match=told):
            read_record(server.url)


def test_an_encrypted_record_gives_no_open_addresses():
    data = json.dumps(listing({"a.zip": b"x"}, "http://h")).encode()
    with pytest.raises(ProtocolError, match="which is not taken"):
        parse_record(data, "https://h/r")
    relative = json.dumps(listing({"a.zip": b"x"}, "")).encode()
    assert parse_record(relative, "https://h/api/r").files[0].url == "https://h/files/a.zip"


def test_parts_are_in_natural_order():
    names = ["v.10.zip", "v.2.zip", "README", "a.1.zip"]
    record = parse_record(json.dumps(listing(dict.fromkeys(names, b""), "http://h")).encode(), "http://h")
    assert [file.name for file in record.files] == ["README", "a.1.zip", "v.2.zip", "v.10.zip"]
    assert record.title == "A set of clips"


def test_the_lock_holds_what_came(server, tmp_path):
    bring(tmp_path, server, "audio")
    other = {**PARTS, AUDIO: zipped({"audio/park-lyon-12-9.wav": b"other"})}
    with serving(other) as changed, pytest.raises(ProtocolError, match=r"is not the one that .* has: MD5"):
        bring(tmp_path, changed, "audio")
    server.listing = json.dumps(listing(PARTS, server.base, id=2)).encode()
    with pytest.raises(ProtocolError, match="holds the record 1; give the record 2 another folder"):
        bring(tmp_path, server)
    document = json.loads((tmp_path / LOCK).read_text())
    document["record"] = "2"
    document["archives"][AUDIO]["sha256"] = "0" * 64
    (tmp_path / LOCK).write_text(json.dumps(document))
    (tmp_path / "audio" / "park-lyon-12-9.wav").unlink()
    with pytest.raises(ProtocolError, match="not SHA-256 0000"):
        bring(tmp_path, server, "audio")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "damaged"),
        ('{"form": "vadd.tau/2", "record": "", "archives": {}, "files": {}}', "damaged"),
        (
            '{"form": "vadd.tau/1", "record": "1", "archives": {}, "files": {"../x": '
            '{"archive": "a", "size": 1, "sha256": "' + "0" * 64 + '"}}}',
            "outside its folder",
        ),
    ],
)
def test_damaged_locks(server, tmp_path, text, told):
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(ProtocolError, match=told):
        bring(tmp_path, server)


def test_disks_that_are_full_or_closed(server, tmp_path):
    part = tmp_path / "archives" / f"{AUDIO}.part"
    part.parent.mkdir()
    part.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="no space left on device; what has come is kept"):
        bring(tmp_path, server, "audio")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot (look into|write|read)"):
        bring(tmp_path / "file" / "x", server, "audio")


def test_a_disk_that_is_too_small_is_told_before(server, tmp_path, monkeypatch):
    class Small:
        free = 1000

    monkeypatch.setattr(tau_download.shutil, "disk_usage", lambda _: Small)
    with pytest.raises(OutputError, match=r"1,000 bytes free; at least [\d,]+ are needed"):
        bring(tmp_path, server)
    assert left(tmp_path) == []


def test_a_disk_that_fills_while_unpacking(server, tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / ".bus-lyon-2-1.wav.part").mkdir()  # as good as any other refusal of the disk
    with pytest.raises(OutputError, match=r"cannot unpack .*; what is unpacked stays"):
        bring(tmp_path, server, "audio")
    (tmp_path / "audio" / ".bus-lyon-2-1.wav.part").rmdir()
    assert left(tmp_path / "archives") == [AUDIO]
    server.asked.clear()
    bring(tmp_path, server, "audio")
    assert [path for path, _ in server.asked] == ["/api/records/1"]


def test_one_at_a_time(server, tmp_path):
    from vadd.protocol.tau_lock import writing

    with writing(tmp_path), pytest.raises(OutputError, match="another download"):
        bring(tmp_path, server, "meta")


def test_addresses_of_the_records():
    assert address("development") == "https://zenodo.org/api/records/4477542"


# Archives


def archive(path: Path, *entries: tuple[str, bytes, int]) -> Path:
    """An archive of (name, content, mode)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data, mode in entries:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            opened.writestr(info, data)
    return path


FILE = stat.S_IFREG | 0o644


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../../x", "a//x", "C:/x", "c:x", "..\\x", "a\\b", "./x", "a/./b", "a\x1bb", ".."],
)
def test_paths_that_lead_elsewhere(tmp_path, name):
    into = tmp_path / "into"
    into.mkdir()
    path = archive(tmp_path / "a.zip", ("good", b"good", FILE), (name, b"bad", FILE))
    with pytest.raises(ProtocolError, match=r"holds the path .*, which is not taken"):
        unpack(path, into)
    assert left(tmp_path) == ["a.zip"]  # not even the good one


def test_what_is_no_ordinary_file(tmp_path):
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        path = archive(tmp_path / "a.zip", ("x", b"/etc/passwd", kind | 0o777))
        with pytest.raises(ProtocolError, match="no ordinary file"):
            unpack(path, tmp_path)
    assert left(tmp_path) == ["a.zip"]


def test_archives_that_are_far_larger_inside_or_hold_a_name_twice(tmp_path):
    bomb = archive(tmp_path / "bomb.zip", ("x", bytes(80 << 20), FILE))
    with pytest.raises(ProtocolError, match=r"would become 83,886,080 bytes"):
        unpack(bomb, tmp_path)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive(tmp_path / "twice.zip", ("x", b"1", FILE), ("x", b"2", FILE))
    with pytest.raises(ProtocolError, match="holds x twice"):
        unpack(twice, tmp_path)
    assert left(tmp_path) == ["bomb.zip", "twice.zip"]


def test_damaged_archives(tmp_path):
    path = archive(tmp_path / "a.zip", ("x", os.urandom(1000), FILE))
    data = bytearray(path.read_bytes())
    (tmp_path / "short.zip").write_bytes(data[:500])
    data[200] ^= 1
    (tmp_path / "bent.zip").write_bytes(data)
    locked = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(bytes(locked))) as opened:
        at = opened.start_dir
    locked[at + 8] |= 1  # the flag "encrypted" in the directory
    (tmp_path / "locked.zip").write_bytes(locked)
    for name, told in (("short", "damaged"), ("bent", "damaged"), ("locked", "encrypted")):
        with pytest.raises(ProtocolError, match=told):
            unpack(tmp_path / f"{name}.zip", tmp_path)
    with pytest.raises(OutputError, match="cannot unpack"):
        unpack(tmp_path / "none.zip", tmp_path)
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / ".x.part").exists()


def test_what_is_there_is_kept_and_what_differs_is_not(tmp_path):
    path = archive(tmp_path / "a.zip", ("d/", b"", stat.S_IFDIR), ("d/a", b"aaaa", FILE), ("d/b", b"b", FILE))
    seen: list[tuple[int, int]] = []
    first = unpack(path, tmp_path, progress=lambda *now: seen.append(now))
    assert seen == [(4, 5), (5, 5)]
    before = (tmp_path / "d" / "a").stat()
    (tmp_path / "d" / "b").write_bytes(b"c")
    assert unpack(path, tmp_path) == first
    assert (tmp_path / "d" / "b").read_bytes() == b"b"
    after = (tmp_path / "d" / "a").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    (tmp_path / "d" / "b").unlink()
    (tmp_path / "d" / "b").mkdir()
    with pytest.raises(ProtocolError, match="is a folder"):
        unpack(path, tmp_path)
