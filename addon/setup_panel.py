"""The first start: what is missing, what it weighs, and getting it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import bpy

from . import backend, setup_runtime
from .backend import Failure
from .setup_runtime import Installation

RUNTIMES = setup_runtime.runtimes()
INTERVAL = 0.1

_installation: Installation | None = None
_failure: Failure | None = None


def folder() -> Path:
    """Where the package relievo looks for what was installed here."""
    return Path(bpy.utils.extension_path_user(__package__, path="runtime"))


def installation() -> Installation | None:
    return _installation


def failure() -> Failure | None:
    return _failure


def start(installation: Installation) -> None:
    global _installation, _failure
    _installation, _failure = installation, None
    if not bpy.app.timers.is_registered(poll):
        bpy.app.timers.register(poll, first_interval=INTERVAL, persistent=True)


def fail(error: Exception) -> Failure:
    global _failure
    _failure = Failure.of(error)
    return _failure


def poll() -> float | None:
    global _installation, _failure
    _redraw()
    if _installation is None:
        return None
    if not _installation.is_over:
        return INTERVAL
    ended, _installation = _installation, None
    if ended.failure is not None and ended.failure.code != "cancelled":
        _failure = ended.failure
    backend.forget_runtime()
    return None


def finish() -> Failure | None:
    """Waits for it; for where no timer fires."""
    if _installation is not None:
        _installation.wait()
        poll()
    return _failure


def drop() -> None:
    """Stops what runs and waits for it: a chunk of a file at most, or the time-out of a connection."""
    global _installation, _failure
    if _installation is not None:
        _installation.cancel()
        _installation.wait(5)
    _installation = _failure = None
    if bpy.app.timers.is_registered(poll):
        bpy.app.timers.unregister(poll)


def draw(layout: bpy.types.UILayout, width: int) -> None:
    missing = backend.missing_runtime()
    column = layout.column()
    if _installation is not None:
        row = column.row(align=True)
        row.progress(factor=_installation.fraction, type="BAR", text=_installation.doing)
        row.operator("relievo.setup_cancel", text="", icon="X")
        return
    if missing is None:
        column.label(text="LibTorch is there", icon="CHECKMARK")
        column.label(text="The embedded model Preview needs no download", icon="CHECKMARK")
        return
    column.label(text="LibTorch is missing", icon="ERROR")
    draw_lines(column, "It does the computing and is installed once. The embedded model Preview needs no more.", width)
    online = bpy.app.online_access
    if not online:
        draw_lines(column, "Blender may not go online: allow it, or install from a folder or a zip.", width)
        column.operator("relievo.allow_online", icon="INTERNET")
    for runtime in RUNTIMES.values():
        row = column.row()
        row.enabled = online
        text = f"Install {runtime.title} ({size(runtime.bytes)})"
        row.operator("relievo.setup_online", text=text, icon="IMPORT").runtime = runtime.name
    column.operator("relievo.setup_zip", icon="PACKAGE")
    column.operator("relievo.setup_folder", icon="FILE_FOLDER")
    if _failure is not None:
        draw_failure(column, _failure, width)


def size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def draw_failure(layout: bpy.types.UILayout, failure: Failure, width: int) -> bpy.types.UILayout:
    """Returns the box, for what mends it."""
    box = layout.box().column(align=True)
    draw_lines(box, failure.message, width, "ERROR")
    draw_lines(box, failure.hint, width)
    return box


def draw_lines(layout: bpy.types.UILayout, text: str, width: int, icon: str = "BLANK1") -> None:
    # Labels do not wrap by themselves; a letter takes about 7 pixels, the box's border and icon 50.
    scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 where Blender has no window
    letters = max(20, int((width / scale - 50) / 7))
    for i, line in enumerate(textwrap.wrap(text, letters)):
        layout.label(text=line, icon=icon if i == 0 else "BLANK1")


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
