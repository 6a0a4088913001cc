"""A screen of the X window system that is nowhere but in a file, and pictures of it."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1440, 900


def stop(process: subprocess.Popen[str]) -> None:
    """Ends a process and those that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def virtual_screen(command: list[str], folder: Path) -> Iterator[str]:
    """Yields the DISPLAY of an Xvfb that keeps its screen in `folder`. `command` goes before the server's own."""
    number, write = os.pipe()
    server = subprocess.Popen(
        [*command, "Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(folder)],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    os.close(write)
    try:
        with os.fdopen(number) as line:
            display = line.readline().strip()
        if not display:
            raise RuntimeError("Xvfb has not started.")
        yield f":{display}"
    finally:
        stop(server)


def pixels(folder: Path) -> NDArray[np.uint8]:
    """`[height, width, 3]` what is on the screen: Xvfb's file is a window dump (XWDFile.h), 4 bytes BGRX a pixel."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header = struct.unpack(">25I", data[:100])
    size, width, height, bytes_per_line, colours = header[0], header[4], header[5], header[12], header[19]
    start = size + 12 * colours
    rows = np.frombuffer(data, np.uint8, height * bytes_per_line, start).reshape(height, bytes_per_line)
    return rows[:, : 4 * width].reshape(height, width, 4)[..., 2::-1].copy()


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    height, width = picture.shape[:2]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
