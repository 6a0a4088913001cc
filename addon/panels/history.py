"""The last results."""

from __future__ import annotations

import time

import bpy

from .. import history
from ..records import Record
from .words import seconds

_NEWEST = 8  # number of results that are shown at once; the others are behind a click


def draw_history(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    known = history.entries()
    if not known:
        layout.label(text="Nothing yet")
        return
    for entry in known[:_NEWEST]:
        _draw_entry(layout, entry)
    if older := known[_NEWEST:]:
        header, body = layout.panel("relievo_history", default_closed=True)
        header.label(text=f"{len(older)} Older")
        for entry in older if body is not None else []:
            _draw_entry(body, entry)
    layout.operator("relievo.clear_history", icon="TRASH")


def _draw_entry(layout: bpy.types.UILayout, entry: Record) -> None:
    row = layout.row()
    if icon := history.icon(entry):
        row.template_icon(icon_value=icon, scale=3.0)
    column = row.column(align=True)
    column.label(text=entry.name)
    column.label(text=f"{time.strftime('%d %b %H:%M', time.localtime(entry.created))}, {seconds(entry.seconds)}")
    buttons = column.row(align=True)
    buttons.alignment = "LEFT"
    if entry.result_bytes:
        buttons.operator("relievo.place", text="", icon="IMPORT").key = entry.key
    buttons.operator("relievo.use_settings", text="", icon="COPYDOWN").key = entry.key
    buttons.operator("relievo.generate_again", text="", icon="FILE_REFRESH").key = entry.key
    buttons.operator("relievo.forget", text="", icon="X").key = entry.key
