"""The history."""

import bpy
from bpy.props import StringProperty

from .. import history, jobs, pictures
from ..properties import import_options, words_of
from .base import Operator


class RELIEVO_OT_generate_again(Operator):
    bl_idname = "relievo.generate_again"
    bl_label = "Generate Again"
    bl_description = "Make this of the history once more, at the 3D cursor"

    key: StringProperty(name="Entry", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> set[str]:
        entry = history.find(self.key)
        if entry is None:
            return {"CANCELLED"}
        options = import_options(context.scene.relievo)
        jobs.start(context, pictures.from_label(entry.picture), words_of(entry.settings), options)
        return self.ended()


class RELIEVO_OT_forget(Operator):
    bl_idname = "relievo.forget"
    bl_label = "Remove from History"
    bl_description = "Remove this from the history. Objects stay"

    key: StringProperty(name="Entry", description="Empty for all", options={"SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> None:
        if self.key:
            history.remove(self.key)
        else:
            history.clear()


CLASSES = (RELIEVO_OT_generate_again, RELIEVO_OT_forget)
