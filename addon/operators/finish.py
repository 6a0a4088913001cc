"""Finishing the active object, and baking from one object to another."""

import bpy

from .. import finishing, jobs, pending, redo
from ..finish_properties import wishes_of
from ..mesh_source import CannotFinishError
from .base import Operator

_REFUSALS = (CannotFinishError, redo.CannotRedoError)


class _OnObject(Operator):
    """Works on the active object."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            return True  # a script is told by what is raised
        try:
            finishing.check(context.object)
        except _REFUSALS as error:
            cls.poll_message_set(f"{error.message} {error.hint}")
            return False
        return finishing.current() is None

    def ended(self) -> set[str]:
        if not bpy.app.background:
            return {"FINISHED"}
        pending.finish()  # no timer fires there
        failure = jobs.click_failure()
        return {"FINISHED"} if failure is None else self.give_up(failure)


class RELIEVO_OT_finish(_OnObject):
    bl_idname = "relievo.finish"
    bl_label = "Finish Object"
    bl_description = (
        "Give the active object the mesh that is asked for above, with one material onto which what it shows is baked. "
        "Modifiers are applied"
    )

    def run(self, context: bpy.types.Context) -> set[str] | None:
        jobs.dismiss_failure()
        finishing.finish(finishing.check(context.object), wishes_of(context.scene.relievo_finish))
        return self.ended()


class RELIEVO_OT_bake(_OnObject):
    bl_idname = "relievo.bake"
    bl_label = "Bake Selected to Active"
    bl_description = (
        "Bake the texture and the detail of the other selected object onto the active one, which keeps its mesh and "
        "its UV map"
    )

    def run(self, context: bpy.types.Context) -> set[str] | None:
        jobs.dismiss_failure()
        target = finishing.check(context.object)
        others = [thing for thing in context.selected_objects if thing != target]
        if len(others) != 1:
            raise CannotFinishError(
                f"{len(others)} objects are selected besides the active one.",
                "Select the object with the texture, then, holding Shift, the one that is to get it.",
            )
        finishing.bake(others[0], target, context.scene.relievo_finish.texture_size)
        return self.ended()


class RELIEVO_OT_cancel_finish(Operator):
    bl_idname = "relievo.cancel_finish"
    bl_label = "Cancel"
    bl_description = "Stop finishing. The object stays as it is"
    bl_options = {"INTERNAL"}  # noqa: RUF012 (Blender's own)

    def run(self, context: bpy.types.Context) -> None:
        finishing.cancel()


CLASSES = (RELIEVO_OT_finish, RELIEVO_OT_bake, RELIEVO_OT_cancel_finish)
