"""Rules that the sources keep."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
MOST_TRACKED_BYTES = 62_000_000
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


def tracked_bytes(root: Path) -> int:
    """What a checkout weighs, without its history."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    files = [root / name for name in names.split("\0") if name]
    return sum(file.lstat().st_size for file in files if file.is_symlink() or file.exists())


def test_the_tracked_tree_stays_small() -> None:
    """Weights are committed once they are final, and data sets never."""
    assert tracked_bytes(ROOT) < MOST_TRACKED_BYTES


def test_tracked_bytes_are_those_of_the_files(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "weights").write_bytes(bytes(1000))
    (tmp_path / "unknown").write_bytes(bytes(5000))
    subprocess.run(["git", "add", "weights"], cwd=tmp_path, check=True)
    assert tracked_bytes(tmp_path) == 1000
