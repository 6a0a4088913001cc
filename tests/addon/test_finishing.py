"""Finishing objects in Blender: balls whose colors tell the place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from in_blender import facts_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("finished_objects", tmp_path_factory.mktemp("finished"), seconds=600)


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("baked_objects", tmp_path_factory.mktemp("baked"), seconds=600)


def test_levels_of_detail_are_objects_of_one_material(finished: dict[str, Any]) -> None:
    assert finished["answer"] == "['FINISHED']"
    levels = finished["levels"]
    assert 1500 < levels["faces"] <= 2000
    assert list(finished["coarser"].values()) == pytest.approx([levels["faces"] / 2, levels["faces"] / 4], rel=0.35)
    assert finished["one_material"]
    assert levels["off"][1] < 0.06
    assert (levels["materials"], levels["normal_map"], levels["uv_layers"]) == (1, True, 1)
    assert levels["roughness"] == pytest.approx(0.1)


def test_the_objects_scale_stays_and_no_face_turns_inside_out(finished: dict[str, Any]) -> None:
    levels = finished["levels"]
    assert levels["scale"] == [2, -2, 2]
    assert levels["size"] == pytest.approx([2, 2, 2], rel=0.03)
    assert levels["outward"] == 1


def test_vertex_groups_are_carried_over(finished: dict[str, Any]) -> None:
    """A quarter of a ball is above half its radius."""
    assert 100 < finished["group"] < 500


def test_quads_show_the_same_colours(finished: dict[str, Any]) -> None:
    assert finished["quads_answer"] == "['FINISHED']"
    quads = finished["quads"]
    assert quads["quads"] > 0.95
    assert 1000 < quads["faces"] < 2250
    assert quads["off"][0] < 0.03
    assert quads["off"][1] < 0.1
    assert quads["outward"] > 0.995  # QuadriFlow may fold a corner
    assert (quads["normal_map"], quads["occlusion"]) == (True, True)
    assert quads["roughness"] == pytest.approx(0.35)


def test_what_is_printed_has_its_size_and_is_judged(finished: dict[str, Any]) -> None:
    assert finished["print_answer"] == "['FINISHED']"
    assert finished["print"]["size"] == pytest.approx([0.08, 0.08, 0.075], abs=0.001)
    assert any(text.startswith("It can be printed") for text in finished["told"])
    assert "".join(finished["told"]).count("mm") >= 2


def test_a_selected_object_is_baked_onto_the_active_one(baked: dict[str, Any]) -> None:
    assert baked["answer"] == "['FINISHED']"
    assert baked["target"]["off"][1] < 0.05
    assert baked["target"]["normal_map"]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("alone", "0 objects are selected besides the active one."),
        ("without_uv", "'Target' has no UV map. Unwrap it first"),
        ("plane", "A mesh that is not closed has no body"),
        ("shape_keys", "has shape keys"),
        ("empty", "'Empty' is no mesh."),
    ],
)
def test_what_cannot_be_finished_is_told(case: str, said: str, baked: dict[str, Any]) -> None:
    assert said in baked[case]
    assert baked["plane_stays"] == 1


def test_cancelling_ends_the_blender_that_makes_quads(tmp_path: Any) -> None:
    facts = facts_of("cancelled_finishing", tmp_path)
    assert facts["running"]
    assert "Making Quads" in facts["shown"]
    assert "is still being finished" in facts["refused"]
    assert facts["ended"]
    assert not facts["left"]
    assert np.ptp(facts["faces"]) == 0
