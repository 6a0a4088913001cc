"""The history, and the jobs that an earlier Blender has left undone."""

import bpy
from bpy.props import StringProperty

from .. import history, jobs, sources
from ..properties import import_options, words_of
from .base import Confirmed, Operator


class RELIEVO_OT_generate_again(Operator):
    bl_idname = "relievo.generate_again"
    bl_label = "Make Another Here"
    bl_description = "Make this of the history once more, at the 3D cursor"
    bl_options = {"REGISTER", "INTERNAL"}  # noqa: RUF012 (Blender's own)

    key: StringProperty(name="Entry", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str]:
        entry = history.find(self.key)
        if entry is None:
            return {"CANCELLED"}
        source = sources.load(history.source_file(entry.key), entry.picture, entry.name)
        jobs.start(context, source, words_of(entry.settings), import_options(context.scene.relievo))
        return self.ended()


class RELIEVO_OT_place(Operator):
    bl_idname = "relievo.place"
    bl_label = "Place"
    bl_description = "Put this finished object at the 3D cursor, as it was made. Nothing is computed"
    bl_options = {"REGISTER", "INTERNAL"}  # noqa: RUF012

    key: StringProperty(name="Entry", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> None:
        jobs.place(self.key, context)


class RELIEVO_OT_forget(Operator):
    bl_idname = "relievo.forget"
    bl_label = "Remove from History"
    bl_description = "Remove this from the history. Objects stay"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    key: StringProperty(name="Entry", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str] | None:
        if history.find(self.key) is None:
            self.report({"ERROR"}, "No entry of the history was named. Clear History removes all.")
            return {"CANCELLED"}
        history.remove(self.key)
        return None


class RELIEVO_OT_clear_history(Confirmed):
    bl_idname = "relievo.clear_history"
    bl_label = "Clear History"
    bl_description = "Remove all entries of the history and their stored results. Objects stay"

    def run(self, context: bpy.types.Context) -> None:
        history.clear()


class RELIEVO_OT_take_up(Operator):
    bl_idname = "relievo.take_up"
    bl_label = "Resume"
    bl_description = "Put into the queue what was left unfinished when Blender ended"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(history.left_behind())

    def run(self, context: bpy.types.Context) -> set[str]:
        jobs.take_up()
        return self.ended()


class RELIEVO_OT_leave(Confirmed):
    bl_idname = "relievo.leave"
    bl_label = "Discard"
    bl_description = "Forget what was left unfinished when Blender ended"

    def run(self, context: bpy.types.Context) -> None:
        jobs.leave()


CLASSES = (
    RELIEVO_OT_generate_again,
    RELIEVO_OT_place,
    RELIEVO_OT_forget,
    RELIEVO_OT_clear_history,
    RELIEVO_OT_take_up,
    RELIEVO_OT_leave,
)
