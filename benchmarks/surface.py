"""The other side of `relievo bench surface`: every head on every point and cube, in plain PyTorch."""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

Tensors = dict[str, torch.Tensor]


def read(path: str) -> Tensors:
    """The float32 tensors of a safetensors file."""
    data = Path(path).read_bytes()
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


def shape_distance(points: torch.Tensor, is_shell: bool) -> torch.Tensor:
    axes = torch.tensor([0.92, 0.86, 0.8] if is_shell else [0.85, 0.77, 0.7])
    distance = ((points / axes).square().sum(-1).sqrt() - 1) * 0.8
    return distance.abs() - 0.08 if is_shell else distance


CORNERS = torch.tensor([[c & 1, c >> 1 & 1, c >> 2] for c in range(8)])
EDGES = torch.tensor([[0, 1], [1, 5], [4, 5], [0, 4], [2, 3], [3, 7], [6, 7], [2, 6], [2, 0], [3, 1], [7, 5], [6, 4]])


def dual_points(
    positions: torch.Tensor, distances: torch.Tensor, cubes: torch.Tensor, weights: torch.Tensor, cases: torch.Tensor
) -> torch.Tensor:
    """The dual vertices of FlexiCubes for the cubes' cases: `[V, 3]`, cubes with one vertex first."""
    inside = distances[cubes] < 0
    numbers = (inside.long() << torch.arange(8)).sum(1)
    crossed = (numbers != 0) & (numbers != 255)
    cubes, weights, numbers = cubes[crossed], weights[crossed], numbers[crossed]
    beta = weights[:, :12].tanh() / 2 + 1
    alpha = weights[:, 12:20].tanh() / 2 + 1
    values = (distances[cubes] * alpha)[:, EDGES]
    ends = positions[cubes][:, EDGES]
    share = values[..., :1] / (values[..., :1] - values[..., 1:])
    crossings = ends[:, :, 0] + share * (ends[:, :, 1] - ends[:, :, 0])
    loops = cases[numbers]  # [S, 12] the loop of each edge, or -1
    counts = loops.amax(1) + 1
    vertices = []
    for count in range(1, 5):
        of_count = counts == count
        for_each = []
        for loop in range(count):
            weight = torch.where(loops[of_count] == loop, beta[of_count], 0.0).unsqueeze(-1)
            there = torch.where(weight > 0, crossings[of_count], 0.0)
            for_each.append((there * weight).sum(1) / weight.sum(1))
        vertices.append(torch.stack(for_each, 1).flatten(0, 1))
    return torch.cat(vertices)


def run(arguments: dict[str, object]) -> dict[str, object]:
    tensors = read(str(arguments["inputs"]))
    planes = tensors.pop("planes")
    grid, is_shell = int(str(arguments["grid"])), bool(arguments["shell"])
    cases = torch.tensor(arguments["loops"])
    start = time.perf_counter()
    line = ((torch.arange(grid + 1) / grid * 1e5).round() / 1e5 - 0.5) * 2.1
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    steps = torch.arange(grid)
    lowest = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).view(-1, 1, 3)
    corner = lowest + CORNERS
    cubes = (corner[..., 0] * (grid + 1) + corner[..., 1]) * (grid + 1) + corner[..., 2]
    features = sample(planes, points)
    distances = shape_distance(points, is_shell) + head(tensors, "net_sdf", features).squeeze(-1) * 0.05
    positions = points + head(tensors, "net_deformation", features).tanh() / (4 * grid)
    pieces = [head(tensors, "net_weight", features[piece].flatten(1)) * 0.1 for piece in cubes.chunk(8)]
    weights = torch.cat(pieces)
    vertices = dual_points(positions, distances, cubes, weights, cases)
    head(tensors, "net_rgb", sample(planes, vertices)).sigmoid()
    seconds = time.perf_counter() - start
    vertices.numpy().tofile(str(arguments["vertices"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": peak}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    with torch.no_grad():
        print(json.dumps(run(request)))
