"""Redo: a new mesh for an object, and what stays as the person has made it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from in_blender import facts_of

OLD = Path(__file__).resolve().parents[1] / "data" / "0.1.0"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("redo_keeps", tmp_path_factory.mktemp("redo_keeps"))


def test_redo_as_before_gives_the_same_mesh(kept: dict[str, Any]) -> None:
    assert kept["answer"] == "['FINISHED']"
    assert kept["same_as_before"]


def test_redo_with_new_settings_gives_another_mesh_on_the_same_object(kept: dict[str, Any]) -> None:
    before, after = kept["faces"]
    assert after > before
    assert kept["objects"] == ["Parent", "Teapot"]
    assert kept["meshes"] == ["Shape"]


def test_redo_keeps_the_object(kept: dict[str, Any]) -> None:
    assert kept["names"] == ["Teapot", "Shape", "Parent", "Bevel"]
    assert kept["place"] == [[1, 2, 3], [2, 2, 2]]
    assert kept["collections"] == ["Relievo"]


def test_redo_keeps_materials_and_which_faces_have_them(kept: dict[str, Any]) -> None:
    assert kept["materials"] == ["quarters", "Glaze"]
    assert kept["roughness"] == 0.125
    assert kept["glazed"] == [1, 2]


def test_redo_replaces_its_own_images_alone(kept: dict[str, Any]) -> None:
    assert kept["textures"] == {"albedo": "quarters"}
    assert kept["images"] == ["quarters"]


def test_redo_keeps_vertex_groups_and_their_weights(kept: dict[str, Any]) -> None:
    assert kept["groups"] == ["Handle"]
    assert kept["weighted"] == [[0.5], []]


def test_each_redo_is_one_undo_step(kept: dict[str, Any]) -> None:
    assert kept["undone"]


def test_new_seed_is_of_the_object_and_not_of_the_panel(tmp_path: Path) -> None:
    facts = facts_of("redo_new_seed", tmp_path)
    is_offered, refused = facts["relief"]
    assert not is_offered and "Nothing in 'quarters' depends on a seed" in refused
    is_offered, answered = facts["random"]
    assert is_offered and "is not installed" in answered
    assert facts["asked"] == ["instant-mesh-large", 33, True, 24]
    assert facts["own_views"] is False


@pytest.fixture(scope="module")
def size(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("redo_size", tmp_path_factory.mktemp("redo_size"))


def test_size_and_origin_are_the_objects_and_not_the_panels(size: dict[str, Any]) -> None:
    low, high = size["as_made"]["low"], size["as_made"]["high"]
    assert max(b - a for a, b in zip(low, high, strict=True)) == pytest.approx(0.12)
    assert low[2] == pytest.approx(0, abs=1e-6)
    assert size["materials"] == 1


def test_what_was_applied_to_the_mesh_stays_applied(size: dict[str, Any]) -> None:
    assert size["applied"] < 1e-5
    assert size["applied_twice"] < 1e-5
    before, after = size["thinner"]
    assert after["high"][1] == pytest.approx(before["high"][1], rel=0.02)
    assert after["high"][0] < 0.7 * before["high"][0]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("redo_shared", tmp_path_factory.mktemp("redo_shared"))


def test_objects_that_share_the_mesh_get_the_new_one(shared: dict[str, Any]) -> None:
    assert shared["answer"] == "['FINISHED']"
    assert shared["twin_has_it"] and shared["twin_settings"]


def test_an_object_that_shares_the_material_keeps_its_mesh_and_texture(shared: dict[str, Any]) -> None:
    assert shared["other_is_kept"] and shared["others_texture_is_kept"]
    assert shared["own_texture"]


def test_material_without_nodes_is_left_alone(shared: dict[str, Any]) -> None:
    assert shared["materials"][1:] == ["Plain"]


def test_normal_map_comes_and_goes_with_the_settings(tmp_path: Path) -> None:
    facts = facts_of("redo_normal_map", tmp_path)
    assert facts["first"] == facts["again"] == ["albedo", "normal"]
    assert facts["without"] == ["albedo"]
    assert facts["as_before"] == "['FINISHED']"


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("redo_refused", tmp_path_factory.mktemp("redo_refused"))


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("shape_keys", "has shape keys"),
        ("edit_mode", "is being edited"),
        ("linked", "belongs to another file, 'library.blend'"),
        ("override", "is a library override"),
    ],
)
def test_what_cannot_be_redone_is_refused_before_computing(refused: dict[str, Any], case: str, why: str) -> None:
    assert why in refused[case]
    assert refused["queue"] == 0


@pytest.fixture(scope="module")
def meanwhile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("redo_meanwhile", tmp_path_factory.mktemp("redo_meanwhile"))


def test_new_mesh_waits_until_the_person_leaves_edit_mode(meanwhile: dict[str, Any]) -> None:
    assert meanwhile["while_edited"] == {"waits": 1, "mode": "EDIT_MESH", "objects": ["quarters"]}
    assert meanwhile["after_editing"] == {"waits": 0, "grew": True}


def test_new_mesh_of_a_deleted_object_waits_to_be_placed(meanwhile: dict[str, Any]) -> None:
    deleted = meanwhile["deleted"]
    assert (deleted["objects"], deleted["unplaced"]) == ([], True)
    assert "was deleted" in deleted["told"]
    assert meanwhile["placed"] == {"objects": ["quarters"], "queue": 0}


def test_objects_of_the_first_version_are_redone(tmp_path: Path) -> None:
    shutil.copy(OLD / "objects.blend", tmp_path)
    facts = facts_of("redo_of_first_version", tmp_path)
    for name, picture in (("cup", "cup.png"), ("Painting", "image:Painting")):
        assert facts[name]["answer"] == "['FINISHED']"
        assert facts[name]["same"]
        assert facts[name]["materials"] == [name]
        assert list(facts[name]["textures"]) == ["albedo"]
        assert facts[name]["is_kept"]
        assert Path(facts[name]["picture"]).name == picture
