"""Makes dist/relievo-VERSION-gpu-kit: the folder that is carried to a machine with a card (docs/gpu.md).

    python packaging/gpu_kit.py

The program must be built (`make gpu-kit` does that). With it go the libraries that it needs and a bare Linux lacks
(graft.py), golden cases, pictures and a start script; LibTorch is where it goes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from golden_cases import write_cases
from graft import graft_programs
from kernels import require_kernels
from licences import write_licences
from pack import check

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
PROGRAM = "relievo"
PICTURES = ("cactus.jpg", "chicken.jpg")
MOST_BYTES = 25_000_000


def version() -> str:
    """CMakeLists.txt has it; the program tells it, where it runs as it was built."""
    told = subprocess.run([BUILD / "relievo", "--version"], capture_output=True, text=True, check=True).stdout
    return told.split()[1]


def make_kit(folder: Path) -> int:
    """Fills the folder anew and returns its bytes. Raises ValueError for what cannot be given away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    program = folder / PROGRAM
    shutil.copy(BUILD / "gpu-kit" / PROGRAM, program)
    require_kernels(program)
    subprocess.run(["strip", program], check=True)
    write_licences(folder / "licences", graft_programs([program]))
    write_cases(folder / "golden")
    (folder / "models").mkdir()
    for name in ("u2netp.safetensors", "u2netp.md", "catalogue.json", "LICENSE-Apache-2.0.txt"):
        shutil.copy(ROOT / "models" / name, folder / "models")
    (folder / "pictures").mkdir()
    for name in (*PICTURES, "README.md"):
        shutil.copy(ROOT / "tests" / "data" / "pictures" / name, folder / "pictures")
    shutil.copy(ROOT / "LICENSE", folder)
    for file in (ROOT / "packaging" / "gpu_kit_files").iterdir():
        shutil.copy(file, folder)
    check(folder)
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if total > MOST_BYTES:
        raise ValueError(f"The kit has {total / 1e6:.1f} MB; {MOST_BYTES / 1e6:.0f} MB are allowed.")
    return total


def main() -> None:
    folder = ROOT / "dist" / f"relievo-{version()}-gpu-kit"
    try:
        total = make_kit(folder)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"gpu_kit: {error}") from error
    print(f"{folder.relative_to(ROOT)}  {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
