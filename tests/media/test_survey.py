from __future__ import annotations

from pathlib import Path

import pytest

import media
from vadd.media import survey as module
from vadd.media.limits import Limits
from vadd.media.survey import survey


@pytest.fixture
def files(tmp_path):
    good = media.clip(tmp_path / "a.mp4", 1.0)
    for name in ("b.mp4", "c.mp4", "d.mp4", "e.mp4"):
        (tmp_path / name).write_bytes(good.read_bytes())
    return sorted(tmp_path.iterdir())


def test_files_of_several_children_and_what_is_wrong_with_them(files, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 2)
    media.cut(files[1], 0.5)
    files[3].write_bytes(b"text")
    files[4].unlink()
    found = {result.path: result for result in survey(files, workers=2)}
    assert found.keys() == set(files)
    assert [found[path].info is not None for path in files] == [True, False, True, False, False]
    assert [found[path].problem for path in files] == [
        "", "b.mp4: the header is damaged or missing", "", "d.mp4: not a media file of a known kind",
        "e.mp4: No such file or directory",
    ]  # fmt: skip
    assert found[files[0]].info.video.duration == 1


def test_a_file_that_the_child_dies_of_is_named_and_the_others_are_read(files, monkeypatch):
    real = module.guard.run

    def run(job, arguments, **options):
        return real("survey_jobs:deadly", arguments, **options)

    monkeypatch.syspath_prepend(str(Path(__file__).parent))  # the child searches where the parent does
    monkeypatch.setattr(module.guard, "run", run)
    found = list(survey(files))
    assert [result.path for result in found] == files
    assert [result.problem for result in found] == [
        "", "", "c.mp4: the decoder crashed (SIGSEGV)",
        "d.mp4: the child answers what it was not asked; it is not trusted any more", "",
    ]  # fmt: skip


def test_limits_hold(files):
    (result,) = survey(files[:1], limits=Limits(file_bytes=10))
    assert "is above the limit" in result.problem
    assert list(survey([])) == []
