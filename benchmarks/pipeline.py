"""The baseline of `relievo-bench pipeline`: the networks of a picture, one after the other, as in the other baselines.

The steps of the diffusion, the VAE's decoder and the reconstruction's planes: neither the picture's encoders nor
meshing and texturing.
"""

from __future__ import annotations

from typing import Any

import baseline
import planes
import step
import torch
import vae

STEP = {
    "block_out_channels": [320, 640, 1280, 1280],
    "attention_head_dim": [5, 10, 20, 20],
    "cross_attention_dim": 1024,
    "groups": 32,
    "height": 120,
    "width": 80,
    "reference": 40,
    "timestep": 500,
}
VAE = {"block_out_channels": [128, 256, 512, 512], "groups": 32, "height": 120, "width": 80}
PLANES = {
    "width": 768,
    "heads": 12,
    "layers": 12,
    "stored": 14,
    "transformer_width": 1024,
    "transformer_heads": 16,
    "transformer_layers": 16,
    "low_resolution": 32,
    "channels": 80,
    "views": 6,
    "size": 320,
    "fused": False,
}
# As small as native/verify/random_models.cpp makes them, as far as these programs can.
SMALL = {
    "step": {
        "block_out_channels": [64, 128, 128, 128],
        "attention_head_dim": [1, 2, 2, 2],
        "cross_attention_dim": 64,
        "height": 24,
        "width": 16,
        "reference": 8,
    },
    "vae": {"block_out_channels": [32, 64, 64, 64], "height": 24, "width": 16},
    "planes": {
        "width": 64,
        "heads": 1,
        "layers": 2,
        "transformer_width": 64,
        "transformer_heads": 1,
        "transformer_layers": 2,
        "low_resolution": 8,
        "channels": 8,
        "size": 64,
    },
}


def prepare(options: dict[str, Any], source: torch.Tensor, like: torch.Tensor) -> tuple[baseline.Run, int]:
    small = SMALL if options["quick"] else {"step": {}, "vae": {}, "planes": {}}
    common = {"compiled": options["compiled"]}
    one_step, of_step = step.prepare_step({**STEP, **small["step"], **common}, source, like)
    decoded, of_vae = vae.prepare_decoding({**VAE, **small["vae"], **common}, source, like)
    reconstructed, of_planes = planes.prepare_planes({**PLANES, **small["planes"], **common}, source, like)

    def run() -> torch.Tensor:
        for _ in range(options["steps"]):
            one_step()
        decoded()
        return reconstructed()

    return run, of_step + of_vae + of_planes


if __name__ == "__main__":
    given = baseline.arguments()
    baseline.measure(given, lambda source, like: prepare(given, source, like))
