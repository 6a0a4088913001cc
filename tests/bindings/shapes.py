"""Small pictures whose subject is plain from their alpha, and quick settings for them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import relievo
from numpy.typing import NDArray

QUICK: relievo.Settings = {"grid": 24, "texture_size": 64}
SLOW: relievo.Settings = {"grid": 512, "texture_size": 4096}  # many seconds, if nobody cancels


def disc(side: int = 96) -> NDArray[np.uint8]:
    """An orange disc on transparent ground, darker below."""
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    picture = np.zeros((side, side, 4), np.uint8)
    picture[...] = (240, 140, 40, 255)
    picture[side // 2 :, :, :3] //= 2
    picture[x**2 + y**2 > (0.4 * side) ** 2] = 0
    return picture


def png(picture: NDArray[np.uint8]) -> bytes:
    """The picture [height, width, 4] as a file."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
