"""The baseline of `relievo-bench pipeline`: the networks of a picture, one after the other, as in the other baselines.

The steps of the diffusion, the VAE's decoder and the reconstruction's planes, of the sizes that the program hands over
(benchmarks/native/bench_networks.cpp): neither the picture's encoders nor meshing and texturing.
"""

from __future__ import annotations

from typing import Any

import baseline
import planes
import step
import torch
import vae


def prepare(options: dict[str, Any], source: torch.Tensor, like: torch.Tensor) -> tuple[baseline.Run, int]:
    common = {"compiled": options["compiled"]}
    one_step, of_step = step.prepare_step({**options["step"], **common}, source, like)
    decoded, of_vae = vae.prepare_decoding({**options["vae"], **common}, source, like)
    reconstructed, of_planes = planes.prepare_planes({**options["planes"], **common}, source, like)

    def run() -> torch.Tensor:
        for _ in range(options["steps"]):
            one_step()
        decoded()
        return reconstructed()

    return run, of_step + of_vae + of_planes


if __name__ == "__main__":
    given = baseline.arguments()
    baseline.measure(given, lambda source, like: prepare(given, source, like))
