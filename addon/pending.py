"""The work that is under way: jobs, previews of masks, downloads. One timer looks at all of it.

Only this timer touches Blender's data while something runs, and headless code calls poll() itself: timers do not fire
there.
"""

from __future__ import annotations

import time
from typing import Protocol

import bpy

INTERVAL = 0.1  # seconds between two looks


class Turn:
    """One look of the timer. One result at a time is taken into Blender's data: the window must not stand still."""

    def __init__(self) -> None:
        self._is_free = True
        self.waiting = 0  # items that wait for the person

    def take(self) -> bool:
        """Returns whether a result may be taken in now; the next one must wait for the next turn."""
        is_free, self._is_free = self._is_free, False
        return is_free

    def wait_for_person(self) -> None:
        """Notes that nothing can be taken in before the person has ended a change, or a render."""
        self._is_free = True
        self.waiting += 1


class Pending(Protocol):
    def look(self, turn: Turn) -> bool:
        """Takes in what has come; returns whether the work is over. Raises nothing."""

    def cancel(self) -> None: ...


_pending: list[Pending] = []


def watch(item: Pending) -> None:
    _pending.append(item)
    if not bpy.app.timers.is_registered(poll):
        # The timer is persistent, because loading a file must not stop it.
        bpy.app.timers.register(poll, first_interval=INTERVAL, persistent=True)


def forget(item: Pending) -> None:
    """Stops looking at an item."""
    if item in _pending:
        _pending.remove(item)


def poll() -> float | None:
    """The timer's function."""
    _look()
    return INTERVAL if _pending else None


def _look() -> Turn:
    turn = Turn()
    for item in _pending[:]:
        if item.look(turn):
            forget(item)
    redraw()
    return turn


def finish() -> None:
    """Waits for everything and takes it in, except for what waits for the person."""
    while _look().waiting < len(_pending):
        time.sleep(INTERVAL / 2)


def stop() -> None:
    """Cancels everything and stops looking at it."""
    for item in _pending[:]:
        item.cancel()
    _pending.clear()
    rest()


def rest() -> None:
    """Ends the timer where there is nothing to look at. What the timer calls must not call this: the timer then ends by
    itself."""
    if not _pending and bpy.app.timers.is_registered(poll):
        bpy.app.timers.unregister(poll)


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR"):
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()
