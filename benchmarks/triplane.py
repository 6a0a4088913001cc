"""A triplane and its heads in plain PyTorch: what the baselines of the surface and texture benches share."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

Tensors = dict[str, torch.Tensor]


def read(path: Path) -> Tensors:
    """The float32 tensors of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], np.float32).reshape(entry["shape"]).copy()
        tensors[name.removeprefix("heads.")] = torch.from_numpy(values)
    return tensors


def sample(planes: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Features `[N, 3 C]` of the planes (x, y), (x, z), (z, y) at points `[N, 3]`."""
    where = torch.stack([points[:, [0, 1]], points[:, [0, 2]], points[:, [2, 1]]])
    read_off = functional.grid_sample(planes, where.unsqueeze(1), align_corners=False)
    return read_off.squeeze(2).permute(2, 0, 1).flatten(1)


def head(weights: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    for layer in (0, 2, 4, 6):
        x = functional.linear(x, weights[f"{name}.{layer}.weight"], weights[f"{name}.{layer}.bias"])
        if layer < 6:
            x = functional.relu(x)
    return x
