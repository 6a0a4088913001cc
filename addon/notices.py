"""Short news in the status bar: results that have come, failures, and where a result is that cannot be seen."""

from __future__ import annotations

import bpy

_SECONDS = 12.0
_MOST = 20
_told: list[str] = []


def tell(text: str) -> None:
    """Shows the text for some seconds in every window, whatever editor is open."""
    _told.append(text)
    del _told[:-_MOST]
    _show(f"Relievo: {text}")
    if bpy.app.timers.is_registered(_clear):
        bpy.app.timers.unregister(_clear)
    bpy.app.timers.register(_clear, first_interval=_SECONDS, persistent=True)


def told() -> list[str]:
    """Returns the last news, oldest first."""
    return list(_told)


def stop() -> None:
    _told.clear()
    if bpy.app.timers.is_registered(_clear):
        bpy.app.timers.unregister(_clear)
        _clear()


def _clear() -> None:
    _show(None)


def _show(text: str | None) -> None:
    for workspace in {window.workspace for window in bpy.context.window_manager.windows}:
        workspace.status_text_set(text)
