"""A root folder with what every Linux has and nothing else, to run programs in that bring the rest. Needs root."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

# Libraries that every Linux that runs Blender has: glibc, the libraries of GCC, zlib (cuDNN needs it).
SYSTEM = ["libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libutil.so.1"]
SYSTEM += ["libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"]
LOADER = "ld-linux-x86-64.so.2"
LIBRARIES = Path("lib") / "x86_64-linux-gnu"


def run(*command: str | Path) -> str:
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def places(file: Path) -> dict[str, Path]:
    """Returns where the machine's loader finds the libraries that a file needs."""
    found = re.findall(r"^\s*(\S+) => (/\S+)", run("ldd", file), re.MULTILINE)
    return {name: Path(place) for name, place in found}


def make_root(root: Path, programs: tuple[str, ...] = ()) -> None:
    """Fills the folder with the system's libraries, and with programs of the machine's and what they need."""
    for folder in (root / LIBRARIES, *(root / name for name in ("lib64", "proc", "tmp", "bin", "dev"))):
        folder.mkdir(parents=True, exist_ok=True)
    for name in SYSTEM:
        shutil.copy(Path("/usr") / LIBRARIES / name, root / LIBRARIES / name)
    shutil.copy(Path("/lib64") / LOADER, root / "lib64" / LOADER)
    for name in programs:
        program = shutil.which(name)
        assert program is not None, name
        shutil.copy(program, root / "bin" / name)
        for library, place in places(Path(program)).items():
            if not (root / LIBRARIES / library).exists():
                shutil.copy(place, root / LIBRARIES / library)


def start_in_chroot(root: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the folder as its root, with the machine's processes and devices, in this environment."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    chroot = shutil.which("chroot", path=path)
    assert chroot is not None
    script = f'for f in proc dev; do mount --rbind /$f "$0/$f" || exit; done; exec {chroot} "$0" "$@"'
    words = ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, str(root), *command]
    return subprocess.run(words, capture_output=True, text=True, env={"PATH": path, **environment})


def in_chroot(root: Path, *command: str, **environment: str) -> str:
    ended = start_in_chroot(root, *command, **environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
