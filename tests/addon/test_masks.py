"""Masks that a person mends, separate subjects, and pictures that are dropped onto the sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_blender import facts_of, write_png


def write_discs(folder: Path) -> None:
    """A red and a blue disc on nothing, 400 x 200, and a mask that has the left one alone."""
    y, x = np.mgrid[:200, :400] + 0.5
    pixels = np.zeros((200, 400, 4), np.uint8)
    left, right = np.hypot(x - 100, y - 100) < 70, np.hypot(x - 300, y - 100) < 70
    pixels[...] = (90, 150, 80, 0)
    pixels[left], pixels[right] = (200, 60, 40, 255), (50, 80, 200, 255)
    write_png(folder / "discs.png", pixels)
    mask = np.zeros((200, 400, 4), np.uint8)
    mask[..., 3] = 255
    mask[left] = 255
    write_png(folder / "left.png", mask)


DISC = np.pi * 70**2 / (200 * 200)  # of its half of the picture


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("mending")
    write_discs(folder)
    return facts_of("mending", folder)


def test_a_click_takes_in_what_is_there_and_the_rest_stays(mended: dict[str, Any]) -> None:
    assert mended["shape"] == [200, 400, 3]
    assert mended["before"] == pytest.approx([DISC, 0], abs=0.01)
    assert mended["after"] == pytest.approx([DISC, DISC], abs=0.015)


def test_a_click_on_the_background_leaves_out_and_can_be_taken_back(mended: dict[str, Any]) -> None:
    assert mended["without_left"] == pytest.approx([0, DISC], abs=0.015)
    assert mended["undone"] == pytest.approx([DISC, DISC], abs=0.015)


def test_the_view_shows_the_subject_as_it_is_and_the_background_red(mended: dict[str, Any]) -> None:
    subject, ground = mended["seen"]
    assert subject[:3] == pytest.approx([50 / 255, 80 / 255, 200 / 255], abs=0.02)
    assert ground[0] > ground[2] + 0.2


def test_the_mask_is_the_panels_and_makes_the_object(mended: dict[str, Any]) -> None:
    assert mended["mask"] == ["file", True]
    # Both discs, 340 of 400 pixels: the object is as wide as its box allows.
    assert mended["width"] == pytest.approx(1.7, abs=0.05)
    assert mended["refused"] is False  # without a window nothing is painted


def test_separate_subjects_are_told_before_anything_is_made_and_become_objects(tmp_path: Path) -> None:
    write_discs(tmp_path)
    told = facts_of("subjects", tmp_path)
    assert (told["without"], told["count"]) == (False, 2)
    assert any("shows 2 separate subjects" in note for note in told["notes"])
    assert "Make 2 Objects" in told["panel"]
    assert told["objects"] == ["discs_1", "discs_2"]
    assert told["widths"] == pytest.approx([1, 1], abs=0.05)
    (red, _, _), (_, _, blue) = told["materials"]
    assert red > 0.5 and blue > 0.5


def test_dropped_pictures_become_sides(tmp_path: Path) -> None:
    told = facts_of("dropping", tmp_path)
    assert told["several"] == "['FINISHED']"
    assert told["named"] == {"right": "cup-right.png", "back": "Cup Back.png", "left": "", "top": ""}
    assert told["front"] == "cup_front.png"
    assert "CANCELLED" in told["unnamed"]
    assert told["asked"] == "['FINISHED']"
    assert told["then"]["top"] == "quarters.png"
    assert told["handler"] == ["relievo.drop_sides", True]
    assert "Swap Left and Right" in told["panel"]
