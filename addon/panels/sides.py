"""The other sides of the object: a thumbnail and a file for each, or the order of a sheet."""

from __future__ import annotations

from typing import Any

import bpy

from .. import labels, lines, seen
from ..properties import SIDES, side_property, takes_sides
from .main import picture_icon


def draw_sides(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    if not takes_sides(settings):
        layout.label(text=f"Not used by {labels.model(settings.model)}", icon="INFO")
    column = layout.column()
    column.enabled = takes_sides(settings)
    column.prop(settings, "sheet")
    if settings.sheet:
        lines.draw(column, "The figures of the picture are the sides", context.region.width, "INFO")
    else:
        grid = column.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        _draw_front(grid.column(align=True), settings)
        for side in SIDES:
            _draw_side(grid.column(align=True), settings, side)
        column.operator("relievo.swap_sides", icon="ARROW_LEFTRIGHT")
    row = layout.row()
    row.enabled = settings.model == "preview" and not settings.side_back
    row.prop(settings, "back")


def _draw_front(column: bpy.types.UILayout, settings: Any) -> None:
    column.label(text="Front: the picture")
    if icon := picture_icon(column, settings):
        column.template_icon(icon_value=icon, scale=4.0)


def _draw_side(column: bpy.types.UILayout, settings: Any, side: str) -> None:
    name = side_property(side)
    row = column.row(align=True)
    row.label(text=side.capitalize())
    path = getattr(settings, name)
    if path:
        row.operator("relievo.clear_side", text="", icon="X", emboss=False).side = side
        if icon := seen.picture_icon(bpy.path.abspath(path)):
            column.template_icon(icon_value=icon, scale=4.0)
    column.prop(settings, name, text="")
