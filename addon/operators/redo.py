"""Objects that Relievo has made: made anew, and their settings."""

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import documents, history, jobs, redo, sources
from ..import_mesh import ImportOptions
from ..properties import engine_settings, is_random, other_seed, show_settings, words_of
from .base import Operator


def _import_options(thing: bpy.types.Object) -> ImportOptions:
    """Returns the options that the object was made with. Version 0.1.0 kept none: the mesh itself tells its size and
    origin."""
    return ImportOptions.of(documents.read_object(thing.get("relievo_import")))


class RELIEVO_OT_regenerate(Operator):
    bl_idname = "relievo.regenerate"
    bl_label = "Redo as Before"
    bl_options = {"REGISTER"}  # noqa: RUF012 (Blender's own)

    use_panel: BoolProperty(
        name="With the Panel's Settings",
        description="Take the settings of the panel and not those of the object",
        options={"SKIP_SAVE"},
    )
    new_seed: BoolProperty(
        name="New Seed", description="Take another seed, for another result of the same settings", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        if properties.new_seed:
            return "Make the active object's mesh anew from its own picture and settings, with another seed"
        if properties.use_panel:
            return "Make the active object's mesh anew from its own picture, with the settings of this panel"
        return "Make the active object's mesh anew from its own picture, with the settings that it was made with"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        thing = context.object
        if not sources.settings_of(thing):
            cls.poll_message_set("Select an object that Relievo has made")
            return False
        try:
            redo.check(thing)
        except redo.CannotRedoError as error:
            cls.poll_message_set(f"{error.message} {error.hint}")
            return False
        return True

    def run(self, context: bpy.types.Context) -> set[str]:
        thing = context.object
        of_object = sources.settings_of(thing)
        words = engine_settings(context.scene.relievo) if self.use_panel else words_of(sources.absolute(of_object))
        if self.new_seed:
            if not is_random(of_object):
                raise redo.CannotRedoError(
                    f"Nothing in '{thing.name}' depends on a seed.", "Change a setting and redo it with new settings."
                )
            words["seed"] = other_seed(words.get("seed"))
        jobs.start(context, sources.of_object(thing), words, _import_options(thing), replaces=thing)
        return self.ended()


class RELIEVO_OT_use_settings(Operator):
    bl_idname = "relievo.use_settings"
    bl_label = "Copy Settings to Panel"
    bl_description = "Set the panel to the picture and the settings that this was made with"
    bl_options = {"UNDO"}  # noqa: RUF012

    key: StringProperty(name="Entry", description="Of the history; empty: the active object", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str] | None:
        settings = context.scene.relievo
        if self.key:
            entry = history.find(self.key)
            if entry is not None:
                show_settings(settings, entry.picture, entry.settings)
                return None
        elif of_object := sources.settings_of(context.object):
            holder = sources.holder_of(context.object)
            show_settings(settings, context.object["relievo_picture"], sources.absolute(of_object), holder)
            return None
        self.report({"ERROR"}, "It was not made by Relievo. Choose another object.")
        return {"CANCELLED"}


CLASSES = (RELIEVO_OT_regenerate, RELIEVO_OT_use_settings)
