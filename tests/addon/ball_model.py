"""A model in InstantMesh's layout that makes a ball, whatever it sees: its weights are chosen, not random, so that what
is done with a model's shape and colours can be judged place by place.

The blocks of the transformer add nothing, so the planes are what the position embeddings say: at (u, v) of a plane
K - u² - v², u and v. The heads add the planes up to the ball's distance and to a colour for each place.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The radius of a ball that fills the views as Rebuild Active Object frames objects: 85 % of a picture of 30 degrees,
# from the distance 4.
RADIUS = 4 * math.sin(math.atan(0.85 * math.tan(math.radians(15))))
_DEEPEST = 2.2  # K: u² + v² is less than this
_PREFIX = "lrm_generator."
_A, _B, _SQUARES, _ONE, _REST = range(5)  # what a position embedding tells: two numbers each, x and -x


def write(random: Path, to: Path) -> None:
    """Writes the weights of `random` (a safetensors file of tests/data/golden/lrm_mesh), changed, to `to`."""
    content = random.read_bytes()
    length = int.from_bytes(content[:8], "little")
    facts = json.loads(content[8 : 8 + length])
    data = bytearray(content[8 + length :])

    def tensor(name: str) -> NDArray[np.float32]:
        """A view of the tensor in the file's bytes."""
        about = facts[_PREFIX + name]
        first, last = about["data_offsets"]
        return np.frombuffer(data, np.float32, (last - first) // 4, first).reshape(about["shape"])

    for name in facts:
        is_branch = name.endswith(("attn.out_proj.weight", ".mlp.3.weight", ".mlp.3.bias"))
        if name.startswith(f"{_PREFIX}transformer.layers.") and is_branch:
            tensor(name.removeprefix(_PREFIX))[:] = 0
    _set_planes(tensor)
    heads = "synthesizer.decoder.net_"
    for layer in ("6.weight", "6.bias"):  # nothing moves the vertices
        for head in ("deformation", "weight"):
            tensor(f"{heads}{head}.{layer}")[:] = 0
    channels = tensor("transformer.deconv.bias").shape[0]
    # The sum over the planes is 3 K - 2 (x² + y² + z²), which is nowhere negative and passes every ReLU.
    _set_head(tensor, f"{heads}sdf", {0: [(plane * channels, 0.5) for plane in range(3)]}, 0.0, -1 / (2 * RADIUS))
    tensor(f"{heads}sdf.6.bias")[:] = (1.5 * _DEEPEST - RADIUS**2) / (2 * RADIUS)
    # Plane 0 sees (x, y), plane 1 (x, z): red is the front, green the right, blue the top.
    places = {0: [(1, 1.0)], 1: [(2, 1.0)], 2: [(channels + 2, 1.0)]}
    _set_head(tensor, f"{heads}rgb", places, 1.5, 8.0)
    tensor(f"{heads}rgb.6.bias")[:] = -8.0 * 1.5
    to.write_bytes(content[: 8 + length] + bytes(data))


def _set_planes(tensor: Any) -> None:
    embeddings = tensor("transformer.pos_embed")[0]
    width = embeddings.shape[1]
    side = math.isqrt(len(embeddings) // 3)
    centres = (2 * np.arange(side) + 1) / side - 1
    b, a = np.meshgrid(centres, centres, indexing="ij")  # rows run along v, columns along u
    squares = a**2 + b**2
    most = 4.0  # of a² + b² + squares²; the rest makes every embedding equally long, so the norm changes none
    told = {_A: a, _B: b, _SQUARES: squares, _ONE: np.ones_like(a), _REST: np.sqrt(most - squares - squares**2)}
    embeddings[:] = 0
    for place, values in told.items():
        embeddings[:, 2 * place] = np.tile(values.ravel(), 3)
        embeddings[:, 2 * place + 1] = -embeddings[:, 2 * place]
    tensor("transformer.norm.weight")[:] = 1
    tensor("transformer.norm.bias")[:] = 0
    deviation = math.sqrt(2 * (most + 1) / width)
    tensor("transformer.deconv.bias")[:] = 0
    weights = tensor("transformer.deconv.weight")  # [width, channels, 2, 2]
    weights[:] = 0
    for row in range(2):
        for column in range(2):
            du, dv = ((2 * each - 1) / (2 * side) for each in (column, row))
            of_squares = {_SQUARES: -1, _A: -2 * du, _B: -2 * dv, _ONE: _DEEPEST - du**2 - dv**2}
            for channel, parts in enumerate((of_squares, {_A: 1, _ONE: du}, {_B: 1, _ONE: dv})):
                for place, factor in parts.items():
                    weights[2 * place, channel, row, column] = factor * deviation


def _set_head(tensor: Any, name: str, units: dict[int, list[tuple[int, float]]], offset: float, factor: float) -> None:
    """Makes each output `factor` times its unit, which adds features, and an offset that keeps it above 0."""
    for layer in range(0, 7, 2):
        weights, bias = tensor(f"{name}.{layer}.weight"), tensor(f"{name}.{layer}.bias")
        weights[:] = 0
        bias[:] = 0
        for unit, features in units.items():
            if layer == 0:
                bias[unit] = offset
                for feature, share in features:
                    weights[unit, feature] = share
            else:
                weights[unit, unit] = factor if layer == 6 else 1
