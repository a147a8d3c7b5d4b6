from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_results import build, keys

from vadd.report.seal import sealed
from vadd.run import index
from vadd.run.card import Card
from vadd.run.index import index_name, index_pages
from vadd.run.rows import Row, RowSpan, rows
from vadd.run.summary import Summary

VOID = {"meta", "img", "input", "br", "link", "hr"}


class Reader(HTMLParser):
    """Tags, attributes and text of a page; fails where tags do not match."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] not in (["style"], ["script"]):
            self.text += data

    def all(self, tag: str, name: str) -> list[str | None]:
        return [attrs[name] for each, attrs in self.tags if each == tag and name in attrs]


def pages(found: list[Row], **more: object) -> dict[str, bytes]:
    card = Card("everyday", "everyday", "0.1.0", 0.1, keys())
    return dict(index_pages(iter(found), len(found), Summary.of(card, found), **more))


def row(number: int, **more: object) -> Row:
    told = {"verdict": "consistent", "score": 0.25, "probability": 0.1, "threshold": 0.62, **more}
    return Row(f"in/{number}.mp4", f"{number}.mp4", None, 3, reason=None, explanation="", **told)


def test_it_shows_every_row_and_leads_to_its_report(tmp_path: Path) -> None:
    out = build(tmp_path / "out")
    found = list(rows(out))
    page = Reader(pages(found)["index.html"])
    for name in ("fits.mp4", "foreign.mp4", "speech.mp4", "broken.mp4", "gone.mp4"):
        assert name in page.text
    links = {link for link in page.all("a", "href") if link}
    assert links == {each.report for each in found if each.report}
    assert all((out / link).is_file() for link in links)
    pictures = page.all("img", "src")
    assert Counter(pictures) == Counter(each.strip for each in found if each.strip)
    assert set(page.all("img", "loading")) == {"lazy"}
    assert "6 files judged" in page.text
    assert re.sub(r"\s+", " ", page.text).count("2 consistent") == 1
    assert "0:03-0:07" in page.text
    assert "there is no file gone.mp4" in page.text
    assert "under 1%" not in page.text


def test_it_is_sealed_and_always_the_same(tmp_path: Path) -> None:
    found = list(rows(build(tmp_path / "out")))
    first, second = pages(found), pages(found)
    assert first == second
    assert all(sealed(data) for data in first.values())


def test_nothing_but_its_own_script_and_style_may_run() -> None:
    text = pages([row(1)])["index.html"].decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    for tag in ("style", "script"):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "default-src &#39;none&#39;" in policy[1]
    assert not re.search(
        r"\s(style|on[a-z]+)=", re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)
    )


def test_what_comes_from_outside_is_only_text() -> None:
    evil = '"><script>alert(1)</script>\u202e\udcff\n.mp4'
    found = replace(
        row(1),
        path=f"in/{evil}",
        name=evil,
        explanation=evil,
        verdict="failed",
        picture=(evil,),
        sound=(evil,),
    )
    data = pages([found])["index.html"]
    page = Reader(data)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "\u202e" not in page.text
    assert "\\xff\\x0a.mp4" in page.text


@pytest.mark.parametrize(("count", "wanted"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_pages_of_equal_length(monkeypatch: pytest.MonkeyPatch, count: int, wanted: int) -> None:
    monkeypatch.setattr(index, "ROWS", 4)
    made = pages([row(number) for number in range(count)])
    assert list(made) == [index_name(number) for number in range(1, wanted + 1)]
    assert list(made)[:3] == ["index.html", "index-2.html", "index-3.html"][:wanted]
    shown = []
    for number, data in enumerate(made.values(), 1):
        page = Reader(data)
        ways = [link for link in page.all("a", "href") if link]
        around = {index_name(each) for each in (number - 1, number + 1) if 1 <= each <= wanted}
        assert set(ways) == around
        shown += re.findall(r"\d+\.mp4", page.text)
    assert shown == [f"{number}.mp4" for number in range(count)]


def test_rows_are_read_a_page_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "ROWS", 4)
    taken = 0

    def given():
        nonlocal taken
        for number in range(12):
            taken += 1
            yield row(number)

    card = Card("everyday", "everyday", "0.1.0", 0.1, keys())
    next(index_pages(given(), 12, Summary(card, files=12)))
    assert taken == 4


def test_scores_are_drawn_to_scale_and_told_apart() -> None:
    found = [
        row(1, score=0.9, verdict="discrepant"),
        row(2, score=0.25),
        row(3, score=None, probability=None),
    ]
    page = Reader(pages(found)["index.html"])
    drawn = [attrs for tag, attrs in page.tags if tag == "rect" and attrs.get("class") in ("over", "fits")]
    assert [(each["class"], each["width"]) for each in drawn] == [("over", "90.0%"), ("fits", "25.0%")]
    values = [a.get("data-value") for t, a in page.tags if t == "td" and a.get("data-label") == "Score"]
    assert values == ["0.9", "0.25", ""]


def test_many_spans_are_counted() -> None:
    spans = tuple(RowSpan(10.0 * at, 10.0 * at + 5, 0.9, 0.9) for at in range(5))
    text = Reader(pages([row(1, spans=spans)])["index.html"]).text
    assert "0:00-0:05 0:10-0:15 0:20-0:25 and 2 more" in re.sub(r"\s+", " ", text)


def test_an_export_leads_back_to_the_results(tmp_path: Path) -> None:
    found = list(rows(build(tmp_path / "out")))
    page = Reader(pages(found, order="path", prefix="../my results/")["index.html"])
    assert f"../my%20results/{found[0].report}" in page.all("a", "href")
    assert page.all("th", "aria-sort") == ["ascending"]


def test_it_can_be_read_without_script_and_aloud(tmp_path: Path) -> None:
    page = Reader(pages(list(rows(build(tmp_path / "out"))))["index.html"])
    assert ("html", {"lang": "en"}) in page.tags
    assert page.all("fieldset", "id") == ["filter"]
    assert any(tag == "fieldset" and "hidden" in attrs for tag, attrs in page.tags)
    assert [tag for tag, _ in page.tags].count("button") == 0
    assert set(page.all("img", "alt")) == {""}
    assert page.all("th", "scope").count("row") == 6
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert "caption" in [tag for tag, _ in page.tags]
