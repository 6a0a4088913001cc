"""Choices that belong to the person and the machine, not to a file.

It is kept in a file of its own beside Blender's preferences, which forget an add-on that is disabled, and which Blender
does not have where a script enables it for once (addon_utils.enable(), --addons).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from . import documents, downloads, models
from .files import write_atomically
from .runtime import runtime

EXTENSION = __package__


@dataclass(frozen=True)
class Machine:
    runtime_folder: str = ""
    models_folder: str = ""
    mirrors: str = ""  # addresses or folders, separated by blanks
    certificates: str = ""
    idle_minutes: float = 10.0
    threads: int = 0
    strategy: str = "auto"
    policy: str = "fastest"
    lossy: bool = True
    devices: str = ""
    allocator: str = "auto"  # of GPUs, torch's


_NAMES = tuple(Machine.__annotations__)
_machine = Machine()
_is_showing = False  # the preferences are being filled from what is chosen already


def chosen() -> Machine:
    return _machine


def choose(**changes: Any) -> None:
    """Applies and keeps a choice, and shows it in the preferences where there are any."""
    global _is_showing
    _take(replace(_machine, **changes))
    if (shown := preferences()) is not None:
        _is_showing = True
        try:
            for name in changes:
                with contextlib.suppress(TypeError):  # a word that this version does not offer
                    setattr(shown, name, getattr(_machine, name))
        finally:
            _is_showing = False


def preferences() -> Any:
    """Blender's preferences of this add-on, None where it keeps none."""
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return None if addon is None else addon.preferences


def changed_by_person() -> None:
    """Is called when the person has changed the preferences."""
    if not _is_showing:
        _take(_shown(preferences()))


def restore() -> None:
    """Is called when the extension is enabled: restores what was chosen before it was disabled, unless Blender's
    preferences have it."""
    shown = preferences()
    is_known = shown is not None and any(shown.is_property_set(name) for name in _NAMES)
    choose(**asdict(_shown(shown) if is_known else load(_file())))


def _shown(shown: Any) -> Machine:
    return Machine(**{name: getattr(shown, name) for name in _NAMES})


def _take(new: Machine) -> None:
    """Applies new choices in the modules that use them."""
    global _machine
    _machine = new
    save(new, _file())
    runtime.folder = _absolute(new.runtime_folder)
    downloads.settings.mirrors = new.mirrors.split()
    downloads.settings.certificates = _absolute(new.certificates)
    models.use_folder(_absolute(new.models_folder))
    runtime.options = {
        "threads": new.threads,
        "idle_seconds": 60 * new.idle_minutes,
        "devices": new.devices,
        "strategy": new.strategy,
        "policy": new.policy,
        "lossy": new.lossy,
        "allocator": new.allocator or "auto",
    }
    if (engine := runtime.loaded_engine) is not None:
        engine.set_idle_seconds(60 * new.idle_minutes)


def _absolute(path: str) -> str:
    return str(Path(bpy.path.abspath(path))) if path else ""


# The file


def _file() -> Path:
    return Path(bpy.utils.extension_path_user(EXTENSION, create=True)) / "machine.json"


def load(file: Path) -> Machine:
    """Reads the choices: the defaults where the file is not there, and from a damaged file those that can be read."""
    try:
        content = file.read_bytes()
    except OSError:
        return Machine()
    return Machine(**documents.known(Machine, documents.read_object(content)))


def save(machine: Machine, file: Path) -> None:
    """Writes the choices. Where that fails, they count until Blender ends."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, (json.dumps(asdict(machine), indent=1) + "\n").encode())
