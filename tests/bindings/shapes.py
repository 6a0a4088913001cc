"""Small pictures whose subject is plain from their alpha, and quick settings for them."""

from __future__ import annotations

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
