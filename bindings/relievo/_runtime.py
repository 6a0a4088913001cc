"""Finds LibTorch and opens its libraries, so that the native module can be imported.

A runtime is one folder with all of LIBRARIES in it, or torch's `lib` folder as pip lays it out, with the CUDA libraries
beside the package. The first of these that holds libtorch_cpu.so is taken:

1. the folder that the environment variable RELIEVO_RUNTIME_DIR names,
2. `runtime` in the user folder of the Blender extension that this package is part of, or in the extension itself,
3. the torch package of the running Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.machinery
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from ._errors import IoError

# In the order in which they are opened: each needs only what comes before it. torch's OpenMP is first, so that the
# process has one.
LIBRARIES = ("libgomp.so.1", "libcudart.so.13", "libcupti.so.13", "libc10.so", "libtorch_cpu.so")

_INSTALL_HINT = (
    "Install LibTorch 2.11 (pip install torch==2.11.0), or name a folder that holds it in the environment variable "
    "RELIEVO_RUNTIME_DIR."
)


def load() -> None:
    """Opens the runtime's libraries. Raises IoError where there is none, or where another LibTorch is loaded."""
    libraries = find_libraries()
    refuse_other_torch(libraries[-1], Path("/proc/self/maps").read_text())
    # Threads that wait for work must not keep the cores busy: Blender's window would starve. OpenMP reads this once,
    # when it is loaded.
    policy = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        for library in libraries:
            _open(library)
    except OSError as error:
        raise IoError(f"LibTorch cannot be loaded: {error}.", _INSTALL_HINT) from error
    finally:
        if policy is None:
            del os.environ["OMP_WAIT_POLICY"]
    # The module with its libraries: to import it is quick then. What is wrong with it, the import says.
    module = Path(__file__).with_name(f"_native{importlib.machinery.EXTENSION_SUFFIXES[0]}")
    with contextlib.suppress(OSError):
        _open(module)


def _open(library: Path) -> None:
    """As ctypes.CDLL, which keeps the interpreter lock meanwhile: Blender's window would stand still for a second.

    A C function that is called through ctypes runs without the lock. Raises OSError.
    """
    if os.name == "nt":
        ctypes.CDLL(str(library))
        return
    loader = ctypes.CDLL(None)
    loader.dlopen.argtypes, loader.dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    loader.dlerror.restype = ctypes.c_char_p
    if loader.dlopen(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL) is None:
        raise OSError(os.fsdecode(loader.dlerror() or b"it has no reason"))


def find_libraries() -> list[Path]:
    """The files of LIBRARIES in the first runtime that is there."""
    for folder in _candidates():
        if (folder / "libtorch_cpu.so").exists():
            return [_find(name, folder) for name in LIBRARIES]
    raise IoError("LibTorch was not found.", _INSTALL_HINT)


def refuse_other_torch(ours: Path, maps: str) -> None:
    """Raises IoError when `maps` (of /proc/self/maps) shows a libtorch_cpu.so that is not `ours`."""
    for line in maps.splitlines():
        path = line.partition("/")
        other = Path("/" + path[2])
        if path[1] and other.name == ours.name and other.resolve() != ours.resolve():
            raise IoError(
                f"Another LibTorch is already loaded from {other.parent}.",
                "Disable the add-on that loaded it and restart Blender, or name that folder in RELIEVO_RUNTIME_DIR.",
            )


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("RELIEVO_RUNTIME_DIR"):
        if not (Path(named) / "libtorch_cpu.so").exists():
            raise IoError(f"RELIEVO_RUNTIME_DIR names {named}, where there is no libtorch_cpu.so.", _INSTALL_HINT)
        yield Path(named)
    if __package__.startswith("bl_ext."):
        import bpy

        yield Path(bpy.utils.extension_path_user(__package__.rpartition(".")[0], path="runtime"))
        yield Path(__file__).parents[1] / "runtime"
    torch = importlib.util.find_spec("torch")
    if torch is not None and torch.origin is not None:
        yield Path(torch.origin).parent / "lib"


def _find(name: str, folder: Path) -> Path:
    nvidia = folder.parent.parent / "nvidia"
    for place in (folder, *sorted(nvidia.glob("*/lib"))):
        if (place / name).exists():
            return place / name
    raise IoError(f"LibTorch in {folder} is not complete: {name} is missing.", _INSTALL_HINT)
