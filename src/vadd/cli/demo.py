"""``vadd demo``: judge the clips that come with vadd."""

from __future__ import annotations

import click

__all__ = ["demo"]


@click.command(short_help="Judge the example clips and write a report of each.")
@click.option("--out", default="vadd-demo", show_default=True, metavar="DIR", help="Folder for the reports.")
def demo(out: str) -> int:
    """Judge the example clips that come with vadd and write a report of each.

    Exit status: 0 if every clip got the verdict that it should, else 1.
    """
    from vadd.cli.files import plan_pages
    from vadd.cli.terminal import Progress, say, show
    from vadd.demo import clips
    from vadd.detect.detector import Detector
    from vadd.report.output import write
    from vadd.report.page import page

    shown = clips()
    pages = plan_pages(out, [clip.path.name for clip in shown], [], folder=True)
    detector = Detector()
    wrong = []
    for clip, path in zip(shown, pages, strict=True):
        say(clip.caption)
        with Progress(clip.path, wanted=True) as progress:
            verdict = detector.check(clip.path, exhibit=True, progress=progress)
        write(path, page(verdict))
        show(verdict)
        say(f"  Report: {path}")
        say("")
        if verdict.verdict is not clip.expected:
            wrong.append(f"{clip.name} should be {clip.expected.value}, not {verdict.verdict.value}")
    if wrong:
        say("Not as it should be: " + "; ".join(wrong))
        return 1
    say("Every clip got the verdict that it should.")
    return 0
