"""Checkpoints that PyTorch itself writes, read by Relievo. Run by `make check-torch`, with .venv-bench's Python.

Writes a folder like tests/data/golden/checkpoint_files with random contents, lets `relievo golden` compare it bit by
bit, and asks that a checkpoint with a program in it is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build" / "relievo"
PREFIX = "lrm_generator."


def state_dict(seed: int) -> dict[str, Any]:
    """Every type, and every way in which a tensor may lie in a storage."""
    torch.manual_seed(seed)
    base = torch.randn(40, 30)
    module = torch.nn.Sequential(torch.nn.Linear(13, 7), torch.nn.BatchNorm1d(7), torch.nn.Conv2d(3, 5, 3))
    state = module.state_dict()  # with its notes about versions
    types = (
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    )
    for dtype in types:
        state[f"type.{str(dtype).removeprefix('torch.')}"] = (torch.randn(3, 5) * 50).to(dtype)
    state["type.bool"] = torch.randn(9) > 0
    state["view.transposed"] = base.t()
    state["view.slice"] = base[3:17:2, 5:9]
    state["view.permuted"] = torch.randn(2, 3, 4, 5).permute(3, 0, 2, 1)
    state["view.channels_last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state["view.expanded"] = torch.randn(1, 6).expand(4, 6)
    state["view.diagonal"] = base[:30].diagonal()
    state["scalar"] = torch.tensor(3.25)
    state["empty"] = torch.empty(0, 4)
    state["parameter"] = torch.nn.Parameter(torch.randn(6, 2))
    state["large"] = torch.randn(1024, 512)
    return state


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(3):
            folder = Path(scratch) / f"{seed}" / "checkpoint_files"
            folder.mkdir(parents=True)
            state = state_dict(seed)
            prefixed = {PREFIX + name: value for name, value in state.items()}
            trained = {"state_dict": prefixed, "epoch": 3, "lr": [1e-4, None, True], "notes": {"a": (1, 2.5), "b": [7]}}
            torch.save(trained, folder / "lightning.ckpt")
            torch.save(trained, folder / "protocol4.pt", pickle_protocol=4)
            torch.save(state, folder / "diffusion_pytorch_model.bin")
            torch.save(state, folder / "legacy_not_zip.bin", _use_new_zipfile_serialization=False)
            save_file(
                {name: value.detach().contiguous().clone() for name, value in prefixed.items()},
                folder / "io.safetensors",
            )
            (folder / "config.json").write_text(json.dumps({"note": "written by tests/check_with_torch.py"}))
            result = subprocess.run([PROGRAM, "golden", folder, "--json"], capture_output=True, text=True)
            report = json.loads(result.stdout)
            is_right = result.returncode == 0 and report["failed"] == 0 and not report["unread"]
            outcome = "right" if is_right else report
            print(f"torch {torch.__version__}, seed {seed}: {len(state)} tensors, 4 containers: {outcome}")
            failed += not is_right

        class Program:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.system, ("echo taken over",)

        for name, zipped in (("zip.ckpt", True), ("stream.ckpt", False)):
            path = Path(scratch) / name
            torch.save(
                {"state_dict": {"w": torch.ones(2)}, "x": Program()}, path, _use_new_zipfile_serialization=zipped
            )
            command = [str(PROGRAM), "models", "import", str(path), "--as", "instant-mesh-base", "--json"]
            environment = os.environ | {"RELIEVO_MODELS": scratch}
            result = subprocess.run(command, capture_output=True, text=True, env=environment)
            is_right = json.loads(result.stdout)["error"]["code"] == "model_corrupt" and "system" in result.stdout
            print(f"a program in {name}: {'refused' if is_right else result.stdout}")
            failed += not is_right
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
