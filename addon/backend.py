"""The package relievo beside this module, loaded when it is first needed. Knows nothing of Blender.

Blender starts without LibTorch, and where LibTorch cannot be loaded the extension is still there to say so.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import relievo

_PACKAGE = f"{__package__}.relievo"
_FOLDER = Path(__file__).parent / "relievo"

_FACTS: dict[str, Any] = json.loads((_FOLDER / "settings.json").read_text())
# Default and range of each setting, as the engine has them.
SETTINGS: dict[str, dict[str, Any]] = _FACTS["settings"]
VERSION: str = _FACTS["version"]

SECONDS_BETWEEN_LOOKS = 5.0  # at the devices

# What mends a failure of this code, by the panel's name for it.
_MENDS = {
    "invalid_image": "picture",
    "io": "picture",
    "no_subject": "mask",
    "empty_surface": "mask",
    "out_of_memory": "unload",
    "model_missing": "setup",
}

runtime_folder = ""  # of the preferences; goes before all but the environment
options: dict[str, Any] = {}  # of the engine, when it is made
_devices: tuple[float, list[relievo.DeviceInfo]] = (-1e9, [])
_missing: Failure | None | str = "unknown"


@dataclass(frozen=True)
class Failure:
    """A relievo.Error, or any other exception, as it is shown to a person."""

    code: str
    message: str
    hint: str
    exit_status: int
    mend: str = ""

    def __str__(self) -> str:
        """Message and hint, a line each."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    @staticmethod
    def of(error: Any) -> Failure:
        # The package's own class of errors cannot be asked for when the package is what failed to load.
        if all(hasattr(error, name) for name in ("code", "message", "hint", "exit_status")):
            mend = getattr(error, "mend", _MENDS.get(error.code, ""))
            return Failure(error.code, error.message, error.hint, error.exit_status, mend)
        message = f"{type(error).__name__}: {error}"
        return Failure("internal", message, "This is a fault in Relievo; please report it with its log.", 1)


def engine() -> relievo.Engine:
    """Raises relievo.Error where LibTorch is missing."""
    shared: relievo.Engine = package().shared_engine(**options)
    return shared


def package() -> Any:
    try:
        with _chosen_runtime():
            return importlib.import_module(_PACKAGE)
    except Exception as error:
        error.mend = "setup"  # type: ignore[attr-defined]
        raise


def loaded_engine() -> relievo.Engine | None:
    """The engine if it was used already."""
    module = sys.modules.get(f"{_PACKAGE}._engine")
    engine: relievo.Engine | None = getattr(module, "_shared", None)
    return engine


def devices() -> list[relievo.DeviceInfo]:
    """What can compute here, as seen within the last seconds. The package must be loaded."""
    global _devices
    seen, found = _devices
    if time.monotonic() - seen > SECONDS_BETWEEN_LOOKS:
        found = package().devices()
        _devices = (time.monotonic(), found)
    return found


def close_engine() -> None:
    if module := sys.modules.get(_PACKAGE):
        module.close_engine()


def missing_runtime() -> Failure | None:
    """Why LibTorch cannot be found, without loading it. Remembered until forget_runtime()."""
    global _missing
    if isinstance(_missing, str):
        _missing = None
        if _PACKAGE not in sys.modules:
            try:
                with _chosen_runtime():
                    _finder().find_libraries()
            except Exception as error:
                error.mend = "setup"  # type: ignore[attr-defined]
                _missing = Failure.of(error)
    return _missing if isinstance(_missing, Failure) else None


def forget_runtime() -> None:
    """It may have changed."""
    global _missing
    _missing = "unknown"


def _finder() -> Any:
    """The package's module that finds LibTorch, by itself: to import the package would load it."""
    name = f"{__package__}._relievo_unloaded"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__path__ = [str(_FOLDER)]
        sys.modules[name] = module
    return importlib.import_module(f"{name}._runtime")


@contextlib.contextmanager
def _chosen_runtime() -> Iterator[None]:
    variable = "RELIEVO_RUNTIME_DIR"
    if not runtime_folder or variable in os.environ:
        yield
        return
    os.environ[variable] = runtime_folder
    try:
        yield
    finally:
        del os.environ[variable]
