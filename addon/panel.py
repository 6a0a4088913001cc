"""The tab `Relievo` of the sidebar, in the 3D view and in the image editor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import history, jobs, machine, mask_preview, preferences, setup_panel, thumbnails
from .failure import Failure
from .properties import MASK, PRESETS, SHAPE, TEXTURE, VIEWS, engine_settings, missing_models
from .runtime import runtime

if TYPE_CHECKING:
    import relievo

STAGES = {
    "": "Waiting",
    "loading": "Loading LibTorch",
    "foreground": "Finding the Subject",
    "multiview": "Painting Other Views",
    "reconstruct": "Reconstructing",
    "surface": "Meshing",
    "texture": "Texturing",
}
REMEDIES = {
    "setup": ("relievo.open_setup", "PREFERENCES"),
    "addons": ("relievo.open_addons", "PREFERENCES"),
    "unload": ("relievo.unload", "TRASH"),
    "mask": ("relievo.show_mask", "MOD_MASK"),
    "picture": ("relievo.generate", "FILE_FOLDER"),
}


def draw_main(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings, width = context.scene.relievo, context.region.width
    if setup_panel.is_needed():
        setup_panel.draw(layout.box(), width)
    draw_picture(layout, context)
    column = layout.column()
    column.prop(settings, "model")
    if missing := missing_models(settings):
        box = column.box()
        box.label(text="Not on this machine yet:", icon="INFO")
        setup_panel.draw_models(box, missing, width)
    draw_quality(layout, settings)

    button = layout.row(align=True)
    button.scale_y = 1.6
    button.operator("relievo.generate", icon="MESH_MONKEY")
    button.operator("relievo.generate", text="", icon="FILE_FOLDER").choose = True
    if context.object is not None and "relievo_settings" in context.object:
        draw_notes(layout, context.object, width)
        draw_redo(layout, settings)
    draw_left_behind(layout)
    draw_queue(layout, width)
    if (failure := jobs.click_failure()) is not None:
        draw_failure(layout, failure, width).operator("relievo.dismiss", text="", icon="X").number = -1


def draw_notes(layout: bpy.types.UILayout, thing: bpy.types.Object, width: int) -> None:
    """What is not as one would expect of the active object: parts that were left out, a shape that was lost."""
    notes = str(thing.get("relievo_notes", "")).splitlines()
    if notes:
        box = layout.box()
        for note in notes:
            setup_panel.draw_lines(box, note, width, "INFO")


def draw_redo(layout: bpy.types.UILayout, settings: Any) -> None:
    """Of the active object."""
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("relievo.regenerate", text="Redo with New Settings", icon="FILE_REFRESH").use_panel = True
    row.operator("relievo.use_settings", text="", icon="COPYDOWN").key = ""
    row = column.row(align=True)
    row.operator("relievo.regenerate", text="Redo as Before").use_panel = False
    if settings.model != "preview":  # which has nothing random
        again = row.operator("relievo.regenerate", text="New Seed")
        again.new_seed = True


def draw_left_behind(layout: bpy.types.UILayout) -> None:
    """What the last Blender had not finished."""
    left = history.left_behind()
    if not left:
        return
    box = layout.box().column(align=True)
    what = f"'{left[0].name}' was" if len(left) == 1 else f"{len(left)} pictures were"
    box.label(text=f"{what} left undone", icon="RECOVER_LAST")
    row = box.row(align=True)
    row.operator("relievo.take_up")
    row.operator("relievo.leave")


def draw_picture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.relievo
    column = layout.column(align=True)
    column.use_property_split = False
    row = column.row(align=True)
    row.prop(settings, "source", expand=True)
    row.operator("relievo.paste", text="", icon="PASTEDOWN")
    if context.area is not None and context.area.type == "IMAGE_EDITOR":
        row.operator("relievo.use_image", text="", icon="EYEDROPPER")
    if settings.source == "FILE":
        column.prop(settings, "picture", text="")
    else:
        column.template_ID(settings, "image", open="image.open")
    if icon := picture_icon(layout, settings):
        column.template_icon(icon_value=icon, scale=6.0)


def picture_icon(layout: bpy.types.UILayout, settings: Any) -> int:
    """Of the chosen picture; 0 where there is none to show."""
    if settings.source == "IMAGE":
        icon: int = layout.icon(settings.image) if settings.image else 0
        return icon
    path = Path(bpy.path.abspath(settings.picture)) if settings.picture else None
    return thumbnails.load(f"picture {path}", path) if path is not None and path.is_file() else 0


def draw_quality(layout: bpy.types.UILayout, settings: Any) -> None:
    row = layout.row(align=True)
    row.use_property_split = False
    for preset in PRESETS:
        row.prop_enum(settings, "quality", preset)


def draw_queue(layout: bpy.types.UILayout, width: int) -> None:
    for task in jobs.tasks():
        if task.failure is not None:
            draw_failed(layout, task, task.failure, width)
        elif task.is_unplaced:
            draw_unplaced(layout, task)
    tasks = jobs.active()
    if not tasks:
        return
    is_first = True  # of those that wait: it cannot move up
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
    box.progress(factor=status.fraction, type="BAR", text=STAGES.get(status.stage, status.stage))
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


def draw_unplaced(layout: bpy.types.UILayout, task: jobs.Task) -> None:
    row = layout.box().row(align=True)
    row.label(text=f"{task.name} is finished", icon="CHECKMARK")
    row.operator("relievo.place").key = task.key
    row.operator("relievo.dismiss", text="", icon="X").number = task.number


def draw_failure(layout: bpy.types.UILayout, failure: Failure, width: int) -> bpy.types.UILayout:
    """Returns the row with what mends it."""
    box = setup_panel.draw_failure(layout, failure, width)
    row = box.row(align=True)
    if failure.remedy in REMEDIES:
        operator, icon = REMEDIES[failure.remedy]
        text = "Choose Picture" if failure.remedy == "picture" else None
        button = row.operator(operator, icon=icon, **({"text": text} if text else {}))
        if failure.remedy == "picture":
            button.choose = True
    return row


def draw_mask(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    layout.prop(settings, "mask")
    if settings.mask == "file":
        layout.prop(settings, "mask_file")
    _draw_settings(layout, settings, MASK)
    if not mask_preview.is_shown():
        layout.operator("relievo.show_mask", icon="HIDE_OFF")
        return
    layout.operator("relievo.hide_mask", icon="HIDE_ON")
    if icon := thumbnails.icon(mask_preview.THUMBNAIL):
        layout.template_icon(icon_value=icon, scale=10.0)
    elif (failure := mask_preview.failure()) is not None:
        setup_panel.draw_failure(layout, failure, context.region.width)


def draw_views(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    column = layout.column()
    column.active = settings.model != "preview"  # which sees the picture alone
    if not column.active:
        column.label(text="Preview sees the picture alone", icon="INFO")
    for name in filter(lambda name: hasattr(settings, name), VIEWS):
        row = column.row(align=True)
        row.prop(settings, name)
        if name == "seed":
            row.operator("relievo.dice", text="", icon="FILE_REFRESH")


def draw_shape(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    _draw_settings(layout.column(align=True), context.scene.relievo, SHAPE)
    _draw_settings(layout.column(align=True), context.scene.relievo, TEXTURE)


def _draw_settings(layout: bpy.types.UILayout, settings: Any, names: Iterable[str]) -> None:
    for name in names:
        if hasattr(settings, name):
            layout.prop(settings, name)


def draw_import(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings = context.scene.relievo
    layout.prop(settings, "collection", icon="OUTLINER_COLLECTION")
    layout.prop(settings, "normalise")
    if settings.normalise:
        layout.prop(settings, "size")
    for name in ("origin_at_base", "smooth", "material", "asset"):
        layout.prop(settings, name)


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
        buttons = row.row(align=True)
        if entry.result_bytes:
            buttons.operator("relievo.place", text="", icon="IMPORT").key = entry.key
        buttons.operator("relievo.use_settings", text="", icon="COPYDOWN").key = entry.key
        buttons.operator("relievo.generate_again", text="", icon="FILE_REFRESH").key = entry.key
        buttons.operator("relievo.forget", text="", icon="X").key = entry.key
    layout.operator("relievo.clear_history", icon="TRASH")


def draw_devices(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    chosen, width = machine.preferences(), context.region.width
    if runtime.loaded_engine is None:
        layout.label(text="Devices are shown once LibTorch runs")
    else:
        for device in runtime.devices():
            draw_device(layout, device, width)
    column = layout.column()
    for name in ("strategy", "policy", "lossy") if chosen is not None else ():
        column.prop(chosen, name)
    if runtime.loaded_engine is not None:
        draw_plan(layout.box().column(align=True), context.scene.relievo, width)
    layout.operator("relievo.unload", icon="TRASH")


def draw_plan(layout: bpy.types.UILayout, settings: Any, width: int) -> None:
    """What would be done with these settings, in words."""
    layout.label(text="Plan", icon="INFO")
    plan = runtime.plan(engine_settings(settings), max(1, len(jobs.active())))
    if isinstance(plan, Failure):
        setup_panel.draw_lines(layout, plan.message, width, "ERROR")
        setup_panel.draw_lines(layout, plan.hint, width)
    for line in plan if isinstance(plan, list) else []:
        setup_panel.draw_lines(layout, line, width, "DOT")


def draw_device(layout: bpy.types.UILayout, device: relievo.DeviceInfo, width: int) -> None:
    is_on = preferences.is_on(device.slot) and not device.note
    row = layout.row(align=True)
    switch = row.row()
    switch.enabled = not device.note
    icon = "CHECKBOX_HLT" if is_on else "CHECKBOX_DEHLT"
    switch.operator("relievo.switch_device", text="", icon=icon, emboss=False).slot = device.slot
    column = row.column(align=True)
    column.active = is_on
    column.label(text=device.name)
    used = 1 - device.free_bytes / max(device.total_bytes, 1)
    free = f"{setup_panel.size(device.free_bytes)} of {setup_panel.size(device.total_bytes)} free"
    column.progress(factor=used, type="BAR", text=f"{device.slot}: {free}")
    if device.note:
        setup_panel.draw_lines(layout.column(align=True), device.note, width, "ERROR")


def seconds(number: float) -> str:
    return f"{number:.0f} s" if number < 100 else f"{number / 60:.0f} min"


def _method(draw: Callable[[bpy.types.UILayout, bpy.types.Context], None]) -> Any:
    return lambda self, context: draw(self.layout, context)


def _panels() -> tuple[type, ...]:
    """Each part, for the 3D view and for the image editor."""
    parts = (
        ("main", "Relievo", draw_main),
        ("mask", "Mask", draw_mask),
        ("views", "Views", draw_views),
        ("shape", "Shape and Texture", draw_shape),
        ("import", "Import", draw_import),
        ("history", "History", draw_history),
        ("devices", "Devices", draw_devices),
    )
    classes = []
    for space, ending in (("VIEW_3D", ""), ("IMAGE_EDITOR", "_image")):
        for name, label, draw in parts:
            members: dict[str, Any] = {
                "bl_label": label,
                "bl_category": "Relievo",
                "bl_space_type": space,
                "bl_region_type": "UI",
                "draw": _method(draw),
            }
            if name != "main":
                members["bl_parent_id"] = f"RELIEVO_PT_main{ending}"
                members["bl_options"] = {"DEFAULT_CLOSED"}
            classes.append(type(f"RELIEVO_PT_{name}{ending}", (bpy.types.Panel,), members))
    return tuple(classes)


CLASSES = _panels()
