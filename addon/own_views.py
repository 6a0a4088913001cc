"""Views of the person's own, as settings have them: paths, and objects that the engine takes (base/own_view.h). Knows
nothing of Blender."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from . import documents
from .facts import PICTURE_ENDINGS

# The sides as Blender names its views, with the angles (azimuth, elevation) by which the engine knows them.
SIDES: dict[str, tuple[int, int]] = {
    "front": (0, 0),
    "right": (90, 0),
    "back": (180, 0),
    "left": (270, 0),
    "top": (0, 90),
}
View: TypeAlias = str | dict[str, Any]  # a path, or an object with `picture` and perhaps `mask`, `azimuth` and so on


def is_sound(view: Any) -> bool:
    return isinstance(view, str) or (isinstance(view, dict) and isinstance(view.get("picture"), str))


def changed(view: View, change: Callable[[str], str]) -> View:
    """Returns the view with its paths changed."""
    if isinstance(view, str):
        return change(view)
    paths = {name: change(view[name]) for name in ("picture", "mask") if isinstance(view.get(name), str)}
    return {**view, **paths}


def of_sides(paths: dict[str, str]) -> list[View]:
    """Returns views of pictures by their sides; a side without a picture has an empty path."""
    return [{"picture": path, "side": side} for side, path in paths.items() if path]


def side_of(view: View) -> str:
    """Returns the side that a view shows from far away; empty for another view, and for one with a mask."""
    if not isinstance(view, dict) or view.get("mask"):
        return ""
    if isinstance(side := view.get("side"), str):
        return side if side in SIDES else ""
    angles = (view.get("azimuth"), view.get("elevation", 0))
    return next((side for side, known in SIDES.items() if angles == known and view.get("orthographic")), "")


def files(views: Iterable[View]) -> list[str]:
    """Returns the paths of all pictures and masks."""
    found = []
    for view in views:
        named: list[Any] = [view] if isinstance(view, str) else [view.get("picture"), view.get("mask")]
        found += [path for path in named if isinstance(path, str)]
    return found


def as_text(views: list[View]) -> str:
    """Writes views in the panel's line: paths with commas between them, or JSON where one has more than a path."""
    if all(isinstance(view, str) for view in views):
        return ",".join(map(str, views))
    return json.dumps(views)


def of_text(text: str) -> list[View]:
    """Reads that line again."""
    if text.lstrip().startswith("["):
        try:
            views = documents.read(text)
        except ValueError:
            return [text.strip()]  # a path, which the engine will miss
        return [view for view in views if is_sound(view)] if isinstance(views, list) else []
    return [path.strip() for path in text.split(",") if path.strip()]


def told(text: str) -> list[tuple[str, str]]:
    """Returns name and camera of each view in that line, to be shown below it where the line itself tells little: for
    several views, or one with a camera."""
    views = of_text(text)
    if len(views) == 1 and isinstance(views[0], str):
        return []
    return [(Path(files([view])[0]).name, _camera(view)) for view in views]


def _camera(view: View) -> str:
    if isinstance(view, str) or not isinstance(view.get("azimuth"), int | float):
        return ""
    angles = [f"{view[name]:g}°" for name in ("azimuth", "elevation") if isinstance(view.get(name), int | float)]
    return ", ".join(angles)


def first_picture(views: list[View]) -> str:
    """Returns the picture that the engine takes where there is no other; for a folder or a list that cannot be read its
    own path, which the engine refuses."""
    (path,) = files(views[:1])[:1]
    found = Path(path)
    try:
        if found.is_dir():
            names = sorted(entry.name for entry in found.iterdir() if entry.suffix.lower() in PICTURE_ENDINGS)
            return str(found / names[0])
        if found.suffix.lower() == ".json":
            listed = files(view for view in documents.read(found.read_bytes())[:1] if is_sound(view))
            return str(found.parent / listed[0])
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        pass
    return path
