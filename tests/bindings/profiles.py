"""ICC profiles and PNG files, put together byte by byte, for the tests of colours."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# CIE 1931 x and y of red, green, blue and white.
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
SPACES: dict[str, tuple[tuple[float, float], ...]] = {
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65),
    "p3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65),
    "prophoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50),
}
PCS_WHITE = np.array([0.9642, 1, 0.8249])


def to_xyz(space: str) -> Array:
    """[3, 3]: linear light of a space to XYZ."""
    *primaries, white = SPACES[space]
    points: Array = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries], np.float64).T
    at_white: Array = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    matrix: Array = points @ np.diag(np.linalg.solve(points, at_white))
    return matrix


def to_pcs(space: str) -> Array:
    """The same, adapted to the white of profiles (Bradford)."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    matrix = to_xyz(space)
    scale = np.diag((cone @ PCS_WHITE) / (cone @ matrix.sum(axis=1)))
    adapted: Array = np.linalg.inv(cone) @ scale @ cone @ matrix
    return adapted


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    title = b"test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(title)) + title + bytes(80),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(PCS_WHITE),
        **tags,
    }
    body, table, start = b"", b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02100000, kind, space, pcs)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(PCS_WHITE)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(values: Array) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def rgb_profile(space: str, gamma: float) -> bytes:
    matrix = to_pcs(space)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {name: b"XYZ \0\0\0\0" + _fixed(matrix[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))})


def ink_profile(paper: Array, inks: Array) -> bytes:
    """CMYK whose 16 corners are the paper's XYZ times those of the inks that lie on it ([4, 3]), as a table."""
    corners = []
    for number in range(16):
        xyz = paper.copy()
        for ink in range(4):
            if number >> (3 - ink) & 1:
                xyz = xyz * inks[ink]
        ratio = xyz / PCS_WHITE
        root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
        lab = np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])
        corners.append(np.round(np.array([lab[0] / 100 * 65280, (lab[1] + 128) * 256, (lab[2] + 128) * 256])))
    line = struct.pack(">HH", 0, 65535)
    table = np.array(corners).astype(">u2").tobytes()
    head = b"mft2\0\0\0\0" + struct.pack(">BBBB", 4, 3, 2, 0) + _fixed(np.eye(3).ravel()) + struct.pack(">HH", 2, 2)
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": head + line * 4 + table + line * 3})


def encode(light: Array) -> Array:
    """sRGB's curve (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def decode(encoded: Array) -> Array:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: Array, chunks: bytes = b"") -> bytes:
    """[H, W, 4] of 0..1 as 16 bits, with chunks before the data."""
    wide = np.round(np.clip(samples, 0, 1) * 65535).astype(">u2")
    head = struct.pack(">IIBBBBB", wide.shape[1], wide.shape[0], 16, 6, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in wide))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunks + chunk(b"IDAT", data) + chunk(b"IEND", b"")
