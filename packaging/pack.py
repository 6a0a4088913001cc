"""Completes the package from the files that CMake has put together, and packs the extension's zip.

    python packaging/pack.py STAGE [ZIP [--runtime cpu|cuda]] [--release]

STAGE is the folder that `cmake --install build --component extension --prefix STAGE` filled; the libraries that the
modules need are grafted into it (graft.py) and the licences of all that added. With --release, modules without CUDA
kernels are refused (kernels.py); the build's own zip may lack them. With --runtime, LibTorch goes in too,
in the folder `runtime`: such a zip has NVIDIA's files in it, is for a studio's own machines and must not be
published.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import os
import re
import shutil
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

from graft import graft
from kernels import require_kernels
from licences import copy_of_python, write_licences

ROOT = Path(__file__).resolve().parents[1]
LONGEST_PATH = 119  # in characters: with a profile's own folders it must stay below Windows' 260
# Names of LibTorch's and of NVIDIA's libraries.
FOREIGN = re.compile(
    r"(lib)?(torch|c10|caffe2|shm|checkpoint|pcsampling|gomp|iomp|omp|cud|cu(blas|fft|file|rand|solver|sparse|pti|tensor)|nv|nccl)[\w-]*\."
    r"([\d.]*so|dll|dylib)",
    re.IGNORECASE,
)
_COMPRESSED = {".png", ".jpg", ".webp"}


def add_runtime(stage: Path, kind: str) -> None:
    """The environment's LibTorch in one flat folder: what libtorch_cpu needs ("cpu"), or all of it ("cuda")."""
    place = Path(sysconfig.get_path("purelib"))
    folders = [place / "torch" / "lib", *sorted((place / "nvidia").glob("*/lib"))]
    files = [file for folder in folders for file in sorted(folder.iterdir()) if ".so" in file.name]
    if kind == "cpu":
        files = [file for file in files if file.name in _cpu_libraries()]
    elif not list(place.glob("nvidia_cudnn*.dist-info")):
        raise FileNotFoundError(
            "The environment has no CUDA libraries: RELIEVO_RUNTIME=cuda packaging/setup gets them."
        )
    folder = stage / "runtime"
    folder.mkdir()
    for file in files:
        shutil.copyfile(file, folder / file.name)
    # Which version it is, the package reads before it opens anything (bindings/relievo/_torch_version.py).
    (folder / "build-version").write_text(importlib.metadata.version("torch").partition("+")[0] + "\n")
    copy_of_python("torch", stage / "relievo" / "licences")
    for info in place.glob("nvidia_*.dist-info"):
        copy_of_python(info.name.partition("-")[0], stage / "relievo" / "licences")


def check(stage: Path) -> None:
    """What is published has nothing of LibTorch's or NVIDIA's, no long path and no link. Raises ValueError."""
    for file in sorted(stage.rglob("*")):
        name = file.relative_to(stage).as_posix()
        if len(name) > LONGEST_PATH:
            raise ValueError(f"The path {name} is longer than {LONGEST_PATH} characters.")
        if file.is_symlink():
            raise ValueError(f"{name} is a link; a zip cannot hold one.")
        if FOREIGN.match(file.name):
            raise ValueError(f"{name} is a library of LibTorch's or NVIDIA's.")


def write_zip(folder: Path, output: Path) -> None:
    """All files of the folder in a fixed order and with a fixed date, so that equal contents give equal zips."""
    date = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), 315532800))[:6]  # a zip's time begins in 1980
    beside = output.with_name(output.name + ".part")
    with zipfile.ZipFile(beside, "w") as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), date)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if file.suffix in _COMPRESSED else zipfile.ZIP_DEFLATED
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)
    beside.replace(output)


def complete(stage: Path, *, release: bool) -> None:
    """Adds to STAGE/relievo the libraries that its modules need, and all licences."""
    package = stage / "relievo"
    if release and sys.platform == "linux":  # macOS has no CUDA; modules of Windows are not read yet
        for module in sorted(package.glob("_native.*.so")):
            require_kernels(module)
    shutil.rmtree(package / "licences", ignore_errors=True)
    write_licences(package / "licences", graft(package))


def pack(stage: Path, output: Path, runtime: str | None = None, *, release: bool = False) -> None:
    complete(stage, release=release)
    check(stage)
    if runtime is not None:
        add_runtime(stage, runtime)
    output.parent.mkdir(exist_ok=True)
    write_zip(stage, output)


def _cpu_libraries() -> tuple[str, ...]:
    """_LIBRARIES of bindings/relievo/_runtime.py. It is read, not imported: packing needs nothing of the package."""
    tree = ast.parse((ROOT / "bindings" / "relievo" / "_runtime.py").read_text())
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_LIBRARIES":
            names: dict[str, tuple[str, ...]] = ast.literal_eval(statement.value)
            return names[sys.platform]
    raise ValueError("bindings/relievo/_runtime.py has no _LIBRARIES.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", type=Path)
    parser.add_argument("zip", type=Path, nargs="?")
    parser.add_argument("--runtime", choices=("cpu", "cuda"))
    parser.add_argument("--release", action="store_true")
    options = parser.parse_args()
    try:
        if options.zip is None:
            complete(options.stage, release=options.release)
        else:
            pack(options.stage, options.zip, options.runtime, release=options.release)
    except (OSError, ValueError) as error:
        raise SystemExit(f"pack: {error}") from error


if __name__ == "__main__":
    main()
