"""Starting and cancelling. The work is in jobs.py."""

import bpy
from bpy.props import StringProperty

from . import jobs
from .backend import Failure
from .properties import engine_settings, picture_path


class RELIEVO_OT_generate(bpy.types.Operator):
    bl_idname = "relievo.generate"
    bl_label = "Generate Mesh"
    bl_description = "Make a textured mesh of the picture. Blender stays usable meanwhile"

    filepath: StringProperty(
        name="Picture",
        description="The photo or drawing to make a mesh of. Empty: the one of the panel",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(
        default="*.png;*.jpg;*.jpeg;*.webp;*.exr",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath or context.scene.relievo.picture:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.relievo
        if self.filepath:
            settings.picture = self.filepath
        if not settings.picture:
            self.report({"ERROR"}, "Choose a picture first.")
            return {"CANCELLED"}
        try:
            jobs.start(context, picture_path(settings), engine_settings(settings))
        except Exception as error:
            return self._give_up(jobs.fail(error))
        # In the background no timer fires.
        if bpy.app.background and (failure := jobs.finish()):
            return self._give_up(failure)
        return {"FINISHED"}

    def _give_up(self, failure: Failure) -> set[str]:
        self.report({"ERROR"}, f"{failure.message} {failure.hint}".strip())
        return {"CANCELLED"}


class RELIEVO_OT_cancel(bpy.types.Operator):
    bl_idname = "relievo.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making meshes, those that wait included"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return jobs.current() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        return {"FINISHED"}
