"""The stubs: everything that the native module has, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import relievo

ROOT = Path(__file__).resolve().parents[2]


def test_stubs_are_those_of_the_module(tmp_path: Path) -> None:
    """mypy's own comparison. pybind11's functions do not tell their parameters, so that is of names only."""
    allowed = tmp_path / "allowed"
    # Python's machinery, of pybind11 or of the stubs.
    allowed.write_text(r"relievo\._native\.(.*\.__\w+__|.*\._pybind11_conduit_v1_)" + "\n")
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            "relievo._native",
            "--allowlist",
            allowed,
            "--ignore-unused-allowlist",
            "--concise",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(relievo.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert ended.returncode in (0, 1), ended.stderr
    # pybind11's metaclass cannot be said in a stub.
    errors = [line for line in ended.stdout.splitlines() if "metaclass differs" not in line]
    assert [line for line in errors if line.startswith("relievo._native.")] == []
    assert "relievo._native.Engine" in ended.stdout  # it was compared


def test_bindings_see_no_header_of_torchs() -> None:
    """The engine's public header is plain: of what the bindings were compiled from, nothing is torch's or CUDA's."""
    build = Path(relievo.__file__).parents[2]
    ended = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True)
    headers: list[str] = []
    is_ours = False
    for line in ended.stdout.splitlines():
        if line and not line.startswith(" "):
            is_ours = "relievo_python.dir" in line and "older_symbols" not in line
        elif is_ours:
            headers.append(line.strip())
    assert any(header.endswith("bindings/bindings.h") for header in headers)
    foreign = ("/ATen/", "/c10/", "/torch/include/", "cuda_runtime", "/assimp/", "OpenEXR")
    assert not [header for header in headers if any(word in header for word in foreign)]
