"""What tests of the extension share."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_blender import ZIP


@pytest.fixture(scope="session")
def extension_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that has the extension, out of its zip, as the package relievo_zip. It is not registered."""
    folder = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(ZIP) as opened:
        opened.extractall(folder / "relievo_zip")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
