"""``vadd protocol render``: the clips of a benchmark."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vadd.protocol.render import Failed

__all__ = ["render_"]


@click.command("render", short_help="Write the clips of a manifest, picture copied, sound made alike.")
@click.argument("manifest", type=click.Path(path_type=Path), metavar="MANIFEST")
@click.option(
    "--media", required=True, type=click.Path(path_type=Path), metavar="DIR",
    help="The clips: NAME.mp4 and the like in any folder in it, or TAU's video/NAME.mp4, audio/NAME.wav.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Gets TRIAL.mp4 for each."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N",
    help="Clips in the making at once; one a processor by default.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Tell what was done as JSON.")
def render_(manifest: Path, media: Path, out: Path, workers: int | None, as_json: bool) -> int:
    """Write the clip of every trial of MANIFEST.

    The picture is copied packet by packet. The sound of every clip, an unmodified one's too, is decoded,
    brought to one level, to the length of the picture and to mono at 48 kHz, and encoded anew, so that
    codec, bit rate, level, padding and metadata do not tell which clips were manipulated.

    What is there already is skipped, so a run that was ended goes on where it was. rendered.jsonl in the
    folder holds a line for each clip. Clips that cannot be read are named and counted.

    Exit status: 0 if every trial is there, 4 if some could not be rendered, 2 for a wrong call.
    """
    from vadd.cli.terminal import Progress, emit, say
    from vadd.errors import MediaError
    from vadd.protocol.manifest import read_manifest
    from vadd.protocol.render import render

    entries = read_manifest(manifest)
    with Progress(out, wanted=True) as progress:
        done = render(entries, media, out, workers=workers, progress=progress, failed=_complain)
    if as_json:
        emit(json.dumps({"out": str(out), **done.to_json()}, indent=1) + "\n")
    else:
        say(
            f"{out}: {done.rendered} clips rendered, {done.skipped} were there already, "
            f"{len(done.failures)} could not be made"
        )
        if done.quiet:
            say(f"{done.quiet} are too quiet to be brought to the level of the others")
        if done.filled:
            say(f"{done.filled} have a sound shorter than the picture, continued at its end")
    return MediaError.exit_status if done.failures else 0


def _complain(failure: Failed) -> None:
    from vadd.report.text import printable

    sys.stderr.write(f"vadd: {printable(failure.message)}\n")
