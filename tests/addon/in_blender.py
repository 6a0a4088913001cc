"""Runs scenarios inside Blender, for the tests that judge what they saw; and pictures for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pictures import PICTURES

ROOT = Path(__file__).resolve().parents[2]
OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]  # before a command: mounts that no other process sees
ZIP = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo-extension.zip"
PICTURE = PICTURES / "chicken_cut_out.png"


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """An RGBA file of `[height, width, 4]`."""
    height, width = pixels.shape[:2]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 6, 0, 0, 0])
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def write_quarters(path: Path) -> None:
    """A wide disc of four colours: red top left, green top right, blue bottom left, yellow bottom right."""
    height, width = 96, 144
    y, x = np.mgrid[:height, :width].astype(float)
    y, x = (y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[(y < 0) & (x < 0)] = (255, 0, 0, 255)
    pixels[(y < 0) & (x > 0)] = (0, 255, 0, 255)
    pixels[(y > 0) & (x < 0)] = (0, 0, 255, 255)
    pixels[(y > 0) & (x > 0)] = (255, 255, 0, 255)
    pixels[x**2 + y**2 > 0.4**2] = 0
    write_png(path, pixels)


def blender(
    scenario: str,
    folder: Path,
    *words: str,
    seconds: float = 300,
    stdout: IO[str] | int = subprocess.PIPE,
    before: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """`before`: words before the command, for a process that is in some way on its own."""
    write_quarters(folder / "quarters.png")
    command = [*before, sys.executable, str(Path(__file__).with_name("run_scenario.py")), scenario, str(folder), *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=seconds)


def facts_of(scenario: str, folder: Path, seconds: float = 300, before: Sequence[str] = ()) -> dict[str, Any]:
    ended = blender(scenario, folder, seconds=seconds, before=before)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return facts
