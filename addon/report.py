"""The text that a person sends with a report of a fault: versions, devices, plan, log and settings of a job that has
failed.

It contains no picture, no path and no user's name.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import platform
import re
from pathlib import Path
from typing import Any

import bpy

from . import own_views
from .facts import VERSION
from .jobs import Task
from .runtime import runtime

_QUOTED_PATH = re.compile(r"""(['"])[^'"\n]*[\\/][^'"\n]*\1""")
# A path, absolute on any system or from the home folder: everything that follows a slash, except punctuation that ends
# a sentence.
_PATH = re.compile(r"""(?:file://|~|//|[A-Za-z]:[\\/]|\\\\|(?<![\w.])/)(?:[^\s'"<>|:*?]|(?<=\w) (?=[\w.-]*[\\/.]))*""")


def of(task: Task) -> str:
    lines = [
        f"Relievo {VERSION}, Blender {bpy.app.version_string}, Python {platform.python_version()}",
        f"{platform.system()} {platform.machine()}",
        "",
        f"Failed ({task.failure.code})" if task.failure else "Not failed",
    ]
    if task.failure is not None:
        lines += [task.failure.message, task.failure.hint]
    lines += ["", "Settings", json.dumps(_without_files(task.settings), sort_keys=True)]
    lines += ["", "Devices", *_devices(), "", "Plan", *_plan(task.settings)]
    job = task.job.job if task.job is not None else None
    lines += ["", "Log", *(f"{line.seconds:8.2f} s  {line.text}" for line in (job.log if job is not None else []))]
    return clean("\n".join(lines), _private(task))


def clean(text: str, private: list[str]) -> str:
    """Returns the text without paths and without these words."""
    for word in sorted(private, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "…", text)
    return _PATH.sub("…", _QUOTED_PATH.sub(r"\1…\1", text))


def _private(task: Task) -> list[str]:
    """Returns the words that are the person's own: the picture's name and path, the user's name, the computer's."""
    picture = task.source.label
    words = [picture, Path(picture).name, Path(picture).stem, task.name, str(Path.home()), platform.node()]
    with contextlib.suppress(OSError, KeyError):
        words.append(getpass.getuser())
    for name in ("mask", "mask_file", "views"):
        value = task.settings.get(name)
        paths: list[Any] = list(own_views.files(value)) if isinstance(value, list) else [value]
        for path in paths:
            if isinstance(path, str) and path not in ("", "auto", "alpha", "file"):
                words += [path, Path(path).name, Path(path).stem]
    return [word for word in words if len(word) > 2]


def _without_files(settings: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in settings.items() if name not in ("views", "mask_file")}
    if kept.get("mask") not in (None, "auto", "alpha"):
        kept["mask"] = "file"
    kept["views"] = "own" if settings.get("views") else "painted"
    return kept


def _devices() -> list[str]:
    if runtime.loaded_engine is None:
        return ["not known: LibTorch is not loaded"]
    return [
        f"{device.device}: {device.name}, {device.free_bytes / 1e9:.1f} of {device.total_bytes / 1e9:.1f} GB free"
        + (f", not used: {device.note}" if device.note else "")
        for device in runtime.package().devices()
    ]


def _plan(settings: dict[str, Any]) -> list[str]:
    engine = runtime.loaded_engine
    if engine is None:
        return []
    try:
        return engine.explain_plan(1, **settings)
    except Exception as error:
        return [f"There is none: {error}"]
