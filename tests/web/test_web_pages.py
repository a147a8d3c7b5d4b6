"""What the pages hold: all there is to know of a job, safe whatever it is called, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("httpx", reason="needs httpx")

import pretend
import samples
from contrast import colours, contrast
from fastapi.testclient import TestClient
from messages import WEB

from vadd.detect.verdict import Concept
from vadd.report import words
from vadd.report.document import document
from vadd.timeline import clock
from vadd.web.i18n import tongue
from vadd.web.reread import verdict_of
from vadd.web.tracks import tracks

HTMX = "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de"
NASTY = "\"><script>alert(1)</script>{{ 7*7 }}\u202e\x1b[31m&amp;'.mp4"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SHAPES = {"rect", "line", "path", "circle", "image"}


class Page(HTMLParser):
    """A page as elements; it must be well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES, f"<{tag}/> closes nothing in HTML"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> of nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def by_id(self, id_: str) -> dict[str, str | None]:
        (found,) = [attributes for _, attributes in self.elements if attributes.get("id") == id_]
        return found


@pytest.fixture
def server(tmp_path: Path) -> pretend.Pretend:
    made = pretend.Pretend(tmp_path)
    for name, sample in samples.ALL.items():
        made.put(name, sample())
    made.put("running", state="running", stage="reading", progress=0.4)
    made.put("queued")
    made.put("cancelled", state="cancelled")
    made.put("bug", state="failed", message="the worker <died>")
    made.put(
        "unread", state="done", outcome="failed", reason="changed", message="it changed while it was read"
    )
    return made


@pytest.fixture
def client(server: pretend.Pretend) -> Iterator[TestClient]:
    with TestClient(pretend.app(server), follow_redirects=False) as made:
        yield made


ADDRESSES = [
    "/", "/compare", "/jobs/none",
    *(f"/jobs/{name}" for name in (*samples.ALL, "running", "queued", "cancelled", "bug", "unread")),
    *(f"/jobs/{name}/print" for name in samples.ALL),
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_is_sound(client: TestClient, address: str, language: str) -> None:
    answer = client.get(address, headers={"accept-language": language})
    assert answer.status_code == (404 if address == "/jobs/none" else 200)
    assert answer.headers["content-language"] == language
    page = Page(answer.text)
    assert page.all("html") == [{"lang": language}]
    # One heading above all others, every name of an element once, every reference to one that is there.
    assert len(page.all("h1")) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set((attributes.get(name) or "").split()) <= set(ids), (name, attributes)
        assert not {"style", "onclick", "onload", "hx-on"} & set(attributes)
    assert not page.all("style")
    # Every field has a label, every picture words (drawn tracks are hidden from screen readers as a whole).
    labelled = {attributes["for"] for attributes in page.all("label")}
    for attributes in (*page.all("input"), *page.all("select")):
        assert attributes["id"] in labelled
    assert all(attributes.get("alt") for attributes in page.all("img"))
    for attributes in page.all("progress"):
        assert attributes.get("aria-label") or attributes.get("aria-labelledby")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_loads_from_this_server_alone(client: TestClient, address: str) -> None:
    page = Page(client.get(address).text)
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "hx-get", "hx-post"):
            target = attributes.get(name)
            if target is not None:
                assert target.startswith(("/", "#")), (tag, target)
                assert not target.startswith("//")
        if tag == "script":
            assert attributes["src"]
    for tag in ("script", "link"):
        for attributes in page.all(tag):
            own = client.get(str(attributes.get("src") or attributes.get("href")))
            assert own.status_code == 200
            assert "immutable" in own.headers["cache-control"]


def test_the_library_is_the_one_that_notice_names() -> None:
    data = (WEB / "static" / "htmx.min.js").read_bytes()
    assert hashlib.sha256(data).hexdigest() == HTMX
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    assert HTMX in notice
    version = re.search(rb'version:"([0-9.]+)"', data)
    assert version is not None
    assert f"htmx {version[1].decode()}" in notice


