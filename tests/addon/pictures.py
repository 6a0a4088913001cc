"""The pictures of tests/data/pictures and how each is to be generated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

PICTURES = Path(__file__).resolve().parents[1] / "data" / "pictures"


@dataclass(frozen=True)
class Sample:
    picture: Path
    true_mask: Path | None  # known for renders
    mask: str  # as for `relievo generate --mask`

    @property
    def name(self) -> str:
        return self.picture.stem


def samples() -> list[Sample]:
    found = []
    for picture in sorted(PICTURES.glob("*.jpg")) + sorted(PICTURES.glob("*.png")):
        if picture.stem.endswith("_mask"):
            continue
        true_mask = PICTURES / f"{picture.stem.removesuffix('_cut_out')}_mask.png"
        known = true_mask if true_mask.exists() else None
        # u2netp takes the cactus without its dark pot: the case for bringing one's own mask.
        mask = str(true_mask) if picture.stem == "cactus" else "auto"
        found.append(Sample(picture, known, mask))
    return found


def read_picture(path: Path) -> NDArray[np.float32]:
    """The file's pixels `[H, W, 4]` as they are encoded, in 0..1, row 0 at the top."""
    image = bpy.data.images.load(str(path))
    image.alpha_mode = "CHANNEL_PACKED"
    pixels = np.empty(image.size[0] * image.size[1] * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(image.size[1], image.size[0], 4)[::-1]
    bpy.data.images.remove(image)
    return pixels
