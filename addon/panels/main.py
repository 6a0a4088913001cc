"""The first part of the panel: the picture, the model, the quality, and the button."""

from __future__ import annotations

from typing import Any

import bpy

from .. import history, jobs, labels, lines, messages, models, readiness, seen, setup_panel, sources
from ..presets import PRESETS, own_settings
from ..properties import is_random, missing_models
from .queue import draw_failure, draw_queue


def draw_main(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    settings, width = context.scene.relievo, context.region.width
    if setup_panel.is_needed():
        setup_panel.draw(layout.box(), width)
    draw_picture(layout, context)
    column = layout.column()
    column.row().prop(settings, "model", text="")  # the names of models need the whole width
    if any(model.name == settings.model and model.is_untried for model in models.catalogue()):
        lines.draw(column, "Not yet run with the published weights", width, "INFO")
    if missing := missing_models(settings):
        setup_panel.draw_missing(column.box(), settings.model, missing, width)
    draw_quality(layout, settings, width)
    draw_generate(layout, settings, width)
    if of_object := sources.settings_of(context.object):
        draw_notes(layout, context.object, width)
        draw_redo(layout, of_object, can_generate=not readiness.why_not(settings))
        draw_show_texture(layout, context)
    draw_left_behind(layout)
    draw_queue(layout, width)
    if (failure := jobs.click_failure()) is not None:
        draw_failure(layout, failure, width).operator("relievo.dismiss", text="", icon="X").number = -1


def draw_generate(layout: bpy.types.UILayout, settings: Any, width: int) -> None:
    button = layout.row(align=True)
    button.scale_y = 1.6
    button.operator("relievo.generate", text="Generate Mesh", icon="MESH_MONKEY")
    button.operator("relievo.generate", text="", icon="FILE_FOLDER").choose = True
    is_told_above = setup_panel.is_needed() or missing_models(settings)
    if (why := readiness.why_not(settings)) and not is_told_above:
        lines.draw(layout.column(align=True), f"{why}.", width, "INFO")


def draw_notes(layout: bpy.types.UILayout, thing: bpy.types.Object, width: int) -> None:
    """Draws what may be unexpected in the active object: parts that were left out, a shape that was lost."""
    notes = str(thing.get("relievo_notes", "")).splitlines()
    if notes:
        box = layout.box()
        for note in notes:
            lines.draw(box, messages.text(note), width, "INFO")


def draw_redo(layout: bpy.types.UILayout, of_object: dict[str, Any], can_generate: bool) -> None:
    """Draws what can be done with the active object, which was made with these settings."""
    column = layout.column(align=True)
    row = column.row(align=True)
    anew = row.row(align=True)
    anew.enabled = can_generate  # it uses the panel's model; the reason why not is shown above
    anew.operator("relievo.regenerate", text="Redo with New Settings", icon="FILE_REFRESH").use_panel = True
    row.operator("relievo.use_settings", text="", icon="COPYDOWN").key = ""
    row = column.row(align=True)
    row.operator("relievo.regenerate", text="Redo as Before").use_panel = False
    if is_random(of_object):
        again = row.operator("relievo.regenerate", text="New Seed")
        again.new_seed = True


def draw_left_behind(layout: bpy.types.UILayout) -> None:
    """Draws the jobs that the last Blender had not finished."""
    left = history.left_behind()
    if not left:
        return
    box = layout.box().column(align=True)
    what = f"'{left[0].name}' was" if len(left) == 1 else f"{len(left)} pictures were"
    box.label(text=f"{what} left unfinished", icon="RECOVER_LAST")
    row = box.row(align=True)
    row.operator("relievo.take_up")
    row.operator("relievo.leave")


def draw_show_texture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Offers to show the texture where the viewport shows the object in grey."""
    space = context.area.spaces.active if context.area is not None and context.area.type == "VIEW_3D" else None
    if space is not None and space.shading.type == "SOLID" and space.shading.color_type != "TEXTURE":
        layout.operator("relievo.show_texture", icon="TEXTURE")


def draw_picture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.relievo
    kind = context.area.type if context.area is not None else ""
    column = layout.column(align=True)
    column.use_property_split = False
    row = column.row(align=True)
    row.prop(settings, "source", expand=True)
    row.operator("relievo.paste", text="", icon="PASTEDOWN")
    row.operator("relievo.use_render", text="", icon="RENDER_RESULT")
    if kind == "IMAGE_EDITOR":
        row.operator("relievo.use_image", text="", icon="EYEDROPPER")
    else:
        row.operator("relievo.use_viewport", text="", icon="VIEW3D")
    if settings.source == "FILE":
        column.prop(settings, "picture", text="")
    else:
        column.template_ID(settings, "image", open="image.open")
    if icon := picture_icon(layout, settings):
        column.template_icon(icon_value=icon, scale=6.0)


def picture_icon(layout: bpy.types.UILayout, settings: Any) -> int:
    """Returns the icon of the chosen picture; 0 where there is none to show."""
    if settings.source == "IMAGE":
        icon: int = layout.icon(settings.image) if settings.image else 0
        return icon
    return seen.picture_icon(bpy.path.abspath(settings.picture)) if settings.picture else 0


def draw_quality(layout: bpy.types.UILayout, settings: Any, width: int) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.use_property_split = False
    for preset in PRESETS:
        row.prop_enum(settings, "quality", preset)
    own = own_settings(settings)
    if settings.quality == "CUSTOM":  # none of the buttons is on
        text = "Custom: as set below"
    elif own:
        kept = ", ".join(f"{labels.SETTINGS[name].label} {told(name, getattr(settings, name))}" for name in own)
        text = f"You set: {kept}"
    else:
        return
    row = column.row(align=True)
    lines.draw(row.column(align=True), text, width, "INFO")
    row.operator("relievo.follow_preset", text="", icon="LOOP_BACK")


def told(name: str, value: Any) -> str:
    return labels.choice(name, value)[0] if isinstance(value, str) else str(value)
