"""The page: self-contained, escaped, well-formed, legible, and true to the verdict."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from samples import (
    ALL,
    consistent,
    discrepant,
    exhibit,
    failed,
    hour,
    inconclusive,
    pair,
    provenance,
    record,
    two_hours,
)

from vadd.detect.verdict import Concept, Contribution, Exhibit, Reason
from vadd.report.page import page
from vadd.report.words import LIMITS

VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Reader(HTMLParser):
    """Collects elements and text, and insists that every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.mark.parametrize("name", ALL)
def test_needs_nothing_from_elsewhere_and_runs_nothing(name):
    html = page(ALL[name]())
    reader = Reader(html)
    assert {"script", "iframe", "object", "embed", "link", "form", "base"}.isdisjoint(
        t for t, _ in reader.elements
    )
    for tag, attrs in reader.elements:
        assert not [a for a in attrs if a.startswith("on") or a == "style"], tag
        for attribute in ("src", "href", "xlink:href", "action"):
            if attribute in attrs:
                assert re.match(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+$", attrs[attribute] or ""), tag
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html


def test_policy_allows_only_this_style():
    html = page(discrepant())
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = [m["content"] for m in Reader(html).all("meta") if m.get("http-equiv")]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("name", ALL)
def test_readable_without_seeing(name):
    reader = Reader(page(ALL[name]()))
    ids = [attrs["id"] for _, attrs in reader.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in reader.elements:
        if "aria-labelledby" in attrs:
            assert attrs["aria-labelledby"] in ids
    for image in reader.all("img"):
        assert image["alt"]
    for drawing in reader.all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label") or "plot" in drawing["class"]
    assert len(reader.all("h1")) == 1
    assert reader.all("html") == [{"lang": "en"}]


def test_all_from_outside_is_escaped():
    base = discrepant()
    bad = (Concept(EVIL, 0.5),)
    why = (Contribution("sound", EVIL, 0.5, 1.0),)
    media = {EVIL: {EVIL: [EVIL]}}
    outside = replace(
        provenance(replace(record(EVIL + "\x1b[2J\u202e"), media=media)),
        model=EVIL,
        version=EVIL,
        hashes={EVIL: "0" * 64},
        config={EVIL: EVIL},
        libraries={EVIL: EVIL},
    )
    html = page(
        replace(
            base,
            explanation=EVIL,
            notes=(EVIL,),
            picture=bad,
            sound=bad,
            seconds=tuple(replace(s, picture=bad, sound=bad) for s in base.seconds),
            spans=tuple(
                replace(s, picture=bad, sound=bad, expected=bad, contributions=why) for s in base.spans
            ),
            shots=tuple(replace(s, picture=bad, sound=bad) for s in base.shots),
            provenance=outside,
        )
    )
    reader = Reader(html)
    assert reader.all("script") == []
    assert all("onerror" not in attrs for _, attrs in reader.elements)
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert reader.text.count("<script>alert(1)</script>") > 10


def test_names_that_are_not_utf8_can_be_written():
    name = b"caf\xe9\xff.mp4".decode("utf-8", "surrogateescape")
    assert b"caf\\xe9\\xff.mp4" in page(failed(name)).encode("utf-8")


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (
            consistent(),
            ["The sound seems to fit this picture.", "Probability of a discrepancy 11%", "score 0.15"],
        ),
        (
            discrepant(),
            [
                "The sound probably does not belong to this picture.",
                "Probability of a discrepancy 93%",
                "Not counted: 0:07-0:08 sound says nothing",
                "0:03-0:07",
                "0:09-0:10.2",
                "called discrepant from 0.62 on",
                "What does not fit",
            ],
        ),
        (inconclusive(), ["cannot be told", "no ground for a conclusion", "says nothing about the scene"]),
        (failed(), ["This file could not be judged.", "Only 12 %", "The file is damaged"]),
        (pair(), ["picture of A.mp4 with sound of B.wav", "picture only", "sound only"]),
        (hour(), ["1:00:00", "Every 30 seconds", "mean and peak of 30 s each"]),
    ],
)
def test_says_what_the_verdict_says(verdict, told):
    text = Reader(page(verdict)).text
    for words in told:
        assert words in text


def test_names_prior_false_alarms_limits_hashes_and_settings():
    verdict = discrepant()
    text = Reader(page(verdict)).text
    assert "if, before looking, 50% of such files were thought discrepant" in text
    assert "on clips like those used for calibration" in text
    for what, why in LIMITS:
        assert what in text
        assert why in text
    for digest in (*verdict.provenance.hashes.values(), verdict.provenance.inputs[0].sha256):
        assert digest in text
    assert "limits.bytes 4294967296" in text


def test_a_failed_file_has_no_gauge_and_no_timeline():
    text = Reader(page(failed())).text
    assert "Over time" not in text
    assert "Probability" not in text
    assert "False alarms" not in text
    assert 'class="stats"' not in page(failed())


@pytest.mark.parametrize("tail", ["", " (it ends early)"])
def test_a_reason_is_given_once(tail):
    sentence = Reason.DAMAGED.sentence
    text = Reader(page(replace(failed(), explanation=f"{sentence}{tail}"))).text
    assert text.count(sentence) == 1
    assert tail in text


