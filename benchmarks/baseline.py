"""The parts that the baselines of the network benches share: their weights, their clock, their memory."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

BLOCK = 1 << 20
LONG_SECONDS = 60  # what takes so long is warm enough after once (benchmarks/native/bench_networks.cpp)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def block() -> torch.Tensor:
    """Numbers in -0.5..0.5 that look random: MurmurHash3's finalizer of 0, 1, 2, ..."""
    x = np.arange(BLOCK, dtype=np.uint32)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> 16
    return torch.from_numpy((x.astype(np.float64) / 4294967296.0 - 0.5).astype(np.float32))


def values(name: str, shape: tuple[int, ...] | torch.Size, source: torch.Tensor) -> torch.Tensor:
    """Returns as many numbers of the block as the shape holds, from a place that depends on the name."""
    place = 2166136261  # FNV-1a
    for byte in name.encode():
        place = ((place ^ byte) * 16777619) & 0xFFFFFFFF
    count = int(np.prod(shape))
    place %= BLOCK
    rolled = torch.roll(source, -place)
    return rolled.repeat((count + BLOCK - 1) // BLOCK)[:count].reshape(shape)


def fill(network: torch.nn.Module, source: torch.Tensor) -> int:
    """Gives every parameter its numbers, scaled so that activations stay near 1; returns the bytes."""
    total = 0
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            numbers = values(name, parameter.shape, source)
            if parameter.dim() >= 2:
                numbers = numbers * (12 / (parameter.numel() / parameter.shape[0])) ** 0.5
            else:
                numbers = numbers * 0.2 + (1 if name.endswith("weight") else 0)
            parameter.copy_(numbers)
            total += parameter.numel() * parameter.element_size()
    return total


def make(
    build: Callable[[], torch.nn.Module], like: torch.Tensor, source: torch.Tensor, *, compiled: bool = False
) -> tuple[Any, int]:
    """Builds a network straight in the precision and on the device of a tensor and fills it.

    Returns it, through torch.compile where that is wanted, and the bytes of its weights.
    """
    with torch.device("meta"):
        network = build().to(like.dtype)
    network = network.to_empty(device=like.device).eval()
    total = fill(network, source)
    return (torch.compile(network) if compiled else network), total


def status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return 0


Run = Callable[[], torch.Tensor]


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(arguments: dict[str, Any], prepare: Callable[[torch.Tensor, torch.Tensor], tuple[Run, int]]) -> None:
    """Prepares, warms up, then times some runs until the device has done them; prints the result as one line.

    `prepare` gets the source of numbers and an empty tensor on the device and in the precision that are asked for.
    """
    if arguments.get("threads"):
        torch.set_num_threads(arguments["threads"])
    source = block()
    device = torch.device(arguments.get("device", "cpu"))
    like = torch.empty(0, dtype=DTYPES[arguments["dtype"]], device=device)
    warm_up, repeats = arguments.get("warm_up", 1), arguments["repeats"]
    before = status_bytes("VmRSS")
    with torch.inference_mode():
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        run, weights = prepare(source, like)
        Path("/proc/self/clear_refs").write_text("5")
        seconds, cpu_seconds = [], []
        for repeat in range(warm_up + repeats):
            start, cpu_start = time.perf_counter(), time.process_time()
            out = run()
            synchronise(device)
            taken, cpu_taken = time.perf_counter() - start, time.process_time() - cpu_start
            if repeat >= warm_up or taken > LONG_SECONDS:
                seconds.append(taken)
                cpu_seconds.append(cpu_taken)
            if taken > LONG_SECONDS:
                break
    peak = status_bytes("VmHWM")
    allocated = reserved = peak - before
    if device.type == "cuda":
        allocated, reserved = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
    flat = out.float().cpu().flatten()
    result = {
        "seconds": min(seconds),
        "mean_seconds": sum(seconds) / len(seconds),
        "it_per_s": len(seconds) / sum(seconds),
        "cpu_seconds": min(cpu_seconds),
        "peak_bytes": (allocated if device.type == "cuda" else peak - before) - weights,
        "peak_allocated_bytes": allocated,
        "peak_reserved_bytes": reserved,
        "vm_hwm_bytes": peak,
        "weight_bytes": weights,
        "sample": flat[:: max(1, flat.numel() // 4096)].tolist(),
    }
    print(json.dumps(result))


def arguments() -> dict[str, Any]:
    return dict(json.loads(sys.argv[1]))
