"""The facts about the engine that are needed before LibTorch is loaded, as the build wrote them down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import documents

PACKAGE_FOLDER = Path(__file__).parent / "relievo"
_FACTS: dict[str, Any] = documents.read((PACKAGE_FOLDER / "settings.json").read_text())
# Default and range of each setting, taken from the engine.
SETTINGS: dict[str, dict[str, Any]] = _FACTS["settings"]
PICTURE_ENDINGS: tuple[str, ...] = tuple(_FACTS["picture_endings"])  # in lower case, with the dot
MANUAL = (Path(__file__).parent / "manual" / "index.html").as_uri()
VERSION: str = _FACTS["version"]
