"""Rules that the sources keep."""

from __future__ import annotations

import re
from pathlib import Path

NATIVE = Path(__file__).parents[2] / "native"
HOME = {"nn/launch.h", "nn/launch.cpp"}
# A kernel's launcher for a GPU by name, or a stream as a bare pointer.
RAW_LAUNCH = re.compile(r"kernels::[\w#]+_cuda\b|native_handle\s*\(|<<<")


def raw_launches(text: str) -> list[str]:
    return RAW_LAUNCH.findall(text)


def test_kernels_are_launched_in_one_place_only() -> None:
    """nn/launch.h makes the GPU the current one first; a launch past it would go to another GPU's stream."""
    found = {
        str(file.relative_to(NATIVE)): launches
        for file in sorted(NATIVE.rglob("*"))
        if file.suffix in (".h", ".cpp", ".cu", ".cuh") and file.relative_to(NATIVE).parts[0] != "kernels"
        if (launches := raw_launches(file.read_text()))
    }
    assert set(found) == HOME


def test_a_raw_launch_is_seen() -> None:
    assert raw_launches("kernels::find_texels_cuda(raster, rows, guard.getStream(device).native_handle());")
    assert raw_launches("run<<<1, 2>>>(3);")
    assert not raw_launches("launch_on(device, RELIEVO_LAUNCHERS(find_texels), raster, rows);")
