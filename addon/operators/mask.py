"""The preview of the mask, and mending it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from .. import jobs, mask_preview, mask_view, pending
from ..mask_painter import Painting
from ..properties import engine_settings, has_picture, import_options, picture_source
from .base import Operator

_LEAST_RADIUS, _MOST_RADIUS = 2.0, 200.0  # of the brush, in pixels of the screen
_TICK = 0.05  # seconds


class RELIEVO_OT_show_mask(Operator):
    bl_idname = "relievo.show_mask"
    bl_label = "Preview Cutout"
    bl_description = "Show what is taken for the subject. It follows the mask's settings"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return has_picture(context.scene.relievo)

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.relievo
        mask_preview.show(picture_source(settings), engine_settings(settings))
        if bpy.app.background:
            pending.finish()


class RELIEVO_OT_hide_mask(Operator):
    bl_options = {"INTERNAL"}  # noqa: RUF012 (Blender's own)
    bl_idname = "relievo.hide_mask"
    bl_label = "Hide Cutout"
    bl_description = "Show the cutout no longer"

    def run(self, context: bpy.types.Context) -> None:
        mask_preview.hide()


def use_mask(settings: Any, painting: Painting) -> None:
    """Makes the painted mask the one of the panel. Raises OSError."""
    folder = Path(bpy.utils.extension_path_user(__package__.rpartition(".")[0], path="masks", create=True))
    settings.mask_file = str(painting.save(folder))
    settings.mask = "file"
    settings.mask_invert = False


class RELIEVO_OT_mend_mask(Operator):
    bl_idname = "relievo.mend_mask"
    bl_label = "Mend Mask"
    bl_description = (
        "Paint or click on the subject and on the background, over this editor. What is like that place and "
        "not divided from it by an edge follows"
    )
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.relievo
        if not has_picture(settings):
            cls.poll_message_set("Choose a picture first")
            return False
        if settings.sheet.strip():
            cls.poll_message_set("A sheet has a mask for each figure: mend them in the picture")
            return False
        if bpy.app.background or context.area is None or context.area.type not in ("VIEW_3D", "IMAGE_EDITOR"):
            cls.poll_message_set("There is no window to paint in")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = context.scene.relievo
        try:
            self._painting = Painting(picture_source(settings), engine_settings(settings))
        except Exception as error:
            return self.give_up(self.remember(error))
        self._view = mask_view.View(self._painting, context.area)
        self._timer = context.window_manager.event_timer_add(_TICK, window=context.window)
        self._is_painting = False
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self._view.is_there():
            return self._end(context)
        if event.type == "TIMER":
            if self._painting.look():
                self._view.refresh()
            if self._painting.failure is not None:
                self._end(context)
                return self.give_up(self._painting.failure)
            return {"RUNNING_MODAL"}
        if event.type == "ESC" and event.value == "PRESS":
            return self._end(context)
        region = self._view.region()
        place = (event.mouse_x - region.x, event.mouse_y - region.y)
        is_within = 0 <= place[0] < region.width and 0 <= place[1] < region.height
        self._view.pointer = place if is_within else None
        self._view.redraw()
        if self._painting.picture is None:
            return {"RUNNING_MODAL"}
        if event.type in ("RET", "NUMPAD_ENTER") and event.value == "PRESS":
            return self._accept(context)
        if event.type == "Z" and event.value == "PRESS" and event.ctrl and not self._is_painting:
            self._painting.undo()
            self._view.refresh()
        elif event.type in ("LEFTMOUSE", "RIGHTMOUSE"):
            self._button(event, place, is_within)
        elif event.type == "MOUSEMOVE" and self._is_painting:
            self._painting.add(self._view.in_picture(place))
        elif event.type in ("WHEELUPMOUSE", "RIGHT_BRACKET", "WHEELDOWNMOUSE", "LEFT_BRACKET") and is_within:
            factor = 1.2 if event.type in ("WHEELUPMOUSE", "RIGHT_BRACKET") else 1 / 1.2
            self._view.radius = min(max(self._view.radius * factor, _LEAST_RADIUS), _MOST_RADIUS)
        return {"RUNNING_MODAL"}

    def _button(self, event: bpy.types.Event, place: tuple[float, float], is_within: bool) -> None:
        if event.value == "PRESS" and is_within and not self._is_painting:
            is_subject = event.type == "LEFTMOUSE" and not event.ctrl
            self._painting.begin(is_subject, self._view.in_picture(place), self._view.radius_in_picture())
            self._is_painting = True
        elif event.value == "RELEASE" and self._is_painting:
            self._is_painting = False
            self._painting.end()

    def _accept(self, context: bpy.types.Context) -> set[str]:
        if self._painting.is_busy:
            return {"RUNNING_MODAL"}  # the mask is not the one of all strokes yet
        settings = context.scene.relievo
        try:
            use_mask(settings, self._painting)
        except Exception as error:
            self._end(context)
            return self.give_up(self.remember(error))
        self._end(context)
        return {"FINISHED"}

    def _end(self, context: bpy.types.Context) -> set[str]:
        self._painting.cancel()
        context.window_manager.event_timer_remove(self._timer)
        self._view.close()
        return {"CANCELLED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Is called by Blender, when another file is opened."""
        self._end(context)


class RELIEVO_OT_generate_each(Operator):
    bl_idname = "relievo.generate_each"
    bl_label = "Make an Object of Each"
    bl_description = "Make an object of each of the separate subjects that the cutout's preview shows"
    bl_options = {"REGISTER"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if mask_preview.subjects() > 1:
            return True
        cls.poll_message_set("The cutout's preview shows no separate subjects")
        return False

    def run(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        source, words = picture_source(settings), engine_settings(settings)
        for number in range(1, mask_preview.subjects() + 1):
            named = replace(source, name=f"{source.name}_{number}")
            jobs.start(context, named, {**words, "subject": number}, import_options(settings))
        return self.ended()


CLASSES = (RELIEVO_OT_show_mask, RELIEVO_OT_hide_mask, RELIEVO_OT_mend_mask, RELIEVO_OT_generate_each)
