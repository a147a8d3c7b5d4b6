"""``vadd protocol join`` and ``splice``: long clips joined of short ones, and splices that keep off joins."""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

__all__ = ["join_", "splice_"]

#: The table of what was joined, in the folder of the joined clips.
_TABLE = "joins.csv"
_LIST = "clip,scene,city,location, and maybe kind."
_JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON document and nothing else.")
_SEED = click.option("--seed", type=int, default=0, show_default=True, metavar="N")


class _Range(click.ParamType[tuple[Fraction, Fraction]]):
    """``4-15`` or ``4``: two numbers, the first not above the second, as fractions."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fraction, Fraction]:
        """Read a range."""
        if isinstance(value, tuple):
            return value
        low, dash, high = str(value).partition("-")
        numbers = [part.strip() for part in ((low, high) if dash else (low, low))]
        if not all(len(part) < 10 and part.replace(".", "", 1).isdecimal() for part in numbers):
            self.fail(f"{value!r} is no range such as 4-15", param, ctx)
        least, most = (Fraction(Decimal(part)) for part in numbers)
        if most < least:
            self.fail(f"{value!r} ends before it begins", param, ctx)
        return least, most


_RANGE = _Range()


@click.command("join", short_help="Join short clips to long ones, picture and sound changing together.")
@click.option(
    "--clips", "listed", required=True, type=click.Path(path_type=Path), metavar="CSV",
    help=f"The clips, and recordings whose sound may be lent: {_LIST}",
)  # fmt: skip
@click.option(
    "--media", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="Their files: NAME.mp4 and the like in any folder in it, or TAU's video/NAME.mp4, audio/NAME.wav.",
)  # fmt: skip
@click.option("--seconds", type=_RANGE, default="30-60", show_default=True, help="Of a joined clip.")
@click.option("--pieces", type=_RANGE, default="4-10", show_default=True, help="Seconds of a piece.")
@click.option("--count", required=True, type=click.IntRange(1, 100_000), metavar="N", help="Joined clips.")
@click.option("--size", default="640x360", show_default=True, metavar="WxH", help="Of the picture.")
@click.option(
    "--frame-rate", "rate", type=click.Choice(["5", "10", "20", "25", "50"]), default="25", show_default=True
)
@_SEED
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help=f"Gets CLIP.mp4 for each, {_TABLE}, and the sounds that may be lent in DIR/lent.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N",
    help="Files in the making at once; one a processor by default.",
)  # fmt: skip
@_JSON
def join_(
    listed: Path, media: Path, seconds: tuple[Fraction, Fraction], pieces: tuple[Fraction, Fraction],
    count: int, size: str, rate: str, seed: int, out: Path, workers: int | None, as_json: bool,
) -> int:  # fmt: skip
    """Join clips of CSV to long ones; what was joined, and when, is told in DIR/joins.csv.

    Picture and sound change together at each join. Every piece goes one way: one picture size (what is
    missing is black) and frame rate, one level of sound, one encoding. Neighbours are of different classes
    and kinds. Every sound of the list is also written by itself, repeated until it is as long as the longest
    joined clip, to be lent by 'vadd protocol splice'.

    The same list and seed give the same clips everywhere. What is there already is skipped, so a run that
    was ended goes on where it was.

    Exit status: 0 if every file is there, 4 if some could not be made, 2 for a wrong call.
    """
    from dataclasses import asdict

    from vadd.classify.card import publish
    from vadd.cli.terminal import Progress, emit, say
    from vadd.errors import MediaError
    from vadd.media.join import Frame
    from vadd.protocol.join import Lengths, plan
    from vadd.protocol.join_run import join, measured
    from vadd.protocol.joined import FORM, joins_table, read_stock
    from vadd.protocol.media_files import find_clips

    frame = Frame(*_size(size), int(rate))
    lengths = Lengths(*seconds, *pieces, step=Fraction(1, frame.rate))
    stock = read_stock(listed)
    files = find_clips(media, (each.name for each in stock))
    there = measured(stock, files, workers=workers or os.cpu_count() or 1)
    clips = plan(there.pictured, count, seed, lengths)
    with Progress(out, wanted=True) as progress:
        done = join(
            clips,
            there.lenders,
            files,
            out,
            frame=frame,
            workers=workers,
            progress=progress,
            failed=_complain,
        )
    failed = {name for name, _ in done.failures}
    kept = [clip for clip in clips if clip.name not in failed]
    origin = {
        "seed": seed, "clips": len(kept), "pieces": sum(len(clip.pieces) for clip in kept),
        "seconds": [float(each) for each in seconds], "piece_seconds": [float(each) for each in pieces],
        "frame": asdict(frame), "lenders": len(there.lenders),
    }  # fmt: skip
    told = json.dumps({"joins": FORM, **origin}, indent=1).encode() + b"\n"
    publish(out, {f"{_TABLE}.json": told, _TABLE: joins_table(kept)}, what=f"{_TABLE} in")
    if as_json:
        problems = [{"name": name, "message": message} for name, message in done.failures]
        facts = {**origin, "made": done.made, "skipped": done.skipped, "failures": problems}
        emit(json.dumps({"out": str(out), **facts}, indent=1) + "\n")
    else:
        say(
            f"{out}: {done.made} files made, {done.skipped} were there already, {len(failed)} could not be "
            f"made; {len(kept)} clips joined of {origin['pieces']} pieces"
        )
    return MediaError.exit_status if failed else 0


@click.command("splice", short_help="Draw a benchmark of joined clips: splices that keep off the joins.")
@click.argument("joins", type=click.Path(path_type=Path), metavar="JOINS.csv")
@click.option(
    "--clips", "listed", required=True, type=click.Path(path_type=Path), metavar="CSV",
    help=f"Whose sounds may be lent: {_LIST}",
)  # fmt: skip
@click.option(
    "--near", type=click.Path(path_type=Path), metavar="FILE",
    help="Pairs of classes or kinds of which neither is foreign to the other, two words on a line.",
)  # fmt: skip
@click.option("--spans", type=_RANGE, default="1-2", show_default=True, help="Foreign spans of a clip.")
@click.option("--seconds", type=_RANGE, default="4-15", show_default=True, help="Of a foreign span.")
@click.option(
    "--keep-off", "away", type=click.FloatRange(0, 60, min_open=True), default=1, show_default=True,
    metavar="S", help="Seconds between an edge of a span and a join, at least.",
)  # fmt: skip
@_SEED
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="MANIFEST.csv")
@_JSON
def splice_(
    joins: Path, listed: Path, near: Path | None, spans: tuple[Fraction, Fraction],
    seconds: tuple[Fraction, Fraction], away: float, seed: int, out: Path, as_json: bool,
) -> int:  # fmt: skip
    """Draw trials of the clips of JOINS.csv: each as it is, and with a foreign sound in one span or more.

    A span neither begins nor ends near a join; it may cover some or lie within a piece, and at most half of
    a clip is foreign. The sound is of no class, kind or place that occurs in the clip. 'vadd protocol
    render MANIFEST.csv' with the folder of the joined clips makes them.
    """
    from vadd.cli.terminal import emit, say
    from vadd.errors import ProtocolError
    from vadd.protocol.joined import read_joins, read_near, read_stock
    from vadd.protocol.keep_off import Apart, spliced
    from vadd.protocol.manifest import write_manifest

    if any(each.denominator != 1 for each in spans):
        raise click.BadParameter("a number of spans is a whole one", param_hint="'--spans'")
    apart = Apart(int(spans[0]), int(spans[1]), *seconds, Fraction(Decimal(str(away))))
    clips = read_joins(joins)
    found = spliced(clips, read_stock(listed), seed, apart, read_near(near) if near else ())
    if not found.entries:
        reason = "has room for a span" if found.without_room else "has a sound that is foreign to it"
        raise ProtocolError(f"none of the {len(clips)} joined clips {reason}")
    lent = {each.sound.name for each in found.entries if each.manipulated}
    origin = {
        "design": "joined", "classes": "own", "seed": seed, "spans": [apart.fewest, apart.most_spans],
        "span_seconds": [float(each) for each in seconds], "keep_off": away,
        "trials": len(found.entries), "pristine": len(found.entries) // 2,
        "manipulated": len(found.entries) // 2, "donors": len(lent),
        "without_room": len(found.without_room), "without_donor": len(found.without_donor),
    }  # fmt: skip
    write_manifest(out, found.entries, origin)
    if as_json:
        emit(json.dumps({"manifest": str(out), **origin}) + "\n")
        return 0
    say(f"{out}: {len(found.entries) // 2} joined clips, each as it is and spliced with {len(lent)} sounds")
    for names, why in ((found.without_room, "no span fits"), (found.without_donor, "no sound is foreign")):
        if names:
            say(f"{len(names)} clips are left out, as {why}")
    return 0


def _size(text: str) -> tuple[int, int]:
    wide, _, high = text.partition("x")
    sides = [int(side) if side.isdecimal() and len(side) < 5 else 0 for side in (wide, high)]
    if not all(64 <= side <= 4096 and side % 2 == 0 for side in sides):
        raise click.BadParameter(
            f"{text!r} is no size such as 640x360, even and from 64 to 4096", param_hint="'--size'"
        )
    return sides[0], sides[1]


def _complain(message: str) -> None:
    from vadd.report.text import printable

    sys.stderr.write(f"vadd: {printable(message)}\n")
