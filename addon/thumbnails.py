"""Small pictures that the panel shows: previews of jobs, the mask, the history."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

_icons: Any = None
# The times at which the files of loaded icons were changed.
_stamps: dict[str, int] = {}


def register() -> None:
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    global _icons
    bpy.utils.previews.remove(_icons)
    _icons = None


def put(name: str, pixels: NDArray[np.uint8]) -> int:
    """Shows `[H, W, 3 or 4]`, row 0 at the top, under this name; returns the icon's number."""
    icon = _icons[name] if name in _icons else _icons.new(name)
    fill(icon, pixels)
    return int(icon.icon_id)


def load(name: str, path: Path) -> int:
    """A picture file, as it is now; Blender reads it when it is first drawn."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return 0
    if name not in _icons or _stamps.get(name) != stamp:
        forget(name)
        _icons.load(name, str(path), "IMAGE")
        _stamps[name] = stamp
    return int(_icons[name].icon_id)


def has(name: str) -> bool:
    return _icons is not None and name in _icons


def icon(name: str) -> int:
    """0 where there is none, and always where Blender has no window."""
    return int(_icons[name].icon_id) if has(name) else 0


def forget(name: str) -> None:
    if has(name):
        del _icons[name]


def fill(preview: bpy.types.ImagePreview, pixels: NDArray[np.uint8]) -> None:
    height, width, channels = pixels.shape
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :channels] = pixels[::-1] / np.float32(255)
    rgba[..., :3] *= rgba[..., 3:]  # Blender draws icons as multiplied by their alpha
    preview.image_size = (width, height)
    preview.image_pixels_float.foreach_set(rgba.ravel())


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file, quickly: thumbnails are small."""
    height, width, channels = pixels.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content
