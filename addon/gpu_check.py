"""Checks, at a click, whether the devices compute what the processor computes (`relievo gpu-check`)."""

from __future__ import annotations

import bpy

from .device_work import DeviceWork
from .runtime import runtime

_report = ""


def _run(work: DeviceWork) -> str:
    global _report
    _report = ""
    _report, _, failed = runtime.package()._native._gpu_check(work.devices, lambda line: work.tell("Checking ..."))
    *_, last = _report.splitlines()
    told = f"{last[:1].upper()}{last[1:]}: the report is in the clipboard."
    return f"{told} Please send it to Relievo's authors." if failed else told


def _ended() -> None:
    if _report:
        bpy.context.window_manager.clipboard = _report


work = DeviceWork("gpu-check", "Checking ...", _run, _ended)
