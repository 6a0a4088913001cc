"""The baseline of `relievo-bench surface`: every head on every point and cube, in plain PyTorch."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import torch
from triplane import head, read, sample


def shape_distance(points: torch.Tensor, is_shell: bool) -> torch.Tensor:
    axes = torch.tensor([0.92, 0.86, 0.8] if is_shell else [0.85, 0.77, 0.7])
    distance = ((points / axes).square().sum(-1).sqrt() - 1) * 0.8
    return distance.abs() - 0.08 if is_shell else distance


CORNERS = torch.tensor([[c & 1, c >> 1 & 1, c >> 2] for c in range(8)])
EDGES = torch.tensor([[0, 1], [1, 5], [4, 5], [0, 4], [2, 3], [3, 7], [6, 7], [2, 6], [2, 0], [3, 1], [7, 5], [6, 4]])


def table(rows: object) -> torch.Tensor:
    return torch.tensor(rows)


def resolved(numbers: torch.Tensor, crossed: torch.Tensor, twins: torch.Tensor, grid: int) -> torch.Tensor:
    """The cases of the crossed cubes: an ambiguous one whose twin is ambiguous too takes the opposite case."""
    steps = twins[numbers]
    ambiguous = (steps != 0).any(1)
    cubes = crossed.nonzero().squeeze(1)
    is_ambiguous = torch.zeros(grid**3, dtype=torch.bool)
    is_ambiguous[cubes[ambiguous]] = True
    places = torch.stack([cubes // grid**2, cubes // grid % grid, cubes % grid], 1) + steps
    within = ambiguous & ((places >= 0) & (places < grid)).all(1)
    places = places.clamp(0, grid - 1)
    has_twin = within & is_ambiguous[(places[:, 0] * grid + places[:, 1]) * grid + places[:, 2]]
    return torch.where(has_twin, 255 - numbers, numbers)


def flexicubes(
    positions: torch.Tensor,
    distances: torch.Tensor,
    cubes: torch.Tensor,
    weights: torch.Tensor,
    loops: torch.Tensor,
    twins: torch.Tensor,
    grid: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices `[V, 3]` and faces `[F, 3]` of FlexiCubes, in the published order."""
    inside = distances < 0
    numbers = (inside[cubes].long() << torch.arange(8)).sum(1)
    crossed = (numbers != 0) & (numbers != 255)
    cubes, weights, numbers = cubes[crossed], weights[crossed], numbers[crossed]
    numbers = resolved(numbers, crossed, twins, grid)
    beta = weights[:, :12].tanh() / 2 + 1
    alpha = weights[:, 12:20].tanh() / 2 + 1
    gamma = weights[:, 20].sigmoid() / 2 + 0.25

    values = (distances[cubes] * alpha)[:, EDGES]
    ends = positions[cubes][:, EDGES]
    share = values[..., :1] / (values[..., :1] - values[..., 1:])
    crossings = ends[:, :, 0] + share * (ends[:, :, 1] - ends[:, :, 0])
    loop_of_edge = loops[numbers]  # [S, 12] or -1
    counts = loop_of_edge.amax(1) + 1
    parts, starts, placed = [], torch.zeros_like(counts), 0
    for count in range(1, 5):
        chosen = counts == count
        places = []
        for loop in range(count):
            weight = torch.where(loop_of_edge[chosen] == loop, beta[chosen], 0.0).unsqueeze(-1)
            there = torch.where(weight > 0, crossings[chosen], 0.0)
            places.append((there * weight).sum(1) / weight.sum(1))
        parts.append(torch.stack(places, 1).flatten(0, 1))
        size = int(chosen.sum())
        starts[chosen] = placed + count * torch.arange(size)
        placed += count * size
    vertices = torch.cat(parts)

    edges = cubes[:, EDGES].flatten(0, 1)
    keys, edge_of, shared = (edges[:, 0] * len(distances) + edges[:, 1]).unique(return_inverse=True, return_counts=True)
    first = keys // len(distances)
    is_quad = (inside[first] != inside[keys % len(distances)]) & (shared == 4)
    chosen = is_quad[edge_of]
    order = chosen.nonzero().squeeze(1)[edge_of[chosen].argsort(stable=True)]
    quads = (starts.unsqueeze(1) + loop_of_edge).flatten()[order].view(-1, 4)
    gammas = gamma.unsqueeze(1).expand(-1, 12).flatten()[order].view(-1, 4)
    outside = distances[first[is_quad]] > 0
    quads = torch.cat([quads[outside][:, [0, 1, 3, 2]], quads[~outside][:, [2, 3, 1, 0]]])
    gammas = torch.cat([gammas[outside][:, [0, 1, 3, 2]], gammas[~outside][:, [2, 3, 1, 0]]])
    along = gammas[:, 0] * gammas[:, 2] > gammas[:, 1] * gammas[:, 3]
    cuts = torch.where(along.unsqueeze(1), quads[:, [0, 1, 2, 0, 2, 3]], quads[:, [0, 1, 3, 3, 1, 2]])
    return vertices, cuts.view(-1, 3)


class Side:
    """One run is everything from the planes to coloured triangles."""

    def __init__(self, arguments: dict[str, object]) -> None:
        self.heads = read(Path(arguments["inputs"]))
        self.planes = self.heads.pop("planes")
        self.grid, self.is_shell = int(str(arguments["grid"])), bool(arguments["shell"])
        self.loops, self.twins = table(arguments["loops"]), table(arguments["twins"])
        self.grid_colours_s = self.flexicubes_s = float("inf")
        self.vertices = self.faces = torch.empty(0)

    def run(self) -> None:
        grid, heads = self.grid, self.heads
        line = ((torch.arange(grid + 1) / grid * 1e5).round() / 1e5 - 0.5) * 2.1
        points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
        steps = torch.arange(grid)
        lowest = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).view(-1, 1, 3)
        corner = lowest + CORNERS
        cubes = (corner[..., 0] * (grid + 1) + corner[..., 1]) * (grid + 1) + corner[..., 2]
        features = sample(self.planes, points)
        distances = shape_distance(points, self.is_shell) + head(heads, "net_sdf", features).squeeze(-1) * 0.05
        positions = points + head(heads, "net_deformation", features).tanh() / (4 * grid)
        start = time.perf_counter()
        head(heads, "net_rgb", features)
        self.grid_colours_s = min(self.grid_colours_s, time.perf_counter() - start)
        pieces = [head(heads, "net_weight", features[piece].flatten(1)) * 0.1 for piece in cubes.chunk(8)]
        weights = torch.cat(pieces)
        start = time.perf_counter()
        self.vertices, self.faces = flexicubes(positions, distances, cubes, weights, self.loops, self.twins, grid)
        self.flexicubes_s = min(self.flexicubes_s, time.perf_counter() - start)
        head(heads, "net_rgb", sample(self.planes, self.vertices)).sigmoid()


def run(arguments: dict[str, object]) -> dict[str, object]:
    side = Side(arguments)
    side.run()
    side.grid_colours_s = side.flexicubes_s = seconds = float("inf")
    for _ in range(int(str(arguments["repeats"]))):
        start = time.perf_counter()
        side.run()
        seconds = min(seconds, time.perf_counter() - start)
    side.vertices.numpy().tofile(str(arguments["vertices"]))
    side.faces.int().numpy().tofile(str(arguments["faces"]))
    return {
        "seconds": seconds,
        "grid_colours_s": side.grid_colours_s,
        "flexicubes_s": side.flexicubes_s,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    with torch.no_grad():
        print(json.dumps(run(request)))
