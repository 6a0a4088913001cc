"""Finds LibTorch and opens its libraries, so that the native module can be imported.

A runtime is one folder with all of LIBRARIES in it, or torch's `lib` folder as pip lays it out, with the CUDA libraries
beside the package. The first of these that holds libtorch_cpu of the version that Relievo is built for is taken; which
version it is, its files tell before any is opened (_torch_version.py):

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
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ._errors import IoError
from ._torch_version import TORCH_VERSION, is_other_version, version_of

# The libraries in the order in which they are opened: each needs only those before it. torch's OpenMP comes first, so
# that the process has one.
_LIBRARIES = {
    "linux": ("libgomp.so.1", "libcudart.so.13", "libcupti.so.13", "libc10.so", "libtorch_cpu.so"),
    # This list was never run (docs/release.md).
    "win32": ("libiomp5md.dll", "c10.dll", "torch_cpu.dll"),
    "darwin": ("libomp.dylib", "libc10.dylib", "libtorch_cpu.dylib"),
}
LIBRARIES = _LIBRARIES[sys.platform]
TORCH = LIBRARIES[-1]

_INSTALL_HINT = (
    f"Install LibTorch {TORCH_VERSION} (pip install torch=={TORCH_VERSION}), or name a folder that holds it in the "
    "environment variable RELIEVO_RUNTIME_DIR."
)


class OtherTorchError(IoError):
    """Another LibTorch is in this process: there is no room for ours."""


def load() -> None:
    """Opens the runtime's libraries. Raises IoError where there is none, OtherTorchError where another is loaded."""
    libraries = find_libraries()
    refuse_other_torch(libraries[-1], loaded_files())
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
    # Opening the module with its libraries makes importing it quick. Importing it reports what is wrong with it.
    module = Path(__file__).with_name(f"_native{importlib.machinery.EXTENSION_SUFFIXES[0]}")
    with contextlib.suppress(OSError):
        _open(module)


def _open(library: Path) -> None:
    """Opens a library without the interpreter lock, which ctypes.CDLL keeps, so that Blender's window does not freeze.

    A C function that is called through ctypes runs without the lock. Raises OSError.
    """
    if os.name == "nt":
        # The library has its dependencies in its own folder.
        os.add_dll_directory(str(library.parent))  # type: ignore[attr-defined]
        ctypes.CDLL(str(library))
        return
    loader = ctypes.CDLL(None)
    loader.dlopen.argtypes, loader.dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    loader.dlerror.restype = ctypes.c_char_p
    if loader.dlopen(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL) is None:
        raise OSError(os.fsdecode(loader.dlerror() or b"it has no reason"))


def find_libraries() -> list[Path]:
    """Returns the files of LIBRARIES in the first runtime that is there, passing over one of another version."""
    passed_over = ""
    for folder in _candidates():
        if not (folder / TORCH).exists():
            continue
        if not is_other_version(version := version_of(folder / TORCH)):
            return [_find(name, folder) for name in LIBRARIES]
        passed_over += f" Version {version} in '{folder}' was passed over: Relievo needs {TORCH_VERSION}."
    raise IoError(f"LibTorch was not found.{passed_over}", _INSTALL_HINT)


def loaded_files() -> set[Path]:
    """Returns the libraries that this process has loaded."""
    if sys.platform == "linux":
        lines = Path("/proc/self/maps").read_text().splitlines()
        return {Path("/" + line.partition("/")[2]) for line in lines if "/" in line}
    names: set[str] = set()
    if sys.platform == "win32":
        handles, needed = (ctypes.c_void_p * 4096)(), ctypes.c_ulong()
        kernel: Any = ctypes.windll.kernel32
        process = ctypes.c_void_p(-1)  # this process
        kernel.K32EnumProcessModules(process, handles, ctypes.sizeof(handles), ctypes.byref(needed))
        for handle in filter(None, handles):
            name = ctypes.create_unicode_buffer(32768)
            kernel.GetModuleFileNameW(ctypes.c_void_p(handle), name, len(name))
            names.add(name.value)
    elif sys.platform == "darwin":
        loader = ctypes.CDLL(None)
        loader._dyld_get_image_name.restype = ctypes.c_char_p
        names = {os.fsdecode(loader._dyld_get_image_name(i)) for i in range(loader._dyld_image_count())}
    return {Path(name) for name in names}


def refuse_other_torch(ours: Path, loaded: Iterable[Path]) -> None:
    """Raises OtherTorchError when there is a libtorch_cpu loaded that is not `ours`."""
    for other in loaded:
        if other.name == ours.name and other.resolve() != ours.resolve():
            version = version_of(other)
            versions = f": version {version}, where Relievo needs {TORCH_VERSION}" if is_other_version(version) else ""
            raise OtherTorchError(
                f"Another LibTorch is already loaded from '{other.parent}'{versions}.",
                "Disable the add-on that loaded it and restart Blender, or name that folder in RELIEVO_RUNTIME_DIR.",
            )


def refuse_other_version(folder: Path) -> None:
    """Raises IoError when the folder holds a LibTorch of another version than the one that Relievo is built for."""
    if is_other_version(version := version_of(folder / TORCH)):
        raise IoError(
            f"LibTorch in '{folder}' has version {version}, and Relievo needs {TORCH_VERSION}.", _INSTALL_HINT
        )


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("RELIEVO_RUNTIME_DIR"):
        if not (Path(named) / TORCH).exists():
            raise IoError(f"RELIEVO_RUNTIME_DIR names '{named}', where there is no {TORCH}.", _INSTALL_HINT)
        refuse_other_version(Path(named))
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
    raise IoError(f"LibTorch in '{folder}' is not complete: '{name}' is missing.", _INSTALL_HINT)
