"""Bad input, through the real command line: the right verdict or exit status, one clear line, no traceback.

No file here may ever be called ``consistent``, although most are made of a clip that is.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import broken
import media
from calls import documents, vadd_check
from vadd.report.schema import validate

# Files that can be opened but not judged


def _bytes(content: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def _image(form: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        Image.fromarray(broken.title()).save(path, form)
        return path

    return make


def _index_cut_off(path: Path) -> Path:
    return media.cut(broken.join(path), 0.6)  # a file joined here has its index at the end


def _too_large(path: Path) -> Path:
    os.truncate(broken.copy(path), 5 * 2**30)  # a hole: it takes no room
    return path


FAILED = [
    pytest.param("empty.mp4", _bytes(b""), "not_media", "the file is empty", id="empty"),
    pytest.param("text.mp4", _bytes(b"To be, or not to be\n" * 99), "not_media", "known kind", id="text"),
    pytest.param("noise.mp4", _bytes(np.random.default_rng(3).bytes(9999)), "not_media", "known kind",
                 id="noise"),
    pytest.param("picture.mp4", _image("PNG"), "not_media", "known kind", id="png"),
    pytest.param("riff.avi", _image("WEBP"), "not_media", "known kind", id="webp"),
    pytest.param("moving.mp4", _image("GIF"), "not_media", "known kind", id="gif"),
    pytest.param("cut.mp4", lambda path: media.cut(broken.copy(path), 0.5), "damaged", "could be decoded",
                 id="truncated"),
    pytest.param("cut.mkv", lambda path: media.cut(broken.join(path), 0.5), "damaged", "could be decoded",
                 id="truncated-matroska"),
    pytest.param("headless.mp4", _index_cut_off, "damaged", "the header is damaged", id="truncated-index"),
    pytest.param("noisy.mp4", lambda path: media.damage(broken.copy(path)), "damaged", "could be decoded",
                 id="damaged"),
    pytest.param("large.mp4", _too_large, "limit", "above the limit", id="too-large"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason", "told"), FAILED)
def test_failed(tmp_path, name, make, reason, told):
    done = vadd_check("--json", make(tmp_path / name))
    (document,) = documents(done)
    assert (document["verdict"], document["reason"], done.returncode) == ("failed", reason, 4)
    assert told in document["explanation"]
    assert name in document["explanation"]
    assert "\n" not in document["explanation"]
    assert document["score"] is document["probability"] is None
    assert document["seconds"] == document["spans"] == []


# Files of which nothing can be said


def _nothing_in_the_track(path: Path) -> Path:
    return broken.filmed(path, [media.Sound(np.zeros((1, 0), np.float32), codec="pcm_s16le")])


def _still(image: np.ndarray, sound: Callable[[], np.ndarray]) -> Callable[[Path], Path]:
    return lambda path: broken.still(path, image, sound())


def _slides(sound: Callable[[], np.ndarray]) -> Callable[[Path], Path]:
    return lambda path: broken.shown(path, [broken.slide(at) for at in range(2)], sound())


def _voice() -> np.ndarray:
    return broken.voice(6)


INCONCLUSIVE = [
    pytest.param("a.mp4", lambda path: broken.join(path, sound=None), "no_audio", False, id="no-audio"),
    pytest.param("a.mkv", _nothing_in_the_track, "no_audio", False, id="zero-length-audio"),
    pytest.param("a.mp4", lambda path: broken.join(path, picture=None), "no_video", False, id="no-video"),
    pytest.param("a.mkv", lambda path: broken.over(path, np.zeros((1, 10 * broken.RATE), np.float32)),
                 "silent", True, id="digital-silence"),
    pytest.param("a.mkv", lambda path: broken.over(path, broken.noise(10, -75)), "silent", True,
                 id="faint-noise"),
    pytest.param("a.mp4", _still(broken.title(), broken.samples_of), "picture_says_nothing", True,
                 id="title"),
    pytest.param("a.mp4", _still(broken.title(), _voice), "picture_says_nothing", True, id="title-read-out"),
    pytest.param("a.mp4", _still(broken.black(), broken.samples_of), "picture_says_nothing", True,
                 id="black"),
    pytest.param("a.mp4", _still(broken.face(), _voice), "picture_says_nothing", True, id="talking-head"),
    pytest.param("a.mp4", _still(broken.face(), broken.samples_of), "picture_says_nothing", True, id="face"),
    pytest.param("a.mp4", _slides(_voice), "picture_says_nothing", True, id="lecture"),
    pytest.param("a.mp4", _slides(broken.samples_of), "picture_says_nothing", True, id="slides"),
    pytest.param("a.mp4", lambda path: broken.join(path, seconds=0.3), "too_short", True, id="0.3s"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "reason", "scored"), INCONCLUSIVE)
def test_inconclusive(tmp_path, name, make, reason, scored):
    done = vadd_check("--json", make(tmp_path / name))
    (document,) = documents(done)
    assert (document["verdict"], document["reason"], done.returncode) == ("inconclusive", reason, 3)
    assert "\n" not in document["explanation"]
    # A score there is whenever both streams gave any embedding, and no claim rests on it.
    assert (document["score"] is not None) is (document["probability"] is not None) is scored
    assert document["spans"] == []


@pytest.mark.parametrize("seconds", [0.5, 9, 10])
def test_samples_that_are_not_numbers_are_told(tmp_path, seconds):
    samples = broken.samples_of()
    lost = int(seconds * broken.RATE)
    samples[:, :lost] = np.nan
    (document,) = documents(vadd_check("--json", broken.over(tmp_path / "a.mkv", samples)))
    if seconds < 1:
        assert any(f"{lost} samples" in note for note in document["notes"])
    else:
        assert (document["verdict"], document["reason"]) == ("failed", "damaged")


# Files that name others


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_what_a_playlist_names_is_not_read(tmp_path, kind):
    canary = broken.join(tmp_path / "canary.ts")
    lists = [tmp_path / name for name in ("list.mp4", "list.m3u8", "list.ffconcat", "list.mkv")]
    for path in lists:
        path.write_text(broken.playlist(kind, canary))
    os.utime(canary, ns=(1, 1))
    done = vadd_check("--json", *lists)
    assert done.returncode == 4
    for document in documents(done):
        # Were it read, it would be a clip with a score.
        assert (document["verdict"], document["reason"]) == ("failed", "not_media")
        assert document["score"] is None
        assert document["provenance"]["inputs"][0]["media"] == {}
    assert canary.stat().st_atime_ns == 1
    assert validate(documents(vadd_check("--json", canary))[0]).verdict == "consistent", (
        "the canary is a clip"
    )


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")
@pytest.mark.parametrize("kind", ["hls", "concat", "good"])
def test_nothing_beside_the_file_is_opened(tmp_path, kind):
    (tmp_path / "in").mkdir()
    path, log = tmp_path / "in" / "clip.mp4", tmp_path / "log"
    canary = Path(shutil.copyfile(broken.GOOD, tmp_path / "in" / "canary.mp4"))
    broken.copy(path)
    if kind != "good":
        path.write_text(broken.playlist(kind, canary))
    traced = "trace=open,openat,socket,bind,connect,sendto,sendmsg,sendmmsg"
    strace = ["strace", "-f", "-qq", "-s", "4096", "-o", str(log), "-e", traced]
    if subprocess.run([*strace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("processes may not be traced here")
    vadd_check("--json", path, before=strace)
    calls = log.read_text(errors="replace").splitlines()
    assert any(str(path) in call for call in calls), "the trace holds what is opened"
    assert not [call for call in calls if str(tmp_path) in call and str(path) not in call]
    assert not [call for call in calls if "AF_INET" in call]
    assert not [call for call in calls if str(tmp_path) in call and ("O_WRONLY" in call or "O_RDWR" in call)]


# Files that change, and names that mislead


@pytest.mark.parametrize("how", ["touched", "grown", "replaced"])
def test_file_that_changes_while_it_is_read(tmp_path, how):
    path, done = broken.copy(tmp_path / "clip.mp4"), threading.Event()

    def change() -> None:
        at = 0
        while not done.is_set():
            at += 1
            if how == "touched":
                os.utime(path, ns=(at, at))
            elif how == "grown":
                with path.open("ab") as file:
                    file.write(b"\0")
            else:
                broken.copy(tmp_path / "next").replace(path)
            time.sleep(0.005)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        finished = vadd_check("--json", path)
    finally:
        done.set()
        changing.join()
    (document,) = documents(finished)
    assert (document["verdict"], document["reason"], finished.returncode) == ("failed", "changed", 4)


def test_misleading_names_are_names(tmp_path):
    """Here the files are good, and there is one thing to get right: that each is judged as itself."""
    names = ["http:clip.mp4", "concat:a|b.mp4", "-i.mp4", "a%d\n\x1b[31m.mp4", os.fsdecode(b"b\xff.mp4")]
    for name in names:
        broken.copy(tmp_path / name)
    args = ["--json", "--html", "pages", "--csv", "table.csv", "--", *names]
    done = vadd_check(*args, cwd=tmp_path)
    found = documents(done)
    assert done.returncode == 0
    assert [document["verdict"] for document in found] == ["consistent"] * len(names)
    shown = [*names[:4], "b\\xff.mp4"]
    assert [document["provenance"]["inputs"][0]["name"] for document in found] == shown
    pages = sorted((tmp_path / "pages").iterdir())
    assert len(pages) == len(names)
    assert not [
        page for page in pages if not page.name.isascii() or "\n" in page.name or page.name[0] in "-."
    ]
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(names)


def test_text_pages_and_table_of_what_failed(tmp_path):
    """People who do not ask for JSON get the same: a line that says why, and the other files judged."""
    files = [
        _bytes(b"no\n")(tmp_path / "text.mp4"),
        broken.join(tmp_path / "mute.mp4", sound=None),
        Path(shutil.copyfile(broken.GOOD, tmp_path / "good.mp4")),
    ]
    done = vadd_check("text.mp4", "mute.mp4", "good.mp4", "--html", "pages", "--csv", "t.csv", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr == ""
    assert "FAILED (not media)" in done.stdout
    assert "INCONCLUSIVE (no audio)" in done.stdout
    assert done.stdout.endswith("3 files: 1 failed, 1 inconclusive, 1 consistent\n")
    pages = [(tmp_path / "pages" / f"{file.name}.html").read_text("utf-8") for file in files]
    assert "not a media file" in pages[0]
    assert "has no sound" in pages[1]
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["file"], row["verdict"]) for row in rows] == [
        ("text.mp4", "failed"), ("mute.mp4", "inconclusive"), ("good.mp4", "consistent"),
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["picture", "sound"])
def test_one_bad_file_of_a_pair(tmp_path, role):
    bad = _bytes(b"no\n")(tmp_path / "text.mp4")
    pair = {"picture": broken.GOOD, "sound": broken.GOOD, role: bad}
    done = vadd_check("--json", "--picture", pair["picture"], "--sound", pair["sound"])
    (document,) = documents(done)
    assert (document["verdict"], document["reason"], done.returncode) == ("failed", "not_media", 4)
    assert "text.mp4" in document["explanation"]
