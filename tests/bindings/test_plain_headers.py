"""The headers that the bindings are compiled from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import relievo


def test_bindings_see_no_header_of_torchs() -> None:
    """The engine's public header is plain: none of the headers that the bindings were compiled from is torch's or
    CUDA's."""
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
