"""The baseline of `relievo-bench vae`: latents to a picture with diffusers' AutoencoderKL."""

from __future__ import annotations

from typing import Any

import baseline
import torch
from diffusers import AutoencoderKL


def prepare_decoding(options: dict[str, Any], source: torch.Tensor, like: torch.Tensor) -> tuple[baseline.Run, int]:
    widths = options["block_out_channels"]
    vae, weights = baseline.make(
        lambda: AutoencoderKL(
            block_out_channels=widths,
            layers_per_block=2,
            latent_channels=4,
            norm_num_groups=options["groups"],
            down_block_types=("DownEncoderBlock2D",) * len(widths),
            up_block_types=("UpDecoderBlock2D",) * len(widths),
        ),
        like,
        source,
    )
    decode = torch.compile(vae.decode) if options["compiled"] else vae.decode
    latents = (baseline.values("latents", (1, 4, options["height"], options["width"]), source) * 3.4).to(like)

    def run() -> torch.Tensor:
        out: torch.Tensor = decode(latents).sample
        return out

    return run, weights


if __name__ == "__main__":
    given = baseline.arguments()
    baseline.measure(given, lambda source, like: prepare_decoding(given, source, like))
