from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from clip_folder import Inline, clip, folder_of_clips, kept, told

from vadd.errors import UsageError
from vadd.run.inputs import find
from vadd.run.ledger import Ledger
from vadd.run.local import LocalEngine
from vadd.run.many import Summary, judge_all
from vadd.run.records import Results
from vadd.run.settings import Keys, Settings


def run(folder: Path, out: Path, engine: object = None, **options: object) -> tuple[Summary, list[str]]:
    engine = engine or Inline(1)
    settings = options.pop("settings", Settings())
    summary = judge_all(find([folder], apart=out).paths, out, settings, engine=engine, **options)  # type: ignore[arg-type]
    return summary, [Path(path).name for path in getattr(engine, "judged", [])]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_clips(tmp_path_factory.mktemp("clips") / "in", 3)


@pytest.fixture(scope="module")
def clean(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clean") / "out"
    run(clips, out)
    return out


def test_everything_is_judged_once(clips: Path, tmp_path: Path) -> None:
    summary, judged = run(clips, tmp_path / "out")
    assert summary.counts.total == summary.counts.done == 6
    assert summary.counts.verdicts["failed"] == 2
    # The copy is another name of the same bytes; of the two the first in order of paths is judged.
    assert sorted(judged) == ["broken.mp4", "clip 0.mp4", "clip 1.mp4", "clip 2.mp4", "empty.mp4"]
    found = {Path(path).name: rest for path, rest in told(tmp_path / "out").items()}
    assert found["copy of 0.mp4"] == found["clip 0.mp4"]
    assert found["empty.mp4"][1:] == ("failed", "not_media")
    assert found["broken.mp4"][1:] == ("failed", "damaged")


def test_nothing_is_judged_twice(clips: Path, clean: Path, tmp_path: Path) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    summary, judged = run(clips, out)
    assert judged == []
    assert not summary.changed
    assert summary.counts.done == 6


def test_another_name_costs_nothing(clips: Path, clean: Path, tmp_path: Path) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    other = tmp_path / "moved"
    other.mkdir()
    shutil.copy(clips / "clip 0.mp4", other / "new name.mkv")
    _, judged = run(other, out)
    assert judged == []
    assert kept(out) == kept(clean)


def test_a_record_is_the_same_for_whatever_name(clips: Path, clean: Path, tmp_path: Path) -> None:
    other = tmp_path / "in"
    other.mkdir()
    shutil.copy(clips / "clip 0.mp4", other / "%03d 'x'.webm")
    run(other, tmp_path / "out")
    records = {name: data for name, data in kept(tmp_path / "out").items() if name.startswith("records/")}
    assert len(records) == 1
    assert records.items() <= kept(clean).items()


def test_a_changed_setting_judges_anew_but_opens_nothing(
    clips: Path, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    before = kept(out)

    def no_more(*args: object, **options: object) -> None:
        raise AssertionError("the media were opened")

    monkeypatch.setattr("vadd.detect.detector.Detector.measure", no_more)
    (clips_only := tmp_path / "in").mkdir()
    shutil.copy(clips / "clip 0.mp4", clips_only)
    _, judged = run(clips_only, out, settings=Settings(false_alarms=0.2))
    assert judged == ["clip 0.mp4"]
    after = kept(out)
    assert {name: data for name, data in after.items() if name != "run.json"}.items() >= {
        name: data for name, data in before.items() if name != "run.json"
    }.items()
    assert len([name for name in after if name.startswith("records/")]) == 6


def test_the_cached_measurement_gives_the_very_record(clips: Path, clean: Path, tmp_path: Path) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    shutil.rmtree(out / "records")
    shutil.rmtree(out / "reports")
    run(clips, out)
    assert kept(out) == kept(clean)


def test_a_damaged_measurement_is_made_anew_and_told(clips: Path, clean: Path, tmp_path: Path) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    shutil.rmtree(out / "records")
    victim = next((out / "measurements").rglob("*.vadd"))
    victim.write_bytes(victim.read_bytes()[:-1])
    summary, _ = run(clips, out)
    assert summary.remade == 1
    assert kept(out) == kept(clean)


def test_a_damaged_record_under_a_new_name_is_written_anew(clips: Path, clean: Path, tmp_path: Path) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    for path in (out / "records").rglob("*.json"):
        path.write_bytes(b"{}")
    (out / "ledger.jsonl").unlink()
    run(clips, out)
    assert kept(out) == kept(clean)


def test_changed_bytes_are_seen_and_rehash_sees_what_hides(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    path = clip(folder / "a.mp4", 1)
    run(folder, out)
    state = path.stat()
    clip(path, 2)
    assert run(folder, out)[1] == ["a.mp4"]
    # The same size, time and inode with other bytes: only reading tells.
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    again = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(again.st_atime_ns, again.st_mtime_ns))
    assert state.st_ino == path.stat().st_ino
    assert run(folder, out)[1] == []
    assert run(folder, out, rehash=True)[1] == ["a.mp4"]


def test_a_file_that_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (tmp_path / "list.txt").write_text("in/a.mp4\n")
    settings = Settings()
    paths = find([tmp_path / "list.txt"]).paths
    summary = judge_all(paths, out, settings, engine=Inline(1))
    assert summary.counts.verdicts == {"failed": 1}
    assert told(out)[paths[0]] == (None, "failed", "unreadable")
    clip(folder / "a.mp4", 1)
    judge_all(paths, out, settings, engine=Inline(1))
    assert told(out)[paths[0]][0] is not None


def test_a_file_above_the_limit_is_not_even_read(tmp_path: Path) -> None:
    from vadd.media.limits import Limits

    folder = tmp_path / "in"
    folder.mkdir()
    clip(folder / "a.mp4", 1)
    run(folder, tmp_path / "out", settings=Settings(limits=Limits(file_bytes=100)))
    assert list(told(tmp_path / "out").values()) == [(None, "failed", "limit")]


def test_a_page_is_made_for_whom_it_is_wanted(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(clips, out, settings=Settings(reports="none"))
    assert not any(name.startswith("reports/") for name in kept(out))
    _, judged = run(clips, out)
    assert len(judged) == 5
    assert len([name for name in kept(out) if name.startswith("reports/")]) == 5


def test_a_second_run_is_refused(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Results(out).create()
    with Ledger(out), pytest.raises(UsageError, match="another run"):
        run(clips, out)


def test_shards_together_are_the_whole(clips: Path, clean: Path, tmp_path: Path) -> None:
    from vadd.run.inputs import of_shard

    out = tmp_path / "out"
    for which in (3, 1, 2):
        paths = of_shard(find([clips]).paths, (which, 3))
        judge_all(paths, out, Settings(), engine=Inline(1), shard=(which, 3))
    records = {name: data for name, data in kept(out).items() if name.startswith("records/")}
    assert records == {name: data for name, data in kept(clean).items() if name.startswith("records/")}


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_make_the_same_bytes(clips: Path, clean: Path, tmp_path: Path, workers: int) -> None:
    summary, _ = run(clips, tmp_path / "out", LocalEngine(workers))
    assert not summary.bugs
    assert kept(tmp_path / "out") == kept(clean)
    assert told(tmp_path / "out") == told(clean)


def test_keys_hang_on_content_and_on_what_judges() -> None:
    keys, other = Keys.of(Settings()), Keys.of(Settings(false_alarms=0.2))
    assert keys.record("a" * 64) != keys.record("b" * 64)
    assert keys.record("a" * 64) != other.record("a" * 64)
    assert keys.measurement("a" * 64) == other.measurement("a" * 64)
    assert Keys.of(Settings(reports="none", threads=1)).record("a" * 64) == keys.record("a" * 64)


def test_a_measurement_hangs_on_every_network_that_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from vadd.embed import weights

    before = Keys.of(Settings())
    other = replace(weights.BLAZEFACE, sha256="f" * 64)
    monkeypatch.setattr(weights, "BLAZEFACE", other)
    after = Keys.of(Settings())
    assert after.measurement("a" * 64) != before.measurement("a" * 64)
