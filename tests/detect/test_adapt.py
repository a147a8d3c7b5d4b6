"""Adapting to clips of one's own, against independent computation: ranks, leave-one-out rates, intervals."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import evidence, extraction, picture, sound
from scipy.stats import beta, norm

from vadd.detect import adapt as adapting
from vadd.detect import models
from vadd.detect.abstention import GENERIC_MARGIN
from vadd.detect.adapt import adapt, adapt_to, needed
from vadd.detect.adapted import read_adapted_card
from vadd.detect.calibrate import Calibration
from vadd.detect.change import Marks
from vadd.detect.decide import decide
from vadd.detect.interval import clopper_pearson
from vadd.detect.own_calibration import judged, learn
from vadd.detect.own_clips import OwnClip, find_files
from vadd.detect.own_swaps import Swap, swaps_of
from vadd.detect.span_calibration import SpanCalibration
from vadd.detect.verdict import Outcome
from vadd.embed import extract as extracting
from vadd.errors import MediaError, OutputError, UsageError

RNG = np.random.default_rng(7)
BASE = Calibration(tuple(np.linspace(-2, 0, 66).tolist()), 2.0, 0.5, "the base's", ((-1.0, 0.2), (1.0, 0.9)))


class FakeEngine:
    """Scores a swap by what the two posteriors say: their difference."""

    calibration = BASE

    class card:  # noqa: N801
        name = "fake"

    def __init__(self, usual=None):
        self.usual = usual or {}

    def bounds(self):
        return self.usual

    def seconds(self, seen, heard):
        return (heard - seen)[:, 0].astype(np.float64)

    def unexplained(self, seen, heard):
        return None


def own(at: int, score: float, unexplained: float = 0.0, *, scene: int = 0, seconds: int = 4) -> OwnClip:
    """Of one of six scenes; the first column, which the fake engine compares, is 0.3 times its number."""
    rows = np.zeros((seconds, 7), np.float32)
    rows[:, 0], rows[:, 1 + scene] = 0.3 * scene, 9
    made = evidence(score, seconds=seconds, unexplained=unexplained)
    return OwnClip(hashlib.sha256(bytes([at])).hexdigest(), made, rows, rows, {})


@pytest.mark.parametrize("number", [1, 12, 400])
def test_interval_is_that_of_scipy(number):
    for hits in sorted({0, 1, number // 3, number}):
        low, high = clopper_pearson(hits, number)
        assert low == pytest.approx(0 if hits == 0 else beta.ppf(0.025, hits, number - hits + 1), abs=1e-9)
        assert high == pytest.approx(
            1 if hits == number else beta.ppf(0.975, hits + 1, number - hits), abs=1e-9
        )
    for wrong in ((-1, 3), (4, 3), (0, 0)):
        with pytest.raises(ValueError, match="no interval"):
            clopper_pearson(*wrong)


def test_threshold_is_conformal_in_what_decisions_compare():
    scores, generic = RNG.normal(0, 1, 30), RNG.uniform(0, 0.5, 30)
    clips = tuple(own(at, *pair) for at, pair in enumerate(zip(scores, generic, strict=True)))
    learnt, told = adapt_to(clips, FakeEngine(), "desk", 0.10)
    ranked = np.sort(scores - GENERIC_MARGIN * generic)
    assert learnt.calibration.own == pytest.approx(ranked)
    assert told.threshold == pytest.approx(ranked[math.ceil(31 * 0.9) - 1])
    assert told.lowest == 1 / 31
    # Of the base's 66 the 61st is its threshold at one in ten.
    assert told.before.discrepant == int((scores - GENERIC_MARGIN * generic > BASE.own[60]).sum())
    expected = 0
    for at in range(30):
        demand = scores - GENERIC_MARGIN * generic
        others = np.sort(np.delete(demand, at))
        expected += bool(demand[at] > others[math.ceil(30 * 0.9) - 1])
    assert told.after.discrepant == expected == 3
    assert told.after.document()["false_alarm_interval"] == pytest.approx(
        [beta.ppf(0.025, 3, 28), beta.ppf(0.975, 4, 27)]
    )


def test_realised_rate_on_exchangeable_clips():
    false = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        clips = tuple(own(at, value) for at, value in enumerate(rng.normal(2, 1, 19)))
        limit = learn(clips, (), BASE, {}, 0.10, "").calibration.threshold(0.10)
        false.append(1 - norm.cdf(limit - 2))
    assert np.mean(false) <= 0.10 + 2 * np.std(false) / math.sqrt(len(false))


def test_clips_of_one_scene_move_the_curve_and_call_nothing_more_consistent():
    for shift in (3.0, -3.0):
        clips = tuple(own(at, shift + at / 10) for at in range(20))
        learnt, told = adapt_to(clips, FakeEngine(), "desk", 0.10)
        assert (learnt.curve, learnt.clear, told.swaps, told.swaps_after) == ("moved", False, 0, None)
        new = learnt.calibration
        assert new.probability(new.threshold(0.10)) == pytest.approx(BASE.probability(BASE.threshold(0.10)))
        assert new.slope == BASE.slope
        logit = [each.slope * each.threshold(0.10) + each.intercept for each in (new, BASE)]
        assert logit[0] == pytest.approx(logit[1])
        for score in np.linspace(-6, 6, 97).tolist():
            found = decide(evidence(score), new, 0.10).outcome
            assert found is not Outcome.CONSISTENT or BASE.probability(score) < 0.25
        assert (new.abstention.below is None) == (shift < 0)


def test_only_clips_that_show_something_else_lend_their_sound():
    clips = tuple(own(at, -1 + at / 20, scene=at % 3) for at in range(20))
    swaps = swaps_of(clips, FakeEngine())
    assert {(each.picture, each.sound) for each in swaps} == {
        (a, b) for a in range(20) for b in range(20) if a % 3 != b % 3
    }
    assert {round(each.discrepancy, 6) for each in swaps} == {-0.6, -0.3, 0.3, 0.6}
    # Where either side shows the same, none is lent.
    half = replace(clips[0], sound=clips[1].sound)
    lent = swaps_of((half, clips[0], clips[1], clips[2]), FakeEngine())
    assert {each.sound for each in lent if each.picture == 0} == {3}


def test_seconds_that_say_nothing_are_no_part_of_a_swap():
    first, second = own(0, 0.0, scene=1), own(1, 0.0, 0.3, scene=2)
    blank = evidence(0.0, seconds=4, blank=[True, False, False, True])
    silent = evidence(0.0, seconds=4, unexplained=[0.1, 0.2, 0.4, 0.8], level=[-20, -20, -99, -20])
    picture, sound = replace(first, evidence=blank), replace(second, evidence=silent)
    (swap,) = [each for each in swaps_of((picture, sound), FakeEngine()) if each.picture == 0]
    assert swap.unexplained == pytest.approx(0.2)  # of the one second that both have
    nothing = replace(second, evidence=evidence(0.0, seconds=4, level=-99))
    assert [each.picture for each in swaps_of((picture, nothing), FakeEngine())] == [1]


def test_few_donors_are_drawn_with_the_seed():
    clips = tuple(own(at, 0.0, scene=at % 4) for at in range(12))
    drawn = [swaps_of(clips, FakeEngine(), seed=seed, donors=3) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 36
    assert all((each.picture - each.sound) % 4 for each in drawn[0])


def test_each_clip_is_judged_by_what_the_others_teach():
    rng = np.random.default_rng(3)
    clips = tuple(own(at, float(rng.normal(-2, 0.5)), scene=at % 6) for at in range(30))
    engine = FakeEngine()
    learnt, told = adapt_to(clips, engine, "desk", 0.10)
    assert learnt.clear
    assert told.swaps_after.clips == told.swaps_before.clips == told.swaps == 30 * 20
    expected = []
    for at in range(30):
        rest = clips[:at] + clips[at + 1 :]
        kept = tuple(
            Swap(a - (a > at), b - (b > at), each.discrepancy, each.unexplained)
            for each in swaps_of(clips, engine)
            if at not in (a := each.picture, b := each.sound)
        )
        alone = learn(rest, kept, BASE, {}, 0.10, "").calibration
        expected.append(judged(clips[at], alone, {}, 0.10))
    assert told.after.consistent == expected.count("consistent")
    assert told.after.discrepant == expected.count("discrepant")
    document = json.loads(json.dumps(told.document()))
    assert document["leave_one_out_on_swaps"]["caught_rate"] == told.swaps_after.discrepant / 600


def test_rates_that_the_base_cannot_promise():
    clips = tuple(own(at, at / 100) for at in range(100))
    _, told = adapt_to(clips, FakeEngine(), "desk", 0.01)
    assert told.before is None
    assert told.threshold_before is None
    assert told.after.discrepant == 1
    assert told.document()["base_on_clips"] is None


def test_how_many_clips_it_takes():
    assert [needed(rate) for rate in (0.5, 0.1, 0.05, 0.01)] == [10, 10, 20, 100]


def test_what_stretches_mean_is_kept_or_raised():
    base = replace(BASE, spans=SpanCalibration((0.0, 0.0, 1.0, 2.0), 30.0, 1.0, -2.0))
    short = tuple(own(at, 0.0) for at in range(12))
    kept = learn(short, (), base, {}, 0.10, "")
    assert (kept.spans, kept.long, kept.calibration.spans) == ("kept", 0, base.spans)

    def long(at: int) -> OwnClip:
        turn = np.zeros(30)
        turn[[10, 20]] = 1.5
        made = own(at, 0.0, seconds=30)
        sharp = np.where((np.arange(30) >= 10) & (np.arange(30) < 20), 4.0, -4.0)
        marks = Marks(turn, np.zeros(30), np.zeros(30, bool))
        return replace(made, evidence=replace(made.evidence, sharp=sharp, marks=marks))

    clips = tuple(long(at) for at in range(12))
    raised = learn(clips, (), base, {}, 0.10, "")
    assert (raised.spans, raised.long) == ("raised", 12)
    after = raised.calibration.spans
    assert all(a >= b for a, b in zip(after.own, base.spans.own, strict=True))
    assert (after.slope, after.intercept, after.seconds) == (1.0, -2.0, 30.0)
    # The base calls every one of these for its stretch, and what they teach calls none.
    assert judged(clips[0], base, {}, 0.10) == "discrepant"
    assert judged(clips[0], raised.calibration, {}, 0.10) != "discrepant"


def test_bounds_of_the_known_are_raised_and_never_lowered():
    clips = tuple(
        replace(own(at, -3 + at / 100, scene=at % 6), strangeness={"picture": 1 + at / 10, "sound": 0.5})
        for at in range(20)
    )
    engine = FakeEngine({"picture": 1.5, "sound": 2.0})
    learnt, told = adapt_to(clips, engine, "desk", 0.10)
    assert learnt.bounds == pytest.approx({"picture": 2.9})
    assert told.wider == ("picture",)
    assert told.before.inconclusive >= 14  # stranger than 1.5
    assert told.after.inconclusive < told.before.inconclusive


# The whole way, with measures made by hand in place of decoded files.

LABELS = (("golden retriever", "Bark"), ("grand piano, grand", "Piano"), ("fire engine, fire truck", "Siren"))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Twelve clips, in two folders, a copy, a silent one, text and a hidden file."""
    place = tmp_path / "clips"
    (place / "more").mkdir(parents=True)
    for at in range(12):
        (place / ("more" if at % 2 else ".") / f"{at:02}.mp4").write_bytes(b"clip%d" % at)
    (place / "more" / "00again.mp4").write_bytes(b"clip0")
    (place / "silent.mp4").write_bytes(b"silent")
    (place / "notes.txt").write_text("text")
    (place / ".hidden.mp4").write_bytes(b"clip99")
    (place / "gone.mp4").symlink_to(tmp_path / "nowhere")

    def extract(path, other, *, embedders, limits):
        assert path == other
        if not path.exists():
            raise UsageError("it is not there")
        data = path.read_bytes()
        if data == b"text":
            raise MediaError("not_media", "notes.txt")
        at = int(data[4:]) if data.startswith(b"clip") else 0
        seen, heard = LABELS[at % 3]
        loud = -160.0 if data == b"silent" else -20.0
        made = extraction(picture([seen] * (4 + at)), sound([heard] * (4 + at), level=loud))
        info = replace(made.inputs[0][1], name=path.name, sha256=hashlib.sha256(data).hexdigest())
        return replace(made, inputs=(("both", info),))

    monkeypatch.setattr(extracting, "extract", extract)
    return place


