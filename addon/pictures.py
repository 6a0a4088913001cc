"""Where a picture comes from, as the engine takes it: a file, or an image of Blender's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from .facts import PICTURE_ENDINGS
from .failure import Failure

if TYPE_CHECKING:
    from relievo import Picture

GLOB = ";".join(f"*{ending}" for ending in PICTURE_ENDINGS)
IMAGE = "image:"  # before the name of an image of Blender's, where a path would stand


@dataclass(frozen=True)
class Source:
    picture: Picture
    label: str  # a path, or image:NAME
    name: str  # of the result


class NoPictureError(Exception):
    """As a relievo.Error is."""

    code, exit_status, remedy = "invalid_image", 2, "picture"

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def from_file(path: str | Path) -> Source:
    absolute = Path(bpy.path.abspath(str(path)))
    return Source(absolute, str(absolute), absolute.stem)


def from_image(image: bpy.types.Image) -> Source:
    """Its file or packed bytes where they are what Blender shows, else its pixels. Raises NoPictureError."""
    label = IMAGE + image.name
    name = Path(image.name).stem if Path(image.name).suffix in PICTURE_ENDINGS else image.name
    if image.source == "FILE" and not image.is_dirty:
        if image.packed_file is not None:
            return Source(bytes(image.packed_file.data), label, name)
        path = Path(bpy.path.abspath(image.filepath, library=image.library))
        if path.is_file():
            return Source(path, label, name)
    return Source(_pixels(image), label, name)


def from_label(label: str) -> Source:
    """What an object or the history remembers. Raises NoPictureError."""
    if not label.startswith(IMAGE):
        return from_file(label)
    image = bpy.data.images.get(label[len(IMAGE) :])
    if image is None:
        name = label[len(IMAGE) :]
        raise NoPictureError(f"The image '{name}' is not in this file.", "Choose a picture in the panel.")
    return from_image(image)


def failure_of(label: str) -> Failure | None:
    """Why there is no such picture."""
    try:
        from_label(label)
    except NoPictureError as error:
        return Failure.of(error)
    return None


def _pixels(image: bpy.types.Image) -> NDArray[np.uint8]:
    width, height = image.size
    if not image.has_data and width * height == 0:
        raise NoPictureError(f"The image '{image.name}' has no pixels.", "Choose another picture.")
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    # Blender's rows go up.
    picture = values.reshape(height, width, image.channels)[::-1]
    if image.channels < 3:
        picture = np.repeat(picture[..., :1], 3, axis=2)
    if image.is_float:
        # Whatever its color space, Blender keeps a float image as linear light, its color multiplied by alpha.
        colour, alpha = np.maximum(picture[..., :3], 0), picture[..., 3:]
        if alpha.size and image.alpha_mode in ("STRAIGHT", "PREMUL"):
            colour = np.divide(colour, alpha, out=colour.copy(), where=alpha > 0)
        encoded = np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)
        picture = np.concatenate([encoded, alpha], axis=2)
    bytes_: NDArray[np.uint8] = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return bytes_
