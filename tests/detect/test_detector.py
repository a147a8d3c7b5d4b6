"""The detector as its callers see it, with the extraction made by hand."""

from __future__ import annotations

import errno
import hashlib
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import pytest
from made import DOG, extraction, info, picture, sound

import vadd
from vadd import Detector
from vadd.detect import calibrate, models
from vadd.detect.detector import PRIOR
from vadd.detect.verdict import Outcome, Reason
from vadd.embed import catalog
from vadd.embed import extract as extracting
from vadd.errors import MediaError, ModelError, UsageError
from vadd.media.limits import Limits
from vadd.report.schema import validate


@pytest.fixture
def calls(monkeypatch):
    """What the detector asks of the extraction, which is made by hand."""
    asked = []

    def extract(seen: Path, heard: Path, **options: object):
        asked.append((seen, heard, options))
        inputs = (("both", info(seen.name)),)
        if seen != heard:
            inputs = (("picture", info(seen.name)), ("sound", info(heard.name)))
        return extraction(picture([DOG] * 4), sound(["Bark"] * 4), inputs=inputs)

    monkeypatch.setattr(extracting, "extract", extract)
    return asked


def failing(monkeypatch, error: Exception) -> None:
    def extract(*_: object, **__: object):
        raise error

    monkeypatch.setattr(extracting, "extract", extract)


def test_a_verdict_of_one_file(calls):
    def progress(done: float, total: float) -> None: ...

    limits = Limits(seconds=60)
    verdict = Detector(false_alarms=0.2, limits=limits).check("clip.mp4", exhibit=True, progress=progress)
    ((seen, heard, options),) = calls
    assert seen == heard == Path("clip.mp4")
    assert options == {
        "embedders": ("efficientnet_lite0", "yamnet"),
        "limits": limits,
        "exhibit": True,
        "progress": progress,
        "guard": None,
    }
    assert verdict.verdict is Outcome.CONSISTENT
    assert (verdict.prior, verdict.false_alarms, verdict.duration) == (PRIOR, 0.2, Fraction(4))
    validate(vadd.document(verdict))


def test_what_made_the_verdict(calls):
    provenance = Detector().check("clip.mp4").provenance
    (record,) = provenance.inputs
    told = info("clip.mp4")
    assert (record.role, record.name, record.sha256, record.size) == (
        "both",
        "clip.mp4",
        told.sha256,
        told.size,
    )
    assert record.media == {
        **record.media,
        **{k: v for k, v in told.to_facts().items() if k not in ("video", "audio")},
    }
    assert record.media["decoded_duration"] > 0
    assert (provenance.version, provenance.model) == (vadd.__version__, "everyday")
    for name in ("yamnet", "efficientnet_lite0"):
        assert provenance.hashes[name] == catalog.card(name).weights.sha256
    tables = {"seen.txt", "heard.txt", "base.txt", "generic.txt", "everyday.npz", "everyday.json", "rules"}
    assert set(provenance.hashes) == {"yamnet", "efficientnet_lite0", "blazeface"} | tables
    assert provenance.config == {
        "false_alarms": 0.1,
        "limits": Limits().to_json(),
        "abstention": {"consistent": 0.25, "below": None, "margin": 1.4, "doubt": 0.5},
    }
    assert provenance.libraries["numpy"] == metadata.version("numpy")


def test_a_verdict_of_two_files(calls):
    verdict = Detector().check_pair(Path("a.mp4"), "b.wav")
    ((seen, heard, _),) = calls
    assert (seen, heard) == (Path("a.mp4"), Path("b.wav"))
    assert [(record.role, record.name) for record in verdict.provenance.inputs] == [
        ("picture", "a.mp4"),
        ("sound", "b.wav"),
    ]
    validate(vadd.document(verdict))


def test_the_same_verdict_each_time(calls):
    detector = Detector()
    assert vadd.document(detector.check("clip.mp4")) == vadd.document(detector.check("clip.mp4"))
    assert vadd.document(vadd.check("clip.mp4")) == vadd.document(detector.check("clip.mp4"))


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.outcome is Outcome.FAILED])
def test_a_file_that_cannot_be_judged(monkeypatch, tmp_path, reason):
    failing(monkeypatch, MediaError(reason.value, "what went wrong"))
    path = tmp_path / "bad.mp4"
    path.write_bytes(b"12345")
    verdict = Detector().check(path)
    assert (verdict.verdict, verdict.reason) == (Outcome.FAILED, reason)
    assert verdict.explanation == f"{reason.sentence} (what went wrong)"
    assert (verdict.score, verdict.probability, verdict.threshold) == (None, None, None)
    assert (verdict.seconds, verdict.spans, verdict.duration) == ((), (), 0)
    (record,) = verdict.provenance.inputs
    assert (record.role, record.name, record.sha256, record.size) == (
        "both",
        "bad.mp4",
        hashlib.sha256(b"12345").hexdigest(),
        5,
    )
    validate(vadd.document(verdict))


