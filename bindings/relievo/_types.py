"""Names for what the functions of this package take."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

PathLike: TypeAlias = str | os.PathLike[str]
# Used where bytes cannot be a picture's content.
InputPath: TypeAlias = PathLike | bytes | os.PathLike[bytes]
Picture: TypeAlias = PathLike | bytes | NDArray[np.uint8] | NDArray[np.float32]
