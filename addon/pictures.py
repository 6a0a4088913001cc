"""Gives the engine a picture: a file, or an image of Blender's."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from .facts import PICTURE_ENDINGS
from .failure import Failure
from .files import is_file

if TYPE_CHECKING:
    from relievo import Picture

# The endings that the engine reads, and those that Blender reads beside them.
ENDINGS = tuple(sorted({*PICTURE_ENDINGS, *bpy.path.extensions_image}))
GLOB = ";".join(f"*{ending}" for ending in ENDINGS)
# Types of images that Blender computes; it shows them through the scene's view transform.
_MADE = {"RENDER_RESULT", "COMPOSITING"}
# This stands before the name of an image of Blender's, where a path would stand otherwise.
IMAGE = "image:"


@dataclass(frozen=True)
class Source:
    picture: Picture
    label: str  # a path, or image:NAME
    # Name of the result.
    name: str
    # Reads the picture by Blender, where the engine cannot. For the main thread. Raises NoPictureError.
    otherwise: Callable[[], Picture] | None = None


class NoPictureError(Exception):
    """Has the fields of a relievo.Error."""

    code, exit_status, remedy = "invalid_image", 2, "picture"

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def from_file(path: str | Path) -> Source:
    absolute = Path(bpy.path.abspath(str(path)))
    return Source(absolute, str(absolute), absolute.stem, lambda: _read_by_blender(absolute))


def from_image(image: bpy.types.Image, user: bpy.types.ImageUser | None = None) -> Source:
    """Returns the image's file or packed bytes where they are what Blender shows, else its pixels. Raises
    NoPictureError.

    `user` comes from the editor that shows the image and tells the frame of a sequence or movie.
    """
    label = IMAGE + image.name
    name = _name_of(image)
    if image.type in _MADE:
        return Source(_as_shown(image), label, name)
    own = None if image.is_dirty else _own(image, user)
    if own is None:
        return Source(_pixels(image), label, name)
    uid = image.session_uid

    def otherwise() -> Picture:
        return _pixels(next((other for other in bpy.data.images if other.session_uid == uid), None))

    return Source(own, label, name, otherwise)


def _name_of(image: bpy.types.Image) -> str:
    """Returns cup for cup.png and cup.png.001: the name without a file's ending and the number that Blender adds to
    it."""
    file = Path(re.sub(r"\.\d{3,}$", "", image.name))
    return file.stem if file.suffix.lower() in {*ENDINGS, *bpy.path.extensions_movie} else str(image.name)


def from_bytes(data: bytes, label: str, name: str) -> Source:
    """Makes a source of a picture file that is kept."""
    return Source(data, label, name, lambda: _decode_by_blender(data))


def _own(image: bpy.types.Image, user: bpy.types.ImageUser | None) -> Picture | None:
    """Returns the bytes or the file that hold what Blender shows; None where there are none."""
    if image.source == "FILE" and image.packed_file is not None:
        return bytes(image.packed_file.data)
    if image.source == "SEQUENCE" and user is not None:
        path = Path(image.filepath_from_user(image_user=user))
    elif image.source == "FILE":
        path = Path(bpy.path.abspath(image.filepath, library=image.library))
    else:
        return None
    return path if is_file(path) else None


def from_label(label: str) -> Source:
    """Finds the picture that an object or the history remembers. Raises NoPictureError."""
    if not label.startswith(IMAGE):
        return from_file(label)
    image = bpy.data.images.get(label[len(IMAGE) :])
    if image is None:
        name = label[len(IMAGE) :]
        raise NoPictureError(f"The image '{name}' is not in this file.", "Choose a picture in the panel.")
    return from_image(image)


def failure_of(label: str) -> Failure | None:
    """Says why there is no such picture."""
    try:
        from_label(label)
    except NoPictureError as error:
        return Failure.of(error)
    return None


def _read_by_blender(path: Path) -> NDArray[np.uint8]:
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise NoPictureError(f"Blender cannot read '{path.name}' either.", "Choose another picture.") from error
    try:
        return _pixels(image)
    finally:
        bpy.data.images.remove(image)


def _decode_by_blender(data: bytes) -> NDArray[np.uint8]:
    with tempfile.TemporaryDirectory(prefix="relievo-") as folder:
        file = Path(folder) / "picture"
        file.write_bytes(data)
        return _read_by_blender(file)


def _as_shown(image: bpy.types.Image) -> bytes:
    """Returns a render, or what a Viewer node shows, as a PNG: with the scene's view transform, and transparent where
    it is."""
    scene = bpy.context.scene
    with tempfile.TemporaryDirectory(prefix="relievo-") as folder, _saved_as_png(scene.render.image_settings):
        file = Path(folder) / "picture.png"
        with contextlib.suppress(RuntimeError):
            image.save_render(str(file), scene=scene)
        if not file.is_file():
            raise NoPictureError(f"'{image.name}' is empty: nothing was rendered yet.", "Render first (F12).")
        return file.read_bytes()


@contextlib.contextmanager
def _saved_as_png(settings: bpy.types.ImageFormatSettings) -> Iterator[None]:
    """Changes the settings so that save_render() writes such a PNG, and restores the person's own choice."""
    wanted = {"media_type": "IMAGE", "file_format": "PNG", "color_mode": "RGBA", "color_depth": "8"}
    before = {name: getattr(settings, name) for name in wanted if hasattr(settings, name)}
    try:
        for name in before:
            setattr(settings, name, wanted[name])
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def _pixels(image: bpy.types.Image | None) -> NDArray[np.uint8]:
    if image is None:
        raise NoPictureError("The image is not in this file any more.", "Choose another picture.")
    width, height = image.size
    if not image.has_data and width * height == 0:
        file = image.filepath.replace("\\", "/").rpartition("/")[2]
        if file and image.packed_file is None:
            raise NoPictureError(
                f"The file '{file}' of the image '{image.name}' cannot be read.",
                "Put it back, or choose another picture.",
            )
        raise NoPictureError(f"The image '{image.name}' has no pixels.", "Choose another picture.")
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    # Blender's rows begin at the bottom.
    picture = values.reshape(height, width, image.channels)[::-1]
    if image.channels < 3:
        picture = np.repeat(picture[..., :1], 3, axis=2)
    if image.is_float:
        # Whatever its colour space is, Blender keeps a float image as linear light, with colours multiplied by alpha.
        colour, alpha = np.maximum(picture[..., :3], 0), picture[..., 3:]
        if alpha.size and image.alpha_mode in ("STRAIGHT", "PREMUL"):
            colour = np.divide(colour, alpha, out=colour.copy(), where=alpha > 0)
        encoded = np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)
        picture = np.concatenate([encoded, alpha], axis=2)
    bytes_: NDArray[np.uint8] = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return bytes_
