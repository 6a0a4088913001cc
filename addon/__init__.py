"""Relievo: one picture in, one textured mesh in the scene."""

import bpy
from bpy.app.handlers import persistent

from . import backend, commands, jobs
from .operators import RELIEVO_OT_cancel, RELIEVO_OT_generate
from .panel import RELIEVO_PT_main
from .properties import RELIEVO_PG_settings

_CLASSES = (RELIEVO_PG_settings, RELIEVO_OT_generate, RELIEVO_OT_cancel, RELIEVO_PT_main)
_command = None


@persistent
def _on_load(*_: object) -> None:
    jobs.drop()


def register() -> None:
    global _command
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.relievo = bpy.props.PointerProperty(type=RELIEVO_PG_settings)
    bpy.app.handlers.load_post.append(_on_load)
    _command = bpy.utils.register_cli_command("relievo", commands.run)


def unregister() -> None:
    jobs.drop()
    backend.close_engine()
    bpy.utils.unregister_cli_command(_command)
    bpy.app.handlers.load_post.remove(_on_load)
    del bpy.types.Scene.relievo
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