def test_a_muted_second_is_not_said_to_be_the_file():
    text = Reader(page(discrepant())).text
    assert Reason.SOUND_SAYS_NOTHING.sentence not in text


def test_the_headline_and_what_follows_do_not_contradict():
    explanation = "The sound fits the picture. Seen: sea. Heard: waves."
    text = Reader(page(replace(consistent(), explanation=explanation))).text
    assert "The sound seems to fit this picture. Seen: sea. Heard: waves." in text
    assert "The sound fits" not in text


def test_bars_stand_where_and_as_high_as_their_seconds():
    html = page(discrepant())
    found = re.findall(
        r'<rect class="bar( over)?" x="([\d.]+)%" width="([\d.]+)%" y="[\d.]+" height="([\d.]+)"', html
    )
    seconds = [s for s in discrepant().seconds if s.mute is None]
    assert len(found) == len(seconds) == 9
    for (over, x, width, height), second in zip(found, seconds, strict=True):
        assert float(x) == pytest.approx(float(second.span.start) / 10.2 * 100, abs=1e-3)
        assert float(width) == pytest.approx(float(second.span.duration) / 10.2 * 100, abs=2e-3)
        assert float(height) == pytest.approx(112 * second.score, abs=0.06)
        assert bool(over) == (second.score >= 0.62)


def test_an_hour_stays_small():
    html = page(hour())
    assert html.count('<rect class="bar') <= 120 + 4
    assert len(re.findall("<tr", html)) == (1 + 60) + (1 + 200) + (1 + 120)
    assert html.count("<image") <= 13
    assert len(html) < 600_000


def test_two_hours_in_which_all_happens_stay_small():
    html = page(two_hours())
    assert len(html) < 1_500_000
    text = Reader(html).text
    assert text.count("So one expects to hear") == 24
    assert "The 200 of 2400 shots that fit least" in text
    assert "2399, too many to draw" in text
    assert "Less sure" in text
    # By the minute already, so not once more by the step of a minute.
    assert "Minute by minute" in text
    assert "Every 60 seconds" not in text
    # The surest are shown in full: here those at the end.
    assert text.index("1:59:40-1:59:44.2 score") < text.index("0:10-0:14.2 60%")


def test_a_long_video_is_told_by_the_minute():
    assert "Minute by minute" not in Reader(page(discrepant())).text
    text = Reader(page(hour())).text
    assert "25:00 0.87 1.00 100% 1:00 sea and shore (0.71), sand (0.14) road traffic" in text
    assert "12:00 0% sea and shore" in text


def test_a_span_says_why():
    html = page(discrepant())
    text = Reader(html).text
    seen = "seen: sea and shore (0.71), sand (0.14), boat (0.05), waves or wind expected"
    assert f"{seen}; heard: road traffic (0.58)" in text
    assert "So one expects to hear waves 0.41 wind 0.12" in text
    assert "road traffic heard +1.31 sea and shore seen +0.40 wind heard -0.22" in text
    bars = re.findall(r'<rect class="(against|for)" x="([\d.]+)%" y="1" width="([\d.]+)%"', html)
    assert [(side, float(x), float(width)) for side, x, width in bars] == [
        ("against", 50.0, 50.0),
        ("against", 50.0, 15.24),
        ("for", 41.62, 8.38),
    ]


def test_cuts_stand_where_they_are():
    html = page(discrepant())
    lane = re.search(r'aria-label="Cuts of the picture at ([^"]*)">(.*?)</svg>', html, re.S)
    assert lane[1] == "0:03.2, 0:07"
    found = [float(x) for x in re.findall(r'<line x1="([\d.]+)%"', lane[2])]
    assert found == pytest.approx([100 * 3.2 / 10.2, 100 * 7 / 10.2], abs=1e-3)
    assert "Shot by shot" in html
    assert "Cuts of the picture" not in page(consistent())
    assert "Shot by shot" not in page(consistent())


def test_a_page_needs_no_exhibit_and_takes_an_empty_one():
    for shown in (None, Exhibit((), None, 1.0), replace(exhibit(Fraction(10)), thumbnails=())):
        html = page(replace(discrepant(), exhibit=shown))
        assert "Frame at" not in html
        assert "Over time" in html


def test_same_verdict_same_page():
    assert page(hour()) == page(hour())


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(a: str, b: str) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_aa_in_light_and_dark():
    style = re.search(r"<style>(.*?)</style>", page(failed()), re.S)[1]
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    dark = dark.split("@media")[0]
    for theme in (light, dark):
        colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})\b", theme))
        tones = re.findall(r"--tone: (#[0-9a-f]{6})", theme)
        assert len(tones) == 4
        for ground in (colours["paper"], colours["card"]):
            for ink in (colours["ink"], colours["quiet"], colours["over"], *tones):
                assert _contrast(ink, ground) >= 4.5
        for mark in ("seen", "heard", "fits", "over"):
            assert _contrast(colours[mark], colours["base"]) >= 3
