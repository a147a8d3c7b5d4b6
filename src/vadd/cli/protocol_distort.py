"""``vadd protocol distort``: a clip as it may look after uploads, edits and bad microphones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["distort_"]


@click.command("distort", short_help="Write a distorted copy of a clip, repeatably.")
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--with", "texts", multiple=True, metavar="NAME[:PARAM=VALUE,...]",
    help="A distortion; several are done one after the other.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Of what is drawn."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="OUT", help="The new file, .mkv or .mp4.")
@click.option("--list", "listed", is_flag=True, help="List the distortions and their parameters.")
@click.option("--json", "as_json", is_flag=True, help="Tell what was done, with all parameters, as JSON.")
def distort_(
    file: Path | None, texts: tuple[str, ...], seed: int, out: Path | None, listed: bool, as_json: bool
) -> int:
    """Write a copy of FILE with its picture or sound distorted.

    Both are decoded, changed and encoded anew; what no distortion is named for so finely that one does not
    notice. The same file, distortions, seed and versions give the same bytes; --json tells all of them.
    Distortions of how the file is written (h264, frame_rate, aac, opus) come last.
    """
    from vadd.cli.terminal import Progress, emit, say
    from vadd.protocol.distort.catalog import listing, parse
    from vadd.protocol.distort.chain import Chain

    if listed:
        told = listing()
        emit(json.dumps(told, indent=1) + "\n" if as_json else "".join(map(_listed, told)))
        return 0
    for name, value in (("FILE", file), ("--with", texts), ("--out", out)):
        if not value:
            raise click.UsageError(f"{name} is missing; --list shows the distortions")
    assert file is not None and out is not None  # noqa: S101, PT018 - for the type checker; see above
    from vadd.protocol.distort.file import distort

    chain = Chain(tuple(parse(text) for text in texts), seed)
    with Progress(out, wanted=not as_json) as progress:
        record = distort(file, chain, out, progress=progress)
    if as_json:
        emit(json.dumps(record, indent=1) + "\n")
    else:
        say(f"{out}: {', '.join(texts)}, seed {seed}")
    return 0


def _listed(told: dict[str, Any]) -> str:
    lines = [f"{told['name']}: {told['summary']}"]
    for each in told["parameters"]:
        if "options" in each:
            values = " | ".join(each["options"])
        elif "low" in each:
            values = f"{each['low']:g} to {each['high']:g}"
        else:
            values = "PATH"
        default = "" if each["default"] is None else f" [{each['default']}]"
        lines.append(f"  {each['name']}={values}{default}  {each['what']}")
    return "\n".join(lines) + "\n"
