"""The baseline of `relievo-bench step`: a guidance step of Zero123++ with diffusers' UNet.

The reference attention is what the published pipeline does with attention processors: the pass over the noised
picture keeps every self attention's input, the main pass appends it to its own.
"""

from __future__ import annotations

from typing import Any

import baseline
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0


class ReferenceAttention:
    """Keeps the input of a self attention, or appends what was kept."""

    def __init__(self, name: str, store: dict[str, torch.Tensor], mode: list[str]) -> None:
        self.name, self.store, self.mode, self.inner = name, store, mode, AttnProcessor2_0()

    def __call__(
        self,
        attention: torch.nn.Module,
        hidden: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if encoder_hidden_states is None:
            encoder_hidden_states = hidden
            if self.mode[0] == "write":
                self.store[self.name] = hidden
            else:
                encoder_hidden_states = torch.cat([hidden, self.store.pop(self.name)], 1)
        out: torch.Tensor = self.inner(attention, hidden, encoder_hidden_states, attention_mask, temb)
        return out


def prepare_step(options: dict[str, Any], source: torch.Tensor, like: torch.Tensor) -> tuple[baseline.Run, int]:
    config = {key: options[key] for key in ("block_out_channels", "attention_head_dim", "cross_attention_dim")}
    unet, weights = baseline.make(
        lambda: UNet2DConditionModel(
            sample_size=96,
            use_linear_projection=True,
            norm_num_groups=options["groups"],
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            **config,
        ),
        like,
        source,
    )
    store: dict[str, torch.Tensor] = {}
    mode = ["write"]
    unet.set_attn_processor({name: ReferenceAttention(name, store, mode) for name in unet.attn_processors})
    if options["compiled"]:
        unet = torch.compile(unet)
    height, width, side_length = options["height"], options["width"], options["reference"]
    latents = (baseline.values("latents", (1, 4, height, width), source) * 3.4).to(like)
    reference = (baseline.values("reference", (2, 4, side_length, side_length), source) * 3.4).to(like)
    prompt = (baseline.values("prompt", (2, 77, options["cross_attention_dim"]), source) * 3.4).to(like)
    timestep = torch.tensor(options["timestep"], device=like.device)

    def run() -> torch.Tensor:
        mode[0] = "write"
        unet(reference, timestep, encoder_hidden_states=prompt)
        mode[0] = "read"
        out = unet(torch.cat([latents] * 2), timestep, encoder_hidden_states=prompt).sample
        nothing, picture = out.chunk(2)
        guided: torch.Tensor = nothing + 4 * (picture - nothing)
        return guided

    return run, weights


if __name__ == "__main__":
    given = baseline.arguments()
    baseline.measure(given, lambda source, like: prepare_step(given, source, like))