def test_a_folder_becomes_a_detector(folder, tmp_path):
    seen = []
    told = adapt(folder, tmp_path / "out", progress=lambda *at: seen.append(at))
    assert told.clips == 12
    assert told.left_out == {"copy": 1, "not_media": 1, "silent": 1, "unreadable": 1}
    assert seen[0] == (0, 16)
    assert seen[-1] == (16, 16)
    engine = models.load(str(tmp_path / "out"))
    assert len(engine.calibration.own) == 12
    assert engine.calibration.threshold(0.10) == pytest.approx(told.threshold)
    assert engine.calibration.threshold(0.10) != models.load("everyday").calibration.threshold(0.10)
    assert engine.calibration.spans == models.load("everyday").calibration.spans is not None
    card = read_adapted_card(tmp_path / "out")
    digests = sorted(hashlib.sha256(b"clip%d" % at).hexdigest() for at in range(12))
    assert (
        card.adaptation.clips_sha256
        == hashlib.sha256("".join(f"{d}\n" for d in digests).encode()).hexdigest()
    )
    assert (card.adaptation.base, card.adaptation.clips, card.adaptation.left_out) == (
        "everyday", 12, dict(told.left_out),
    )  # fmt: skip
    assert {"everyday.json", "everyday.npz", "yamnet"} <= card.adaptation.base_hashes.keys()
    assert "clips" in card.described
    json.dumps(told.document())
    # And once more, from what was adapted.
    adapt(folder, tmp_path / "again", model=str(tmp_path / "out"))
    assert read_adapted_card(tmp_path / "again").base == "everyday"
    assert read_adapted_card(tmp_path / "again").adaptation.base == "out"


