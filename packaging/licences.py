"""The licences of what a package holds besides our own code."""

from __future__ import annotations

import re
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
# Sources that become part of the module: packaging/fetch_sources gives each a folder, with its licence.
_SOURCES = Path(__file__).resolve().parents[1] / ".venv" / "src"

_README = """\
The native module of Relievo is under the GPL, version 3 or later, as all of Relievo. These are the licences of what
it was built with. Code of the header libraries and of the sources is part of the module; the shared libraries in
the folder libs are Debian's, with changed names (of the files and of the symbols in them) and no other change. Their
sources are in Debian's archive under the name and version of the package, and at https://snapshot.debian.org.

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
    for source in sorted(place for place in _SOURCES.iterdir() if place.is_dir()):
        (folder / f"{source.name}.txt").write_text("\n\n".join(_notices(source)))
        lines.append(f"{'sources':<45} {source.name}.txt ({source.name}, packaging/*sources.txt)")
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


def _notices(source: Path) -> list[str]:
    """The licence, and what else the files themselves say of whose they are."""
    texts = [next(source / name for name in ("LICENSE", "COPYING") if (source / name).exists()).read_text()]
    for file in sorted(file for file in source.iterdir() if file.suffix in (".cpp", ".h", ".js")):
        for comment in re.findall(r"/\*(.*?)\*/", file.read_text(), re.DOTALL):
            if "Copyright" in comment and comment.strip() not in map(str.strip, texts):
                texts.append(comment)
    return texts


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
