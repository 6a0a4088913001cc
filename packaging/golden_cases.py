"""Chooses the golden cases that ship, for `relievo gpu-check`: at most 2 MB of tests/data/golden.

    python packaging/golden_cases.py FOLDER

Of each fixture that is named here its inputs and results are kept, without the layers between; nothing is changed.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "data" / "golden"
MOST_BYTES = 2_000_000
# A network of convolutions, a transformer, and both ways to extract a surface: what devices compute (computes_as in
# native/verify/golden.cpp), in the smallest fixtures that have it.
CASES = {
    "zero123/vae": "image|moments|mode|logvar|std|noise|sample|latents|decoded",
    "zero123/vision_encoder": "pixel_values|image_embeds",
    "flexicubes": "smooth_noise@16/.*",
    "marching_cubes": "blob/.*",
}


def choose(source: Path, target: Path, names: str) -> None:
    """Writes the safetensors file `target` with those tensors of `source` whose whole name fits."""
    with source.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, dict[str, Any]] = json.loads(file.read(length))
        chosen = sorted(name for name in header if re.fullmatch(names, name))
        if not chosen:
            raise ValueError(f"{source} has none of {names}.")
        kept: dict[str, dict[str, Any]] = {}
        parts = []
        end = 0
        for name in chosen:
            first, last = header[name]["data_offsets"]
            file.seek(8 + length + first)
            parts.append(file.read(last - first))
            kept[name] = {**header[name], "data_offsets": [end, end + last - first]}
            end += last - first
    text = json.dumps(kept, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def write_cases(folder: Path) -> int:
    """Fills the folder anew and returns its bytes. Raises ValueError where they are too many."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, names in CASES.items():
        target = folder / name
        target.mkdir(parents=True)
        shutil.copyfile(GOLDEN / name / "config.json", target / "config.json")
        choose(GOLDEN / name / "io.safetensors", target / "io.safetensors", names)
        if (weights := GOLDEN / name / "weights.safetensors").exists():
            shutil.copyfile(weights, target / "weights.safetensors")
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if total > MOST_BYTES:
        raise ValueError(f"The golden cases that ship have {total} bytes; {MOST_BYTES} are allowed.")
    return total


if __name__ == "__main__":
    try:
        write_cases(Path(sys.argv[1]))
    except (OSError, ValueError) as error:
        raise SystemExit(f"golden_cases: {error}") from error
