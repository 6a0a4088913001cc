"""The baseline of `relievo-bench planes`: six views to triplanes with PyTorch, as InstantMesh is published.

The image encoder is Hugging Face's ViT with modulated norms, and computes its attention in the open (matmul, softmax,
matmul); the triplane transformer calls torch.nn.MultiheadAttention with its defaults, so that attention weights are
kept. `fused` in the options replaces both by scaled_dot_product_attention, which the published code does not use.
"""

from __future__ import annotations

from typing import Any

import baseline
import torch
from torch import nn
from torch.nn import functional


class EncoderAttention(nn.Module):
    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.attention = nn.Module()
        inner = self.attention.attention = nn.Module()
        inner.query, inner.key, inner.value = (nn.Linear(width, width) for _ in range(3))
        self.attention.output = nn.Module()
        self.attention.output.dense = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def split(y: torch.Tensor) -> torch.Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        inner = self.attention.attention
        q, k, v = split(inner.query(x)), split(inner.key(x)), split(inner.value(x))
        if self.fused:
            seen = functional.scaled_dot_product_attention(q, k, v)
        else:
            seen = ((q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5).softmax(-1) @ v
        out: torch.Tensor = self.attention.output.dense(seen.transpose(1, 2).flatten(2))
        return out


class EncoderLayer(EncoderAttention):
    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__(width, heads, fused)
        self.intermediate, self.output = nn.Module(), nn.Module()
        self.intermediate.dense = nn.Linear(width, 4 * width)
        self.output.dense = nn.Linear(4 * width, width)
        self.layernorm_before, self.layernorm_after = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 4 * width))

    def forward(self, x: torch.Tensor, camera: torch.Tensor | None = None) -> torch.Tensor:
        shift1, scale1, shift2, scale2 = self.adaLN_modulation(camera).unsqueeze(1).chunk(4, -1)
        x = x + super().forward(self.layernorm_before(x) * (1 + scale1) + shift1)
        hidden = self.intermediate.dense(self.layernorm_after(x) * (1 + scale2) + shift2)
        out: torch.Tensor = x + self.output.dense(functional.gelu(hidden))
        return out


class Encoder(nn.Module):
    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        width, side_length = options["width"], options["stored"]
        self.model = nn.Module()
        embeddings = self.model.embeddings = nn.Module()
        embeddings.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        embeddings.position_embeddings = nn.Parameter(torch.zeros(1, 1 + side_length**2, width))
        embeddings.patch_embeddings = nn.Module()
        embeddings.patch_embeddings.projection = nn.Conv2d(3, width, 16, 16)
        self.model.encoder = nn.Module()
        self.model.encoder.layer = nn.ModuleList(
            EncoderLayer(width, options["heads"], options["fused"]) for _ in range(options["layers"])
        )
        self.model.layernorm = nn.LayerNorm(width, 1e-12)
        self.camera_embedder = nn.Sequential(nn.Linear(16, width), nn.SiLU(), nn.Linear(width, width))
        self.stored = side_length

    def positions(self, rows: int) -> torch.Tensor:
        table: torch.Tensor = self.model.embeddings.position_embeddings
        grid = table[:, 1:].unflatten(1, (self.stored, self.stored)).permute(0, 3, 1, 2)
        scale = (rows + 0.1) / self.stored
        grid = functional.interpolate(grid.float(), scale_factor=(scale, scale), mode="bicubic")
        return torch.cat([table[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)], 1)

    def forward(self, views: torch.Tensor, cameras: torch.Tensor) -> torch.Tensor:
        mean = views.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        deviation = views.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        camera = self.camera_embedder(cameras)
        embeddings = self.model.embeddings
        patches = embeddings.patch_embeddings.projection((views - mean) / deviation)
        x = patches.flatten(2).transpose(1, 2)
        x = torch.cat([embeddings.cls_token.expand(len(x), -1, -1), x], 1) + self.positions(patches.shape[-1])
        for layer in self.model.encoder.layer:
            x = layer(x, camera)
        out: torch.Tensor = self.model.layernorm(x)
        return out


class TransformerBlock(nn.Module):
    def __init__(self, width: int, heads: int, condition_width: int, fused: bool) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.cross_attn = nn.MultiheadAttention(width, heads, kdim=condition_width, vdim=condition_width, bias=False)
        self.self_attn = nn.MultiheadAttention(width, heads, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(0.0), nn.Linear(4 * width, width), nn.Dropout(0.0)
        )
        self.how = {"need_weights": False} if fused else {}

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        x = x + self.cross_attn(self.norm1(x), condition, condition, **self.how)[0]
        own = self.norm2(x)
        x = x + self.self_attn(own, own, own, **self.how)[0]
        out: torch.Tensor = x + self.mlp(self.norm3(x))
        return out


class Transformer(nn.Module):
    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        width, self.low = options["transformer_width"], options["low_resolution"]
        self.pos_embed = nn.Parameter(torch.zeros(1, 3 * self.low**2, width))
        self.layers = nn.ModuleList(
            TransformerBlock(width, options["transformer_heads"], options["width"], options["fused"])
            for _ in range(options["transformer_layers"])
        )
        self.norm = nn.LayerNorm(width, 1e-6)
        self.deconv = nn.ConvTranspose2d(width, options["channels"], 2, 2)

    def forward(self, condition: torch.Tensor) -> torch.Tensor:
        # [tokens, 1, width]: with batch_first, as published, torch 2.11 copies every projection's weights once a token.
        x, condition = self.pos_embed[0].unsqueeze(1), condition[0].unsqueeze(1)
        for layer in self.layers:
            x = layer(x, condition)
        maps = self.norm(x).transpose(0, 1).unflatten(1, (3, self.low, self.low)).permute(1, 0, 4, 2, 3).flatten(0, 1)
        out: torch.Tensor = self.deconv(maps.contiguous())
        return out


class Planes(nn.Module):
    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.encoder, self.transformer = Encoder(options), Transformer(options)

    def forward(self, views: torch.Tensor, cameras: torch.Tensor) -> torch.Tensor:
        tokens = self.encoder(views, cameras)
        out: torch.Tensor = self.transformer(tokens.flatten(0, 1).unsqueeze(0))
        return out


def prepare_planes(options: dict[str, Any], source: torch.Tensor, like: torch.Tensor) -> tuple[baseline.Run, int]:
    planes, weights = baseline.make(lambda: Planes(options), like, source, compiled=options["compiled"])
    count, size = options["views"], options["size"]
    views = (baseline.values("views", (count, 3, size, size), source) + 0.5).to(like)
    cameras = (baseline.values("cameras", (count, 16), source) * 3.4).to(like)

    def run() -> torch.Tensor:
        out: torch.Tensor = planes(views, cameras)
        return out

    return run, weights


if __name__ == "__main__":
    given = baseline.arguments()
    baseline.measure(given, lambda source, like: prepare_planes(given, source, like))
