"""Refuses modules without CUDA kernels for every architecture that is promised.

    python packaging/kernels.py MODULE...

Built where there is no nvcc, a module lacks them and computes on the CPU alone. That is a fine build, but no release.
"""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A fat binary, as nvcc puts it into the section .nv_fatbin for each source file: a header, then for each architecture
# a header and code. NVIDIA does not document it; tests/app/test_cuda_build.py compares with what was asked of nvcc.
_FAT_BINARY = struct.Struct("<IHHQ")  # its mark, version, bytes of this header and of what follows
_PART = struct.Struct("<HHIQIIHHI")  # kind, version, bytes of this header and of the code, four others, architecture
_MARK = 0xBA55ED50
_PTX, _MACHINE_CODE = 1, 2


def promised() -> set[str]:
    """The architectures in cmake/Toolchain.cmake, as sm_75; the last one's PTX serves those to come."""
    found = re.search(r'CMAKE_CUDA_ARCHITECTURES "([^"]+)"', (ROOT / "cmake" / "Toolchain.cmake").read_text())
    if found is None:
        raise ValueError("cmake/Toolchain.cmake has no CMAKE_CUDA_ARCHITECTURES.")
    names = found[1].split(";")
    return {f"sm_{name.removesuffix('-real')}" for name in names} | {f"compute_{names[-1]}"}


def kernels_of(module: Path) -> list[set[str]]:
    """For each source file with kernels in a module or object file: the architectures that it holds code for."""
    code = _section(module.read_bytes(), b".nv_fatbin")
    found = []
    at = code.find(_MARK.to_bytes(4, "little"))
    while at >= 0:
        _, _, header, length = _FAT_BINARY.unpack_from(code, at)
        end = at + header + length
        at += header
        names = set()
        while at < end:
            kind, _, header, length, *_, architecture = _PART.unpack_from(code, at)
            names.add(f"{ {_PTX: 'compute', _MACHINE_CODE: 'sm'}.get(kind, kind) }_{architecture}")
            at += header + length
        found.append(names)
        at = code.find(_MARK.to_bytes(4, "little"), end)
    return found


def require_kernels(module: Path) -> None:
    """Raises ValueError for a module that cannot be released."""
    found = kernels_of(module)
    if not found:
        raise ValueError(
            f"{module.name} has no CUDA kernels: there was no nvcc when it was built. "
            "Run packaging/setup, remove the build folder and build again."
        )
    for names in found:
        if names != promised():
            raise ValueError(
                f"{module.name} has kernels for {', '.join(sorted(names))} and not for "
                f"{', '.join(sorted(promised()))}: remove the build folder and build again."
            )


def _section(elf: bytes, name: bytes) -> bytes:
    """A section of a little-endian 64-bit ELF file; empty without it."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return b""
    (headers,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, of_names = struct.unpack_from("<HHH", elf, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", elf, headers + i * size) for i in range(count)]
    names = sections[of_names][4] if sections else 0
    for name_at, _, _, _, offset, length in sections:
        if elf.startswith(name + b"\0", names + name_at):
            return elf[offset : offset + length]
    return b""


if __name__ == "__main__":
    try:
        for word in sys.argv[1:]:
            require_kernels(Path(word))
    except (OSError, ValueError) as error:
        raise SystemExit(f"kernels: {error}") from error
