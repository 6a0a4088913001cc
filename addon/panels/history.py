"""The last results."""

from __future__ import annotations

import time

import bpy

from .. import history
from .words import seconds


def draw_history(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    known = history.entries()
    if not known:
        layout.label(text="Nothing yet")
        return
    for entry in known[:12]:
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
    layout.operator("relievo.clear_history", icon="TRASH")
