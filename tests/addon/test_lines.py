"""Texts in lines that fit into a panel."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import blf
import bpy
import pytest


@pytest.fixture(scope="module")
def lines(extension_package: Path) -> Any:
    return importlib.import_module("relievo_zip.lines")


class Column:
    """Stands in for a layout, and keeps the labels that are drawn in it."""

    def __init__(self) -> None:
        self.labels: list[tuple[str, str]] = []

    def column(self, align: bool) -> Column:
        return self

    def label(self, text: str, icon: str) -> None:
        self.labels.append((text, icon))


def drawn(lines: Any, text: str, width: int) -> list[tuple[str, str]]:
    column = Column()
    lines.draw(column, text, width, "INFO")
    return column.labels


# From a picture of the screen: in a sidebar that is 291 pixels wide, lines of a box are cut off beyond 195.
@pytest.mark.parametrize(
    "text",
    [
        "License: Apache-2.0. May be used for anything. The views that it needs come from Zero123++, whose license is",
        "WWWWWWWW MMMMMMMM WWWWWWWW MMMMMMMM wwwwwwww mmmmmmmm",
        "Cannot read '/home/anna/a_folder_with_a_long_name_and_no_blank_in_it/cup.png': No such file or directory.",
        "iiii llll iiii llll iiii llll iiii llll iiii llll iiii llll iiii llll iiii llll iiii llll iiii llll",
    ],
)
def test_no_line_is_longer_than_a_sidebar_and_nothing_is_lost(lines: Any, text: str) -> None:
    told = [line for line, _ in drawn(lines, text, 291)]
    blf.size(0, bpy.context.preferences.ui_styles[0].widget.points)
    widths = [blf.dimensions(0, line)[0] for line in told]
    assert max(widths) <= 190
    assert sum(widths) > 0.5 * 190 * (len(told) - 1), "lines are filled"
    assert "".join(told).replace(" ", "") == text.replace(" ", "")


def test_icon_stands_before_the_first_line_alone(lines: Any) -> None:
    icons = [icon for _, icon in drawn(lines, "word " * 30, 291)]
    assert icons == ["INFO", *["BLANK1"] * (len(icons) - 1)] and len(icons) > 2


def test_a_wider_region_has_fewer_lines_and_no_text_has_none(lines: Any) -> None:
    assert len(drawn(lines, "word " * 30, 600)) < len(drawn(lines, "word " * 30, 291))
    assert drawn(lines, "", 291) == []
