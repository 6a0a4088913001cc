"""The jobs that run and wait, and the failure of the last one."""

from __future__ import annotations

from typing import Any

import bpy

from .. import jobs, labels, lines, setup_panel, thumbnails
from ..failure import Failure
from ..runtime import runtime
from .words import seconds

REMEDIES = {
    "setup": ("relievo.open_setup", "PREFERENCES"),
    "addons": ("relievo.open_addons", "PREFERENCES"),
    "unload": ("relievo.unload", "TRASH"),
    "mask": ("relievo.show_mask", "MOD_MASK"),
    "picture": ("relievo.generate", "FILE_FOLDER"),
}


def draw_queue(layout: bpy.types.UILayout, width: int) -> None:
    for task in jobs.tasks():
        if task.failure is not None:
            draw_failed(layout, task, task.failure, width)
        elif task.is_unplaced:
            draw_unplaced(layout, task, width)
    tasks = jobs.active()
    if not tasks:
        return
    is_first = True  # the first that waits cannot move up
    for task in tasks:
        status = task.status
        draw_task(layout, task, status, status.state == "waiting" and not is_first)
        is_first = is_first and status.state != "waiting"
    engine = runtime.loaded_engine
    is_paused = engine is not None and engine.paused
    row = layout.row(align=True)
    row.operator("relievo.pause", text="Resume" if is_paused else "Pause", icon="PLAY" if is_paused else "PAUSE")
    row.operator("relievo.cancel", text="Cancel All", icon="X").number = 0


def draw_task(layout: bpy.types.UILayout, task: jobs.Task, status: Any, can_rise: bool) -> None:
    icon = thumbnails.icon(task.thumbnail)
    box = layout.box()
    row = box.row(align=True)
    row.label(text=task.name)
    if status.seconds_left is not None and status.seconds_left >= 1:
        row.label(text=f"{seconds(status.seconds_left)} left")
    if can_rise:
        up = row.operator("relievo.move", text="", icon="TRIA_UP")
        up.number, up.step = task.number, -1
    row.operator("relievo.cancel", text="", icon="X").number = task.number
    box.progress(factor=status.fraction, type="BAR", text=labels.STAGES.get(status.stage, status.stage))
    if icon:
        box.template_icon(icon_value=icon, scale=6.0)


def draw_failed(layout: bpy.types.UILayout, task: jobs.Task, failure: Failure, width: int) -> None:
    box = layout.box()
    row = box.row(align=True)
    row.label(text=task.name, icon="ERROR")
    row.operator("relievo.retry", text="", icon="FILE_REFRESH").number = task.number
    row.operator("relievo.copy_report", text="", icon="COPYDOWN").number = task.number
    row.operator("relievo.dismiss", text="", icon="X").number = task.number
    draw_failure(box, failure, width)


def draw_unplaced(layout: bpy.types.UILayout, task: jobs.Task, width: int) -> None:
    box = layout.box()
    row = box.row(align=True)
    row.label(text=f"{task.name} is finished", icon="CHECKMARK")
    row.operator("relievo.place").key = task.key
    row.operator("relievo.dismiss", text="", icon="X").number = task.number
    if why := task.unkept:
        lines.draw(box, f"It is in this Blender alone: place it before you quit. {why}.", width, "ERROR")


def draw_failure(layout: bpy.types.UILayout, failure: Failure, width: int) -> bpy.types.UILayout:
    """Draws a failure; returns the row with the buttons that mend it."""
    box = setup_panel.draw_failure(layout, failure, width)
    row = box.row(align=True)
    if failure.remedy in REMEDIES:
        operator, icon = REMEDIES[failure.remedy]
        text = "Choose Picture" if failure.remedy == "picture" else None
        button = row.operator(operator, icon=icon, **({"text": text} if text else {}))
        if failure.remedy == "picture":
            button.choose = True
    return row
