"""Texts in lines that a panel has room for. Labels do not wrap by themselves: they are cut off."""

from __future__ import annotations

import functools

import blf
import bpy

_BESIDE = 103  # pixels of a region beside a line: border, box, icon, and the tabs of a sidebar
_LEAST = 110  # pixels of a line
_FONT = 0  # the one of Blender's own buttons


def draw(layout: bpy.types.UILayout, text: str, width: int, icon: str = "BLANK1") -> None:
    """Draws a text in a region of this width, with the icon before its first line, and room for one before the
    others unless it is NONE."""
    column = layout.column(align=True)
    further = "NONE" if icon == "NONE" else "BLANK1"
    for i, line in enumerate(_wrapped(text, _room(width), _points())):
        column.label(text=line, icon=icon if i == 0 else further)


def fits_beside(label: str, width: int) -> bool:
    """Returns whether a setting's label has room beside its value."""
    return _pixels(label, _points()) <= _room(width) / 2


def _room(width: int) -> float:
    scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 where Blender has no window
    return max(_LEAST, width / scale - _BESIDE)


def _points() -> float:
    return float(bpy.context.preferences.ui_styles[0].widget.points)


def _pixels(text: str, points: float) -> float:
    blf.size(_FONT, points)
    return float(blf.dimensions(_FONT, text)[0])


@functools.lru_cache(maxsize=256)
def _wrapped(text: str, room: float, points: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if _pixels(longer, points) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:  # a word that is longer than a line is broken
            if lines[-1] and _pixels(lines[-1] + letter, points) > room:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]
