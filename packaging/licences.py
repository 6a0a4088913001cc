"""The licences of what a package holds besides our own code."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from graft import Grafted

# Header libraries whose code is compiled into the module: Debian's packages, and Python's distributions.
_HEADERS = ("libeigen3-dev", "libfmt-dev", "nlohmann-json3-dev")
_HEADERS_OF_PYTHON = ("pybind11", "torch")

_README = """\
The native module of Relievo is under the GPL, version 3 or later, as all of Relievo. These are the licences of what
it was built with. Code of the header libraries is compiled into the module; the shared libraries in the folder libs
are Debian's, with changed names (of the files and of the symbols in them) and no other change. Their sources are in
Debian's archive under the name and version of the package, and at https://snapshot.debian.org.

"""


def write_licences(folder: Path, libraries: Iterable[Grafted]) -> None:
    """A file for each package into `folder`, and a table of them. Raises FileNotFoundError where one has no licence."""
    folder.mkdir()
    lines = []
    for library in libraries:
        package, version = _owner(library.origin)
        _copy_of_debian(package, folder)
        lines.append(f"{library.file.name:<45} {package}.txt ({package} {version})")
    if sys.platform == "linux":
        for package in _HEADERS:
            _copy_of_debian(package, folder)
            lines.append(f"{'headers':<45} {package}.txt ({package} {_version(package)})")
    for distribution in _HEADERS_OF_PYTHON:
        copy_of_python(distribution, folder)
        lines.append(f"{'headers':<45} {distribution}.txt ({distribution}, from PyPI)")
    (folder / "README.txt").write_text(_README + "\n".join(lines) + "\n")


def copy_of_python(distribution: str, folder: Path) -> None:
    """All licence files of an installed distribution, as one."""
    place = Path(sysconfig.get_path("purelib"))
    files = [
        file
        for info in sorted(place.glob(f"{distribution.replace('-', '_')}-*.dist-info"))
        for file in sorted(info.rglob("*"))
        if file.is_file() and file.stem.upper() in ("LICENSE", "LICENCE", "NOTICE", "COPYING")
    ]
    if not files:
        raise FileNotFoundError(f"{distribution} has no licence file in {place}.")
    (folder / f"{distribution}.txt").write_bytes(b"\n\n".join(file.read_bytes() for file in files))


def _copy_of_debian(package: str, folder: Path) -> None:
    shutil.copyfile(f"/usr/share/doc/{package}/copyright", folder / f"{package}.txt")


def _owner(file: Path) -> tuple[str, str]:
    """The Debian package that installed a file, and its version."""
    # Installed before /lib became a link to /usr/lib, a file is known by its old place.
    for place in (file, Path("/", *file.parts[2:])):
        found = subprocess.run(["dpkg-query", "-S", str(place)], capture_output=True, text=True)
        if found.returncode == 0:
            package = found.stdout.partition(":")[0]
            return package, _version(package)
    raise FileNotFoundError(f"No package has installed {file}, so its licence is not known.")


def _version(package: str) -> str:
    command = ["dpkg-query", "-W", "-f=${Version}", package]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
