"""CUDA kernels are compiled for every architecture that we promise."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
ARCHITECTURES = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"}


def test_every_kernel_holds_code_for_every_architecture_where_nvcc_is_present() -> None:
    objects = list(BUILD.glob("native/**/*.cu.o"))
    if shutil.which("nvcc") is None:
        assert objects == [], "there is no nvcc, so nothing can have been compiled by it"
        return
    assert len(objects) == len(list((ROOT / "native").glob("**/*.cu")))
    for file in objects:
        named = {name.decode() for name in re.findall(rb"sm_\d+", file.read_bytes())}
        assert named == ARCHITECTURES, file
