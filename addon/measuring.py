"""Measures, at a click, what making an object costs on the devices, for plans (`relievo profile`)."""

from __future__ import annotations

from .device_work import DeviceWork
from .runtime import runtime


def _run(work: DeviceWork) -> str:
    def tell(device: str, what: str, share: float) -> None:
        work.tell(f"Measuring {device}: {100 * share:.0f} %")

    kinds = runtime.package().profile(devices=work.devices, quick=True, progress=tell)
    names = ", ".join(kind["product"] or kind["device"] for kind in kinds)
    return f"Measured: {names}. Plans count with it from now on."


work = DeviceWork("profile", "Measuring ...", _run)