@pytest.mark.parametrize("name", ["page", "../i18n.py", "..%2fi18n.py", "vadd.css/", "messages.py"])
def test_nothing_else_is_served_as_a_file_of_the_page(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code in {404, 307}


def test_a_name_from_outside_is_text(server: pretend.Pretend, client: TestClient) -> None:
    verdict = samples.discrepant()
    nasty = (Concept(NASTY, 0.7), *verdict.picture)
    inputs = (replace(verdict.provenance.inputs[0], name=NASTY, media={NASTY: NASTY}),)
    verdict = replace(
        verdict,
        explanation=NASTY,
        picture=nasty,
        notes=(NASTY,),
        spans=tuple(replace(span, picture=nasty, expected=nasty) for span in verdict.spans),
        seconds=tuple(replace(second, picture=nasty) for second in verdict.seconds),
        provenance=replace(verdict.provenance, inputs=inputs, model=NASTY, hashes={NASTY: "0"}),
    )
    server.put("nasty", verdict)
    server.put("nasty-bug", state="failed", message=NASTY, names=(NASTY,))
    server.put("nasty-running", state="running", names=(NASTY,))
    for address in ("/", *(f"/jobs/nasty{end}" for end in ("", "/print", "-bug", "-running"))):
        text = client.get(address).text
        assert "<script>alert" not in text
        assert "49" not in re.sub(r"[\d.]*\d%|0\.\d+|#\w+|\d{5,}|v=\w+", "", text).replace("1482113", "")
        assert "\u202e" not in text
        assert "\x1b" not in text
        Page(text)


@pytest.mark.parametrize("name", sorted(samples.ALL))
def test_a_document_gives_its_verdict_back(name: str) -> None:
    told = document(samples.ALL[name]())
    again = document(verdict_of(told))
    # Means by minute are those of rounded scores now.
    minutes, before = again.pop("minutes"), told.pop("minutes")
    assert again == told
    assert [minute["score"] for minute in minutes] == pytest.approx(
        [minute["score"] for minute in before], abs=2e-6
    )


def test_a_verdict_is_told_with_how_sure_it_is(client: TestClient) -> None:
    verdict = samples.discrepant()
    text = client.get("/jobs/discrepant").text
    page = Page(text)
    assert words.headline(verdict) in page.text
    assert "93%" in page.text
    assert "if, before looking, 50% of such files were thought discrepant" in page.text
    assert "10%" in page.text
    assert "of clips with their own sound, on clips like those used for calibration" in page.text
    for what, why in words.LIMITS:
        assert what in page.text
        assert why in page.text
    for digest in (*verdict.provenance.hashes.values(), verdict.provenance.inputs[0].sha256):
        assert str(digest) in page.text
    assert page.all("title")
    assert "Discrepant: beach.mp4" in page.text


def test_a_silence_is_told_with_its_reason(client: TestClient) -> None:
    text = Page(client.get("/jobs/inconclusive").text).text
    assert "Whether the sound belongs to the picture cannot be told." in text
    assert samples.inconclusive().reason.sentence in text  # type: ignore[union-attr]
    text = Page(client.get("/jobs/failed").text).text
    assert "This file could not be judged." in text
    assert "Only 12 % of the declared duration could be decoded." in text
    assert samples.failed().reason.sentence in text  # type: ignore[union-attr]


def test_the_player_has_all_tracks_on_one_axis(client: TestClient) -> None:
    verdict = samples.discrepant()
    page = Page(client.get("/jobs/discrepant").text)
    assert page.by_id("video")["src"] == "/jobs/discrepant/media"
    slider = page.by_id("slider")
    assert slider["role"] == "slider"
    assert slider["tabindex"] == "0"
    assert float(str(slider["aria-valuemax"])) == float(verdict.duration)
    assert page.by_id("player")["data-end"] == slider["aria-valuemax"]
    rows = [row for row in page.all("tr") if "data-say" in row]
    assert [float(str(row["data-start"])) for row in rows] == [float(s.span.start) for s in verdict.seconds]
    assert rows[3]["data-say"] == (
        "Seen: sea and shore, sand. Heard: road traffic, engine. Score 0.85. Does not fit."
    )
    assert (
        rows[7]["data-say"]
        == "Seen: sea and shore, sand. Heard: speech, indoor room. Not counted: sound says nothing."
    )
    images = {str(image["href"]) for image in page.all("image")}
    assert {f"/jobs/discrepant/thumbnails/{n}.jpg" for n in range(10)} | {
        "/jobs/discrepant/spectrogram.png"
    } == images
    plays = [button for button in page.all("button") if "play" in str(button.get("class"))]
    wanted = [(float(span.span.start), float(span.span.end)) for span in verdict.spans]
    assert [(float(str(b["data-from"])), float(str(b["data-to"]))) for b in plays] == wanted
    for span in verdict.spans:
        assert f"Play {span.span}" in page.text
    assert "waves" in page.text


def test_a_pair_has_a_player_of_its_own_for_the_sound(client: TestClient) -> None:
    page = Page(client.get("/jobs/pair").text)
    assert page.by_id("sound")["src"] == "/jobs/pair/media/sound"
    assert "picture of A.mp4 with sound of B.wav" in page.text
    assert not Page(client.get("/jobs/discrepant").text).all("audio")


def test_all_downloads_are_there(client: TestClient) -> None:
    links = {
        str(link["href"]) for link in Page(client.get("/jobs/discrepant").text).all("a") if "href" in link
    }
    root = "/api/v1/jobs/discrepant"
    wanted = {f"{root}/report.html", f"{root}/result.json", f"{root}/report.csv", f"{root}/spans.srt"}
    assert wanted | {"/jobs/discrepant/print"} <= links


def test_the_printed_page_needs_no_script_and_has_no_player(client: TestClient) -> None:
    page = Page(client.get("/jobs/discrepant/print").text)
    assert not page.all("video")
    assert all("open" in details for details in page.all("details"))
    assert {"0:03-0:07", "0:09-0:10.2"} <= set(re.findall(r"\d:\d\d-\d:\d\d(?:\.\d)?", page.text))
    # What is long is in the report and not on paper, but for the minutes.
    hour = Page(client.get("/jobs/hour/print").text)
    assert len(hour.all("tr")) < 80
    assert len(Page(client.get("/jobs/hour").text).all("tr")) > 300
    assert client.get("/jobs/running/print").headers["location"] == "/jobs/running"


@pytest.mark.parametrize("name", ["discrepant", "hour", "two_hours"])
def test_a_track_is_where_it_happened(name: str) -> None:
    verdict = getattr(samples, name)()
    found = tracks(verdict, verdict.exhibit, tongue("en"))
    assert found is not None
    end = float(verdict.duration)
    for mark, span in zip(found["flags"], verdict.spans, strict=True):
        assert mark.x == pytest.approx(100 * float(span.span.start) / end, abs=0.51)
    assert found["columns"][-1]["end"] == end
    assert len(found["columns"]) <= 120
    assert found["clock"] == clock(verdict.duration)
    flagged = [column for column in found["columns"] if column["say"].endswith("Does not fit.")]
    covered = sum(float(span.span.duration) for span in verdict.spans)
    assert covered <= sum(column["end"] - column["start"] for column in flagged) + 1e-6
    assert len(flagged) < len(found["columns"]) or name == "two_hours"


def test_progress_is_told_by_stage_and_ends_with_the_result(
    client: TestClient, server: pretend.Pretend
) -> None:
    page = Page(client.get("/jobs/running").text)
    assert page.by_id("progress")["hx-get"] == "/ui/jobs/running"
    assert page.all("body")[0]["data-events"] == "/api/v1/jobs/running/events"
    assert [stage["class"] for stage in page.all("li") if stage.get("class") in {"past", "now", "later"}] == [
        "past", "now", "later",
    ]  # fmt: skip
    assert "40%" in page.text
    waiting = Page(client.get("/jobs/queued").text)
    assert waiting.all("progress")[0]["value"] == "0"
    server.put("behind")
    assert "1 file before it" in client.get("/ui/jobs/behind").text
    assert client.get("/ui/jobs/discrepant").headers["hx-refresh"] == "true"
    assert client.get("/ui/jobs/none").headers["hx-redirect"] == "/"
    assert "data-events" not in Page(client.get("/jobs/discrepant").text).all("body")[0]


def test_the_list_asks_again_while_something_is_to_come(client: TestClient, server: pretend.Pretend) -> None:
    assert "every 1s" in str(Page(client.get("/ui/jobs").text).by_id("jobs")["hx-trigger"])
    for id_ in ("running", "queued"):
        assert client.post(f"/ui/jobs/{id_}/cancel", headers={"hx-request": "true"}).status_code == 200
        assert server.job(id_).state == "cancelled"
    assert "every 1s" not in str(Page(client.get("/ui/jobs").text).by_id("jobs")["hx-trigger"])


def test_cancel_and_delete_work_by_plain_forms(client: TestClient, server: pretend.Pretend) -> None:
    answer = client.post("/ui/jobs/running/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/running")
    assert client.post("/ui/jobs/running/cancel").status_code == 303
    answer = client.post("/ui/jobs/running/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get("/jobs/running").status_code == 404
    gone = client.post("/ui/jobs/running/delete")
    assert gone.status_code == 404
    assert "there is no such job" in Page(gone.text).text.lower()


def test_a_long_history_has_pages(client: TestClient, server: pretend.Pretend) -> None:
    for number in range(120):
        server.put(f"many-{number}", samples.consistent())
    seen: list[str] = []
    address: str | None = "/"
    while address is not None:
        page = Page(client.get(address).text)
        seen += [str(link["id"]) for link in page.all("a") if str(link.get("id")).startswith("open-")]
        older = [str(link["href"]) for link in page.all("a") if str(link.get("href")).startswith("/?before=")]
        address = older[0] if older else None
    assert seen == [f"open-{job.id}" for job in server.jobs(1000)]


@pytest.mark.parametrize(
    ("back", "where"),
    [
        ("/jobs/x?y=1", "/jobs/x?y=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: b=c", "/"),
        ("", "/"),
    ],
)
def test_choosing_a_language_leads_back_and_nowhere_else(client: TestClient, back: str, where: str) -> None:
    answer = client.get("/language", params={"to": "de", "back": back})
    assert answer.status_code == 303
    assert answer.headers["location"] == where
    assert "vadd_language=de" in answer.headers["set-cookie"]
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert Page(client.get("/", headers={"accept-language": "en"}).text).all("html") == [{"lang": "de"}]
    assert "set-cookie" not in client.get("/language", params={"to": "xx"}).headers


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_against_what_is_behind_it(dark: bool) -> None:
    sheets = [WEB.parent / "report" / "templates" / "page.css", WEB / "static" / "vadd.css"]
    found = colours("\n".join(path.read_text("utf-8") for path in sheets), dark=dark)
    root = found[":root"]
    tones = [found[f".{name}"]["tone"] for name in ("consistent", "discrepant", "inconclusive", "failed")]
    text = {name: root[name] for name in ("ink", "quiet", "link", "over")} | {f"tone {t}": t for t in tones}
    for name, colour in text.items():
        for behind in ("paper", "card"):
            assert contrast(colour, root[behind]) >= 4.5, (name, behind)
    assert contrast(root["on-button"], root["button"]) >= 4.5
    # What is no text and still has to be seen: edges of fields, focus, play head, marks.
    for name in ("edge", "button", "head", "seen", "heard", "over", "fits"):
        for behind in ("paper", "card"):
            assert contrast(root[name], root[behind]) >= 3, (name, behind)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # a grey that just fails
