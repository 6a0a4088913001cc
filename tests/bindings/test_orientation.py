"""A turned picture stands as its file says, with its alpha: in the formats that Pillow writes an orientation to."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import orientations
import pytest
import relievo
from PIL import Image


def letter() -> Image.Image:
    """An L that is like none of its turns, in two colours."""
    pixels = np.zeros((120, 80, 4), np.uint8)
    pixels[10:110, 10:30] = (250, 10, 20, 255)
    pixels[80:110, 10:70] = (20, 60, 240, 255)
    return Image.fromarray(pixels)


def file_of(kind: str, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    tags: dict[str, Any] = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif}
    orientations.stored(letter(), orientation).save(buffer, kind, **tags, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        # libavif says of the colours alone that they are turned.
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_colours_and_alpha_stand_upright(kind: str, options: dict[str, Any]) -> None:
    with relievo.Engine() as engine:

        def seen(picture: bytes) -> np.ndarray[Any, Any]:
            job = engine.submit(picture, name=kind, mask="alpha", texture_size=512, only_foreground=True)
            job.wait()
            if job.error is not None:
                raise job.error
            return job.previews[0].pixels.astype(int)

        upright = seen(file_of("PNG", 1))
        for orientation in orientations.STORED:
            found = seen(file_of(kind, orientation, **options))
            assert np.abs(found[..., 3] - upright[..., 3]).max() <= 2, orientation
            solid = (found[..., 3] > 250) & (upright[..., 3] > 250)
            assert np.abs(found - upright)[solid].max() <= 4, orientation


def test_picture_in_memory_is_called_by_its_name() -> None:
    with relievo.Engine() as engine:
        job = engine.submit(b"no picture at all", name="cup", only_foreground=True)
        job.wait()
        assert "'cup' is not read as a picture" in str(job.error)
