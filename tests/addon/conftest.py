"""Fixtures that the tests of the extension share."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_blender import OWN_MOUNTS, ZIP

# A disk that is full is a small file system in memory, and a container may forbid to mount one. A test that is skipped
# fails a run of CI, so the file is left out there, which is said.
collect_ignore: list[str] = []
if subprocess.run([*OWN_MOUNTS, "mount", "-t", "tmpfs", "relievo", "/mnt"], capture_output=True).returncode != 0:
    collect_ignore.append("test_full_disk.py")
    print("tests/addon/test_full_disk.py is left out: this machine allows no mounts of one's own.", file=sys.stderr)


@pytest.fixture(scope="session")
def extension_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that has the extension, out of its zip, as the package relievo_zip. It is not registered."""
    folder = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(ZIP) as opened:
        opened.extractall(folder / "relievo_zip")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
