"""Checks, at a click, whether the devices compute what the processor computes (`relievo gpu-check`)."""

from __future__ import annotations

import threading

import bpy

from . import machine, messages, pending
from .failure import Failure
from .runtime import runtime

_answer = ""
_checking: _Checking | None = None


class _Checking:
    """The check, on a thread, once LibTorch is there: the first use of a GPU alone takes seconds."""

    def __init__(self, devices: str) -> None:
        self.answer = self.report = ""
        self._devices = devices
        self._thread: threading.Thread | None = None
        self._is_cancelled = False
        runtime.load()

    def cancel(self) -> None:
        """Waits for the check that runs, and makes no further one."""
        self._is_cancelled = True
        if self._thread is not None:
            self._thread.join(5)

    def look(self, turn: pending.Turn) -> bool:
        if runtime.is_loading():
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="relievo gpu-check", daemon=True)
            self._thread.start()
        if self._thread.is_alive():
            return False
        _ended(self)
        return True

    def _run(self) -> None:
        try:
            self.report, _, failed = runtime.package()._native._gpu_check(self._devices, self._tell)
        except Exception as error:
            self.answer = str(messages.in_blender(Failure.of(error)))
            return
        *_, last = self.report.splitlines()
        self.answer = f"{last[:1].upper()}{last[1:]}: the report is in the clipboard."
        if failed:
            self.answer += " Please send it to Relievo's authors."

    def _tell(self, line: str) -> None:
        if self._is_cancelled:
            raise RuntimeError("Blender ends.")


def _ended(checking: _Checking) -> None:
    global _answer, _checking
    _answer, _checking = checking.answer, None
    if checking.report:
        bpy.context.window_manager.clipboard = checking.report


def start() -> None:
    """Starts the check of the chosen devices. The answer is there when is_checking() no longer holds."""
    global _answer, _checking
    if _checking is None:
        _answer = ""
        _checking = _Checking(machine.chosen().devices)
        pending.watch(_checking)


def is_checking() -> bool:
    return _checking is not None


def answer() -> str:
    """Returns the last answer for the person; empty before the first."""
    return _answer
