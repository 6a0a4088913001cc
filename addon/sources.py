"""The picture that an object was made of: its own bytes, kept with the object, and the files beside it.

An object has the custom properties relievo_source (an image that holds the bytes as they were; absent where they are
too many), relievo_picture (what the person knows it by: a file's name, a path relative to the .blend, or image:NAME)
and relievo_settings, whose paths of masks and views are relative to the .blend, too.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import documents, own_views, packed_images, thumbnails
from .files import is_file, write_atomically
from .pictures import IMAGE, NoPictureError, Source, from_bytes, from_file, from_label

MOST_BYTES = 32_000_000
_SIDE_PROPERTIES = tuple(f"side_{side}" for side in own_views.SIDES if side != "front")
_IMAGE, _PICTURE, _SETTINGS = "relievo_source", "relievo_picture", "relievo_settings"


def save(source: Source, path: Path) -> None:
    """Writes the picture's own bytes, or nothing where they are too many. For threads. Raises OSError."""
    if data := bytes_of(source):
        write_atomically(path, data)


def bytes_of(source: Source) -> bytes:
    """Returns the picture's own bytes; none where they are too many or cannot be read, which the job will tell."""
    picture = source.picture
    if isinstance(picture, np.ndarray):
        data = thumbnails.png(_as_bytes(picture))
    elif isinstance(picture, bytes):
        data = picture
    else:
        return kept(Path(picture))
    return data if len(data) <= MOST_BYTES else b""


def kept(path: Path) -> bytes:
    """Returns the content of a file; nothing where it is too large or cannot be read."""
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError:
        return b""


def _as_bytes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Converts numbers 0..1 to bytes; bytes stay as they are."""
    if picture.dtype == np.uint8:
        return picture
    as_bytes: NDArray[np.uint8] = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return as_bytes


def load(path: Path, label: str, name: str) -> Source:
    """Loads what save() wrote, else the picture that the label names. Raises NoPictureError."""
    with contextlib.suppress(OSError):
        return from_bytes(path.read_bytes(), label, name)
    if label.startswith(IMAGE):
        raise NoPictureError(f"The picture of '{name}' was not kept.", "Choose a picture in the panel.")
    return from_file(label)


def attach(thing: bpy.types.Object, label: str, data: bytes) -> None:
    """Keeps the picture's bytes with the object, where there are any. The same bytes are kept once."""
    if data:
        thing[_IMAGE] = _holder(data, label)
    elif _IMAGE in thing:
        del thing[_IMAGE]
    thing[_PICTURE] = _shown(label, is_kept=bool(data), start=bpy.data.filepath)
    thing[_SETTINGS] = json.dumps(_with_paths(documents.read_object(thing[_SETTINGS]), bpy.data.filepath))


def _holder(data: bytes, label: str) -> bpy.types.Image:
    for image in bpy.data.images:
        packed = image.packed_file if _IMAGE in image and image.library is None else None
        if packed is not None and packed.size == len(data) and bytes(packed.data) == data:
            return image
    name = label.removeprefix(IMAGE) if label.startswith(IMAGE) else Path(label).name
    image = packed_images.make(name, f"//{name or 'picture'}", data)
    image[_IMAGE] = True
    return image


def holder_of(thing: bpy.types.Object) -> bpy.types.Image | None:
    """Returns the image that holds the picture's bytes, or that knows the file that they were unpacked into."""
    image = thing.get(_IMAGE)
    return image if isinstance(image, bpy.types.Image) else None


def settings_of(thing: bpy.types.Object | None) -> dict[str, Any]:
    """Returns the settings that an object was made with; empty for one that Relievo has not made."""
    if thing is None or _SETTINGS not in thing or _PICTURE not in thing:
        return {}
    return documents.read_object(thing[_SETTINGS])


def of_object(thing: bpy.types.Object) -> Source:
    """Returns the picture that an object was made of. Raises NoPictureError."""
    label = str(thing[_PICTURE])
    name = Path(label.removeprefix(IMAGE)).stem if not label.startswith(IMAGE) else label.removeprefix(IMAGE)
    if (image := holder_of(thing)) is not None and (data := packed_images.bytes_of(image)):
        return from_bytes(data, label, name)
    source = from_label(label)
    if isinstance(source.picture, Path) and not is_file(source.picture):
        raise NoPictureError(
            f"The picture '{source.picture.name}' of '{thing.name}' is not there any more.",
            "Put it back, or choose a picture in the panel and generate a new object.",
        )
    return source


# Paths in a .blend must not name the person's folders, because the file may go to other people.


def on_save(file: str) -> None:
    """Is called before a .blend is written: afterwards no object in it names the person's folders, and no panel where
    Blender allows it."""
    if bpy.context.preferences.filepaths.use_relative_paths:
        for scene in (scene for scene in bpy.data.scenes if scene.library is None):
            for name in ("picture", "mask_file", *_SIDE_PROPERTIES):
                path = getattr(scene.relievo, name)
                if (relative := _relative(path, file)) != path:
                    setattr(scene.relievo, name, relative)
    for thing in bpy.data.objects:
        if thing.library is not None or _SETTINGS not in thing or not isinstance(thing.get(_PICTURE), str):
            continue
        picture = _shown(thing[_PICTURE], holder_of(thing) is not None, file)
        if picture != thing[_PICTURE]:
            thing[_PICTURE] = picture
        settings = documents.read_object(thing[_SETTINGS])
        if (changed := _with_paths(settings, file)) != settings:
            thing[_SETTINGS] = json.dumps(changed)


def absolute(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings with paths that can be opened."""
    return _changed(settings, lambda path: bpy.path.abspath(path))


def _with_paths(settings: dict[str, Any], start: str) -> dict[str, Any]:
    return _changed(settings, lambda path: _relative(path, start))


def _changed(settings: dict[str, Any], change: Any) -> dict[str, Any]:
    changed = dict(settings)
    if (mask := changed.get("mask_file")) and isinstance(mask, str):
        changed["mask_file"] = change(mask)
    if isinstance(views := changed.get("views"), list):
        changed["views"] = [own_views.changed(view, change) for view in views if own_views.is_sound(view)]
    return changed


def _shown(label: str, is_kept: bool, start: str) -> str:
    """Returns a path below the .blend's folder as it is, and any other as a name alone where the bytes are kept."""
    if label.startswith((IMAGE, "//")):
        return label
    relative = _relative(label, start)
    is_below = relative.startswith("//") and not relative.startswith("//..")
    return Path(label).name if is_kept and not is_below else relative


def _relative(path: str, start: str) -> str:
    """Makes the path relative; it stays as it is where the .blend was never saved or lies on another drive."""
    if not start or path.startswith("//") or not Path(path).is_absolute():
        return path
    try:
        return str(bpy.path.relpath(path, start=str(Path(start).parent)))
    except ValueError:
        return path
