"""Hand-made verdicts of every kind, with exhibits drawn here, for the tests of report and cli."""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from vadd.detect.verdict import (
    Concept,
    Contribution,
    Exhibit,
    InputRecord,
    Outcome,
    Provenance,
    Reason,
    SecondFinding,
    ShotFinding,
    SpanFinding,
    Verdict,
)
from vadd.timeline import Span, grid

SEA = (Concept("sea and shore", 0.71), Concept("sand", 0.14), Concept("boat", 0.05))
WAVES = (Concept("waves", 0.66), Concept("wind", 0.2), Concept("birds", 0.06))
TRAFFIC = (Concept("road traffic", 0.58), Concept("engine", 0.21), Concept("horn", 0.08))
SPEECH = (Concept("speech", 0.81), Concept("indoor room", 0.07))
FOREST = (Concept("forest", 0.52), Concept("path", 0.2), Concept("birds", 0.1))

SURF_EXPECTED = (Concept("waves", 0.41), Concept("wind", 0.12))
AGAINST = (
    Contribution("sound", "road traffic", 0.58, 1.3125),
    Contribution("picture", "sea and shore", 0.71, 0.4),
    Contribution("picture", "boat", 0.05, 0.001),
    Contribution("sound", "wind", 0.2, -0.22),
)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def record(name: str, role: str = "both") -> InputRecord:
    return InputRecord(
        role=role,
        name=name,
        sha256=digest(name),
        size=1_482_113,
        media={
            "container": "mov,mp4,m4a,3gp,3g2,mj2",
            "declared_duration": 10.0,
            "decoded_duration": Fraction(10),
            "video": {"codec": "h264", "width": 1280, "height": 720, "rotation": 0},
            "audio": {"codec": "aac", "rate": 48000, "channels": 2, "track": 1},
        },
    )


def provenance(*inputs: InputRecord) -> Provenance:
    return Provenance(
        inputs=inputs or (record("beach.mp4"),),
        version="0.1.0",
        model="everyday",
        hashes={"yamnet": digest("y"), "efficientnet_lite0": digest("e"), "everyday/bank": digest("b")},
        config={"false_alarms": 0.1, "limits": {"bytes": 4 * 2**30, "sides": [4096, 8192]}, "guard": True},
        libraries={"ffmpeg": "8.0", "onnxruntime": "1.32.0"},
    )


def second(
    span: Span, score: float | None, *, sound=WAVES, picture=SEA, mute=None, level=-24.0
) -> SecondFinding:
    weight = 0.0 if mute or score is None else 0.9
    return SecondFinding(span, score, weight, mute, picture, sound, level)


def exhibit(duration: Fraction, thumbnails: int = 10, seed: int = 1) -> Exhibit:
    """Drawn seascapes, and a spectrogram of swelling noise with a tone."""
    rng = np.random.default_rng(seed)
    shots = []
    for i in range(thumbnails):
        image = Image.new("RGB", (160, 90), (150, 190, 220))
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 46, 160, 90), fill=(40, 90, 120 + 6 * (i % 8)))
        draw.rectangle((0, 74, 160, 90), fill=(214, 190, 140))
        draw.ellipse((20 + 10 * (i % 10), 8, 38 + 10 * (i % 10), 26), fill=(250, 240, 190))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=80)
        shots.append((duration * (2 * i + 1) / (2 * thumbnails), out.getvalue()))
    n = max(1, min(6000, int(duration * 100)))
    t = np.linspace(0, 12, n)[:, None]
    bands = np.arange(64)[None, :]
    energy = -4 - bands / 20 + 2 * np.sin(t) * np.exp(-bands / 30) + rng.normal(0, 0.6, (n, 64))
    energy[:, 30:32] += 2 * (np.sin(t * 2) > 0)
    return Exhibit(tuple(shots), energy.astype(np.float32), n / float(duration))


def shots(seconds: tuple[SecondFinding, ...], *starts: Fraction | int) -> tuple[ShotFinding, ...]:
    """Shots that begin at 0 and at ``starts``, with what the first of their seconds has."""
    edges = [Fraction(0), *map(Fraction, starts), seconds[-1].span.end]
    found = []
    for start, end in pairwise(edges):
        first = seconds[int(start)]
        score = None if first.mute else first.score
        found.append(ShotFinding(Span(start, end), score, first.mute, first.picture, first.sound))
    return tuple(found)


def consistent() -> Verdict:
    scores = [0.12, 0.2, 0.08, 0.15, 0.3, 0.22, 0.1, 0.09, 0.18, 0.11]
    return Verdict(
        verdict=Outcome.CONSISTENT,
        reason=None,
        explanation="The picture shows sea and shore, and the sound is of waves and wind, which go together.",
        score=0.155,
        probability=0.11,
        prior=0.5,
        false_alarms=0.1,
        threshold=0.62,
        duration=Fraction(10),
        seconds=tuple(second(s, x) for s, x in zip(grid(Fraction(10)), scores, strict=True)),
        spans=(),
        picture=SEA,
        sound=WAVES,
        notes=("Audio track 1 of 2 was used (default disposition).",),
        provenance=provenance(),
        exhibit=exhibit(Fraction(10)),
    )


