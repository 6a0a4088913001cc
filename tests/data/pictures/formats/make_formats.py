"""Makes the small pictures in this folder, which the tests of native/files read.

PNG and OpenEXR files are put together byte by byte here, JPEG and WebP files by Pillow (13.0), so that
nothing of Relievo's own code takes part. Every picture is a formula that the tests know as well
(tests/native/files/read_formats_test.cpp). All of it is our own, under the project's licence.
Run it in an environment with Pillow and numpy: python make_formats.py
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from orientations import STORED, stored
from PIL import Image, ImageOps

HERE = Path(__file__).parent
Array = npt.NDArray[Any]
WIDTH, HEIGHT = 6, 4
X, Y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))


def colour(scale: int) -> Array:
    """[H, W, 3] of 8 bits (scale 1) or 16 bits (scale 257, and then a little that 8 bits cannot hold)."""
    extra = 0 if scale == 1 else 1
    return np.stack([40 * X * scale + extra, 70 * Y * scale + extra, (255 - 25 * (X + Y)) * scale - extra], -1)


def alpha(scale: int) -> Array:
    return ((255 - 50 * X) * scale)[..., None]


# PNG


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def scanlines(samples: Array, depth: int) -> bytes:
    """[H, W, C] to rows with filter type 0."""
    rows = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(len(rows), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def interlaced(samples: Array) -> bytes:
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in passes]
    return b"".join(scanlines(part, 8) for part in parts if part.size)


def png(
    name: str,
    kind: int,
    depth: int,
    data: bytes,
    before: bytes = b"",
    adam7: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> None:
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, int(adam7))
    (HERE / name).write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )


def make_png() -> None:
    for depth, scale in ((8, 1), (16, 257)):
        grey = colour(scale)[..., :1]
        png(f"rgb{depth}.png", 2, depth, scanlines(colour(scale), depth))
        png(f"rgba{depth}.png", 6, depth, scanlines(np.concatenate([colour(scale), alpha(scale)], -1), depth))
        png(f"grey{depth}.png", 0, depth, scanlines(grey, depth))
        png(f"grey_alpha{depth}.png", 4, depth, scanlines(np.concatenate([grey, alpha(scale)], -1), depth))
    png("grey1.png", 0, 1, scanlines(((X + Y) % 2)[..., None], 1))
    png("rgb8_interlaced.png", 2, 8, interlaced(colour(1)), adam7=True)
    # The colour of the left top pixel is transparent.
    png("rgb8_key.png", 2, 8, scanlines(colour(1), 8), chunk(b"tRNS", struct.pack(">HHH", *colour(1)[0, 0])))
    png(
        "rgb16_key.png",
        2,
        16,
        scanlines(colour(257), 16),
        chunk(b"tRNS", struct.pack(">HHH", *colour(257)[0, 0])),
    )
    # A palette entry a pixel, row by row. Then alpha for the first half of the entries.
    index = (X + WIDTH * Y)[..., None]
    palette = chunk(b"PLTE", colour(1).astype(np.uint8).tobytes())
    png("palette.png", 3, 8, scanlines(index, 8), palette)
    png(
        "palette_alpha.png",
        3,
        8,
        scanlines(index, 8),
        palette + chunk(b"tRNS", alpha(1).astype(np.uint8).tobytes()[: WIDTH * HEIGHT // 2]),
    )
    # 20,000 x 20,000 in its header, and no more than a row of data.
    png("huge.png", 2, 8, b"\0" * 60001, size=(20000, 20000))


# JPEG: 32 x 16, four corners of plain colour, so that loss is small


def corners() -> Image.Image:
    picture = Image.new("RGB", (32, 16))
    for box, value in (
        ((0, 0, 16, 8), (200, 40, 30)),
        ((16, 0, 32, 8), (40, 180, 60)),
        ((0, 8, 16, 16), (50, 60, 190)),
        ((16, 8, 32, 16), (220, 210, 70)),
    ):
        picture.paste(value, box)
    return picture


def make_jpeg() -> None:
    picture = corners()
    options: dict[str, Any] = {"quality": 100, "subsampling": 0}
    picture.save(HERE / "rgb.jpg", **options)
    picture.save(HERE / "progressive.jpg", progressive=True, **options)
    picture.convert("L").save(HERE / "grey.jpg", **options)
    # 255 - ink is the light of one channel. Pillow stores inks inverted, with Adobe's marker, as Photoshop.
    light = np.asarray(picture)
    ink = np.concatenate([255 - light, np.zeros_like(light[..., :1])], -1)
    cmyk = io.BytesIO()
    Image.fromarray(ink, "CMYK").save(cmyk, "JPEG", quality=100)
    (HERE / "cmyk.jpg").write_bytes(cmyk.getvalue())
    # The same picture with inks as they are, and no marker.
    plain = io.BytesIO()
    Image.fromarray(255 - ink, "CMYK").save(plain, "JPEG", quality=100)
    data = plain.getvalue()
    start = data.index(b"\xff\xee\x00\x0eAdobe")
    (HERE / "cmyk_plain.jpg").write_bytes(data[:start] + data[start + 16 :])

    for orientation in STORED:
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = HERE / f"orientation_{orientation}.jpg"
        stored(picture, orientation).save(path, exif=exif, **options)
        seen = np.asarray(ImageOps.exif_transpose(Image.open(path))).astype(int)
        assert np.abs(seen - light.astype(int)).max() < 8, path


# WebP


def make_webp() -> None:
    rgb = Image.fromarray(colour(1).astype(np.uint8))
    rgba = Image.fromarray(np.concatenate([colour(1), alpha(1)], -1).astype(np.uint8))
    rgb.save(HERE / "rgb.webp", lossless=True)
    rgba.save(HERE / "rgba.webp", lossless=True, exact=True)
    corners().save(HERE / "lossy.webp", quality=95)
    rgb.save(HERE / "animation.webp", save_all=True, append_images=[ImageOps.mirror(rgb)], lossless=True)


# OpenEXR: scan lines, not compressed


def exr(name: str, channels: dict[str, Array], origin: tuple[int, int] = (0, 0)) -> None:
    """Channels are [H, W] of float16, float32 or uint32."""
    kinds = {np.dtype(np.uint32): 0, np.dtype(np.float16): 1, np.dtype(np.float32): 2}
    names = sorted(channels)
    height, width = channels[names[0]].shape
    x, y = origin

    def attribute(key: str, kind: str, body: bytes) -> bytes:
        return key.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(body)) + body

    listed = (
        b"".join(
            n.encode() + b"\0" + struct.pack("<iBBBBii", kinds[channels[n].dtype], 0, 0, 0, 0, 1, 1) for n in names
        )
        + b"\0"
    )
    head = struct.pack("<ii", 20000630, 2)
    head += attribute("channels", "chlist", listed)
    head += attribute("compression", "compression", b"\0")
    head += attribute("dataWindow", "box2i", struct.pack("<iiii", x, y, x + width - 1, y + height - 1))
    head += attribute("displayWindow", "box2i", struct.pack("<iiii", 0, 0, 63, 63))
    head += attribute("lineOrder", "lineOrder", b"\0")
    head += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    head += attribute("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0))
    head += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    rows = []
    for row in range(height):
        data = b"".join(channels[n][row].tobytes() for n in names)
        rows.append(struct.pack("<ii", y + row, len(data)) + data)
    first = len(head) + 8 * height
    offsets = b"".join(struct.pack("<Q", first + row * len(rows[0])) for row in range(height))
    (HERE / name).write_bytes(head + offsets + b"".join(rows))


def make_exr() -> None:
    # Light up to 3, which only linear pictures hold.
    red, green, blue = X * 0.6, Y * 0.25, 0.5 + 0 * X
    coverage = 1 - X / 8
    rgb = {"R": red, "G": green, "B": blue}
    exr("rgb_half.exr", {n: v.astype(np.float16) for n, v in rgb.items()})
    exr("rgb_float.exr", {n: v.astype(np.float32) for n, v in rgb.items()}, origin=(-3, 17))
    premultiplied = {n: v * coverage for n, v in rgb.items()} | {"A": coverage}
    exr("rgba_float.exr", {n: v.astype(np.float32) for n, v in premultiplied.items()})
    exr("luminance.exr", {"Y": red.astype(np.float32)})
    exr("chroma.exr", {n: red.astype(np.float16) for n in ("Y", "RY", "BY")})
    exr("depth.exr", {"Z": red.astype(np.float32)})
    exr("integers.exr", {n: X.astype(np.uint32) for n in "RGB"})
    for name, value in (("nan", np.nan), ("infinite", np.inf)):
        broken = {n: v.astype(np.float32) for n, v in rgb.items()}
        broken["G"][2, 5] = value
        exr(f"{name}.exr", broken)


if __name__ == "__main__":
    make_png()
    make_jpeg()
    make_webp()
    make_exr()
