"""Remembers the state of the disk, the machine and the network, as it was last seen, for the panels.

A panel only reads this: drawing touches no file, no thread and no server. It leaves a note of what it showed, and a
timer looks at that again, on a thread. In the background, where no timer fires, look() does it at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import models, pending, setup_runtime, thumbnails
from .failure import Failure
from .models import Model, ModelSet
from .runtime import Look, runtime

if TYPE_CHECKING:
    import relievo

INTERVAL = 0.5  # between two looks of the timer
_MOST_PICTURES = 32
_SECONDS = 2.0  # after which the timer looks again at what is shown


@dataclass(frozen=True)
class Disk:
    """The state of files on the disk."""

    runtime: str = ""  # the runtime that the set-up has installed: cpu, cuda
    installed: frozenset[str] = frozenset()  # installed models
    # Bytes that are missing of each model.
    bytes: dict[str, int | None] = field(default_factory=dict)
    # The sets of models that work together with each model, and their texts.
    sets: dict[str, list[tuple[ModelSet, str]]] = field(default_factory=dict)
    # The time when each picture was changed; None where it is not there.
    times: dict[str, float | None] = field(default_factory=dict)


_folder = Path()
_disk = Disk()
_missing: Failure | None = None  # why LibTorch cannot be found
_shown: set[str] = set()  # names that were shown since the last look
# Pictures that were shown, with the time of the thumbnail that is loaded.
_pictures: dict[str, float | None] = {}
_plan: tuple[dict[str, Any], int] | None = None  # settings and number of pictures of the plan that is shown
_next = 0.0  # when the disk is looked at again


def _look_at(runtime_folder: Path, pictures: Iterable[str]) -> Disk:
    """Looks at the disk, on a thread: nothing here may ask Blender."""
    found = setup_runtime.installed(runtime_folder)
    models.look_again()
    all_models = models.catalogue()
    return Disk(
        found,
        frozenset(model.name for model in all_models if model.is_installed),
        {model.name: model.bytes for model in all_models},
        {model.name: [(each, each.told()) for each in models.sets_with(model)] for model in all_models},
        {path: _time(path) for path in pictures},
    )


def _time(path: str) -> float | None:
    try:
        file = Path(path)
        return file.stat().st_mtime if file.is_file() else None
    except (OSError, ValueError):
        return None


_looking = Look(_look_at)


# These are what panels read.


def missing() -> Failure | None:
    """Says why LibTorch cannot be found."""
    return None if runtime.is_loaded else _missing


def installed_runtime() -> str:
    return _disk.runtime


def is_installed(model: Model) -> bool:
    return model.embedded or model.name in _disk.installed


def size(model: Model) -> int | None:
    """Returns the bytes that are missing of a model, None where that is not known. Where Blender may go online, the
    server is asked."""
    _shown.add("sizes")
    return _disk.bytes.get(model.name)


def sets_with(name: str) -> list[tuple[ModelSet, str]]:
    """Returns the sets that make objects with the model of this name, and their texts."""
    return _disk.sets.get(name, [])


def picture_icon(path: str) -> int:
    """Returns the icon of a picture file; 0 where there is none to show, and until it was looked at."""
    if len(_pictures) >= _MOST_PICTURES and path not in _pictures:
        _pictures.clear()
    _pictures.setdefault(path, None)
    return thumbnails.icon(_thumbnail(path))


def devices() -> list[Any]:
    _shown.add("devices")
    return runtime.devices()


def plan(settings: dict[str, Any], pictures: int) -> relievo.PlanReport | Failure | None:
    """Returns the plan; None while it is not known."""
    global _plan
    _plan = (settings, pictures)
    return runtime.plan()


# Looking


def tick() -> float:
    """The timer's function."""
    global _disk, _missing, _next, _plan
    before = (_disk, _missing, runtime.devices(), runtime.plan())
    now = time.monotonic()
    if now >= _next:
        _next = now + _SECONDS
        _missing = runtime.missing
        _looking.ask(now, _folder, list(_pictures))
    if isinstance(found := _looking.answer, Disk):
        _disk = found
        _load_thumbnails()
    if runtime.loaded_engine is not None:
        if "devices" in _shown:
            runtime.ask_devices()
        if _plan is not None:
            runtime.ask_plan(*_plan)
    if "sizes" in _shown and bpy.app.online_access and models.ask_sizes(models.catalogue()):
        pending.watch(_Sizes())
    _shown.clear()
    _plan = None
    if before != (_disk, _missing, runtime.devices(), runtime.plan()):
        pending.redraw()
    return INTERVAL


def look() -> None:
    """Looks at everything and waits for it, because something was installed or removed, or no timer fires."""
    global _next
    _looking.wait()
    _next = 0.0
    tick()
    for asked in (_looking, runtime.looks_at_devices, runtime.looks_at_plan):
        asked.wait()
    tick()  # takes in the answers to what the first look asked


def _thumbnail(path: str) -> str:
    return f"picture {path}"


def _load_thumbnails() -> None:
    for path, loaded in list(_pictures.items()):
        changed = _disk.times.get(path)
        if changed != loaded:
            thumbnails.forget(_thumbnail(path))
            if changed is not None:
                thumbnails.load(_thumbnail(path), Path(path))
            _pictures[path] = changed


class _Sizes:
    """Waits for the sizes that the servers are asked for, to show them."""

    def cancel(self) -> None:
        """Does nothing: a thread that asks cannot be stopped, and ends by itself."""

    def look(self, turn: pending.Turn) -> bool:
        global _next
        if models.is_asking():
            return False
        _next = 0.0
        return True


def start(runtime_folder: Path) -> None:
    """Starts the timer. `runtime_folder` is where the set-up installs LibTorch."""
    global _folder
    _folder = runtime_folder
    look()
    bpy.app.timers.register(tick, first_interval=INTERVAL, persistent=True)


def stop() -> None:
    global _disk
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    _looking.wait()
    models.stop_asking()
    _disk = Disk()
    _pictures.clear()
