"""The package relievo beside this module, loaded when it is first needed. Knows nothing of Blender.

Blender starts without LibTorch, and where LibTorch cannot be loaded the extension is still there to say so.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import relievo

_PACKAGE = f"{__package__}.relievo"

# Default and range of each setting, as the engine has them.
_FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "relievo" / "settings.json").read_text())
SETTINGS: dict[str, dict[str, Any]] = _FACTS["settings"]
VERSION: str = _FACTS["version"]


@dataclass(frozen=True)
class Failure:
    """A relievo.Error, or any other exception, as it is shown to a person."""

    code: str
    message: str
    hint: str
    exit_status: int

    def __str__(self) -> str:
        """Message and hint, a line each."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    @staticmethod
    def of(error: Any) -> Failure:
        # The package's own class of errors cannot be asked for when the package is what failed to load.
        if all(hasattr(error, name) for name in ("code", "message", "hint", "exit_status")):
            return Failure(error.code, error.message, error.hint, error.exit_status)
        message = f"{type(error).__name__}: {error}"
        return Failure("internal", message, "This is a fault in Relievo; please report it with its log.", 1)


def engine() -> relievo.Engine:
    """Raises relievo.Error where LibTorch is missing."""
    shared: relievo.Engine = importlib.import_module(_PACKAGE).shared_engine()
    return shared


def close_engine() -> None:
    if package := sys.modules.get(_PACKAGE):
        package.close_engine()
