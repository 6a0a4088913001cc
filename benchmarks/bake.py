"""The baseline of `relievo-bench bake`: faces rasterised in NumPy, the field asked at each texel in PyTorch."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from triplane import Tensors, head, read, sample

BATCH = 65536  # points


def colours(weights: Tensors, points: torch.Tensor) -> torch.Tensor:
    """The triplane field's colours at points `[N, 3]`."""
    return torch.sigmoid(head(weights, "net_rgb", sample(weights["planes"], points))) * 1.002 - 0.001


def rasterise(corners: NDArray[np.float64], size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Face of each texel `[S, S]`, -1 where there is none, and the weights of its second and third corner."""
    face = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    for number, ((x0, y0), (x1, y1), (x2, y2)) in enumerate(corners):
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        left, right = max(int(min(x0, x1, x2)), 0), min(int(max(x0, x1, x2)) + 1, size)
        top, bottom = max(int(min(y0, y1, y2)), 0), min(int(max(y0, y1, y2)) + 1, size)
        if area == 0 or left >= right or top >= bottom:
            continue
        x = np.arange(left, right)[None] + 0.5 - x0
        y = np.arange(top, bottom)[:, None] + 0.5 - y0
        w1 = (x * (y2 - y0) - y * (x2 - x0)) / area
        w2 = (y * (x1 - x0) - x * (y1 - y0)) / area
        block = face[top:bottom, left:right]
        inside = (w1 >= 0) & (w2 >= 0) & (w1 + w2 <= 1) & (block < 0)
        block[inside] = number
        weights[top:bottom, left:right][inside] = np.stack([w1, w2], -1)[inside]
    return face, weights


def push_pull(picture: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Colours `[1, 3, S, S]` grown over where the weight `[1, 1, S, S]` is 0 (Gortler et al. 1996)."""
    if picture.shape[-1] == 1:
        return picture
    total = functional.avg_pool2d(weight, 2) * 4
    coarse = functional.avg_pool2d(picture * weight, 2) * 4 / total.clamp(min=1e-6)
    behind = push_pull(coarse, total.clamp(max=1))
    grown = functional.interpolate(behind, scale_factor=2, mode="bilinear", align_corners=False)
    return picture * weight + grown * (1 - weight)


def main() -> None:
    arguments = json.loads(sys.argv[1])
    folder, size = Path(arguments["folder"]), arguments["size"]
    if arguments["threads"] > 0:
        torch.set_num_threads(arguments["threads"])
    vertices = np.fromfile(folder / "vertices", np.float32).reshape(-1, 3)
    faces = np.fromfile(folder / "faces", np.int32).reshape(-1, 3)
    uv = np.fromfile(folder / "uv", np.float32).reshape(-1, 3, 2)
    weights = read(folder / "field.safetensors")

    begin = time.perf_counter()
    corners = np.stack([uv[..., 0] * size, (1 - uv[..., 1]) * size], -1).astype(np.float64)
    face, mix = rasterise(corners, size)
    covered = face >= 0
    corner = vertices[faces[face[covered]]]
    w = mix[covered]
    points = (1 - w.sum(1))[:, None] * corner[:, 0] + w[:, :1] * corner[:, 1] + w[:, 1:] * corner[:, 2]
    with torch.no_grad():
        batches = [colours(weights, batch) for batch in torch.from_numpy(points).split(BATCH)]
        picture = torch.zeros(size, size, 3)
        picture[torch.from_numpy(covered)] = torch.cat(batches)
        weight = torch.from_numpy(covered).float()[None, None]
        grown = push_pull(picture.permute(2, 0, 1)[None], weight)[0].permute(1, 2, 0)
        albedo = (grown.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    seconds = time.perf_counter() - begin

    albedo.tofile(folder / "other")
    covered.astype(np.uint8).tofile(folder / "inside")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
