"""Files that name other files, or an address on the network: none of it may be opened."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import parts
from parts import CANARY, CONSISTENT, DAMAGED, NOT_MEDIA, REFUSED, Case, good

__all__ = ["CASES", "net"]

GROUP = "references"


class _Net:
    """Where the tests listen."""

    port = 9


net = _Net()


def canary(folder: Path) -> Path:
    """The clip that must not be opened, and beside it the key that must not be read."""
    path = folder / "canary.ts"
    path.write_bytes(good(".ts"))
    (folder / "canary.mp4").write_bytes(good())
    (folder / "canary.key").write_text(CANARY[:16])
    (folder / "canary.txt").write_text(CANARY)
    return path


def _naming(name: str, text: str, *, absolute: bool = True) -> Callable[[Path], Path]:
    """A file whose text names another: ``{clip}``, ``{movie}``, ``{key}``, ``{text}`` or ``{net}``."""

    def make(folder: Path) -> Path:
        clip = canary(folder)
        names = {
            kind: str(folder / name) if absolute else name
            for kind, name in {"clip": clip.name, "movie": "canary.mp4", "key": "canary.key", "text": "canary.txt"}.items()
        }  # fmt: skip
        path = folder / name
        path.write_text(text.format(net=f"127.0.0.1:{net.port}", **names))
        return path

    return make


def _hls(entry: str, *head: str) -> str:
    return "\n".join(["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:10", *head, "#EXTINF:10,", entry,
                      "#EXT-X-ENDLIST", ""])  # fmt: skip


_KEY = '#EXT-X-KEY:METHOD=AES-128,URI="{0}"'
_DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT4S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{0}</BaseURL>'
    '<SegmentBase indexRange="0-9"/></Representation></AdaptationSet></Period></MPD>\n'
)
_SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\nm=audio 5006 RTP/AVP 97\na=rtpmap:97 L16/44100\n"
)


def _external(folder: Path) -> Path:
    """An MP4 whose picture lies in another file, as an alias record says."""
    canary(folder)
    target = str(folder / "canary.mp4").encode()
    alias = bytes(10) + b"\1v" + bytes(26) + bytes(12) + b"\1c" + bytes(62) + bytes(16)
    alias += struct.pack(">hh", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(target)) + target + bytes(len(target) % 2) + struct.pack(">hH", -1, 0)
    record = parts.made_box(b"alis", bytes(4) + alias)
    table = parts.made_box(b"dref", bytes(4) + struct.pack(">I", 1) + record)
    path = folder / "a.mov"
    path.write_bytes(parts.replaced(good(), table, b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"))
    return path


def _redirect(folder: Path) -> Path:
    """A QuickTime reference movie: it holds nothing but the name of another."""
    canary(folder)
    name = (folder / "canary.mp4").as_uri().encode() + b"\0"
    reference = parts.made_box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(name)) + name)
    movie = parts.made_box(b"moov", parts.made_box(b"rmra", parts.made_box(b"rmda", reference)))
    path = folder / "a.mov"
    path.write_bytes(parts.made_box(b"ftyp", b"qt  \0\0\0\0qt  ") + movie)
    return path


def _named(name: str) -> Callable[[Path], Path]:
    """A good clip called like something else."""

    def make(folder: Path) -> Path:
        canary(folder)
        path = folder / name
        path.write_bytes(good())
        return path

    return make


def _only_named(name: str) -> Callable[[Path], Path]:
    """A path that FFmpeg would open, but that is the name of no file."""

    def make(folder: Path) -> Path:
        canary(folder)
        return Path(name.format(folder=folder, net=f"127.0.0.1:{net.port}"))

    return make


def _link(target: str, *, outside: bool = False) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        inner = folder / "inner"
        inner.mkdir()
        ((folder if outside else inner) / "real.mp4").write_bytes(good())
        path = inner / "link.mp4"
        path.symlink_to(target.format(folder=folder))
        return path

    return make


def _case(name: str, make: Callable[[Path], Path], *gives: str, told: str = "") -> Case:
    return Case(GROUP, name, make, gives or (NOT_MEDIA,), told)


CASES = [
    _case("HLS, absolute", _naming("a.m3u8", _hls("{clip}"))),
    _case("HLS, relative", _naming("a.m3u8", _hls("{clip}"), absolute=False)),
    _case("HLS called .mp4, absolute", _naming("a.mp4", _hls("{clip}"))),
    _case("HLS called .mp4, relative", _naming("a.mp4", _hls("{clip}"), absolute=False)),
    _case("HLS by file:", _naming("a.mp4", _hls("file:{clip}"))),
    _case("HLS by http", _naming("a.m3u8", _hls("http://{net}/a.ts"))),
    _case("HLS called .mp4, by http", _naming("a.mp4", _hls("http://{net}/a.ts"))),
    _case("HLS with an AES key, by its path", _naming("a.m3u8", _hls("{clip}", _KEY.format("{key}")))),
    _case("HLS with an AES key, relative", _naming("a.mp4", _hls("{clip}", _KEY.format("{key}")), absolute=False)),
    _case("HLS with an AES key, by http", _naming("a.mp4", _hls("{clip}", _KEY.format("http://{net}/k")))),
    _case("HLS by crypto+concat+file", _naming("a.mp4", _hls("concat:{clip}|{text}"))),
    _case("ffconcat, absolute", _naming("a.mp4", "ffconcat version 1.0\nfile '{clip}'\n")),
    _case("ffconcat, relative", _naming("a.mp4", "ffconcat version 1.0\nfile '{clip}'\n", absolute=False)),
    _case("ffconcat by http", _naming("a.mp4", "ffconcat version 1.0\nfile 'http://{net}/a.ts'\n")),
    _case("DASH, absolute", _naming("a.mpd", _DASH.format("{movie}"))),
    _case("DASH, relative", _naming("a.mp4", _DASH.format("{movie}"), absolute=False)),
    _case("DASH by http", _naming("a.mp4", _DASH.format("http://{net}/a.mp4"))),
    _case("SDP", _naming("a.sdp", _SDP)),
    _case("SDP called .mp4", _naming("a.mp4", _SDP)),
    _case("ASX by http", _naming("a.wmv", '<asx version="3.0"><entry><ref href="http://{net}/a"/></entry></asx>')),
    _case("a reference by [Reference]", _naming("a.asf", "[Reference]\nRef1=http://{net}/a.asf?MSWMExt=.asf\n")),
    _case("SVG that names pictures", _naming("a.mp4", '<svg xmlns="http://www.w3.org/2000/svg"><image href="{text}"/></svg>')),
    _case("SMIL", _naming("a.mp4", '<smil><body><video src="http://{net}/a.mp4"/></body></smil>')),
    _case("a script of AviSynth", _naming("a.avi", 'AVISource("{movie}")\n')),
    _case("MP4 whose picture is in another file", _external, DAMAGED),
    _case("QuickTime reference movie", _redirect, NOT_MEDIA),
    _case("the path concat:a|b", _only_named("concat:{folder}/canary.ts|{folder}/canary.ts"), REFUSED, told="does not exist"),
    _case("the path file:a", _only_named("file:{folder}/canary.ts"), REFUSED, told="does not exist"),
    _case("the path subfile,,a", _only_named("subfile,,start,0,end,0,,:{folder}/canary.ts"), REFUSED, told="does not exist"),
    _case("the path http://", _only_named("http://{net}/a.mp4"), REFUSED, told="does not exist"),
    _case("the path data:", _only_named("data:video/mp4;base64,AAAA"), REFUSED, told="does not exist"),
    _case("the path pipe:0", _only_named("pipe:0"), REFUSED, told="does not exist"),
    _case("a file called http:clip.mp4", _named("http:clip.mp4"), CONSISTENT),
    _case("a file called concat:a|b", _named("concat:canary.ts|canary.ts"), CONSISTENT),
    _case("a file called file:clip.mp4", _named("file:clip.mp4"), CONSISTENT),
    _case("a file called subfile,,…", _named("subfile,,start,0,end,9,,:clip.mp4"), CONSISTENT),
    _case("a link to a file in its folder", _link("real.mp4"), CONSISTENT),
    _case("a link to a file outside, named singly", _link("{folder}/real.mp4", outside=True), CONSISTENT),
    _case("a link to itself", _link("link.mp4"), REFUSED, told="symbolic links"),
    _case("a link to nothing", _link("none.mp4"), REFUSED, told="does not exist"),
    _case("a link to /proc/self/mem", _link("/proc/self/mem"), NOT_MEDIA, told="empty"),
]  # fmt: skip
