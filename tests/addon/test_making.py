"""The installed extension: what it makes of a picture, and that nothing a person does while a job runs does harm."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import bpy
import pytest
from in_blender import PICTURE, ZIP, facts_of

# The package


def test_zip_passes_blenders_validation() -> None:
    tool = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    ended = subprocess.run([sys.executable, tool, "validate", ZIP], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_zip_has_the_versions_and_licence_of_the_project() -> None:
    with zipfile.ZipFile(ZIP) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        settings = json.loads(archive.read("relievo/settings.json"))
        licence = archive.read("LICENSE")
    assert manifest["version"] == settings["version"]
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert b"GNU GENERAL PUBLIC LICENSE" in licence


def test_zip_has_the_weights_with_their_notice_and_one_module_each() -> None:
    with zipfile.ZipFile(ZIP) as archive:
        names = archive.namelist()
    assert {"relievo/models/u2netp.safetensors", "relievo/models/u2netp.md"} <= set(names)
    modules = [name.partition(".")[0] for name in names if ".so" in name and "/libs/" not in name]
    # The last one is opened by the first picture that needs it.
    assert sorted(modules) == ["relievo/_native", "relievo/_store", "relievo/librelievo_heif"]
    assert not [name for name in names if "__pycache__" in name]
    assert max(map(len, names)) < 80


def test_module_in_the_zip_looks_for_libtorch_nowhere_by_itself() -> None:
    with zipfile.ZipFile(ZIP) as archive:
        (module,) = (archive.read(name) for name in archive.namelist() if "_native.cpython" in name)
    assert b"torch/lib" not in module  # as in the RPATH of the build


# One picture


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("generate", tmp_path_factory.mktemp("generate"))


def test_operator_makes_an_object_named_after_the_picture(made: dict[str, Any]) -> None:
    assert made["answer"] == ["FINISHED"]
    assert made["names"] == dict.fromkeys(("object", "mesh", "material", "image"), "chicken_cut_out")


def test_object_stands_at_the_cursor_selected_and_active(made: dict[str, Any]) -> None:
    assert made["location"] == [1, 2, 3]
    assert made["selected"]
    assert made["active"]


def test_object_is_in_its_own_collection(made: dict[str, Any]) -> None:
    assert made["collections"] == made["in_scene"] == ["Relievo"]


def test_mesh_is_exactly_the_results(made: dict[str, Any]) -> None:
    assert made["vertices_equal"]
    assert made["faces_equal"]
    assert made["uv_equal"]
    assert made["uv_layers"] == ["UVMap"]


def test_mesh_is_sound_and_smooth(made: dict[str, Any]) -> None:
    assert made["smooth"]
    assert not made["needed_repair"]


def test_texture_is_the_packed_png_as_a_colour(made: dict[str, Any]) -> None:
    assert made["image"] == {"packed": True, "size": [1024, 1024], "colour_space": "sRGB", "node": "TEX_IMAGE"}


def test_material_is_a_linked_principled_shader(made: dict[str, Any]) -> None:
    assert made["output_is_linked"]
    assert made["metallic"] == 0


def test_cycles_sees_the_pictures_outline_from_the_front(made: dict[str, Any]) -> None:
    assert made["outline_iou"] >= 0.9


def test_object_tells_where_it_came_from(made: dict[str, Any]) -> None:
    told = made["provenance"]
    assert told["relievo_picture"] == PICTURE.name
    assert told["relievo_model"] == "preview"
    assert json.loads(told["relievo_settings"])["grid"] == 128
    assert told["relievo_version"]


def test_notes_of_a_result_are_in_the_panel(tmp_path: Path) -> None:
    told = facts_of("notes", tmp_path)
    assert "too few for this shape" in told["100"]["kept"]
    assert told["100"]["kept"] in told["100"]["panel"]
    assert told["0"]["kept"] == ""
    assert "too few" not in told["0"]["panel"]


def test_picture_is_remembered_in_the_panel(made: dict[str, Any]) -> None:
    assert made["picture_in_panel"] == str(PICTURE)


def test_one_undo_takes_everything_back_and_redo_brings_it(made: dict[str, Any]) -> None:
    assert made["after_undo"] == {"objects": [], "collections": []}
    assert made["after_redo"] == ["chicken_cut_out"]


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("quarters", tmp_path_factory.mktemp("quarters"))


@pytest.mark.parametrize(
    ("where", "colour"),
    [("left top", (1, 0, 0)), ("right top", (0, 1, 0)), ("left bottom", (0, 0, 1)), ("right bottom", (1, 1, 0))],
)
def test_picture_is_upright_on_the_front(quarters: dict[str, Any], where: str, colour: tuple[int, ...]) -> None:
    assert quarters["colours"][where] == pytest.approx(colour, abs=0.1)


def test_front_has_the_pictures_proportions(quarters: dict[str, Any]) -> None:
    width, _, height = quarters["size"]
    assert width / height == pytest.approx(1.5, rel=0.1)


# While a job runs


@pytest.fixture(scope="module")
def lifecycle(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("lifecycle", tmp_path_factory.mktemp("lifecycle"))


def test_timer_runs_while_a_job_does(lifecycle: dict[str, Any]) -> None:
    timer = lifecycle["cancelling"]["timer"]
    assert timer["is_registered"]
    assert timer["is_running"]
    assert timer["interval"] > 0


def test_cancel_stops_the_job_and_leaves_nothing(lifecycle: dict[str, Any]) -> None:
    cancelled = lifecycle["cancelling"]
    assert (cancelled["state"], cancelled["interval"], cancelled["failure"]) == ("cancelled", None, None)
    assert (cancelled["objects"], cancelled["current"]) == ([], None)


def test_nothing_to_cancel_without_a_job(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["cancelling"]["can_cancel_nothing"] is False


def test_jobs_queue_up_and_each_has_the_cursor_of_its_start(lifecycle: dict[str, Any]) -> None:
    places = {"chicken_cut_out": [0, 0, 0], "quarters": [5, 0, 0]}
    assert lifecycle["queueing"] == {"waiting": 1, "places": places, "collections": ["Relievo"]}


def test_job_goes_on_when_a_file_is_loaded_until_it_is_cancelled(lifecycle: dict[str, Any]) -> None:
    loaded = lifecycle["file_load"]
    assert (loaded["state"], loaded["current"], loaded["objects"]) == ("running", "chicken_cut_out", [])
    assert (loaded["cancelled"], loaded["interval"], loaded["current_then"]) == ("cancelled", None, None)


def test_undo_does_not_reach_a_job(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["undo"] == {"before": [], "failure": None, "made": ["chicken_cut_out"], "undone": []}


def test_object_goes_to_the_scene_of_its_start(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["scenes"]["other"] == {"Scene": [], "Other": ["chicken_cut_out"]}


def test_object_goes_to_the_open_scene_when_its_own_is_gone(lifecycle: dict[str, Any]) -> None:
    (objects,) = lifecycle["scenes"]["removed"].values()
    assert len(objects) == 1


def test_edit_mode_is_left_alone(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["edit_mode"] == {"failure": None, "mode": "EDIT_MESH", "cube_is_active": True}


def test_failure_is_kept_for_the_panel_and_is_not_the_next_jobs(lifecycle: dict[str, Any]) -> None:
    failing = lifecycle["failing"]
    assert failing["code"] == "io"
    assert "none.png" in failing["message"]
    assert failing["hint"]
    assert failing["kept_with_the_next_job"] is True
    assert failing["failure_of_the_next_job"] is None


PANEL = [
    *("Source", "Paste Picture", "Use Render Result", "Use Viewport", "Picture", "Model"),
    *("Quality", "Quality", "Quality", "Generate Mesh"),
]


def test_panel_shows_the_picture_and_the_quality(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["panel"]["main"] == [*PANEL, "Mesh from Picture"]


def test_parts_of_the_panel_show_all_settings(lifecycle: dict[str, Any]) -> None:
    parts = lifecycle["panel"]["parts"]
    with zipfile.ZipFile(ZIP) as archive:
        known = set(json.loads(archive.read("relievo/settings.json"))["settings"])
    assert parts["mask"] == ["Mask", "Edge Cutoff", "Invert Mask", "Subject", "Mend Mask", "Preview Cutout"]
    assert lifecycle["panel"]["labels"].keys() == known
    shown = [
        *parts["sides"],
        *parts["mask"],
        *parts["views"],
        *parts["advanced"],
        *parts["shape"],
        *lifecycle["panel"]["main"],
    ]
    counts = {name: shown.count(label) for name, label in lifecycle["panel"]["labels"].items()}
    own_lines = {"views": 2, "projection": 2, "shape": 2}  # whose labels do not stand beside their values
    assert counts == {**dict.fromkeys(known, 1), **own_lines}
    assert parts["import"] == [
        "Collection",
        "Resize to",
        "Origin at Base",
        "Smooth Shading",
        "Material",
        "Mark as Asset",
    ]
    assert parts["history"] == ["Nothing yet"]
    assert "Unload Models" in parts["devices"]
    assert lifecycle["panel"]["with_mask_file"][:2] == ["Mask", "Mask File"]


def test_panel_shows_each_job_with_its_stage(lifecycle: dict[str, Any]) -> None:
    texts = lifecycle["cancelling"]["panel"]
    assert texts.index("chicken_cut_out") < texts.index("quarters") < len(texts) - 1 - texts[::-1].index("Waiting")
    assert {"Pause", "Cancel All"} <= set(texts)


def test_panel_shows_the_whole_failure_in_lines_that_fit(lifecycle: dict[str, Any]) -> None:
    message, hint = lifecycle["failing"]["message"], lifecycle["failing"]["hint"]
    lines = [text for text in lifecycle["failing"]["panel"] if text in message or text in hint]
    assert (message + hint).replace(" ", "") in "".join(lines).replace(" ", "")
    assert max(map(len, lines)) <= 27


def test_operator_reports_the_failure_with_its_hint(lifecycle: dict[str, Any]) -> None:
    assert "none.png" in lifecycle["failing"]["operator"]
    assert "Check that the path" in lifecycle["failing"]["operator"]


def test_operator_asks_for_a_picture(lifecycle: dict[str, Any]) -> None:
    assert "Choose a picture" in lifecycle["failing"]["no_picture"]


def test_disabling_cancels_and_leaves_nothing_registered_twice(lifecycle: dict[str, Any]) -> None:
    left = {"job": "cancelled", "timer": False, "property": False, "panel": False, "handlers": []}
    assert lifecycle["disabling"]["times"] == [left, left]


def test_extension_works_after_it_was_enabled_again(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["disabling"]["made_then"] == 1


def test_reloading_scripts_cancels_and_leaves_it_working(tmp_path: Path) -> None:
    facts = facts_of("reload_scripts", tmp_path)
    assert facts == {"job": "cancelled", "current": None, "panel": True, "objects": ["chicken_cut_out"]}


def test_extension_works_after_it_was_installed_again(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["installed_again"] == ["chicken_cut_out"]


def test_blender_ends_well_while_a_job_runs(lifecycle: dict[str, Any]) -> None:
    assert lifecycle["running_at_the_end"]  # facts_of() saw the exit status


def test_missing_libtorch_is_said_where_it_is_needed(tmp_path: Path) -> None:
    facts = facts_of("without_runtime", tmp_path)
    assert facts["code"] == "io"
    assert "libtorch_cpu.so" in facts["message"]
    assert "Install the compute engine in the preferences" in facts["message"]
    assert facts["status"] == 3


# The first click in a window


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("loading", tmp_path_factory.mktemp("loading"))


def test_click_does_not_wait_for_libtorch(loading: dict[str, Any]) -> None:
    assert loading["missing_before"] is None
    assert loading["engine_at_the_click"] is False
    assert "Starting the Compute Engine" in loading["panel"]


def test_jobs_that_waited_for_libtorch_are_made_or_say_why_not(loading: dict[str, Any]) -> None:
    assert loading["made"] == ["a", "c"]
    code, message = loading["failure"]
    assert code == "invalid_settings" and message == "Invalid Shape Detail '3'."


def test_mask_that_waited_for_libtorch_is_shown(loading: dict[str, Any]) -> None:
    assert loading["shown"] is True
    assert loading["mask"] == pytest.approx([1, 0], abs=0.02)
