"""The panel's words: presets, the mask, several pictures, import options, regenerate, history, the queue."""

from __future__ import annotations

from typing import Any

import pytest
from in_blender import facts_of


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("panel_words", tmp_path_factory.mktemp("panel_words"))


def test_presets_set_the_quality_and_nothing_of_the_picture(words: dict[str, Any]) -> None:
    presets = words["presets"]
    assert presets["first"] == "STANDARD"
    preview, best, standard = (presets["set"][name] for name in ("PREVIEW", "BEST", "STANDARD"))
    assert preview == ["PREVIEW", 64, 512, 20, "dpm-solver++", 256]
    assert best == ["BEST", 256, 2048, 100, "euler-ancestral", 320]
    assert standard == ["STANDARD", 128, 1024, 75, "euler-ancestral", 320]
    assert presets["changed"] == "CUSTOM"
    assert (presets["threshold"], presets["depth"]) == (0.25, 0.75)


def test_mask_is_shown(words: dict[str, Any]) -> None:
    assert (words["mask"]["was_shown"], words["mask"]["answer"]) == (False, "['FINISHED']")
    assert words["mask"]["pixels"] == pytest.approx((1, 0), abs=0.02)


def test_edge_of_the_cutout_is_shown_without_a_fringe(words: dict[str, Any]) -> None:
    """Blender draws an icon's colours as multiplied by its alpha; others light up where it is see-through."""
    assert words["see_through"]["ours"] == pytest.approx(words["see_through"]["Blender's"], abs=2 / 255)


def test_mask_follows_its_settings(words: dict[str, Any]) -> None:
    follows = words["mask"]["follows"]
    assert (follows["is_coming"], follows["failure"]) == (True, None)
    assert follows["pixels"][0] < 0.5


def test_mask_says_why_there_is_none_and_leaves_the_jobs_message_alone(words: dict[str, Any]) -> None:
    failure = words["mask"]["failure"]
    assert (failure["code"], failure["of_jobs"]) == ("io", None)
    assert "none.png" in "".join(failure["panel"])
    assert words["mask"]["hidden"] == {"is_shown": False, "objects": []}
    assert words["mask"]["entries"] == 0


def test_several_pictures_make_several_objects(words: dict[str, Any]) -> None:
    assert words["several"] == ["quarters", "twin"]


def test_images_of_blenders_are_pictures(words: dict[str, Any]) -> None:
    packed, drawn = words["images"]["Painting"], words["images"]["Drawn"]
    assert (packed["picture"], drawn["picture"]) == ("image:Painting", "image:Drawn")
    assert packed["faces"] == drawn["faces"] > 100
    assert "Choose a picture" in words["images"]["none"]


def test_import_options(words: dict[str, Any]) -> None:
    told = words["options"]
    assert max(told["size"]) == pytest.approx(3)
    assert told["low"][2] == pytest.approx(0, abs=1e-6)
    assert told["low"][0] == pytest.approx(-told["size"][0] / 2, abs=1e-5)
    assert (told["smooth"], told["materials"], told["collections"], told["asset"]) == (False, 0, ["Props"], True)
    assert told["location"] == [0, 7, 0]
    assert told["preview"] == [256, 256]


@pytest.mark.parametrize(
    ("where", "colour"),
    [("left top", (1, 0, 0)), ("right top", (0, 1, 0)), ("left bottom", (0, 0, 1)), ("right bottom", (1, 1, 0))],
)
def test_colours_at_the_vertices_are_the_pictures(words: dict[str, Any], where: str, colour: tuple[int, ...]) -> None:
    assert words["extras"]["colours"][where] == pytest.approx(colour, abs=0.15)


def test_normal_map_is_packed_and_no_colour(words: dict[str, Any]) -> None:
    assert words["extras"]["normal_map"] == {"colour_space": "Non-Color", "is_packed": True, "size": [64, 64]}


def test_regenerate_makes_the_same_object_with_its_own_settings(words: dict[str, Any]) -> None:
    assert words["redo"]["same"] and words["redo"]["nothing_left_over"]


def test_regenerate_can_take_the_panels_settings(words: dict[str, Any]) -> None:
    made = words["redo"]["with_panel"]
    assert made["faces"] <= 300 < words["redo"]["faces_before"]
    assert (made["location"], made["setting"]) == ([1, 1, 1], 300)


def test_regenerate_can_be_undone(words: dict[str, Any]) -> None:
    assert words["redo"]["undone"]


def test_settings_of_an_object_come_back_into_the_panel(words: dict[str, Any]) -> None:
    assert words["redo"]["used"] == [24, 64, "IMAGE", "quarters.png"]
    assert "Redo as Before" in words["redo"]["panel"]


def test_history_is_newest_first_with_pictures(words: dict[str, Any]) -> None:
    known = words["history"]
    assert known["names"] == ["quarters", "quarters", "twin", "twin", "Drawn", "Painting", "twin", "quarters"]
    assert known["thumbnail_is_png"]
    assert known["panel"][0] == "quarters"


def test_history_shows_the_newest_and_the_older_ones_behind_a_click(words: dict[str, Any]) -> None:
    assert not [text for text in words["history"]["panel"] if text.endswith("Older")]
    shown = words["history"]["with_older"]
    newest, older = shown[: shown.index("1 Older")], shown[shown.index("1 Older") :]
    assert [texts.count("Make Another Here") for texts in (newest, older)] == [8, 1]
    assert older[-1] == "Clear History"


