"""Checks, at a click, whether the devices compute what the processor computes (`relievo gpu-check`)."""

from __future__ import annotations

import bpy

from . import machine
from .device_work import DeviceWork
from .runtime import runtime

_devices = _report = ""


def _run() -> str:
    global _report
    _report, _, failed = runtime.package()._native._gpu_check(_devices, lambda line: _work.stop_if_cancelled())
    *_, last = _report.splitlines()
    told = f"{last[:1].upper()}{last[1:]}: the report is in the clipboard."
    return f"{told} Please send it to Relievo's authors." if failed else told


def _ended() -> None:
    if _report:
        bpy.context.window_manager.clipboard = _report


_work = DeviceWork("gpu-check", _run, _ended)


def start() -> None:
    """Starts the check of the chosen devices. The answer is there when is_checking() no longer holds."""
    global _devices, _report
    if not _work.is_on:
        _devices, _report = machine.chosen().devices, ""
        _work.start()


def is_checking() -> bool:
    return _work.is_on


def answer() -> str:
    """Returns the last answer for the person; empty before the first."""
    return _work.answer