def discrepant() -> Verdict:
    duration = Fraction(51, 5)
    scores = [0.2, 0.35, 0.4, 0.85, 0.93, 0.9, 0.88, None, 0.5, 0.91]
    seconds = []
    for span, score in zip(grid(duration), scores, strict=True):
        if score is None:
            mute = Reason.SOUND_SAYS_NOTHING
            seconds.append(second(span, 0.55, sound=SPEECH, mute=mute, level=-18.5))
        else:
            seconds.append(second(span, score, sound=TRAFFIC if score > 0.6 else WAVES))
    return replace(
        consistent(),
        verdict=Outcome.DISCREPANT,
        explanation="The picture shows sea and shore, but the sound is of road traffic and an engine.",
        score=0.8132,
        probability=0.93,
        duration=duration,
        seconds=tuple(seconds),
        spans=(
            SpanFinding(Span(Fraction(3), Fraction(7)), 0.89, 0.95, SEA, TRAFFIC, SURF_EXPECTED, AGAINST),
            SpanFinding(Span(Fraction(9), duration), 0.91, 0.9, FOREST, TRAFFIC),
        ),
        shots=shots(tuple(seconds), Fraction(16, 5), 7),
        sound=TRAFFIC,
        exhibit=exhibit(duration),
    )


def inconclusive() -> Verdict:
    base = consistent()
    return replace(
        base,
        verdict=Outcome.INCONCLUSIVE,
        reason=Reason.SOUND_SAYS_NOTHING,
        explanation=Reason.SOUND_SAYS_NOTHING.sentence,
        score=0.48,
        probability=0.46,
        seconds=tuple(
            second(s.span, 0.48, sound=SPEECH, mute=Reason.SOUND_SAYS_NOTHING, level=-15.0)
            for s in base.seconds
        ),
        sound=SPEECH,
    )


def failed(name: str = "broken.mp4") -> Verdict:
    return replace(
        consistent(),
        verdict=Outcome.FAILED,
        reason=Reason.DAMAGED,
        explanation="Only 12 % of the declared duration could be decoded.",
        score=None,
        probability=None,
        duration=Fraction(0),
        seconds=(),
        picture=(),
        sound=(),
        notes=(),
        provenance=provenance(replace(record(name), sha256=None, size=None, media={})),
        exhibit=None,
    )


def pair() -> Verdict:
    inputs = provenance(record("A.mp4", "picture"), record("B.wav", "sound"))
    return replace(discrepant(), provenance=inputs)


def hour() -> Verdict:
    duration = Fraction(3600)
    rng = random.Random(7)
    seconds = []
    for span in grid(duration):
        minute = int(span.start) // 60
        if minute in (12, 13, 40):
            seconds.append(second(span, 0.5, sound=SPEECH, mute=Reason.SOUND_SAYS_NOTHING))
        elif 25 <= minute < 29 or minute == 50:
            seconds.append(second(span, min(1.0, 0.75 + rng.random() * 0.25), sound=TRAFFIC))
        else:
            picture = FOREST if minute > 34 else SEA
            seconds.append(second(span, 0.1 + rng.random() * 0.35, picture=picture))
    spans = (
        SpanFinding(Span(Fraction(1500), Fraction(1740)), 0.87, 0.96, SEA, TRAFFIC, SURF_EXPECTED, AGAINST),
        SpanFinding(Span(Fraction(3000), Fraction(3060)), 0.88, 0.94, FOREST, TRAFFIC),
    )
    return replace(
        discrepant(),
        score=0.66,
        probability=0.71,
        duration=duration,
        seconds=tuple(seconds),
        spans=spans,
        shots=shots(tuple(seconds), *range(7, 3600, 7)),
        exhibit=exhibit(duration, thumbnails=60),
    )


def two_hours() -> Verdict:
    """As busy as a file can be: something flagged every half minute, a cut every three seconds."""
    duration = Fraction(7200)
    rng = random.Random(9)
    seconds = []
    for span in grid(duration):
        mute = Reason.SILENT if rng.random() < 0.2 else None
        seconds.append(second(span, rng.random(), mute=mute, sound=TRAFFIC if rng.random() < 0.5 else WAVES))
    spans = tuple(
        SpanFinding(
            Span(Fraction(s), s + Fraction(17, 4)), 0.9, 0.6 + s / 20000, SEA, TRAFFIC, SURF_EXPECTED, AGAINST
        )
        for s in range(10, 7200, 30)
    )
    return replace(
        hour(),
        duration=duration,
        seconds=tuple(seconds),
        spans=spans,
        shots=shots(tuple(seconds), *range(3, 7200, 3)),
        exhibit=exhibit(duration, thumbnails=48),
    )


ALL = {f.__name__: f for f in (consistent, discrepant, inconclusive, failed, pair, hour)}
