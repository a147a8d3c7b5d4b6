"""The JSON document: complete, deterministic, valid by both validators, and in step with docs/."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from samples import ALL, consistent, discrepant, failed, hour, inconclusive, provenance, record

from vadd.detect.verdict import Outcome, Reason
from vadd.media.levels import SILENCE
from vadd.report.document import document, line
from vadd.report.schema import json_schema, validate
from vadd.report.schema_page import markdown

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ALL)
def test_every_kind_is_valid(name):
    found = document(ALL[name]())
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.Draft202012Validator(json_schema()).validate(found)
    assert validate(found).model_dump(mode="json") == found


def test_what_is_required_is_there():
    found = json.loads(line(discrepant()))
    assert found["verdict"] == "discrepant"
    assert found["reason"] is None
    assert found["score"] == 0.8132
    assert found["probability"] == 0.93
    assert [(s["start"], s["end"]) for s in found["spans"]] == [(3.0, 7.0), (9.0, 10.2)]
    assert len(found["seconds"]) == 10
    assert found["seconds"][7]["mute"] == "sound_says_nothing"
    assert found["seconds"][9]["end"] == 10.2
    assert [c["name"] for c in found["spans"][0]["expected"]] == ["waves", "wind"]
    assert found["spans"][0]["contributions"][0] == {
        "side": "sound", "name": "road traffic", "probability": 0.58, "effect": 1.3125,
    }  # fmt: skip
    assert [(s["start"], s["end"]) for s in found["shots"]] == [(0.0, 3.2), (3.2, 7.0), (7.0, 10.2)]
    assert [s["mute"] for s in found["shots"]] == [None, None, "sound_says_nothing"]
    (minute,) = found["minutes"]
    assert (minute["start"], minute["end"], minute["flagged"]) == (0.0, 10.2, 5.2)
    assert (minute["peak"], minute["speaking"]) == (0.93, 0.9)
    assert minute["sound"][0]["name"] == "road traffic"
    assert found["provenance"]["inputs"][0]["name"] == "beach.mp4"
    assert "exhibit" not in found


def test_an_hour_has_its_minutes():
    found = document(hour())["minutes"]
    assert [m["start"] for m in found] == [60.0 * at for at in range(60)]
    assert [at for at, m in enumerate(found) if m["flagged"]] == [25, 26, 27, 28, 50]
    assert [at for at, m in enumerate(found) if m["speaking"] == 0] == [12, 13, 40]
    assert found[12]["score"] is found[12]["peak"] is None


def test_inconclusive_keeps_its_score():
    found = document(inconclusive())
    assert found["reason"] == "sound_says_nothing"
    assert found["score"] == 0.48


@pytest.mark.parametrize("name", ALL)
def test_line_is_the_document_written_at_once(name):
    found = document(ALL[name]())
    assert line(ALL[name]()) == json.dumps(found, allow_nan=False)
    assert list(found) == list(json_schema()["properties"])


def test_same_verdict_same_bytes():
    first, second = line(discrepant()), line(discrepant())
    assert first == second
    assert first.isascii()
    assert "\n" not in first
    shuffled = provenance()
    shuffled = replace(shuffled, hashes=dict(reversed(shuffled.hashes.items())))
    assert line(replace(discrepant(), provenance=shuffled)) == first


def test_numbers_are_rounded_to_six_places():
    found = document(replace(consistent(), score=1 / 3, duration=Fraction(1, 3)))
    assert found["score"] == 0.333333
    assert found["duration"] == 0.333333


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="no place"):
        document(replace(consistent(), score=value))


def test_a_failed_file_has_no_duration():
    assert document(failed())["duration"] is None
    assert document(inconclusive())["duration"] == 10.0


@pytest.mark.parametrize("level", [None, -math.inf, SILENCE])
def test_digital_silence_has_no_level(level):
    base = consistent()
    silent = replace(base.seconds[0], level=level)
    assert document(replace(base, seconds=(silent,)))["seconds"][0]["level"] is None


def test_provenance_with_a_strange_value_is_refused():
    strange = replace(provenance(), config={"limits": object()})
    with pytest.raises(TypeError, match="object"):
        document(replace(consistent(), provenance=strange))


def test_names_that_are_not_utf8_stay_valid_json():
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    found = json.loads(line(replace(consistent(), provenance=provenance(record(name)))))
    assert found["provenance"]["inputs"][0]["name"] == "caf\\xe9.mp4"


@given(st.text(alphabet=st.one_of(st.characters(), st.characters(categories=["Cs"])), max_size=30))
def test_any_name_gives_encodable_json(name):
    text = line(failed(name or "x"))
    json.loads(text.encode("ascii"))["provenance"]["inputs"][0]["name"].encode("utf-8")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"score": 1.5}, "score"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"extra": 1}, "extra"),
        ({"schema": "vadd.result/1"}, "schema"),
        ({"reason": "damaged"}, "does not go with"),
        ({"verdict": "consistent"}, "has no spans"),
        ({"verdict": "failed", "spans": []}, "needs a reason"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    with pytest.raises(ValidationError, match=told):
        validate({**document(discrepant()), **change})


def test_schema_refuses_what_is_out_of_range():
    bad = {**document(discrepant()), "probability": -0.1}
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(bad)


def test_every_field_is_described():
    schema = json_schema()
    parts = [schema, *(d for d in schema["$defs"].values() if "properties" in d)]
    assert len(parts) == 9
    for part in parts:
        for name, field in part["properties"].items():
            assert field.get("description"), name
        assert set(part["required"]) == set(part["properties"])


def test_docs_are_in_step():
    assert (DOCS / "result.schema.json").read_text("utf-8") == json.dumps(json_schema(), indent=2) + "\n"
    assert (DOCS / "schema.md").read_text("utf-8") == markdown()


def test_markdown_names_every_field_verdict_and_reason():
    text = markdown()
    for name in document(discrepant()):
        assert f"| `{name}` |" in text
    for name in (*Outcome, *Reason):
        assert f"`{name.value}`" in text
