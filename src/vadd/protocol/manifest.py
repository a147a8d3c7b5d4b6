"""A benchmark on paper: which picture is shown with which sound, and what is true of it.

A manifest is a CSV with one line a trial, and a JSON file beside it that says how it was made. Its form has a
version, in every line, so that a table cut in two still says what it is.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vadd.errors import OutputError, ProtocolError
from vadd.protocol.tables import records, unswept
from vadd.timeline import Span

__all__ = [
    "COLUMNS", "FORM", "Entry", "Party", "entry", "place_of", "read_manifest", "read_origin",
    "write_manifest",
]  # fmt: skip

#: Name and version of the form.
FORM = "vadd.manifest/1"
COLUMNS = (
    "manifest", "trial", "picture", "sound", "manipulated", "spans", "picture_class", "sound_class",
    "picture_scene", "sound_scene", "picture_city", "sound_city", "picture_location", "sound_location",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Party:
    """A clip that lends its picture or its sound.

    Attributes:
        name: Of the clip, without file suffix.
        label: Its class in the benchmark.
        scene: Its scene as the data set names it.
        city: City, may be empty.
        location: Place in the city.
    """

    name: str
    label: str
    scene: str
    city: str
    location: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One trial.

    Attributes:
        trial: Its name, which tells nothing of what is true: the file name of a rendered clip.
        picture: Whose picture is shown.
        sound: Whose sound is heard, all of the time or in ``spans``.
        manipulated: Whether the sound, or a part of it, was taken from elsewhere.
        spans: Where the foreign sound is heard, in order and apart, in whole microseconds; empty:
            everywhere.
    """

    trial: str
    picture: Party
    sound: Party
    manipulated: bool
    spans: tuple[Span, ...] = ()


def entry(
    picture: Party, sound: Party, seed: int, *, manipulated: bool, spans: tuple[Span, ...] = ()
) -> Entry:
    """A trial with its name, drawn from what it is made of and the seed."""
    words = json.dumps([seed, picture.name, sound.name, manipulated, _written(spans)])
    name = "t" + hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:15]
    return Entry(name, picture, sound, manipulated, spans)


def write_manifest(path: Path, entries: Iterable[Entry], origin: Mapping[str, Any]) -> None:
    """Write a manifest, sorted by the trials' names, and how it was made beside it.

    Args:
        path: The CSV; the other file has ``.json`` behind its name.
        entries: The trials.
        origin: JSON-ready: design, seed, counts, what was left out.

    Raises:
        OutputError: If either file cannot be written; neither is then left half-written.
        ProtocolError: If two trials have one name.
    """
    from vadd.classify.card import publish

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    before = ""
    for each in sorted(entries, key=lambda each: each.trial):
        if each.trial == before:
            raise ProtocolError(f"two trials are called {before}")
        before = each.trial
        one, two = each.picture, each.sound
        table.writerow(
            (FORM, each.trial, one.name, two.name, int(each.manipulated), _written(each.spans), one.label,
             two.label, one.scene, two.scene, one.city, two.city, one.location, two.location)
        )  # fmt: skip
    data = text.getvalue().encode("utf-8", "surrogatepass")
    facts = {"manifest": FORM, "sha256": hashlib.sha256(data).hexdigest(), **origin}
    told = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    place = place_of(path)
    publish(place.parent, {f"{place.name}.json": told, place.name: data}, what=f"{place.name} in")


def place_of(path: Path) -> Path:
    """Where a manifest of this name lies; a link keeps pointing where it points.

    Raises:
        OutputError: If something is there that is no file: a manifest is two files, and would take the
            place of a device or a pipe.
    """
    try:
        place = path.resolve() if path.is_symlink() else path
        there = place.exists() and not place.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle, before 3.13
        raise OutputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    if there:
        kind = "it is a folder" if place.is_dir() else "it is no file, and a manifest is two"
        raise OutputError(f"cannot write {path}: {kind}")
    return place


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """The trials of a manifest, in its order.

    Raises:
        UsageError: If the file cannot be read.
        ProtocolError: If it is no manifest, of another version, or a line makes no sense; names file and
            line.
    """
    with unswept():
        entries = tuple(_entries(path))
    if not entries:
        raise ProtocolError(f"{path} has no trials")
    return entries


def _entries(path: Path) -> Iterator[Entry]:
    found: dict[str, int] = {}
    # The same few labels and places come again and again: one object of each is kept, not one a line.
    word = _Words().__getitem__
    for number, fields in records(path, COLUMNS):
        form, trial, picture, sound, manipulated, spans, *labels = fields
        if form != FORM:
            raise ProtocolError(f"{path}, line {number}: a manifest of the form {form!r}, not {FORM}")
        if not trial or "/" in trial or trial[0] == ".":
            raise ProtocolError(f"{path}, line {number}: {trial!r} is no name of a trial")
        if trial in found:
            raise ProtocolError(f"{path}, line {number}: the trial {trial} is in line {found[trial]} already")
        found[trial] = number
        if manipulated not in ("0", "1"):
            raise ProtocolError(f"{path}, line {number}: manipulated is {manipulated!r}, not 0 or 1")
        if not picture or not sound:
            raise ProtocolError(f"{path}, line {number}: a trial has a picture and a sound")
        labels = list(map(word, labels))
        one = Party(picture, *labels[::2])
        two = one if picture == sound and labels[::2] == labels[1::2] else Party(sound, *labels[1::2])
        where = read_spans(spans, f"{path}, line {number}") if spans else ()
        if where and manipulated == "0":
            raise ProtocolError(f"{path}, line {number}: an unmanipulated trial has spans")
        yield Entry(trial, one, two, manipulated == "1", where)


class _Words(dict[str, str]):
    """Of equal words the first."""

    def __missing__(self, word: str) -> str:
        self[word] = word
        return word


def read_origin(path: Path) -> dict[str, Any]:
    """What the file beside a manifest says of how it was made; empty where there is none.

    Raises:
        ProtocolError: If it is no JSON object.
    """
    place = path.resolve() if path.is_symlink() else path
    beside = place.with_name(f"{place.name}.json")
    if not beside.is_file():
        return {}
    try:
        facts = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProtocolError(f"{beside} cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise ProtocolError(f"{beside} is no JSON object")
    return facts


def read_spans(text: str, where: str) -> tuple[Span, ...]:
    """Spans written as ``1-2.5;6-8``, seconds; in order and apart.

    Raises:
        ProtocolError: If they are not; begins with ``where``.
    """
    spans: list[Span] = []
    for part in filter(None, text.split(";")):
        start, dash, end = part.strip().partition("-")
        try:
            span = Span(_seconds(start), _seconds(end))
        except ValueError as error:
            raise ProtocolError(f"{where}: {part!r} is no span of seconds") from error
        if not dash or (spans and span.start < spans[-1].end):
            raise ProtocolError(f"{where}: the spans {text!r} are not in order and apart")
        spans.append(span)
    return tuple(spans)


def _seconds(text: str) -> Fraction:
    if len(text) > 20 or not text.replace(".", "", 1).isdecimal():
        raise ValueError(text)
    return Fraction(text)


def _written(spans: tuple[Span, ...]) -> str:
    return ";".join(f"{_number(span.start)}-{_number(span.end)}" for span in spans)


def _number(time: Fraction) -> str:
    return f"{float(time):.6f}".rstrip("0").rstrip(".")
