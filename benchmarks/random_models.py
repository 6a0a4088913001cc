"""Writes the models of the catalogue at their full size in the published layout, with random weights: for measuring
time and memory where the real ones are not at hand.

    .venv-bench/bin/python benchmarks/random_models.py FOLDER [--dtype bfloat16] [MODEL ...]

MODEL: zero123plus-v1.2 (a diffusers folder) or a reconstruction model (a PyTorch checkpoint). Use the folder with
RELIEVO_MODELS=FOLDER. Names and shapes are the published ones (tests/data/golden/*counts.json.gz). Linear and
convolution weights have the variance 1 / inputs, so that values stay finite through the networks.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

GOLDEN = Path(__file__).parent.parent / "tests" / "data" / "golden"
COMPONENTS = {
    "zero123plus-unet": ("unet", "diffusion_pytorch_model.bin"),
    "zero123plus-vae": ("vae", "diffusion_pytorch_model.safetensors"),
    "zero123plus-vision-encoder": ("vision_encoder", "model.safetensors"),
    "zero123plus-text-encoder": ("text_encoder", "model.safetensors"),
}


def random_tensors(tensors: dict[str, list[Any]], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    result = {}
    for name, (shape, stored, _) in tensors.items():
        if stored != "float32":
            result[name] = torch.arange(math.prod(shape)).reshape(shape)  # position ids
            continue
        values = torch.empty(shape, dtype=dtype)
        if len(shape) >= 2:
            inputs = math.prod(shape[1:])
            values.uniform_(-math.sqrt(3 / inputs), math.sqrt(3 / inputs), generator=generator)
        else:
            values.uniform_(-0.05, 0.05, generator=generator)
            if name.endswith("weight"):
                values.add_(1)
        result[name] = values
    return result


def write(path: Path, tensors: dict[str, torch.Tensor], *, is_lightning: bool = False) -> None:
    """Beside, then renamed: a file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    if path.suffix == ".safetensors":
        save_file(tensors, beside, metadata={"format": "pt"})
    else:
        torch.save({"state_dict": tensors} if is_lightning else tensors, beside)
    beside.replace(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))


def write_multiview(folder: Path, counts: dict[str, Any], dtype: torch.dtype) -> None:
    for name, (component, file) in COMPONENTS.items():
        path = folder / component / file
        if not path.exists():
            write(path, random_tensors(counts[name]["tensors"], dtype))
        write_json(folder / component / "config.json", counts[name]["config"])
    write_json(
        folder / "model_index.json",
        {
            "_class_name": "Zero123PlusPipeline",
            "ramping_coefficients": [position / 76 for position in range(77)],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "vision_encoder": ["transformers", "CLIPVisionModelWithProjection"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "scheduler": ["diffusers", "EulerAncestralDiscreteScheduler"],
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", default=["zero123plus-v1.2", "instant-mesh-large"])
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float16", "float32"))
    options = parser.parse_args()
    counts = {}
    for file in ("counts.json.gz", "triposr_counts.json.gz"):
        counts |= json.loads(gzip.decompress((GOLDEN / file).read_bytes()))
    dtype = getattr(torch, options.dtype)
    for model in options.models:
        if model == "zero123plus-v1.2":
            write_multiview(options.folder / model, counts, dtype)
            continue
        is_plain = model == "triposr"
        path = options.folder / model / ("model.ckpt" if is_plain else f"{model.replace('-', '_')}.ckpt")
        if not path.exists():
            write(path, random_tensors(counts[model]["tensors"], dtype), is_lightning=not is_plain)


if __name__ == "__main__":
    main()
