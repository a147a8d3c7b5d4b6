"""The page in a real browser: Debian's Chromium, driven against ``vadd serve`` with real clips."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contrast import contrast
from serving import PATIENCE, browser_or_skip, chromium, served

from media import Picture, Sound, clip, cut, seconds_of_colour, tone, write
from vadd.demo import clips

SHEEP, FIRE = (each.path for each in clips())
TOKEN = "a-token-that-is-long-enough-for-this-server"  # noqa: S105 - of a server that lives for one test


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    browser_or_skip()
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(browser_or_skip()) as found:
        yield found


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes a while to judge and little to write."""
    path = tmp_path_factory.mktemp("long") / "half an hour.mkv"
    sound = Sound(tone(1800, rate=8000), rate=8000, codec="pcm_s16le")
    return write(path, Picture(seconds_of_colour(1800, rate=1), rate=1), [sound])


class Watched:
    """A page and all that went wrong on it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.wrong: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"a request to {request.url}")


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens a page of the server; at the end nothing may have gone wrong on any."""
    contexts, watched = [], []

    def open_(path: str = "/", **options: Any) -> Any:
        context = browser.new_context(
            **{"locale": "en-GB", "viewport": {"width": 1100, "height": 900}, **options}
        )
        contexts.append(context)
        watched.append(Watched(context.new_page(), address))
        watched[-1].page.goto(f"{address}{path}")
        return watched[-1].page

    yield open_
    for context in contexts:
        context.close()
    assert [told for each in watched for told in each.wrong] == []


@pytest.fixture(scope="module")
def discrepant(browser: Any, address: str) -> str:
    """The path of the page of a clip whose sound does not fit."""
    return judged(browser, address, FIRE)


def judged(browser: Any, address: str, path: Path) -> str:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.set_input_files("#files", path)
    page.wait_for_selector("h1#verdict")
    found: str = page.url.removeprefix(address)
    context.close()
    return found


def look(page: Any, tmp_path: Path, name: str) -> None:
    """A picture for people: kept where ``VADD_SHOTS`` says, if it says anything."""
    folder = Path(os.environ.get("VADD_SHOTS") or tmp_path)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def head(page: Any) -> float:
    """Where the play head stands, as a share of the tracks."""
    found: float = page.evaluate(
        "() => { const s = document.getElementById('slider').getBoundingClientRect();"
        " return (document.getElementById('head').getBoundingClientRect().left + 1 - s.left) / s.width; }"
    )
    return found


def time_of(page: Any, id_: str = "video") -> float:
    found: float = page.evaluate(f"document.getElementById('{id_}').currentTime")
    return found


