"""What becomes of the verdicts when clips are compressed, masked, darkened, cropped: a table and a picture.

    python benchmarks/robustness.py --shared DIR --work DIR --speech DIR  # measures what is not in --work yet
    python benchmarks/robustness.py --work DIR --write                    # scores again, measures nothing

The shared data's clips whose sound was recorded with the picture; of each the picture or the sound is
distorted, by ``vadd protocol distort``'s own functions, with its row in the list as the seed. All own and
swapped pairs are then judged from the features, with all that is learnt from clips learnt on undistorted ones
and without the kinds of both clips of a pair. ``--speech``: any folder with ``*_desc.ogg`` (Tux Paint's
spoken descriptions).
"""

from __future__ import annotations

import argparse
import sys
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]

import build_features  # noqa: E402
import everyday  # noqa: E402
import learn_everyday as learning  # noqa: E402
from measures import auc, over_clips  # noqa: E402
from robustness_features import MUSIC, SIDE, SPEECH, Setting, Table, measured, table  # noqa: E402
from robustness_figure import drawn  # noqa: E402
from vadd._version import __version__  # noqa: E402
from vadd.detect.verdict import Outcome  # noqa: E402

PAGE = ROOT / "docs" / "benchmark-robustness.md"
FIGURE = ROOT / "docs" / "robustness.svg"

#: Row, side, text with {} for the strength, strengths, how a strength is told.
_ROWS = (
    ("encoded anew", "picture", "", ("",), "picture"),
    ("encoded anew", "sound", "", ("",), "sound"),
    ("H.264", "picture", "h264:crf={}", (28, 34, 40), "CRF {}"),
    ("frame rate", "picture", "frame_rate:rate={}", (5,), "{} a second"),
    ("dark", "picture", "dark:stops={}", (2, 4, 6), "{} stops"),
    ("blur", "picture", "blur:percent={}", (1, 2, 4), "{} % of the shorter side"),
    ("crop", "picture", "crop:keep={}", (0.8, 0.6, 0.4), "{} of each side left"),
    ("letterbox", "picture", "letterbox:share={}", (0.25, 0.5), "{} of the height"),
    ("mirror", "picture", "mirror", ("",), ""),
    ("captions", "picture", "captions:lines={}", (1, 3, 6), "lines: {}"),
    ("vertical", "picture", "vertical:fill={}", ("blur", "crop"), "{}"),
    ("AAC", "sound", "aac:kilobits={}", (96, 48, 24), "{} kbit/s"),
    ("Opus", "sound", "opus:kilobits={}", (96, 48, 24), "{} kbit/s"),
    ("resampled", "sound", "resample:rate={}", (8000,), "{} Hz"),
    ("noise", "sound", "noise:snr={}", (20, 10, 0), "{} dB below the sound"),
    ("gain", "sound", "gain:decibels={}", (-20, -40, 20), "{} dB"),
    ("clipping", "sound", "clipping:share={}", (0.1, 0.3, 0.5), "{} of the samples"),
    ("mono", "sound", "mono", ("",), ""),
    ("reverberation", "sound", "reverberation:seconds={}", (0.5, 1, 2), "{} s"),
    ("speech over it", "sound", "speech:level={},recording=" + SPEECH, (-6, 0, 6), "{} dB"),
    ("music over it", "sound", "music:level={},recording=" + MUSIC, (-6, 0, 6), "{} dB"),
)
SETTINGS = tuple(
    Setting(row, told.format(strength), side, text.format(strength))
    for row, side, text, strengths, told in _ROWS
    for strength in strengths
)


@dataclass(frozen=True)
class Line:
    """Figures of one line of the table; shares 0-1.

    Attributes:
        row: Which distortion.
        strength: In words.
        area: Area under the curve with its 95 % interval, raw scores of all pairs.
        false_alarms: Clips with their own sound that are called discrepant.
        caught: Swaps that are.
        own_open: Clips with their own sound that are left inconclusive.
        swapped_open: Swaps that are.
    """

    row: str
    strength: str
    area: tuple[float, float, float]
    false_alarms: float
    caught: float
    own_open: float
    swapped_open: float


