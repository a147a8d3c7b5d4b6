"""The scene sets and the maps between them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vadd.errors import ModelError
from vadd.scenes import INDOOR_OUTDOOR, INDOOR_OUTDOOR_VEHICLE, SCENE_SETS, TAU, by_size, coarsen, scene_set


def test_the_ten_go_where_the_paper_puts_them() -> None:
    into = coarsen(TAU, INDOOR_OUTDOOR_VEHICLE)
    groups = {
        place: {scene for scene, index in zip(TAU.scenes, into, strict=True) if index == i}
        for i, place in enumerate(INDOOR_OUTDOOR_VEHICLE.scenes)
    }
    assert groups == {
        "indoor": {"airport", "shopping_mall", "metro_station"},
        "outdoor": {"park", "public_square", "street_pedestrian", "street_traffic"},
        "vehicle": {"bus", "metro", "tram"},
    }


def test_two_scenes_leave_the_vehicles_out_by_either_way() -> None:
    directly = coarsen(TAU, INDOOR_OUTDOOR)
    second = coarsen(INDOOR_OUTDOOR_VEHICLE, INDOOR_OUTDOOR)
    in_steps = tuple(second[i] for i in coarsen(TAU, INDOOR_OUTDOOR_VEHICLE) if i is not None)
    assert directly == in_steps
    assert {s for s, i in zip(TAU.scenes, directly, strict=True) if i is None} == {"bus", "metro", "tram"}


@pytest.mark.parametrize("each", SCENE_SETS.values(), ids=SCENE_SETS)
def test_a_set_is_sorted_and_maps_to_itself(each: object) -> None:
    assert isinstance(each, type(TAU))
    assert list(each.scenes) == sorted(set(each.scenes))
    assert coarsen(each, each) == tuple(range(len(each)))
    assert scene_set(each.name) is each
    assert by_size(len(each)) is each
    assert [each.index(scene) for scene in each.scenes] == list(range(len(each)))


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(ModelError, match="no map from the scenes of indoor_outdoor to those of tau"):
        coarsen(INDOOR_OUTDOOR, TAU)
    with pytest.raises(ModelError, match="tau, indoor_outdoor_vehicle, indoor_outdoor"):
        scene_set("tau2021")
    with pytest.raises(ModelError, match="10, 3, 2"):
        by_size(4)
    with pytest.raises(ModelError, match="'beach' is not one of the scenes of tau: airport"):
        TAU.index("beach")


@pytest.mark.parametrize(
    "module", ["scenes", "classify.card", "classify.vote", "classify.judge", "classify.model"]
)
def test_no_torch_is_loaded_by(module: str) -> None:
    code = f"import sys, vadd.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