def until(page: Any, expression: str) -> None:
    """Wait until an expression holds; asked from here, as the page's policy forbids what waits inside it."""
    for _ in range(PATIENCE // 50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"this never held: {expression}")


READY = "document.getElementById('video').readyState >= 2"


def test_a_file_is_sent_followed_and_judged(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened()
    page.on("filechooser", lambda chooser: chooser.set_files(FIRE))
    look(page, tmp_path, "home")
    page.click("#files")
    page.wait_for_url("**/jobs/*")
    page.wait_for_selector("h1#verdict")
    look(page, tmp_path, "discrepant")
    assert page.title() == "Discrepant: fire_engine.mp4 (vadd)"
    text = page.inner_text("main")
    assert "The sound probably does not belong to this picture." in text
    assert "if, before looking, 50% of such files were thought discrepant" in text
    assert "of clips with their own sound, on clips like those used for calibration" in text
    assert "A discrepancy is a reason to look closer, not proof of deceit." in text
    until(page, "[...document.querySelectorAll('.case img')].every(i => i.complete && i.naturalWidth > 0)")
    page.goto("/".join(page.url.split("/")[:3]))
    assert page.inner_text("#jobs li.discrepant .mark") == "Discrepant"


def test_progress_is_shown_by_stage(opened: Callable[..., Any], tmp_path: Path, long: Path) -> None:
    page = opened()
    page.set_input_files("#files", long)
    page.wait_for_url("**/jobs/*")
    page.wait_for_selector("#progress .now >> text=reading picture and sound")
    until(page, "document.querySelector('#progress progress').value > 0")
    assert page.inner_text("#live") == "reading picture and sound"
    look(page, tmp_path, "progress")
    page.click("#cancel")
    page.wait_for_selector("main >> text=Cancelled")
    assert page.locator("#video").count() == 0
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#delete")
    page.wait_for_selector("#drop")
    assert page.locator("#jobs >> text=half an hour.mkv").count() == 0


def test_a_click_on_a_track_seeks(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(discrepant)
    until(page, READY)
    for track, share in (("score", 0.3), ("frames", 0.8), ("picture", 0.55), ("sound", 0.1)):
        plot = page.locator(f".tracks svg.{track}").first
        box = plot.bounding_box()
        plot.click(position={"x": share * box["width"], "y": box["height"] / 2})
        until(page, "!document.getElementById('video').seeking")
        assert time_of(page) == pytest.approx(10 * share, abs=0.1)
        assert head(page) == pytest.approx(share, abs=0.01)
    page.click("#columns a.jump >> nth=6")
    assert head(page) == pytest.approx(0.6, abs=0.01)
    assert "here" in page.locator("#columns tbody tr").nth(6).get_attribute("class")


def test_the_play_head_moves_over_the_tracks(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(discrepant)
    until(page, READY)
    page.evaluate("video.muted = true")
    page.locator("#video").focus()
    page.evaluate("video.play()")
    until(page, "video.currentTime > 1")
    page.evaluate("video.pause()")
    until(page, "video.paused && Math.abs(parseFloat(head.style.left) / 100 * 10 - video.currentTime) < 0.1")
    assert float(page.get_attribute("#slider", "aria-valuenow")) == pytest.approx(time_of(page), abs=0.1)


def test_a_flagged_stretch_can_be_played_by_itself(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(discrepant)
    until(page, READY)
    page.evaluate("video.currentTime = 3; video.muted = true; video.playbackRate = 8")
    button = page.locator("button.play").first
    end = float(button.get_attribute("data-to"))
    button.click()
    until(page, "video.currentTime < 3 || !video.paused")
    until(page, f"video.paused && video.currentTime >= {end - 0.05}")


def test_the_tracks_work_by_keyboard(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(discrepant)
    until(page, READY)
    slider = page.locator("#slider")
    slider.focus()
    for key, place in (
        ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowUp", 3), ("ArrowLeft", 2), ("ArrowDown", 1),
        ("PageUp", 10), ("PageDown", 0), ("End", 10), ("Home", 0), ("ArrowLeft", 0),
    ):  # fmt: skip
        slider.press(key)
        assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(place, abs=0.05), key
        until(page, "!document.getElementById('video').seeking")
        assert time_of(page) == pytest.approx(place, abs=0.05), key
    assert slider.get_attribute("aria-valuetext").startswith("0:00 of 0:10. Seen: ")
    assert "Heard: " in slider.get_attribute("aria-valuetext")
    assert slider.get_attribute("aria-valuetext").endswith("Does not fit.")
    page.evaluate("video.muted = true")
    slider.press(" ")
    until(page, "!video.paused")
    slider.press(" ")
    until(page, "video.paused")


def test_everything_can_be_taken_along(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(discrepant)
    found = {}
    links = page.locator(".downloads a[download]")
    for at in range(links.count()):
        with page.expect_download() as download:
            links.nth(at).click()
        found[Path(download.value.suggested_filename).suffix] = Path(download.value.path()).read_text("utf-8")
    assert set(found) == {".html", ".json", ".csv", ".srt"}
    assert "fire_engine.mp4" in found[".html"]
    told = json.loads(found[".json"])
    assert told["verdict"] == "discrepant"
    assert told["provenance"]["inputs"][0]["name"] == "fire_engine.mp4"
    assert found[".csv"].startswith("file,verdict,")
    assert "-->" in found[".srt"]


def test_a_result_prints_cleanly(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(f"{discrepant}/print")
    page.emulate_media(media="print")
    for hidden in ("nav", ".languages", ".skip", "#print"):
        assert not page.locator(hidden).is_visible()
    for shown in ("#verdict", ".tracks", "#limits", "#technical", "#columns, table"):
        assert page.locator(shown).first.is_visible()
    # Nothing is cut off at the right edge of A4 with its margins.
    page.set_viewport_size({"width": 688, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_bad_file_is_told_plainly(opened: Callable[..., Any], tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", 3)
    bad = {"broken.mp4": cut(whole, 0.4).read_bytes(), "letter.mp4": b"Dear editor, " * 900}
    for name, data in bad.items():
        path = tmp_path / name
        path.write_bytes(data)
        page = opened()
        page.set_input_files("#files", path)
        page.wait_for_selector("h1#verdict")
        text = page.inner_text("main")
        assert "This file could not be judged." in text
        assert "The file " in page.inner_text(".lead")
        assert page.locator("#video").count() == 0
        look(page, tmp_path, f"bad-{path.stem}")


def test_an_empty_choice_and_a_name_that_is_markup_do_no_harm(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    page = opened()
    path = tmp_path / "<img src=x onerror=document.title='hurt'>{{7*7}}.mp4"
    path.write_bytes(b"no media")
    page.set_input_files("#files", path)
    page.wait_for_selector("h1#verdict")
    assert page.locator("main img").count() == 0
    assert "<img src=x onerror=document.title='hurt'>{{7*7}}.mp4" in page.inner_text("main")
    assert "hurt'" in page.title()


def test_a_folder_is_judged_and_files_can_be_cancelled_and_deleted(
    opened: Callable[..., Any], tmp_path: Path, long: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "a long one.mkv").write_bytes(long.read_bytes())
    for number in range(2):
        frames = seconds_of_colour(2, first=number + 3)
        write(
            folder / "deep" / f"folder clip {number}.mp4",
            Picture(frames),
            [Sound(tone(2, hertz=200 + number))],
        )
    (folder / "notes.txt").write_text("no clip")
    (folder / ".hidden.mp4").write_text("no clip")
    page = opened()
    page.set_input_files("#folder", folder)
    page.wait_for_selector("#jobs >> text=folder clip 1.mp4")
    assert page.locator("#jobs >> text=notes.txt").count() == 0
    assert page.locator("#jobs >> text=.hidden.mp4").count() == 0
    # The first is at work for long; the others wait.
    page.click("button[aria-label='Cancel folder clip 1.mp4']")
    page.wait_for_selector("li.cancelled >> text=folder clip 1.mp4")
    page.click("button[aria-label='Cancel a long one.mkv']")
    page.wait_for_selector("li.cancelled >> text=a long one.mkv")
    page.wait_for_selector("li:has-text('folder clip 0.mp4') .mark")
    look(page, tmp_path, "list")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("button[aria-label='Delete folder clip 1.mp4']")
    assert page.locator("#jobs >> text=folder clip 1.mp4").count() == 1
    for name in ("folder clip 1.mp4", "folder clip 0.mp4", "a long one.mkv"):
        page.once("dialog", lambda dialog: dialog.accept())
        page.click(f"button[aria-label='Delete {name}']")
        page.wait_for_selector(f"#jobs >> text={name}", state="detached")
    # The keyboard goes on from the list and not from the top of the page.
    until(page, "document.activeElement.id === 'jobs-title'")


def test_files_can_be_dropped(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened()
    transfer = page.evaluate_handle(
        "() => { const t = new DataTransfer();"
        " for (const n of ['dropped 1.mp4', 'dropped 2.mp4']) t.items.add(new File(['no media ' + n], n));"
        " return t; }"
    )
    page.dispatch_event("#drop", "dragenter", {"dataTransfer": transfer})
    assert "over" in page.get_attribute("#drop", "class")
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    for name in ("dropped 1.mp4", "dropped 2.mp4"):
        page.wait_for_selector(f"#jobs li.failed:has-text('{name}')")
    assert page.url.endswith("/")


def test_a_picture_is_compared_with_a_sound(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened("/compare")
    look(page, tmp_path, "compare")
    page.set_input_files("#picture", FIRE)
    page.set_input_files("#sound", SHEEP)
    page.click("button[type=submit]")
    page.wait_for_selector("h1#verdict")
    assert "picture of fire_engine.mp4 with sound of sheep.mp4" in page.inner_text("main")
    until(page, f"{READY} && document.getElementById('sound').readyState >= 2")
    look(page, tmp_path, "pair")
    # The second file is heard, the first is not, and both are at the same place, also after a jump.
    page.locator("#slider").focus()
    page.keyboard.press(" ")
    near = "Math.abs(video.currentTime - sound.currentTime) < 0.25"
    until(page, f"!video.paused && !sound.paused && video.currentTime > 0.5 && {near}")
    assert page.evaluate("[video.muted, sound.muted]") == [True, False]
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    until(page, f"!sound.paused && video.currentTime > 2 && {near}")
    page.keyboard.press(" ")
    until(page, "video.paused && sound.paused")


def test_what_the_browser_cannot_play_can_still_be_read(opened: Callable[..., Any], tmp_path: Path) -> None:
    picture = Picture(seconds_of_colour(4), codec="mpeg4", options={})
    path = write(tmp_path / "old.avi", picture, [Sound(tone(4), codec="mp3")])
    page = opened()
    page.set_input_files("#files", path)
    page.wait_for_selector("h1#verdict")
    page.wait_for_selector("#noplay >> text=This browser cannot play this kind of file.")
    page.locator("#slider").press("ArrowRight")
    page.locator("#slider").press("ArrowRight")
    assert page.get_attribute("#slider", "aria-valuetext").startswith("0:02 of 0:04.")
    assert head(page) == pytest.approx(0.5, abs=0.02)
    look(page, tmp_path, "unplayable")


def focus_on(page: Any, selector: str, most: int = 60) -> None:
    """Press Tab until the element has the focus; each stop on the way must be visibly in focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            return
    pytest.fail(f"{selector} is not reached by Tab")


def test_the_keyboard_alone_is_enough(opened: Callable[..., Any]) -> None:
    page = opened()
    page.on("filechooser", lambda chooser: chooser.set_files(FIRE))
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to the content"
    assert page.locator(":focus").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'main'")
    focus_on(page, "#files")
    outline = page.evaluate("getComputedStyle(document.querySelector('#files + .button')).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector("h1#verdict")
    until(page, READY)
    focus_on(page, "#slider")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    until(page, "Math.abs(video.currentTime - 1) < 0.1")
    focus_on(page, "button.play")
    focus_on(page, ".downloads a")
    focus_on(page, "#delete")
    page.once("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("Enter")
    page.wait_for_selector("#drop")


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(
    opened: Callable[..., Any], discrepant: str, tmp_path: Path, locale: str, scheme: str
) -> None:
    for path in ("/", "/compare", discrepant, f"{discrepant}/print", "/jobs/none"):
        if path == "/jobs/none":  # a browser tells of a 404 in its console
            continue
        page = opened(path, viewport={"width": 360, "height": 740}, locale=locale, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert page.get_attribute("html", "lang") == locale[:2]
        # What is pressed is large enough for a thumb.
        small = page.evaluate(
            "() => [...document.querySelectorAll('button, .button, nav a, .languages a, .downloads a')]"
            ".filter(e => e.getClientRects().length)"
            ".map(e => [e.textContent, e.getBoundingClientRect().height])"
            ".filter(([, height]) => height < 24)"
        )
        assert small == []
        look(page, tmp_path, f"phone-{locale[:2]}-{scheme}-{path.strip('/').replace('/', '-')[:4] or 'home'}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawn_text_has_contrast_in_both_schemes(
    opened: Callable[..., Any], discrepant: str, scheme: str
) -> None:
    page = opened(discrepant, color_scheme=scheme)
    found = page.evaluate(
        """() => {
          const behind = (e) => {
            for (; e; e = e.parentElement) {
              const colour = getComputedStyle(e).backgroundColor;
              if (!colour.endsWith(', 0)')) return colour;
            }
          };
          return [...document.querySelectorAll('main *, header *, footer *')]
            .filter((e) => !e.closest('svg') && e.getClientRects().length &&
              [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
            .map((e) => [e.tagName + '.' + e.className, getComputedStyle(e).color, behind(e)]);
        }"""
    )
    assert len(found) > 100
    plain = [row for row in found if "rgba" not in row[2]]
    assert len(plain) > 100
    for name, colour, behind in plain:
        assert contrast(_hex(colour), _hex(behind)) >= 4.5, (name, colour, behind)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (contrast(_hex(paper), "#000000") < 2) == (scheme == "dark")


def _hex(colour: str) -> str:
    """``rgb(1, 2, 3)`` as ``#010203``."""
    numbers = colour[colour.index("(") + 1 : colour.index(")")].split(",")[:3]
    return "#" + "".join(f"{int(number):02x}" for number in numbers)


def test_the_language_can_be_chosen_and_stays(opened: Callable[..., Any], discrepant: str) -> None:
    page = opened(discrepant)
    page.click(".languages a")
    page.wait_for_selector("html[lang=de]")
    assert page.url.endswith(discrepant)
    assert "Der Ton gehört wahrscheinlich nicht zu diesem Bild." in page.inner_text("main")
    page.locator("#slider").focus()
    assert "von 0:10. Zu sehen: " in page.get_attribute("#slider", "aria-valuetext")
    page.click("nav a >> nth=1")
    page.wait_for_selector("h1 >> text=Dieses Bild mit jenem Ton vergleichen")
    page.click(".languages a")
    page.wait_for_selector("html[lang=en]")


def test_the_page_works_without_scripts(opened: Callable[..., Any], tmp_path: Path) -> None:
    page = opened("/", java_script_enabled=False)
    look(page, tmp_path, "no-script")
    page.set_input_files("#files", SHEEP)
    page.click("button[type=submit]")
    page.wait_for_url("**/jobs/*")
    for _ in range(600):
        if page.locator("h1#verdict").count():
            break
        page.wait_for_timeout(300)
        page.reload()
    assert "The sound seems to fit this picture." in page.inner_text("main")
    assert page.locator("#video").is_visible()
    assert not page.locator("#slider").is_visible()
    page.click("#delete")
    page.wait_for_selector("#drop")
    assert "sheep.mp4" not in page.locator("#jobs .what a").all_inner_texts()


def test_a_server_with_a_token_asks_for_it_once(browser: Any) -> None:
    with served(token=TOKEN) as own:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(own)
        assert page.url.endswith("/login")
        page.fill("#token", TOKEN[:-1] + "!")
        page.click("button")
        page.wait_for_selector("#token")
        page.fill("#token", TOKEN)
        page.click("button")
        page.wait_for_selector("#drop")
        page.set_input_files("#files", FIRE)
        page.wait_for_selector("h1#verdict")
        until(page, READY)
        with page.expect_download() as download:
            page.click(".downloads a >> nth=1")
        assert json.loads(Path(download.value.path()).read_text())["verdict"] == "discrepant"
        context.close()


def test_a_file_too_large_is_refused_before_it_is_sent(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    path.write_bytes(bytes(3_000_000))
    with served("--max-upload", "1MB") as own:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(own)
        page.set_input_files("#files", path)
        page.wait_for_selector(
            "#sending >> text=large.mp4: larger than 1.0 MB, which is the most this server takes"
        )
        assert page.inner_text("#live") == page.inner_text("#sending .say")
        assert page.locator("#jobs li").count() == 0
        context.close()