def test_a_file_that_cannot_be_opened_among_many(tmp_path):
    verdict = Detector().unreadable(tmp_path / "gone.mp4", "it is gone")
    assert (verdict.verdict, verdict.reason) == (Outcome.FAILED, Reason.UNREADABLE)
    assert verdict.explanation.endswith("(it is gone)")
    (record,) = verdict.provenance.inputs
    assert (record.name, record.sha256, record.size) == ("gone.mp4", None, None)
    validate(vadd.document(verdict))


def test_a_pair_that_cannot_be_judged(monkeypatch, tmp_path):
    failing(monkeypatch, MediaError("damaged", "half of it is missing"))
    (tmp_path / "a.mp4").write_bytes(b"123")
    verdict = Detector().check_pair(tmp_path / "a.mp4", tmp_path / "gone.wav")
    records = [(record.role, record.name, record.size) for record in verdict.provenance.inputs]
    assert records == [("picture", "a.mp4", 3), ("sound", "gone.wav", None)]
    validate(vadd.document(verdict))


def test_a_file_out_of_reach_has_no_size(monkeypatch):
    def stat(path: Path, **_: object):
        raise PermissionError(errno.EACCES, "Permission denied")

    failing(monkeypatch, MediaError("unreadable", "clip.mp4: Permission denied"))
    detector = Detector()
    monkeypatch.setattr(Path, "stat", stat)
    verdict = detector.check("clip.mp4")
    assert verdict.reason is Reason.UNREADABLE
    assert verdict.provenance.inputs[0].size is None


@pytest.mark.parametrize("error", [UsageError("no such file"), ModelError("damaged"), ZeroDivisionError()])
def test_what_is_not_about_the_media_is_raised(monkeypatch, error):
    failing(monkeypatch, error)
    with pytest.raises(type(error)):
        Detector().check("clip.mp4")


def test_a_missing_file_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.mp4"):
        Detector().check(tmp_path / "gone.mp4")


def test_an_unknown_detector_is_answered_with_the_names():
    with pytest.raises(ModelError, match=r"no detector 'weekday'.*everyday"):
        Detector("weekday")


def test_a_folder_that_is_no_detector_is_refused(tmp_path):
    for model in (tmp_path, str(tmp_path)):
        with pytest.raises(ModelError, match=r"is no detector: cannot read card\.json: No such file"):
            Detector(model)
    for text, told in (("{}", "is no detector; `vadd detector build`"), ("[", "is damaged")):
        (tmp_path / "card.json").write_text(text)
        with pytest.raises(ModelError, match=told):
            Detector(tmp_path)


def test_a_folder_called_like_the_detector_is_in_nobodys_way(monkeypatch, tmp_path):
    (tmp_path / "everyday").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Detector("everyday").card.name == "everyday"


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, 10, float("nan"), float("inf")])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(UsageError, match="between 0 and 1"):
        Detector(false_alarms=rate)


def test_a_rate_too_low_to_promise_is_refused_at_once():
    with pytest.raises(UsageError, match="cannot be promised") as caught:
        Detector(false_alarms=0.001)
    lowest = float(str(caught.value).rsplit(" ", 1)[1])
    assert Detector(false_alarms=lowest).false_alarms == lowest


def test_damaged_tables_are_refused(monkeypatch):
    monkeypatch.setattr(calibrate, "_content", lambda: b"{}")
    calibrate.load.cache_clear()
    for call in (Detector, models.detectors, lambda: models.verify("everyday")):
        with pytest.raises(ModelError, match="damaged"):
            call()


def test_the_card():
    (card,) = models.detectors()
    assert card == models.find("everyday")
    assert card.embedders == ("efficientnet_lite0", "yamnet")
    assert card.calibrated_on == calibrate.load().described
    assert dict(card.hashes)["everyday.json"] == calibrate.CALIBRATION_SHA256
    models.verify("everyday")
    with pytest.raises(ModelError, match="no detector"):
        models.verify("weekday")
