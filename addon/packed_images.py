"""Images that hold a file's bytes as they are."""

from __future__ import annotations

import zlib
from pathlib import Path, PurePosixPath

import bpy


def make(name: str, file: str, data: bytes) -> bpy.types.Image:
    """Makes a packed image.

    When the person lets Blender unpack it, it becomes a file like `file`, which is relative to the .blend.
    """
    # The image is small, because Blender allocates its pixels here, and its file is already encoded, because Blender
    # would do that on its main thread.
    image = bpy.data.images.new(name, 8, 8)
    image.filepath_raw = _of_its_own(PurePosixPath(file), data)  # pack() remembers it, for unpacking
    image.pack(data=data, data_len=len(data))
    image.source = "FILE"
    return image


def bytes_of(image: bpy.types.Image) -> bytes:
    """Returns what is packed, or else what is in the file that Blender has unpacked it into, or nothing."""
    if image.packed_file is not None:
        return bytes(image.packed_file.data)
    try:
        return Path(bpy.path.abspath(image.filepath, library=image.library)).read_bytes() if image.filepath else b""
    except OSError:
        return b""


def _of_its_own(file: PurePosixPath, data: bytes) -> str:
    """Puts a checksum of the content into the name.

    Blender unpacks all images into one folder, and takes a file that is there already for the image of that name.
    """
    return str(file.with_name(f"{file.stem}_{zlib.crc32(data):08x}{file.suffix}"))
