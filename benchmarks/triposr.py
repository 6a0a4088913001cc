"""TripoSR as it is published, to be measured beside ours, on an environment of its own (triposr_requirements.txt).

Written from the formulas of tests/data/golden/README.md, for its code is in no package: the image encoder is Hugging
Face's ViTModel (transformers 4.35.0, whose position embedding is the published one), attention goes through
torch's scaled_dot_product_attention, the density is asked for at every point of the grid, and PyMCubes meshes it.

    .venv-triposr/bin/python benchmarks/triposr.py --check

compares every stage with the published numbers (tests/data/golden/triposr_end_to_end): nothing is timed that is not
equal to them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import baseline
import mcubes
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import ViTConfig, ViTModel

GOLDEN = Path(__file__).parent.parent / "tests" / "data" / "golden"
RADIUS, THRESHOLD, CHUNK = 0.87, 25.0, 8192

Config = dict[str, Any]


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, condition_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(condition_width, width, bias=False)
        self.to_v = nn.Linear(condition_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        def split(y: torch.Tensor) -> torch.Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        seen = functional.scaled_dot_product_attention(
            split(self.to_q(x)), split(self.to_k(condition)), split(self.to_v(condition))
        )
        out: torch.Tensor = self.to_out[0](seen.transpose(1, 2).flatten(2))
        return out


class Geglu(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        out: torch.Tensor = value * functional.gelu(gate)
        return out


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([Geglu(width), nn.Dropout(0.0), nn.Linear(4 * width, width)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.net[2](self.net[0](x))
        return out


class Block(nn.Module):
    def __init__(self, width: int, heads: int, condition_width: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1, self.attn2 = Attention(width, heads, width), Attention(width, heads, condition_width)
        self.ff = FeedForward(width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        own = self.norm1(x)
        x = x + self.attn1(own, own)
        x = x + self.attn2(self.norm2(x), condition)
        out: torch.Tensor = x + self.ff(self.norm3(x))
        return out


class Backbone(nn.Module):
    def __init__(self, options: Config, channels: int) -> None:
        super().__init__()
        heads = options["num_attention_heads"]
        width = heads * options["attention_head_dim"]
        self.norm = nn.GroupNorm(options.get("norm_num_groups", 32), channels, 1e-6)
        self.proj_in, self.proj_out = nn.Linear(channels, width), nn.Linear(width, channels)
        self.transformer_blocks = nn.ModuleList(
            Block(width, heads, options["cross_attention_dim"]) for _ in range(options["num_layers"])
        )

    def forward(self, tokens: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:  # [B, C, T]
        x = self.proj_in(self.norm(tokens).transpose(1, 2))
        for block in self.transformer_blocks:
            x = block(x, condition)
        out: torch.Tensor = self.proj_out(x).transpose(1, 2) + tokens
        return out


class Decoder(nn.Module):
    def __init__(self, options: Config) -> None:
        super().__init__()
        width = options["n_neurons"]
        layers: list[nn.Module] = [nn.Linear(options["in_channels"], width), nn.SiLU()]
        for _ in range(options["n_hidden_layers"] - 1):
            layers += [nn.Linear(width, width), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 4))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(features)
        return out


class Named(nn.Module):
    """A module for the names below it alone."""

    def __init__(self, **children: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


class TripoSr(nn.Module):
    def __init__(self, vit: ViTConfig, system: Config) -> None:
        super().__init__()
        tokenizer, post = system["tokenizer"], system["post_processor"]
        channels, plane = tokenizer["num_channels"], tokenizer["plane_size"]
        self.image_tokenizer = Named(model=ViTModel(vit))
        self.tokenizer = Named(embeddings=nn.Parameter(torch.zeros(3, channels, plane, plane)))
        self.backbone = Backbone(system["backbone"], channels)
        self.post_processor = Named(upsample=nn.ConvTranspose2d(channels, post["out_channels"], 2, 2))
        self.decoder = Decoder(system["decoder"])

    def image_tokens(self, picture: torch.Tensor) -> torch.Tensor:
        """`[B, 3, S, S]` in 0..1 -> `[B, T, D]`."""
        mean = torch.tensor([0.485, 0.456, 0.406], dtype=picture.dtype).view(1, 3, 1, 1)
        deviation = torch.tensor([0.229, 0.224, 0.225], dtype=picture.dtype).view(1, 3, 1, 1)
        seen = self.image_tokenizer.model((picture - mean) / deviation, interpolate_pos_encoding=True)
        out: torch.Tensor = seen.last_hidden_state
        return out

    def scene_codes(self, image_tokens: torch.Tensor) -> torch.Tensor:
        embeddings = self.tokenizer.embeddings
        tokens = embeddings.transpose(0, 1).flatten(1).unsqueeze(0).expand(len(image_tokens), -1, -1)
        found = self.backbone(tokens, image_tokens)
        side_length = embeddings.shape[-1]
        maps = found.unflatten(2, (3, side_length, side_length)).transpose(1, 2).flatten(0, 1)
        out: torch.Tensor = self.post_processor.upsample(maps.contiguous()).unflatten(0, (-1, 3))
        return out

    def at_points(self, planes: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Density `[N]` and colour `[N, 3]`, in chunks as published."""
        densities, colours = [], []
        for some in (points / RADIUS).split(CHUNK):
            places = torch.stack([some[:, [0, 1]], some[:, [0, 2]], some[:, [1, 2]]]).unsqueeze(1)
            features = functional.grid_sample(planes, places, mode="bilinear", align_corners=False)
            raw = self.decoder(features.squeeze(2).permute(2, 0, 1).flatten(1))
            densities.append((raw[:, 0] - 1).exp())
            colours.append(raw[:, 1:].sigmoid())
        return torch.cat(densities), torch.cat(colours)

    def grid(self, planes: torch.Tensor, resolution: int) -> torch.Tensor:
        line = torch.linspace(-RADIUS, RADIUS, resolution)
        points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
        return self.at_points(planes, points)[0].view(resolution, resolution, resolution)

    def mesh(self, planes: torch.Tensor, resolution: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Vertices, faces, colours."""
        volume = self.grid(planes, resolution) - THRESHOLD
        found, faces = mcubes.marching_cubes(volume.permute(2, 0, 1).contiguous().numpy(), 0.0)
        vertices = torch.from_numpy(found[:, [1, 2, 0]].copy()).float() * (2 * RADIUS / (resolution - 1)) - RADIUS
        return vertices, torch.from_numpy(faces.astype(np.int64)), self.at_points(planes, vertices)[1]


def vit_config(facts: Config) -> ViTConfig:
    return ViTConfig(**{key: value for key, value in facts.items() if key != "model_type"})


def check() -> None:
    """Raises where a stage is not equal to the published numbers."""
    from safetensors.torch import load_file

    folder = GOLDEN / "triposr_end_to_end"
    facts = json.loads((folder / "config.json").read_text())
    system = facts["system"]
    model = TripoSr(vit_config(json.loads((folder / "vit_config.json").read_text())), system).eval()
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    stored = load_file(folder / "io.safetensors")
    for case, about in facts["cases"].items():

        def compare(name: str, ours: torch.Tensor, tolerance: float, *, case: str = case) -> None:
            theirs = stored[f"{case}/{name}"]
            error = (ours.double() - theirs.double()).abs().max().item()
            print(f"{case}/{name}: {error:.1e}")
            assert ours.shape == theirs.shape and error <= tolerance * max(1, theirs.abs().max().item()), name

        tokens = model.image_tokens(stored[f"{case}/cond"].permute(0, 3, 1, 2))
        compare("image_tokens", tokens, 1e-4)
        planes = model.scene_codes(tokens)
        compare("scene_codes", planes, 1e-4)
        compare("density_act", model.grid(planes[0], about["resolution"]), 2e-4)
        vertices, faces, _ = model.mesh(planes[0], about["resolution"])
        assert (len(vertices), len(faces)) == (about["n_verts"], about["n_faces"])
        a, b, c = (vertices[faces[:, corner]].double() for corner in range(3))
        area = torch.linalg.cross(b - a, c - a).norm(dim=1).sum().item() / 2
        volume = (a * torch.linalg.cross(b, c)).sum().item() / 6
        assert abs(area / about["area"] - 1) < 1e-3 and abs(volume / about["signed_volume"] - 1) < 3e-3
        compare("color", model.at_points(planes[0], stored[f"{case}/verts"])[1], 1e-4)
    print("equal to the published numbers")


class Shaped(TripoSr):
    """Random heads have no surface: an ellipsoid's density is added to theirs (native/bench_triposr.cpp)."""

    def at_points(self, planes: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        densities, colours = super().at_points(planes, points)
        return densities + torch.cat([_shape(some) for some in (points / RADIUS).split(CHUNK)]), colours


def _shape(points: torch.Tensor) -> torch.Tensor:
    distance = ((points / torch.tensor([0.85, 0.77, 0.7])).square().sum(-1).sqrt() - 1) * 0.8
    return THRESHOLD * (-20 * distance).exp()


def facts(vertices: torch.Tensor, faces: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Vertices, faces, area, mean colour: what is the same in whatever order they come."""
    a, b, c = (vertices[faces[:, corner]].double() for corner in range(3))
    area = torch.linalg.cross(b - a, c - a).norm(dim=1).sum() / 2
    counts = torch.tensor([len(vertices), len(faces), area], dtype=torch.float64)
    return torch.cat([counts, colours.double().mean(0)])


def published_vit(facts: Config) -> ViTConfig:
    width = facts["hidden"]
    return ViTConfig(
        hidden_size=width,
        num_hidden_layers=facts["layers"],
        num_attention_heads=facts["heads"],
        intermediate_size=4 * width,
        patch_size=facts["patch"],
        image_size=facts["image"],
    )


def prepare(options: Config, source: torch.Tensor, like: torch.Tensor) -> tuple[baseline.Run, int]:
    system = options["system"]
    model, weights = baseline.make(lambda: Shaped(published_vit(system["vit"]), system), like, source)
    size = system["cond_image_size"]
    picture = (baseline.values("picture", (1, 3, size, size), source) + 0.5).to(like)
    plane = 2 * system["tokenizer"]["plane_size"]
    channels = system["post_processor"]["out_channels"]
    planes = baseline.values("scene_codes", (3, channels, plane, plane), source) * 3.4

    def codes() -> torch.Tensor:
        out: torch.Tensor = model.scene_codes(model.image_tokens(picture))[0]
        return torch.cat([out[:2], out[2:].transpose(-1, -2)])  # as ours lie

    def mesh() -> torch.Tensor:
        return facts(*model.mesh(planes, options["grid"]))

    return (mesh, weights) if options["part"] == "mesh" else (codes, weights)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        with torch.inference_mode():
            check()
    else:
        given = baseline.arguments()
        baseline.measure(given, lambda source, like: prepare(given, source, like))
