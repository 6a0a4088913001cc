"""Relievo: one picture in, one clean textured mesh out.

import relievo
relievo.generate("cup.png").save("cup.glb")

LibTorch is loaded by the first name that needs it, or by load(): without it there are still the exceptions and
relievo._store, which fetches it.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any

from ._errors import (
    CancelledError,
    DeviceLostError,
    EmptySurfaceError,
    Error,
    InternalError,
    InvalidImageError,
    InvalidSettingsError,
    IoError,
    ModelCorruptError,
    ModelMismatchError,
    ModelMissingError,
    NoSubjectError,
    OutOfMemoryError,
)
from ._types import PathLike, Picture

if TYPE_CHECKING:
    from ._batch import Batch, BatchOutcome
    from ._engine import Engine, Settings, View, close_engine, generate, profile, shared_engine
    from ._finish import bake, finish, finish_for_print, save_levels
    from ._native import (
        BatchTask,
        DetailLevel,
        DeviceInfo,
        Finishing,
        IdleDevice,
        Job,
        JobStatus,
        LogLine,
        Mesh,
        ModelInfo,
        NamedPicture,
        PlanReport,
        Preview,
        PrintReport,
        Provenance,
        Result,
        SpeedUp,
        StageReport,
        StageSeconds,
        SurfaceReport,
        TextureReport,
        check,
        check_weights,
        devices,
        models,
        name_results,
        picture_checksum,
        prepare_folder,
        report_of,
        report_of_failure,
        require,
        thumbnail_of,
    )

    __version__: str

# The modules of those names that do not come from the native module.
_HOMES = {
    **dict.fromkeys(("Engine", "Settings", "View", "close_engine", "generate", "profile", "shared_engine"), "._engine"),
    **dict.fromkeys(("bake", "finish", "finish_for_print", "save_levels"), "._finish"),
    **dict.fromkeys(("Batch", "BatchOutcome"), "._batch"),
}
_lock = threading.Lock()


def load() -> None:
    """Loads LibTorch and the engine's module. Raises IoError where there is none, or where another one is loaded."""
    with _lock:
        if not is_loaded():
            importlib.import_module("._runtime", __name__).load()
            importlib.import_module("._native", __name__)


def is_loaded() -> bool:
    """Returns whether this package has loaded LibTorch."""
    return f"{__name__}._native" in sys.modules


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    load()
    if name in ("_native", "_engine"):
        return importlib.import_module(f".{name}", __name__)
    home = importlib.import_module(_HOMES.get(name, "._native"), __name__)
    value = home.version() if name == "__version__" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Batch",
    "BatchOutcome",
    "BatchTask",
    "CancelledError",
    "DetailLevel",
    "DeviceInfo",
    "DeviceLostError",
    "EmptySurfaceError",
    "Engine",
    "Error",
    "Finishing",
    "IdleDevice",
    "InternalError",
    "InvalidImageError",
    "InvalidSettingsError",
    "IoError",
    "Job",
    "JobStatus",
    "LogLine",
    "Mesh",
    "ModelCorruptError",
    "ModelInfo",
    "ModelMismatchError",
    "ModelMissingError",
    "NamedPicture",
    "NoSubjectError",
    "OutOfMemoryError",
    "PathLike",
    "Picture",
    "PlanReport",
    "Preview",
    "PrintReport",
    "Provenance",
    "Result",
    "Settings",
    "SpeedUp",
    "StageReport",
    "StageSeconds",
    "SurfaceReport",
    "TextureReport",
    "View",
    "bake",
    "check",
    "check_weights",
    "close_engine",
    "devices",
    "finish",
    "finish_for_print",
    "generate",
    "is_loaded",
    "load",
    "models",
    "name_results",
    "picture_checksum",
    "prepare_folder",
    "profile",
    "report_of",
    "report_of_failure",
    "require",
    "save_levels",
    "shared_engine",
    "thumbnail_of",
]

_NAMES = {*__all__, "__version__", "_engine", "_native"}
