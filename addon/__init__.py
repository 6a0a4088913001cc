"""Relievo: one picture in, one textured mesh in the scene."""

import bpy
from bpy.app.handlers import persistent

from . import (
    commands,
    history,
    jobs,
    mask_preview,
    operators,
    panel,
    pending,
    preferences,
    setup_panel,
    thumbnails,
)
from .properties import RELIEVO_PG_settings
from .runtime import runtime

_CLASSES = (preferences.RELIEVO_AP_preferences, RELIEVO_PG_settings, *operators.CLASSES, *panel.CLASSES)
_command = None


@persistent
def _on_load(*_: object) -> None:
    jobs.drop()
    mask_preview.hide()


def register() -> None:
    global _command
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    thumbnails.register()
    bpy.types.Scene.relievo = bpy.props.PointerProperty(type=RELIEVO_PG_settings)
    bpy.app.handlers.load_post.append(_on_load)
    _command = bpy.utils.register_cli_command("relievo", commands.run)
    preferences.apply()


def unregister() -> None:
    jobs.drop()
    mask_preview.hide()
    setup_panel.drop()
    pending.stop()
    runtime.close()
    bpy.utils.unregister_cli_command(_command)
    bpy.app.handlers.load_post.remove(_on_load)
    del bpy.types.Scene.relievo
    thumbnails.unregister()
    history.forget()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
