"""Relievo: one picture in, one textured mesh in the scene."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

import bpy
from bpy.app.handlers import persistent

from . import (
    commands,
    finishing,
    history,
    jobs,
    machine,
    mask_preview,
    menus,
    notices,
    operators,
    panels,
    pending,
    preferences,
    seen,
    setup_panel,
    sources,
    thumbnails,
)
from .finish_properties import RELIEVO_PG_finish
from .properties import RELIEVO_PG_settings
from .runtime import runtime

_CLASSES = (
    preferences.RELIEVO_AP_preferences,
    RELIEVO_PG_settings,
    RELIEVO_PG_finish,
    *operators.CLASSES,
    *panels.CLASSES,
)
_registered = contextlib.ExitStack()  # what unregister() undoes, the last thing first


@persistent
def _on_load(*_: object) -> None:
    mask_preview.hide()
    jobs.file_opened()


@persistent
def _on_save(file: object, *_: object) -> None:
    sources.on_save(file if isinstance(file, str) and file else bpy.data.filepath)


def register() -> None:
    """Registers all parts or none: where one fails, those before it are unregistered."""
    global _registered
    with contextlib.ExitStack() as stack:
        for undo in _parts():
            stack.callback(undo)
        _registered = stack.pop_all()


def unregister() -> None:
    _registered.close()


def _parts() -> Iterator[Callable[[], object]]:
    """Registers one part after the other; yields for each the function that unregisters it."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
        yield partial(bpy.utils.unregister_class, cls)
    thumbnails.register()
    yield thumbnails.unregister
    bpy.types.Scene.relievo = bpy.props.PointerProperty(type=RELIEVO_PG_settings)
    yield partial(delattr, bpy.types.Scene, "relievo")
    bpy.types.Scene.relievo_finish = bpy.props.PointerProperty(type=RELIEVO_PG_finish)
    yield partial(delattr, bpy.types.Scene, "relievo_finish")
    for handlers, handler in ((bpy.app.handlers.load_post, _on_load), (bpy.app.handlers.save_pre, _on_save)):
        handlers.append(handler)
        yield partial(handlers.remove, handler)
    command = bpy.utils.register_cli_command("relievo", commands.run)
    yield partial(bpy.utils.unregister_cli_command, command)
    yield runtime.close
    yield history.close
    history.refresh()
    bpy.app.timers.register(history.look, first_interval=1.0, persistent=True)
    yield partial(bpy.app.timers.unregister, history.look)
    yield notices.stop
    yield pending.stop
    yield setup_panel.drop
    yield mask_preview.hide
    yield jobs.stop
    yield finishing.stop
    machine.restore()
    seen.start(setup_panel.folder())
    yield seen.stop
    yield from menus.register()
