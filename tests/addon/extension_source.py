"""The extension's modules that know nothing of Blender, from the sources, beside the package of the build."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import relievo

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def imported(folder: Path, module: str) -> Iterator[Any]:
    """The module. The package's name is the folder's own, so that no two share their state."""
    package = folder / f"relievo_{folder.name}"
    package.mkdir()
    for file in (*(ROOT / "addon").glob("*.py"), ROOT / "addon" / "runtimes.json"):
        shutil.copy(file, package)
    (package / "__init__.py").write_text("")
    # A copy: one native module cannot be imported under two names.
    shutil.copytree(Path(relievo.__file__).parent, package / "relievo", ignore=shutil.ignore_patterns("_native*.so"))
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(f"{package.name}.{module}")
    finally:
        sys.path.remove(str(folder))
