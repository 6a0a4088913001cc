"""The queue and the history: nothing that was asked for or made is lost, and nothing comes unseen."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from in_blender import blender, facts_of

OLD = Path(__file__).resolve().parents[1] / "data" / "0.1.0"


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("failures_stay", tmp_path_factory.mktemp("failures"))


def test_each_failure_is_told_with_its_picture(failures: dict[str, Any]) -> None:
    assert "none: Cannot read" in failures["said"]
    assert "belated: Cannot read" in failures["said"]
    assert [text.partition(":")[0] for text in failures["told"][:2]] == ["none", "belated"]


def test_failures_stay_until_they_are_dismissed(failures: dict[str, Any]) -> None:
    assert failures["failed"] == failures["after_the_next"] == ["none", "belated"]
    assert {"none", "belated", "Retry", "Copy Report", "Choose Picture"} <= set(failures["panel"])
    assert failures["after_dismiss"] == []


def test_failed_job_is_tried_again(failures: dict[str, Any]) -> None:
    assert failures["retried"] == "['FINISHED']"
    assert failures["after_retry"]["failed"] == ["none"]
    assert "belated" in failures["after_retry"]["objects"]


def test_report_says_all_but_the_persons_own(failures: dict[str, Any]) -> None:
    report = failures["report"]
    assert failures["copied"] == "['FINISHED']"
    for told in ("Relievo", "Blender", "Failed (io)", '"grid": 24', "cpu: ", "whole pictures", "Stage foreground"):
        assert told in report
    for private in ("secret", "belated", "/tmp", "/home", "quarters"):
        assert private not in report


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("file_opened", tmp_path_factory.mktemp("opened"))


def test_job_outlives_opening_a_file(opened: dict[str, Any]) -> None:
    assert opened["waiting"] == ["quarters"]
    assert (opened["objects"], opened["unplaced"]) == ([], True)
    assert {"quarters is finished", "Place"} <= set(opened["panel"])
    assert "another file was opened" in opened["told"]


def test_finished_result_is_placed_without_computing(opened: dict[str, Any]) -> None:
    placed = opened["placed"]
    assert placed["objects"] == ["quarters"] and placed["faces"] > 100
    assert placed["textures"] == ["quarters"] and placed["source"]
    assert placed["queue"] == 0
    assert placed["entries"] == [["quarters", True]]  # nothing was made a second time
    assert opened["redone"]


def test_next_blender_takes_up_what_a_crash_has_left(tmp_path: Path) -> None:
    died = blender("crashing", tmp_path)
    assert died.returncode < 0, died.stderr
    facts = facts_of("after_crash", tmp_path)
    assert facts["left"] == ["chicken_cut_out", "Painted"]
    assert "2 pictures were left unfinished" in facts["panel"] and "Resume" in facts["panel"]
    assert facts["answer"] == "['FINISHED']"
    assert facts["objects"] == ["Painted", "chicken_cut_out"]
    assert facts["left_then"] == []


def test_two_blenders_share_one_history(tmp_path: Path) -> None:
    facts = facts_of("shared_history", tmp_path)
    assert facts["entries"] == ["quarters", "chicken_cut_out", "quarters"]
    assert all(facts["thumbnails"])
    assert "No entry" in facts["forget_nothing"]
    assert facts["entries_then"] == 3


def test_history_of_the_first_version_is_read(tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "0.1.0")
    facts = facts_of("first_version", tmp_path)
    assert [entry[0] for entry in facts["entries"]] == ["Painting", "cup"]
    assert facts["entries"][0][1:] == ["image:Painting", 16]
    assert all(facts["thumbnails"])
    assert facts["result_bytes"] == [0, 0]
    assert facts["used"] == [16, "cup.png"]


def test_nothing_is_freed_while_a_render_runs(tmp_path: Path) -> None:
    facts = facts_of("rendering", tmp_path)
    assert facts == {"is_rendering": False, "answer": "['FINISHED']", "meanwhile": True, "then": True}


@pytest.fixture(scope="module")
def placing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("placing", tmp_path_factory.mktemp("placing"))


@pytest.mark.parametrize("how", ["exclude", "hide_viewport", "parent"])
def test_result_is_never_invisible(placing: dict[str, Any], how: str) -> None:
    assert placing[how]["visible"]
    assert "'Relievo' is hidden" in placing[how]["told"]


def test_results_stand_in_a_row_beside_what_is_there(placing: dict[str, Any]) -> None:
    spans = placing["row"]["spans"]
    assert len(spans) == 3
    assert spans[0][0] >= 1.0  # a cube of 2 m is at the cursor
    assert spans[-1][1] < 10.0  # and a floor of 50 m is in nobody's way
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    assert placing["row"]["places"] == [[0, 0]] * 3


def test_linked_scene_is_refused_before_computing(placing: dict[str, Any]) -> None:
    assert "belongs to another file, 'library.blend'" in placing["linked_scene"]
    assert placing["computed"] == 0
