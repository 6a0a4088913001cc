"""Enabling, disabling, updating."""

from __future__ import annotations

from pathlib import Path

from in_blender import facts_of


def test_it_works_where_blender_stores_no_preferences(tmp_path: Path) -> None:
    facts = facts_of("without_preferences", tmp_path)
    assert facts["left"] == facts["left_then"] == []
    assert (facts["enabled"], facts["stored"]) == (True, False)
    assert facts["answer"] == facts["switched"] == "['FINISHED']"


def test_failing_register_is_taken_back(tmp_path: Path) -> None:
    facts = facts_of("failing_register", tmp_path)
    assert facts["raised"] == "broken"
    assert facts["left"] == []
    assert facts["timers"] is False
    assert facts["enabled"] is True


def test_use_folder_survives_disabling(tmp_path: Path) -> None:
    facts = facts_of("settings_survive", tmp_path)
    assert facts["folder"] == str(tmp_path / "own" / "lib")
    assert facts["threads"] == [3, 3]
    assert facts["cleared"] == ""


def test_update_over_a_loaded_version_asks_for_a_restart(tmp_path: Path) -> None:
    facts = facts_of("updated", tmp_path)
    assert facts["before"] == "['FINISHED']"
    assert "was updated" in facts["after"] and "restart Blender" in facts["after"]
    assert facts["objects"]


def test_newer_version_is_told_at_a_click(tmp_path: Path) -> None:
    facts = facts_of("newer_version", tmp_path)
    assert "may not go online" in facts["offline"]
    assert "The guide says" in facts["no_repository"]
    assert facts["newer"] == facts["newer_folder"]
    assert facts["newer"].startswith("Relievo 9.0.0 is there")
    assert facts["same"].startswith("This is the newest Relievo")
    assert "The guide says" in facts["without"]
    assert "cannot be read" in facts["damaged"]
    assert facts["at_a_click"][0] == "['FINISHED']"
    assert "9.0.0" in facts["at_a_click"][1]


def test_operators_have_the_options_that_fit_them(tmp_path: Path) -> None:
    known = facts_of("options_of_operators", tmp_path)
    assert known["relievo.generate"]["options"] == ["REGISTER"]  # and no UNDO: there is nothing to adjust afterwards
    helpers = [name for name, facts in known.items() if "INTERNAL" in facts["options"]]
    assert {"relievo.cancel", "relievo.move", "relievo.dismiss", "relievo.forget", "relievo.switch_device"} <= {
        *helpers
    }
    asking = {name for name, facts in known.items() if facts["asks"]}
    assert asking == {"relievo.clear_history", "relievo.leave", "relievo.remove_runtime", "relievo.remove_model"}