def test_a_detector_among_the_clips_is_no_clip(folder):
    adapt(folder, folder / "out")
    assert adapt(folder, folder / "out", overwrite=True).left_out["copy"] == 1
    assert all("out" not in path.parts[-2:] for path in find_files(folder, folder / "out"))


def test_what_cannot_be_adapted_to(folder, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out"
    for place, told in (
        (empty, "no files"),
        (tmp_path / "nowhere", "there is no folder"),
        (folder / "notes.txt", "is no folder"),
        (Path("a\0b"), "cannot read"),
    ):
        with pytest.raises(UsageError, match=told):
            adapt(place, out)
    with pytest.raises(UsageError, match="between 0 and 1"):
        adapt(folder, out, false_alarms=float("nan"))
    with pytest.raises(
        UsageError, match=r"12 clips that can be used, .* 0\.05 takes 20; left out: copy 1, not_media 1"
    ):
        adapt(folder, out, false_alarms=0.05)
    (empty / "a.txt").write_text("text")
    with pytest.raises(UsageError, match="has 0 clips that can be used"):
        adapt(empty, out)
    assert not out.exists()
    adapt(folder, out)
    monkeypatch.setattr(adapting, "measure", lambda *_, **__: pytest.fail("refused too late"))
    with pytest.raises(OutputError, match="holds a detector already"):
        adapt(folder, out)


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_folder(folder, tmp_path):
    (folder / "more").chmod(0)
    try:
        with pytest.raises(UsageError, match=r"cannot read the folder .*more"):
            adapt(folder, tmp_path / "out")
    finally:
        (folder / "more").chmod(0o755)


def test_a_write_that_fails_leaves_nothing(folder, tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        adapt(folder, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


def test_a_killed_write_leaves_no_detector(tmp_path):
    import subprocess

    script = (
        "import os, sys\nfrom pathlib import Path\nfrom vadd.detect.adapted import write_adapted\n"
        "from vadd.detect.calibrate import load\nPath.replace = lambda *_: os._exit(9)\n"
        "write_adapted(Path(sys.argv[1]), 'everyday', load())\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], check=False)
    assert done.returncode == 9
    from vadd.detect.folder import is_detector

    assert not is_detector(tmp_path / "out")
