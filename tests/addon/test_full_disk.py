"""A full disk loses no result: it waits in the queue, which says so, and the object has its picture."""

from __future__ import annotations

from typing import Any

import pytest
from in_blender import OWN_MOUNTS, facts_of


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("full_disk", tmp_path_factory.mktemp("full"), before=OWN_MOUNTS)


def test_unplaced_result_stays_in_the_queue_and_says_why(full: dict[str, Any]) -> None:
    unplaced = full["unplaced"]
    assert unplaced["is_unplaced"] and unplaced["objects"] == []
    assert "quarters is finished" in unplaced["panel"] and "place it before you quit" in unplaced["panel"]
    assert "No space left on device" in unplaced["panel"] and "Errno" not in unplaced["panel"]
    assert "waits in this Blender alone" in unplaced["told"] and "No space left on device" in unplaced["told"]


def test_next_blender_would_be_offered_what_is_not_on_the_disk(full: dict[str, Any]) -> None:
    assert full["unplaced"]["record"] == "queued"
    assert full["unplaced"]["files"] == [], "nothing half-written takes room"


def test_unplaced_result_is_placed_with_its_picture(full: dict[str, Any]) -> None:
    unplaced = full["unplaced"]
    assert unplaced["answer"] == "['FINISHED']"
    assert unplaced["placed"] == [True, b"\x89PNG".hex()]
    assert unplaced["queue"] == 0


def test_dismissed_result_is_not_offered_again(full: dict[str, Any]) -> None:
    assert full["dismissed"] is None


def test_object_is_made_and_the_history_says_what_it_lacks(full: dict[str, Any]) -> None:
    placed = full["placed"]
    assert (placed["answer"], placed["objects"], placed["kept_source"]) == ("['FINISHED']", ["quarters"], True)
    assert "'quarters' is not in the history" in placed["told"] and "No space left on device" in placed["told"]