class Judge:
    """The only place that knows the decision: from a table of clips to figures.

    Everything that is learnt from clips, prior and calibration, is learnt here from the clean ones.
    """

    def __init__(self) -> None:
        self._model, self._photographs = learning.learn_model()
        self._clean = self._clips(learning.table("clips"))
        self._foreign = learning.foreign_pairs(self._clean.kinds)
        self._priors: dict[frozenset[str], learning.Everyday] = {}
        self._calibrated: dict[frozenset[str], learning.Calibration] = {}
        swaps = self._judged(self._clean)
        for pair in swaps.known:
            group = swaps.group(pair)
            if group not in self._calibrated:
                self._calibrated[group] = learning.calibrate(swaps.scores, swaps.kinds, group)

    def line(self, row: str, strength: str, stored: Table, *, music: bool) -> Line:
        """Judge all pairs of a table of clips, with or without those in which there is a music clip."""
        swaps = self._judged(self._clips(stored))
        sides = [swaps.pairs(own=own, music=music) for own in (True, False)]
        own, other = (np.array([swaps.scores[pair] for pair in pairs]) for pairs in sides)
        first, (left, right) = np.array(sides[0])[:, 0], np.array(sides[1]).T

        def area(drawn: NDArray[np.int64]) -> float:
            return auc(own, other, drawn[first], drawn[left] * drawn[right])

        outcomes = [[swaps.decisions[pair].outcome for pair in pairs] for pairs in sides]
        flagged, open_ = (
            [side.count(outcome) / len(side) for side in outcomes]
            for outcome in (Outcome.DISCREPANT, Outcome.INCONCLUSIVE)
        )
        return Line(row, strength, over_clips(area, len(swaps.kinds), draws=200), *flagged, *open_)

    def _judged(self, clips: learning.Clips) -> everyday.Swaps:
        known = {}
        for i, picture_kind in enumerate(clips.kinds):
            for j, sound_kind in enumerate(clips.kinds):
                if i == j or self._foreign[i, j]:
                    model = self._prior(frozenset((picture_kind, sound_kind)))
                    known[i, j] = learning.evidence(model, clips, i, j)
        return everyday.Swaps(clips.kinds, known, self._calibrated)

    def _prior(self, left_out: frozenset[str]) -> learning.Everyday:
        if left_out not in self._priors:
            prior = learning.prior(self._model, self._clean, self._photographs, left_out)
            self._priors[left_out] = replace(self._model, prior=prior)
        return self._priors[left_out]

    def _clips(self, stored: Table) -> learning.Clips:
        """As :func:`learn_everyday.load_clips`, of another table."""
        cuts = np.cumsum(stored["length"])[:-1]
        single = {name: stored[name].astype(np.float32) for name in ("vectors", "classes", "sounds")}
        usable = stored["seen"] & stored["heard"] & ~stored["blank"] & (stored["level"] > -70)
        return learning.Clips(
            list(stored["kind"]),
            np.split(self._model.picture(single["vectors"], single["classes"]), cuts),
            np.split(self._model.sound(single["sounds"]), cuts),
            np.split(usable, cuts),
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="keeps the features of distorted clips; to be emptied when a distortion or network changes",
    )
    parser.add_argument("--shared", type=Path, help="the shared data; without it nothing is measured")
    parser.add_argument("--speech", type=Path, help="folder with *_desc.ogg recordings")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="rows, for a look")
    parser.add_argument("--write", action="store_true", help="write the page and the picture")
    options = parser.parse_args()
    settings = [each for each in SETTINGS if not options.only or each.row in options.only]
    if options.shared is not None:
        measure(settings, options.shared, options.speech, options.work, options.workers)
    clean = learning.table("clips")
    missing = [
        f"{each.row} {each.strength}"
        for each in settings
        if len(list((options.work / each.folder).glob("[0-9]*.npz"))) < len(clean["length"])
    ]
    if missing:
        print(f"not measured: {', '.join(missing)}", file=sys.stderr)
        return 1
    judge = Judge()
    lines = [
        judge.line("as they are", "", clean, music=True),
        judge.line("as they are", "without music clips", clean, music=False),
    ]
    for each in settings:
        music = MUSIC not in each.text
        lines.append(judge.line(each.row, each.strength, table(each, clean, options.work), music=music))
    text = page(lines, len(clean["length"]))
    print(text)
    if options.write:
        PAGE.write_text(text)
        FIGURE.write_text(drawn(lines))
    return 0


def measure(settings: list[Setting], shared: Path, speech: Path | None, work: Path, workers: int) -> None:
    work.mkdir(parents=True, exist_ok=True)
    voices = None
    if any(SPEECH in each.text for each in settings):
        if speech is None:
            raise SystemExit("speech needs --speech: a folder with *_desc.ogg recordings")
        voices = spoken(speech, work / "speech.wav")
    clips = build_features.originals(shared)
    for done, total in measured(settings, clips, voices, work, workers):
        if done % 100 == 0 or done == total:
            print(f"{done} of {total} measured", file=sys.stderr)


def spoken(folder: Path, place: Path) -> Path:
    """All recordings of a folder one after the other, as far as ten minutes, in one file."""
    if place.exists():
        return place
    blocks, total, most = [], 0, 590 * build_features.RATE
    for path in sorted(folder.rglob("*_desc.ogg")):
        if total < most:
            blocks.append(build_features.wave(path))
            total += len(blocks[-1])
    samples = np.concatenate(blocks)[:most]
    with wave.open(str(place), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(build_features.RATE)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return place


def page(lines: list[Line], clips: int) -> str:
    told = [
        "# Robustness\n",
        f"Written by `python benchmarks/robustness.py --write` with vadd {__version__}; how, and what each "
        "distortion is, is in [protocol.md](protocol.md#distorted-clips).\n",
        f"{clips} clips with their own sound and all swaps between foreign kinds, the picture or the sound "
        f"of each clip distorted, pictures of more than {SIDE} lines scaled down to that first. False-alarm "
        "rate 0.10, threshold and probability learnt on undistorted clips of other kinds. Area under the "
        "curve: raw scores of all pairs, those left open too, with a 95 % bootstrap interval over clips. "
        "Music over clips is judged without the music clips.\n",
        "![Each distortion at each strength](robustness.svg)\n",
        "| Distortion | Strength | AUC | false alarms, % | swaps caught, % | own left open, % "
        "| swaps left open, % |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for line in lines:
        value, low, high = line.area
        shares = (line.false_alarms, line.caught, line.own_open, line.swapped_open)
        told.append(
            f"| {line.row} | {line.strength} | {value:.3f} ({low:.3f} to {high:.3f}) | "
            + " | ".join(f"{100 * share:.1f}" for share in shares)
            + " |"
        )
    return "\n".join(told) + "\n"


if __name__ == "__main__":
    sys.exit(main())
