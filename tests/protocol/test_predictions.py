"""What tools write: read as it comes, refused with file and line."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made_trials import entries, truth

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.predictions import read_avdeepfake1m, read_predictions, to_avdeepfake1m
from vadd.protocol.truth import truth_of
from vadd.timeline import Span

TRUTH = truth(3)
PLAIN = "trial,score\nt0000,0.25\nt0001,1e1\nt0002,-3\n"


@pytest.fixture
def read(tmp_path):
    def reads(text, how=read_predictions):
        path = tmp_path / "p.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return how(path, TRUTH)

    return reads


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace(",", ";"),
        PLAIN.replace("\n", "\r\n"),
        "note,score,trial\nx,-3,t0002\n\ny, 10 ,t0001\nz,0.25,t0000",
    ],
)
def test_scores_in_the_order_of_the_manifest(read, text):
    found = read(text)
    assert found.scores.tolist() == [0.25, 10.0, -3.0]
    assert found.verdicts is found.probabilities is found.spans is None
    assert found.flagged(0.25).tolist() == [True, True, False]
    assert not found.abstained.any()


def test_all_columns(read):
    found = read(
        "trial,score,verdict,probability,spans\n"
        "t0000,0.2,consistent,0.1,\n"
        "t0001,,failed,,\n"
        't0002,0.7,discrepant,0.9," 1-2.5:0.3 ;6-8"\n'
    )
    assert found.flagged(0.0).tolist() == [False, False, True]
    assert found.abstained.tolist() == [False, True, False]
    np.testing.assert_array_equal(found.scores, [0.2, np.nan, 0.7])
    np.testing.assert_array_equal(found.probabilities, [0.1, np.nan, 0.9])
    assert found.spans == ((), (), ((0.7, 6.0, 8.0), (0.3, 1.0, 2.5)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.25", "nan", "line 2: the score is 'nan', not a number"),
        ("0.25", "-inf", "line 2: the score is '-inf', not a number"),
        ("0.25", "", "line 2: the score is '', not a number"),
        ("0.25", "1_0", "line 2: the score is '1_0', not a number"),
        ("t0002", "t0001", "line 4: the trial t0001 is in line 3 already"),
        ("t0002", "t9", "line 4: the manifest has no trial 't9'"),
        ("t0002,-3\n", "", r"p\.csv: a trial is missing, the first is t0002"),
        ("t0001,1e1\nt0002,-3\n", "", r"p\.csv: 2 of 3 trials are missing, the first is t0001"),
        ("score", "points", "line 1: there is no column 'score'"),
        ("0.25", "0,25", "line 2: it has 3 fields, not 2"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(read, old, new, said):
    with pytest.raises(ProtocolError, match=said):
        read(PLAIN.replace(old, new))


@pytest.mark.parametrize(
    ("columns", "row", "said"),
    [
        ("verdict", "maybe", "the verdict 'maybe' is none of consistent, discrepant"),
        ("probability", "1.5", "the probability 1.5 is not between 0 and 1"),
        ("probability", "nan", "the probability is 'nan', not a number"),
        ("spans", "1-2:x", "in the span '1-2:x' the score is 'x'"),
        ("spans", "2-1:0.5", "the span '2-1:0.5' does not end after it starts"),
        ("spans", "nan-1:0.5", "the start is 'nan'"),
        ("spans", "12", "'12' is no span"),
        ("spans", "-1-2:0.5", "start is ''"),
    ],
)
def test_nonsense_in_other_columns(read, columns, row, said):
    text = f"trial,score,{columns}\nt0000,0,{row}\nt0001,0,\nt0002,0,\n"
    with pytest.raises(ProtocolError, match=r"p\.csv, line 2: ") as caught:
        read(text)
    assert said in str(caught.value)


def test_verdicts_for_all_or_none(read):
    with pytest.raises(ProtocolError, match="line 3: there is no verdict, but other lines have one"):
        read("trial,score,verdict\nt0000,0,failed\nt0001,0,\nt0002,0,consistent\n")


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_predictions(tmp_path / "none.csv", TRUTH)
    with pytest.raises(UsageError, match="cannot read"):
        read_avdeepfake1m(tmp_path / "none.json", TRUTH)
    (tmp_path / "p.csv").write_bytes(b"trial,score\n\xff\xfe,1\n")
    with pytest.raises(ProtocolError, match="no table in UTF-8"):
        read_predictions(tmp_path / "p.csv", TRUTH)


def test_json_of_avdeepfake1m_there_and_back(tmp_path, read):
    spliced = list(entries(3))
    spliced[1] = replace(spliced[1], spans=(Span(Fraction(1), Fraction(5, 2)),))
    known = truth_of(spliced)
    proposals = {"t0000.mp4": [], "t0001": [[0.5, 0, 1], [0.9, 1.0, 2.5]], "t0002.mp4": [[0.1, 3, 4]]}
    found = read(json.dumps(proposals), read_avdeepfake1m)
    np.testing.assert_array_equal(found.scores, [np.nan, 0.9, 0.1])
    assert found.spans == ((), ((0.9, 1.0, 2.5), (0.5, 0.0, 1.0)), ((0.1, 3.0, 4.0),))
    written = to_avdeepfake1m(found, known)
    assert json.loads(written["avdeepfake1m-truth.json"]) == [
        {"file": "t0000.mp4", "fake_segments": []},
        {"file": "t0001.mp4", "fake_segments": [[1.0, 2.5]]},
        {"file": "t0002.mp4", "fake_segments": []},
    ]
    path = tmp_path / "again.json"
    path.write_text(written["avdeepfake1m-proposals.json"])
    assert read_avdeepfake1m(path, known).spans == found.spans


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1", "is no JSON"),
        ("[]", "is no JSON object of trials"),
        ('{"t0000": [], "t0000.mp4": [], "t0001": [], "t0002": []}', "'t0000.mp4': the trial is there twice"),
        ('{"t7": []}', "'t7': the manifest has no such trial"),
        ('{"t0000": []}', "2 of 3 trials are missing"),
        ('{"t0000": {}}', "its proposals are no list"),
        ('{"t0000": [[1, 2]]}', r"\[1, 2\] is not \[score, start, end\]"),
        ('{"t0000": [[NaN, 1, 2]]}', r"is not \[score, start, end\]"),
        ('{"t0000": [[1, 2, 2]]}', "does not end after it starts"),
    ],
)
def test_json_that_makes_no_sense(read, text, said):
    with pytest.raises(ProtocolError, match=said):
        read(text, read_avdeepfake1m)
