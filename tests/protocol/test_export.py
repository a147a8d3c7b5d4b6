"""Benchmarks and predictions in the forms of others: whole, read back, and refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.errors import OutputError, ProtocolError, UsageError
from vadd.protocol.donors import rebuilt
from vadd.protocol.export import dcase_table, vadd_lists, write_lists
from vadd.protocol.lists import anomalies, read_lists
from vadd.protocol.make import Order, made
from vadd.protocol.splice import Splice
from vadd.protocol.tau import TauClip
from vadd.scenes import TAU

CLIPS = [
    TauClip(f"{scene}-{city}-{at}{place}-{number}", scene, city, f"{at}{place}", "test")
    for at, scene in enumerate(TAU.scenes)
    for city in ("oslo", "rome")
    for place in range(2)
    for number in range(3)
]


@pytest.mark.parametrize("classes", ["10", "3", "2"])
@pytest.mark.parametrize("design", ["paper", "paired", "same-city", "control"])
def test_what_is_written_is_read_back(tmp_path, classes, design):
    entries = made(CLIPS, Order(classes, design, 5)).entries
    texts = vadd_lists(entries)
    assert sorted(texts) == sorted(
        f"vadd_{classes}_{what}.txt" for what in ("pristine", "manipulated", "swaps")
    )
    write_lists(tmp_path / "new", texts)
    lists = read_lists(tmp_path / "new", int(classes))
    assert set(rebuilt(lists, "swaps", seed=5)) == set(entries)
    odd = {each.kind for each in anomalies(lists, CLIPS)}
    assert odd == ({"both"} if design == "paired" else set())


def test_the_form(tmp_path):
    entries = made(CLIPS, Order("3", "paper", 5)).entries
    texts = vadd_lists(entries)
    swapped = min((each for each in entries if each.manipulated), key=lambda each: f"{each.picture.name}.mp4")
    first = {name: text.splitlines()[0] for name, text in texts.items()}
    assert first["vadd_3_manipulated.txt"] == f"['{swapped.picture.name}.mp4', '{swapped.picture.label}']"
    assert first["vadd_3_swaps.txt"] == f"('{swapped.picture.name}.mp4', '{swapped.sound.name}.mp4')"
    assert set(vadd_lists(entries, "own")) == {
        f"vadd_own_{what}.txt" for what in ("pristine", "manipulated", "swaps")
    }
    labelled = [replace(each, picture=replace(each.picture, label="bar")) for each in entries]
    assert "vadd_own_swaps.txt" in vadd_lists(labelled)


@given(st.lists(st.text(min_size=1), min_size=4, max_size=12, unique=True))
def test_names_of_any_kind(names):
    import tempfile
    from pathlib import Path

    clips = [TauClip(name, "ab"[at % 2], "", str(at), "test") for at, name in enumerate(names)]
    entries = made(clips, Order("own", "paper", 0)).entries
    with tempfile.TemporaryDirectory() as folder:
        write_lists(
            Path(folder), {name.replace("own", "3"): text for name, text in vadd_lists(entries).items()}
        )
        lists = read_lists(Path(folder), 3)
        assert {each.picture.name for each in entries} == {
            e.name for e in (*lists.pristine, *lists.manipulated)
        }


def test_what_the_form_has_no_place_for(tmp_path):
    spliced = made(CLIPS, Order("3", "paper", 5, splice=Splice.parse("1", Fraction(10)))).entries
    with pytest.raises(ProtocolError, match=r"of the trial t\w+ is foreign in spans"):
        vadd_lists(spliced)
    entries = made(CLIPS, Order("3", "paper", 5)).entries
    with pytest.raises(ProtocolError, match="is shown twice in one half"):
        vadd_lists([*entries, entries[0]])
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write the lists into"):
        write_lists(tmp_path / "file", vadd_lists(entries))


def predictions(path, rows, head=("filename", *TAU.scenes), sep=","):
    path.write_text("\n".join(sep.join(map(str, row)) for row in (head, *rows)) + "\n")
    return path


SURE = [0.91, *[0.01] * 9]


@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_dcase(tmp_path, sep):
    path = predictions(tmp_path / "p.csv", [["0.mp4", *SURE], ["1.mp4", *SURE[::-1]]], sep=sep)
    text, count = dcase_table(path)
    assert count == 2
    assert text.splitlines() == [
        "filename\tscene_label\t" + "\t".join(TAU.scenes),
        "0.mp4\tairport\t" + "\t".join(map(str, SURE)),
        "1.mp4\ttram\t" + "\t".join(map(str, SURE[::-1])),
    ]


def test_dcase_from_what_evaluate_writes(tmp_path):
    head = ("clip", "scene", "answer", *TAU.scenes)
    text, _ = dcase_table(predictions(tmp_path / "p.csv", [["a", "bus", "park", *SURE]], head))
    assert text.splitlines()[1].startswith("a\tpark\t0.91\t")


@pytest.mark.parametrize(("rows", "told"), [
    ([["a", *SURE], ["a", *SURE]], r"p.csv, line 3: a is in line 2 already"),
    ([["a", "nan", *SURE[1:]]], "line 2: 'nan' is no probability of airport"),
    ([["a", "", *SURE[1:]]], "line 2: '' is no probability"),
    ([["a", 1.5, *SURE[1:]]], "line 2: '1.5' is no probability"),
    ([["a", 0.1, *SURE[1:]]], r"line 2: the probabilities of a sum up to 0.1900"),
    ([["", *SURE]], "line 2: there is no filename"),
    ([["a", *SURE[1:]]], "line 2: it has 10 fields"),
    ([], "no predictions"),
])  # fmt: skip
def test_predictions_that_make_no_sense(tmp_path, rows, told):
    with pytest.raises(ProtocolError, match=told):
        dcase_table(predictions(tmp_path / "p.csv", rows))


def test_predictions_of_other_scenes(tmp_path):
    head = ("filename", "scene_label", *TAU.scenes)
    with pytest.raises(ProtocolError, match="line 2: 'kitchen' is not one of the scenes"):
        dcase_table(predictions(tmp_path / "p.csv", [["a", "kitchen", *SURE]], head))
    with pytest.raises(ProtocolError, match="no column 'tram'"):
        dcase_table(predictions(tmp_path / "p.csv", [["a", *SURE[:9]]], ("filename", *TAU.scenes[:9])))
    with pytest.raises(UsageError, match="cannot read"):
        dcase_table(tmp_path / "none.csv")
