from __future__ import annotations

import json

import pytest

from made_tau import OWN, TEST, archives, serving, write_clips, write_lists
from vadd.cli import main
from vadd.protocol.tau_lock import LOCK


@pytest.fixture
def server():
    with serving(archives()) as running:
        yield running


def test_download(server, tmp_path, capsys):
    call = ["tau", "download", str(tmp_path / "tau"), "--url", server.url]
    assert main([*call, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("A set of clips (1)\n")
    assert "5 parts, " in told
    assert "to fetch" in told
    assert not (tmp_path / "tau").exists()
    assert main([*call, "--parts", "meta, audio.1"]) == 0
    told = capsys.readouterr()
    assert told.err == ""  # no terminal, no bar
    assert f"{OWN}.meta.zip: 4 files, SHA-256 " in told.out
    assert (tmp_path / "tau" / LOCK).is_file()
    assert main(["tau", "check", str(tmp_path / "tau"), "--quick", "--part", "--compare"]) == 0
    assert main([*call, "--keep"]) == 0
    assert "here" in capsys.readouterr().out
    assert main(["tau", "check", str(tmp_path / "tau"), "--part"]) == 4  # noise is no media
    assert "8 files that cannot be read:" in capsys.readouterr().out


def test_download_called_wrongly(server, tmp_path, capsys):
    for more, told in (
        (["--url", server.url, "--parts", "nothing"], "no file of the record fits 'nothing'"),
        (["--url", server.url, "--parts", ","], "no file of the record fits ''"),
        (["--url", f"{server.base}/x"], "404"),
        (["--url", "file:///etc/passwd"], "no address"),
        (["--set", "other"], "'other' is not one of"),
    ):
        assert main(["tau", "download", str(tmp_path / "tau"), *more]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.startswith("vadd: ")
        assert error.count("\n") == 1
    assert not (tmp_path / "tau").exists()


def test_check_and_info(tmp_path, capsys):
    write_lists(tmp_path)
    write_clips(tmp_path)
    assert main(["tau", "check", str(tmp_path), "--part"]) == 0
    assert capsys.readouterr().out.endswith("nothing is wrong\n")
    (tmp_path / "audio" / f"{TEST[0]}.wav").unlink()
    assert main(["tau", "check", str(tmp_path), "--json", "--workers", "1"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in document["problems"]] == ["count", "count", "missing"]
    assert document["expected"] == {"train": 8646, "test": 3645}
    assert main(["tau", "check", str(tmp_path / "video")]) == 2
    assert "there is no fold1_train.csv" in capsys.readouterr().err
    assert main(["tau", "check", str(tmp_path), "--tolerance", "nan"]) == 2
    capsys.readouterr()
    assert main(["tau", "info", str(tmp_path)]) == 0
    assert "2 clips to train on, 2 to test on" in capsys.readouterr().out
    assert main(["tau", "info", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenes"] == ["bus", "park", "tram"]
    assert main(["tau", "info", str(tmp_path / "none")]) == 2
    assert "there is no list" in capsys.readouterr().err


def test_many_problems_are_not_all_told(tmp_path, capsys):
    write_lists(tmp_path, [f"bus-lyon-1-{at}" for at in range(30)])
    assert main(["tau", "check", str(tmp_path), "--quick"]) == 4
    told = capsys.readouterr().out
    assert "and 54 more; --json names them all" in told
    assert told.count("\n") < 40
