"""The devices that compute, and the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .. import jobs, labels, lines, machine, measuring, messages, preferences, seen
from ..failure import Failure
from ..properties import engine_settings
from ..runtime import runtime

if TYPE_CHECKING:
    import relievo

_HOT = 85  # degrees Celsius, from which on cards slow down


def draw_devices(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    chosen, width = machine.preferences(), context.region.width
    plan: relievo.PlanReport | Failure | None = None
    if runtime.loaded_engine is None:
        layout.label(text="Devices are shown after the first mesh")
    else:
        plan = seen.plan(engine_settings(context.scene.relievo), max(1, len(jobs.active())))
        for device in seen.devices():
            draw_device(layout, device, [] if plan is None or isinstance(plan, Failure) else plan.idle, width)
    column = layout.column()
    if chosen is not None:
        column.prop(chosen, "strategy")
        column.prop(chosen, "policy")
        row = column.row()
        row.use_property_split = False  # the names need the whole width
        row.prop(chosen, "lossy")
    if plan is not None:
        draw_plan(layout, plan, width)
    if told := measuring.work.answer:
        lines.draw(layout, told, width, "INFO")
    layout.operator("relievo.measure_devices", icon="TIME")
    layout.operator("relievo.unload", icon="TRASH")


def draw_plan(layout: bpy.types.UILayout, plan: relievo.PlanReport | Failure, width: int) -> None:
    """Draws what would be done with these settings: one sentence, and the rest behind Details."""
    if isinstance(plan, Failure):
        failure = messages.in_blender(plan)
        lines.draw(layout, failure.message, width, "ERROR")
        lines.draw(layout, failure.hint, width)
        return
    told = messages.plan(plan.sentences)
    if told:
        lines.draw(layout, told[0].partition(" (peak")[0].rstrip(".") + ".", width, "INFO")
    header, body = layout.panel("relievo_plan", default_closed=True)
    header.label(text="Details")
    for line in told if body is not None else []:
        lines.draw(body, line, width, "DOT")


def draw_device(
    layout: bpy.types.UILayout, device: relievo.DeviceInfo, idle: list[relievo.IdleDevice], width: int
) -> None:
    is_on = bool(device.device) and preferences.is_on(device.device) and not device.note
    row = layout.row(align=True)
    if device.device:
        switch = row.row()
        switch.enabled = not device.note
        icon = "CHECKBOX_HLT" if is_on else "CHECKBOX_DEHLT"
        switch.operator("relievo.switch_device", text="", icon=icon, emboss=False).device = device.device
    column = row.column(align=True)
    column.active = is_on
    column.label(text=device.name)
    if device.total_bytes:
        used = 1 - device.free_bytes / device.total_bytes
        free = f"{labels.size(device.free_bytes)} of {labels.size(device.total_bytes)} free"
        column.progress(factor=used, type="BAR", text=f"{device.device}: {free}")
    if state := state_of(device):
        lines.draw(column, state, width, "ERROR" if (device.celsius or 0) >= _HOT else "BLANK1")
    if device.note:
        lines.draw(layout.column(align=True), messages.device(device.note), width, "ERROR")
    for each in idle if is_on else []:
        if each.device.partition("#")[0] == device.device:
            lines.draw(layout.column(align=True), messages.text(each.why), width, "INFO")


def state_of(device: relievo.DeviceInfo) -> str:
    """Returns a device's load, temperature, and the memory that other programs hold."""
    told: list[str] = []
    if device.busy_percent is not None:
        told.append(f"{device.busy_percent} % busy")
    if device.celsius is not None:
        told.append(f"{device.celsius} °C{': hot, it computes more slowly' if device.celsius >= _HOT else ''}")
    if device.other_processes:
        programs = "1 other program holds" if device.other_processes == 1 else f"{device.other_processes} others hold"
        told.append(f"{programs} {labels.size(device.others_bytes)}")
    return ", ".join(told)
