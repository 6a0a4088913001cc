"""Makes the small TIFF, GIF, BMP, HEIC and AVIF pictures in this folder, and PNG and WebP pictures with an orientation,
which the tests of native/files read. The formulas are those of make_formats.py.

BMP files are put together byte by byte here, TIFF files by tifffile (2026.3), GIF and AVIF by Pillow (12.0), HEIC by
pillow-heif (1.8): python make_other_formats.py in an environment with these and numpy.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile
from make_formats import HEIGHT, HERE, WIDTH, Array, X, Y, alpha, colour, corners
from PIL import Image
from pillow_heif import from_pillow

RGB = colour(1).astype(np.uint8)
RGBA = np.concatenate([colour(1), alpha(1)], -1).astype(np.uint8)
RGBA16 = np.concatenate([colour(257), alpha(257)], -1).astype(np.uint16)


def tiff(name: str, samples: Array, **options: Any) -> None:
    tifffile.imwrite(HERE / name, samples, metadata=None, software=None, **options)


def make_tiff() -> None:
    tiff("rgb8.tif", RGB, photometric="rgb")
    tiff("rgb8_big_endian.tif", RGB, photometric="rgb", byteorder=">", compression="lzw")
    tiff("rgb8_bigtiff.tif", RGB, photometric="rgb", bigtiff=True, compression="zlib")
    tiff("rgb8_planes.tif", np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate", rowsperstrip=3)
    tiff("rgb8_tiles.tif", RGB, photometric="rgb", tile=(16, 16), compression="zstd")
    tiff("rgba16.tif", RGBA16, photometric="rgb", extrasamples=["unassalpha"], compression="zlib", predictor=True)
    coverage = RGBA16[..., 3:] / 65535
    multiplied = np.concatenate([np.round(RGBA16[..., :3] * coverage), RGBA16[..., 3:]], -1).astype(np.uint16)
    tiff("rgba16_premultiplied.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"])
    tiff("grey8.tif", RGB[..., 0], photometric="minisblack", compression="packbits")
    tiff("grey16_white_is_zero.tif", 65535 - RGBA16[..., 0], photometric="miniswhite")
    tiff("grey1.tif", ((X + Y) % 2).astype(bool), photometric="minisblack")
    tiff("rgb_float.tif", np.stack([X * 0.6, Y * 0.25, 0.5 + 0 * X], -1).astype(np.float32), photometric="rgb")
    index = (X + WIDTH * Y).astype(np.uint8)
    entries = np.zeros((3, 256), np.uint16)
    entries[:, : WIDTH * HEIGHT] = RGB.reshape(-1, 3).T.astype(np.uint16) * 257
    tiff("palette.tif", index, photometric="palette", colormap=entries)
    inks = np.concatenate([255 - np.asarray(corners()), np.zeros((16, 32, 1), np.uint8)], -1)
    tiff("cmyk.tif", inks.astype(np.uint8), photometric="separated")
    tiff("pages.tif", np.stack([RGB, 255 - RGB]), photometric="rgb")
    corners().save(HERE / "jpeg.tif", compression="jpeg", quality=100)
    # Stored lying on its side: the first row is the right side of what is seen.
    tiff(
        "orientation_6.tif",
        np.asarray(corners().transpose(Image.Transpose.ROTATE_90)),
        photometric="rgb",
        extratags=[(274, "H", 1, 6, True)],
    )


def make_gif() -> None:
    index = Image.fromarray((X + WIDTH * Y).astype(np.uint8), "P")
    index.putpalette(RGB.tobytes())
    index.save(HERE / "plain.gif", interlace=0)
    index.save(HERE / "interlaced.gif", interlace=1)
    index.save(HERE / "transparent.gif", transparency=0)
    index.save(HERE / "animation.gif", save_all=True, append_images=[index.transpose(Image.Transpose.ROTATE_180)])
    # The picture lies on a screen of 9 x 7, two columns from the left and one row from the top.
    data = bytearray((HERE / "plain.gif").read_bytes())
    data[6:10] = struct.pack("<HH", 9, 7)
    start = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    data[start + 1 : start + 5] = struct.pack("<HH", 2, 1)
    (HERE / "offset.gif").write_bytes(bytes(data))


def bmp(name: str, header: bytes, palette: bytes, rows: bytes) -> None:
    start = 14 + len(header) + len(palette)
    (HERE / name).write_bytes(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows)


def bmp_rows(rows: Array) -> bytes:
    """[H, bytes], from the bottom, padded to four bytes."""
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return padded[::-1].tobytes()


def info(bits: int, compression: int = 0, height: int = HEIGHT, size: int = 40, colours: int = 0) -> bytes:
    return struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, 0, 0, 0, colours, 0)


def make_bmp() -> None:
    bgr = RGB[..., ::-1]
    bmp("rgb24.bmp", info(24), b"", bmp_rows(bgr.reshape(HEIGHT, -1)))
    bmp("rgb24_top_down.bmp", info(24, height=-HEIGHT), b"", bmp_rows(bgr[::-1].reshape(HEIGHT, -1)))
    core = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    bmp("rgb24_os2.bmp", core, b"", bmp_rows(bgr.reshape(HEIGHT, -1)))
    index = (X + WIDTH * Y).astype(np.uint8)
    palette = np.concatenate([bgr.reshape(-1, 3), np.zeros((24, 1), np.uint8)], -1).astype(np.uint8).tobytes()
    bmp("palette8.bmp", info(8, colours=24), palette, bmp_rows(index))
    board = ((X + Y) % 2).astype(np.uint8)
    bmp("grey1.bmp", info(1), bytes([0, 0, 0, 0, 255, 255, 255, 0]), bmp_rows(np.packbits(board, axis=1)))
    # Each row: a run of one index, the others as they are (an odd number is padded), the end of the row.
    runs = b""
    for row in index[::-1]:
        runs += bytes([1, row[0], 0, 5, *row[1:], 0, 0, 0])
    bmp("palette8_runs.bmp", info(8, 1, colours=24), palette, runs + bytes([0, 1]))
    # Five, six and five bits.
    packed = (RGB[..., 0] >> 3).astype("<u2") << 11 | (RGB[..., 1] >> 2).astype("<u2") << 5 | RGB[..., 2] >> 3
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    bmp("rgb565.bmp", info(16, 3) + masks, b"", bmp_rows(packed.astype("<u2").view(np.uint8).reshape(HEIGHT, -1)))
    # A header of version 4, sRGB, with a mask for alpha; pixels are blue, green, red, alpha.
    masks = struct.pack("<IIII", 0xFF0000, 0x00FF00, 0x0000FF, 0xFF000000)
    header = info(32, 3, size=108) + masks + b"BGRs" + bytes(48)
    bmp("rgba32.bmp", header, b"", bmp_rows(RGBA[..., [2, 1, 0, 3]].reshape(HEIGHT, -1)))


def make_heif() -> None:
    flat = corners().resize((128, 64), Image.Resampling.NEAREST)
    see_through = flat.copy()
    see_through.putalpha(Image.new("L", flat.size, 255))
    see_through.paste((0, 0, 0, 0), (64, 0, 128, 64))
    for name, picture in (("rgb.heic", flat), ("rgba.heic", see_through)):
        from_pillow(picture).save(HERE / name, quality=95, chroma=444)
    flat.save(HERE / "rgb.avif", quality=95, subsampling="4:4:4")
    see_through.save(HERE / "rgba.avif", quality=95, subsampling="4:4:4")
    # The container turns it: irot, as telephones write it.
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = flat.transpose(Image.Transpose.ROTATE_90)
    stored.save(HERE / "orientation_6.avif", quality=95, subsampling="4:4:4", exif=exif)


def make_orientations() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = corners().transpose(Image.Transpose.ROTATE_90)
    stored.save(HERE / "orientation_6.png", exif=exif)
    stored.save(HERE / "orientation_6.webp", lossless=True, exif=exif)
    assert Image.open(io.BytesIO((HERE / "orientation_6.webp").read_bytes())).getexif()[0x0112] == 6


if __name__ == "__main__":
    make_tiff()
    make_gif()
    make_bmp()
    make_heif()
    make_orientations()
