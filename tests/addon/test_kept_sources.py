"""The pictures that objects were made of survive, and the person's folders stay their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from in_blender import facts_of


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("kept_sources", tmp_path_factory.mktemp("kept"))


def test_no_folder_of_the_person_is_in_a_saved_file(kept: dict[str, Any]) -> None:
    assert kept["before_saving"] == kept["after_saving"]["picture"] == "cup.png"
    assert kept["after_saving"]["mask"].startswith("//")
    assert all(path.startswith("//") for path in kept["after_saving"]["panel"])
    assert not kept["after_saving"]["leaks"]


def test_object_is_redone_when_its_picture_is_gone(kept: dict[str, Any]) -> None:
    assert kept["redone_without_its_file"] == "['FINISHED']"
    assert kept["same"]
    assert kept["used"] == ["IMAGE", "cup.png"]


def test_image_of_the_same_name_is_not_taken_for_the_source(tmp_path: Path) -> None:
    facts = facts_of("renamed_images", tmp_path)
    assert facts["answer"] == facts["drawn"] == "['FINISHED']"
    assert facts["same"] == [True, True]
    assert facts["drawn_same"]
    assert facts["survives_purging"]


def test_unpacked_images_have_files_of_their_own_from_which_objects_are_redone(tmp_path: Path) -> None:
    facts = facts_of("unpacked", tmp_path)
    assert facts["own_files"] == [True, True]
    assert facts["redone"] == facts["redone_too"] == "['FINISHED']"
    assert {"quarters", "quarters_albedo"} <= {name.rpartition("_")[0] for name in facts["files"]}
    assert "is not there any more" in facts["gone"]


def test_large_picture_is_a_path_relative_to_the_file(tmp_path: Path) -> None:
    facts = facts_of("large_source", tmp_path)
    assert facts["kept"] is False
    assert facts["picture"] == "//quarters.png"
    assert facts["answer"] == "['FINISHED']"
    assert "is not there any more" in facts["gone"]
    refused, taken = facts["too_long"]
    assert "choose a picture in the panel" in refused and taken == "['FINISHED']"


def test_thumbnail_follows_the_files_time(tmp_path: Path) -> None:
    assert facts_of("thumbnail_follows", tmp_path)["ids"] == [1, 1, 2, 0]
