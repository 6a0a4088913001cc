"""What tests of the extension share."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def extension_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that has the extension, out of its zip, as the package relievo_zip. It is not registered."""
    folder = tmp_path_factory.mktemp("package")
    archive = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo-extension.zip"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "relievo_zip")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
