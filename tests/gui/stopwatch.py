"""Times what the extension does on Blender's main thread."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import CodeType
from typing import Any

import bpy

EXTENSION = "/extensions/user_default/relievo/"


class Stopwatch:
    """Times every call of the extension's Python by Blender: operators, panels, timers, handlers.

    It records of each outermost call its name, seconds on the clock, seconds on the processor, and whether it brought a
    mesh. All run on Blender's main thread, so that is how long the window stands still for the extension.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[str, float, float, bool]] = []
        self._outermost: object | None = None
        self._main = threading.get_ident()
        self._begin = (0.0, 0.0, 0)
        monitoring: Any = getattr(sys, "monitoring")  # noqa: B009  (mypy checks for 3.11, which has none)
        self._never_again = monitoring.DISABLE
        events = monitoring.events
        monitoring.use_tool_id(monitoring.PROFILER_ID, "relievo's tests")
        for event, act in (
            (events.PY_START, self._start),
            (events.PY_RETURN, self._end),
            (events.PY_UNWIND, self._end),
        ):
            monitoring.register_callback(monitoring.PROFILER_ID, event, act)
        monitoring.set_events(monitoring.PROFILER_ID, events.PY_START | events.PY_RETURN | events.PY_UNWIND)

    def _start(self, code: CodeType, offset: int) -> object:
        if EXTENSION not in code.co_filename:
            return self._never_again
        if threading.get_ident() != self._main:
            return None
        if self._outermost is None:
            self._outermost = sys._getframe(1)
            self._begin = (time.perf_counter(), time.thread_time(), len(bpy.data.meshes))
        return None

    def _end(self, code: CodeType, offset: int, value: object) -> None:
        if threading.get_ident() == self._main and self._outermost is not None and self._outermost is sys._getframe(1):
            wall, processor = time.perf_counter() - self._begin[0], time.thread_time() - self._begin[1]
            self._outermost = None
            is_import = len(bpy.data.meshes) > self._begin[2]
            self._calls.append((f"{Path(code.co_filename).stem}.{code.co_qualname}", wall, processor, is_import))

    def taken(self) -> list[tuple[str, float, float, bool]]:
        """The calls since this was last asked."""
        calls, self._calls = self._calls, []
        return calls
