"""The engine's messages for a command line are reworded for the window; the sources must still contain the
originals."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from in_blender import ROOT


@pytest.fixture(scope="module")
def messages(extension_package: Path) -> Any:
    return importlib.import_module("relievo_zip.messages")


def said_in_sources() -> str:
    """Returns all literals of the engine and of the package; a literal that is written in parts is joined."""
    files = [*(ROOT / "native").rglob("*.cpp"), *(ROOT / "bindings" / "relievo").glob("*.py")]
    return re.sub(r'"\s*f?"', "", "\n".join(file.read_text() for file in files))


def test_what_is_said_otherwise_is_what_the_engine_says(messages: Any) -> None:
    """A message that is reworded in the engine would otherwise be shown as it is."""
    said = said_in_sources()
    assert [text for text in (*messages._EXACT, *messages._VARIABLES) if text not in said] == []


def test_hints_are_for_codes_that_there_are(messages: Any) -> None:
    codes = re.findall(r'\{"([a-z_]+)", \d+\}', (ROOT / "native" / "base" / "error.cpp").read_text())
    assert codes
    of_the_window = {"network", "setup", "addons"}
    assert set(messages._HINTS) - of_the_window <= set(codes)