def test_history_can_be_made_again_and_forgotten(words: dict[str, Any]) -> None:
    known = words["history"]
    assert known["made_again"] == {"objects": 1, "newest": "quarters"}
    assert known["forgotten_one"] == 8
    assert known["forgotten_all"] == {"entries": 0, "files": []}


def test_queue_has_the_order_that_was_asked_for(words: dict[str, Any]) -> None:
    queue, texts = words["queue"], words["queue"]["panel"]
    assert queue["tasks"] == queue["jobs"] == ["a", "d", "b", "c"]
    assert [text for text in texts if text in "abcd"] == list("adbc")
    assert texts.count("Waiting") == 4
    assert "Resume" in texts


def test_row_of_a_job_shows_the_time_that_is_left(words: dict[str, Any]) -> None:
    unknown, ending, seconds, minutes = (words["queue"]["rows"][left] for left in ("None", "0.4", "42.4", "180.0"))
    assert unknown == ending == ["cup", "Cancel", "Meshing"]
    assert seconds == ["cup", "42 s left", "Cancel", "Meshing"]
    assert minutes == ["cup", "3 min left", "Cancel", "Meshing"]


def test_one_job_can_be_removed_and_the_rest_are_made(words: dict[str, Any]) -> None:
    assert words["queue"]["thinned"] == {"tasks": ["a", "d", "c"], "state": "cancelled", "is_paused": True}
    assert words["queue"]["made"] == ["a", "c", "d"]


def test_failure_has_a_button_that_mends_it(words: dict[str, Any]) -> None:
    assert words["failing"]["remedy"] == "picture"
    assert "Choose Picture" in words["failing"]["panel"]
    assert words["failing"]["dismissed"] is None


def test_models_are_unloaded_by_hand_and_when_idle(words: dict[str, Any]) -> None:
    memory = words["memory"]
    assert (memory["loaded"], memory["answer"], memory["unloaded"]) == (True, "['FINISHED']", True)
    assert memory["idle"]


def test_devices_are_told_with_their_memory_and_the_plan(words: dict[str, Any]) -> None:
    text = " ".join(words["memory"]["devices"])
    assert "cpu: " in text and "free" in text
    assert "Details" in words["memory"]["devices"] and "whole pictures" in text


def test_pictures_can_be_dropped(words: dict[str, Any]) -> None:
    operator, endings = words["memory"]["drop"]["operator"], words["memory"]["drop"]["endings"]
    assert operator == "relievo.generate"
    assert {".png", ".tga", ".hdr"} <= set(endings.split(";"))


# Single buttons


@pytest.fixture(scope="module")
def buttons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("operators", tmp_path_factory.mktemp("operators"))


def test_image_editor_has_the_same_panels_and_its_own_button(buttons: dict[str, Any]) -> None:
    in_view, in_image = buttons["panels"], buttons["image_panels"]
    assert in_view.keys() == in_image.keys()
    assert {
        *(
            "Relievo",
            "Sides",
            "Mask",
            "Views",
            "Advanced",
            "Shape and Texture",
            "Result",
            "Finish",
            "History",
            "Compute",
        )
    } == in_view.keys()
    assert "Use This Image" in in_image["Relievo"] and "Use This Image" not in in_view["Relievo"]
    own = {"Use This Image", "Use Viewport"}
    assert [text for text in in_image["Relievo"] if text not in own] == [
        text for text in in_view["Relievo"] if text not in own
    ]
    assert in_image["Mask"] == in_view["Mask"] != []
    assert in_image["Views"] == in_view["Views"] != []


def test_dice_takes_another_seed(buttons: dict[str, Any]) -> None:
    assert len(set(buttons["dice"])) == 3
    assert all(0 <= seed < 2**31 for seed in buttons["dice"])


def test_devices_are_switched_and_the_last_one_stays_on(buttons: dict[str, Any]) -> None:
    both, without_gpu, still, both_again, without_gpu_again = buttons["devices"]
    assert both == ["cuda:0,cpu"] * 2
    assert without_gpu == still == ["cpu"] * 2
    assert both_again == ["cpu,cuda:0"] * 2
    assert without_gpu_again == ["cpu*2@3GiB"] * 2


def test_strategy_and_policy_reach_the_engine(buttons: dict[str, Any]) -> None:
    plans = buttons["plans"]
    assert "cpu#0, cpu#1 share every picture" in plans["auto fastest"]
    assert "cpu#1 is left idle" in plans["single fastest"] and "least memory" not in plans["single fastest"]
    assert "the policy asks for the least memory" in plans["auto memory"]


def test_picture_is_dropped_into_the_3d_view_or_image_editor(buttons: dict[str, Any]) -> None:
    assert list(buttons["use_image"]["dropped_on"].values()) == [True, True, False]


def test_image_of_the_editor_is_taken(buttons: dict[str, Any]) -> None:
    used = buttons["use_image"]
    assert (used["without"], used["with"], used["answer"]) == (False, True, "['FINISHED']")
    assert (used["source"], used["image"]) == ("IMAGE", "Empty")


def test_picture_without_a_subject_leads_to_the_mask(buttons: dict[str, Any]) -> None:
    texts = buttons["no_subject"]["panel"]
    assert buttons["no_subject"]["code"] == "no_subject"
    assert "Preview Cutout" in texts


def test_want_of_memory_is_mended_by_unloading(buttons: dict[str, Any]) -> None:
    wanted = buttons["want_of_memory"]
    assert "Unload Models" in wanted["panel"]
    assert (wanted["loaded"], wanted["unloaded"], wanted["failure"]) == (True, True, None)
    assert "Unload Models" not in wanted["panel_then"]
