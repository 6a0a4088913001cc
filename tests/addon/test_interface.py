"""The extension's surface: pictures from everywhere, menus, presets, what is said, and panels that touch nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from in_blender import facts_of


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("pictures_everywhere", tmp_path_factory.mktemp("pictures"))


@pytest.mark.parametrize("ending", ["tga", "tif", "bmp", "hdr", "jp2", "exr"])
def test_whatever_blender_shows_is_a_picture(pictures: dict[str, Any], ending: str) -> None:
    name = f"disc_{ending}"
    assert pictures["files"][ending] == [name]
    assert pictures["images"][ending] == [f"{name}.001"]
    assert pictures["packed"][ending] == [f"{name}.002"], "without its file"


def test_pixels_of_blenders_have_the_pictures_colour(pictures: dict[str, Any]) -> None:
    assert pictures["colour"] == pytest.approx([0.8, 0.2, 0.1], abs=0.02)


def test_file_that_nobody_reads_has_the_engines_message(pictures: dict[str, Any]) -> None:
    (message,) = pictures["garbage"]
    assert "garbage.tga' is not read as a picture" in message


def test_sequence_gives_the_frame_that_the_editor_shows(pictures: dict[str, Any]) -> None:
    assert pictures["sequence"] == pytest.approx([0.1, 0.7, 0.2], abs=0.02)


def test_render_result_is_a_picture_and_the_output_settings_stay(pictures: dict[str, Any]) -> None:
    can_use, viewport = pictures["no_render"]
    assert can_use is False and "no window" in viewport
    assert pictures["render"] == ["IMAGE", "Render Result", ["Render Result"], "JPEG", "RGB"]


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("selected_pictures", tmp_path_factory.mktemp("selected"))


def test_selection_is_taken_where_the_panel_has_no_picture(selected: dict[str, Any]) -> None:
    assert selected["image_editor"] == ["One"]
    assert selected["objects"] == ["One.001", "Two"], "one job for each image object"
    assert selected["material"] == ["Two.001"]
    assert (selected["no_tree"], selected["node_editor"]) == (0, ["Two"])
    assert selected["files"] == ["quarters", "b"]
    assert selected["assets"] == ["One", "Kept"]


def test_no_label_of_the_panel_is_cut_off(tmp_path: Path) -> None:
    """In a wide sidebar labels stand beside their values, as they do everywhere in Blender."""
    seen = facts_of("cut_off_labels", tmp_path)
    assert seen["narrow"] == []
    assert seen["beside_their_values"] == ["Remove Small Parts", "Leave Open at Borders", "Picture onto Texture"]


@pytest.mark.parametrize("where", ["nothing", "no_image", "own_texture", "active_unselected"])
def test_want_of_a_selection_is_said(selected: dict[str, Any], where: str) -> None:
    assert "none is selected" in selected[where][0]


def test_panels_picture_goes_first_but_for_the_menus(selected: dict[str, Any]) -> None:
    assert selected["panel_first"] == ["quarters"]
    assert selected["selected_first"] == ["One.002"]


@pytest.fixture(scope="module")
def menus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("menu_entries", tmp_path_factory.mktemp("menus"))


def test_extension_is_in_blenders_menus(menus: dict[str, Any]) -> None:
    assert all(entry.startswith("Mesh from Picture") for entries in menus["menus"].values() for entry in entries)
    assert {name: len(entries) for name, entries in menus["menus"].items()} == {
        "VIEW3D_MT_mesh_add": 1,
        "TOPBAR_MT_file_import": 1,
        "VIEW3D_MT_object_context_menu": 1,
        "IMAGE_MT_image": 1,
    }
    assert menus["object_unselected"] == menus["image_empty"] == []
    assert menus["label"] == "Mesh from Picture", "which F3 finds"


def test_menus_are_as_before_when_it_is_disabled(menus: dict[str, Any]) -> None:
    assert menus["left"] == [[], [], []]


def test_manual_has_the_page_and_the_places_that_f1_asks_for(menus: dict[str, Any]) -> None:
    are_there, registered = menus["manual"]
    assert all(are_there) and len(registered) == 1


def test_every_button_says_what_it_does(menus: dict[str, Any]) -> None:
    assert [name for name, text in menus["described"].items() if not text] == []
    texts = list(menus["described"].values())
    assert len(set(texts)) == len(texts)
    assert len(set(menus["tooltips"])) == 3


def test_presets_leave_alone_what_is_no_matter_of_detail_and_time(presets: dict[str, Any]) -> None:
    assert presets["kept"] == [5000, True, "off", 6.0, "fp32"]


@pytest.fixture(scope="module")
def presets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("preset_clicks", tmp_path_factory.mktemp("presets"))


def test_presets_lower_nothing_that_was_raised_and_say_so(presets: dict[str, Any]) -> None:
    assert presets["raised"] == ["STANDARD", 128, 4096, 75, "euler-ancestral"]
    assert presets["best"] == ["BEST", 256, 4096, 100, "euler-ancestral"]
    assert "You set: Texture Size 4096" in presets["told"]
    assert presets["draft"] == ["PREVIEW", 64, 4096, 20, "dpm-solver++"]
    assert presets["sampler"] == ["STANDARD", 128, 1024, 75, "unipc"]


def test_presets_values_come_at_a_click(presets: dict[str, Any]) -> None:
    assert presets["followed"] == ["PREVIEW", 64, 512, 20, "dpm-solver++"]
    assert "You set" not in presets["untold"]


def test_presets_raise_what_is_lower(presets: dict[str, Any]) -> None:
    assert presets["lower"] == "CUSTOM"
    assert presets["custom_told"]
    assert presets["from_lower"] == ["BEST", 256, 2048, 100, "euler-ancestral"]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("why_it_is_grey", tmp_path_factory.mktemp("ready"))


def test_button_says_why_it_is_grey(ready: dict[str, Any]) -> None:
    assert ready["ready"] == ""
    assert "not on this computer yet" in ready["model"]
    assert "choose it under Mask" in ready["mask"]


def test_views_are_not_sent_to_a_model_that_sees_none(ready: dict[str, Any]) -> None:
    assert ready["views_unsent"] == []
    assert ready["made"] == ["quarters"]
    assert len(ready["views_sent"]) == 1
    assert ready["one_picture_views"] == []
    assert ready["one_picture_needs"] == ["triposr"]


def test_what_nobody_has_tried_says_so_and_what_it_weighs(ready: dict[str, Any]) -> None:
    for texts in (ready["one_picture_in_panel"], ready["model_in_panel"]):
        assert "Not yet run with the published weights" in " ".join(texts)
    assert "TripoSR: 1 file, 1.7 GB; " in " ".join(ready["one_picture_in_panel"])
    together = " ".join(ready["model_in_panel"])
    assert "InstantMesh (large) with Zero123++ v1.2: 6 files, 5.4 GB; " in together
    assert "InstantMesh (large) with your own views: 1 file, 1.5 GB; " in together


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("spoken_words", tmp_path_factory.mktemp("words"))


def test_message_that_says_what_to_do_has_no_second_hint(words: dict[str, Any]) -> None:
    assert words["mask"].strip() == "Error: There is no mask file: choose it under Mask."


@pytest.mark.parametrize(
    ("setting", "label"),
    [
        ("faces", "Invalid Max Triangles '50'. Use 100"),
        ("input_size", "Invalid View Resolution '321'. Use a multiple of 16."),
        ("view_count", "Invalid Views Used '5'. Use 4 or 6."),
        ("mask", "choose it under Mask"),
        ("views", "Full 3D (InstantMesh large)"),
        ("model", "Full 3D (InstantMesh large)' is not installed. Download the model"),
    ],
)
def test_messages_speak_the_panels_words(words: dict[str, Any], setting: str, label: str) -> None:
    message = words[setting]
    assert label in message
    assert not [word for word in ("relievo models", "--", "RELIEVO_", "pip", "_size", "`") if word in message]


def test_nothing_that_is_drawn_touches_a_file_a_thread_or_a_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    facts = facts_of("drawn_from_memory", tmp_path_factory.mktemp("drawing"))
    assert facts["touched"] == []
    assert facts["timer"]
    first, then = facts["first"], facts["then"]
    assert "One-Time Setup" in first["Relievo"] and "One-Time Setup" in first["preferences"]
    assert "Generate Mesh" in then["Relievo"] and "Copy Report" in then["Relievo"]
    assert {"Compute", "History", "preferences", "VIEW3D_MT_mesh_add", "FILEBROWSER_MT_context_menu"} <= then.keys()


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("device_rows", tmp_path_factory.mktemp("devices"))


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("busy", "97 % busy, 71 °C, 2 others hold 3.0 GB"),
        ("busy", "cuda:0 is left idle: one picture alone is made faster without it."),
        ("hot", "91 °C: hot, it computes more slowly"),
        ("old", "It is too old: compute capability 6.1; 7.5 (Turing) is the oldest that is supported."),
        ("amd", "The CPU is used."),
    ],
)
def test_devices_are_told_with_their_state(devices: dict[str, Any], case: str, told: str) -> None:
    assert told in devices[case]


def test_device_speaks_of_no_command(devices: dict[str, Any]) -> None:
    *_, note = devices["cpu_only"]
    assert note.endswith("CPU-only. Install the compute engine for NVIDIA GPU in the preferences.")


def test_texture_is_shown_in_a_solid_view_at_a_click(tmp_path_factory: pytest.TempPathFactory) -> None:
    facts = facts_of("solid_view", tmp_path_factory.mktemp("solid"))
    assert facts["active_node"] == "TEX_IMAGE"
    assert (facts["answer"], facts["after"]) == ("['FINISHED']", ["SOLID", "TEXTURE"])
    assert facts["before"] != "TEXTURE", "the person's own setting was left alone"
