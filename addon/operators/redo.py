"""Objects that Relievo has made: made anew, and their settings."""

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import history, jobs, pictures
from ..properties import engine_settings, import_options, show_settings, words_of
from .base import Operator


def stored(thing: bpy.types.Object | None) -> tuple[str, dict[str, object]] | None:
    """Picture and settings that an object was made with."""
    if thing is None or thing.get("relievo_settings") is None:
        return None
    return history.picture_and_settings(thing["relievo_picture"], thing["relievo_settings"])


class RELIEVO_OT_regenerate(Operator):
    bl_idname = "relievo.regenerate"
    bl_label = "Regenerate"
    bl_description = "Make the active object's mesh anew from its picture, with the settings that are stored on it"

    use_panel: BoolProperty(
        name="With the Panel's Settings",
        description="Take the settings of the panel and not those of the object",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return stored(context.object) is not None

    def run(self, context: bpy.types.Context) -> set[str]:
        of_object = stored(context.object)
        assert of_object is not None
        settings = context.scene.relievo
        words = engine_settings(settings) if self.use_panel else words_of(of_object[1])
        source = pictures.from_label(of_object[0])
        jobs.start(context, source, words, import_options(settings), replaces=context.object)
        return self.ended()


class RELIEVO_OT_use_settings(Operator):
    bl_idname = "relievo.use_settings"
    bl_label = "Use Settings"
    bl_description = "Set the panel to the picture and the settings that this was made with"
    bl_options = {"UNDO"}  # noqa: RUF012

    key: StringProperty(name="Entry", description="Of the history; empty: the active object", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str] | None:
        if self.key:
            entry = history.find(self.key)
            found = (entry.picture, entry.settings) if entry else None
        else:
            found = stored(context.object)
        if found is None:
            self.report({"ERROR"}, "It was not made by Relievo. Choose another object.")
            return {"CANCELLED"}
        show_settings(context.scene.relievo, *found)
        return None


CLASSES = (RELIEVO_OT_regenerate, RELIEVO_OT_use_settings)
