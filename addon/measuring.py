"""Measures, at a click, what making an object costs on the devices, for plans (`relievo profile`)."""

from __future__ import annotations

from . import machine
from .device_work import DeviceWork
from .runtime import runtime

_devices = ""
_progress = ""


def _tell(device: str, what: str, share: float) -> None:
    global _progress
    _work.stop_if_cancelled()
    _progress = f"Measuring {device}: {100 * share:.0f} %"


def _run() -> str:
    kinds = runtime.package().profile(devices=_devices, quick=True, progress=_tell)
    names = ", ".join(kind["product"] or kind["device"] for kind in kinds)
    return f"Measured: {names}. Plans count with it from now on."


_work = DeviceWork("profile", _run)


def start() -> None:
    """Starts measuring the chosen devices. The answer is there when is_measuring() no longer holds."""
    global _devices, _progress
    if not _work.is_on:
        _devices, _progress = machine.chosen().devices, "Measuring ..."
        _work.start()


def is_measuring() -> bool:
    return _work.is_on


def answer() -> str:
    """Returns how far it is or, when it has ended, the answer for the person; empty before the first."""
    return _progress if _work.is_on else _work.answer
