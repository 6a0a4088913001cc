"""Failures as they are shown to a person. Knows nothing of Blender and nothing of LibTorch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

# The panel's name for what mends a failure, by the failure's code.
_REMEDIES = {
    "invalid_image": "picture",
    "io": "picture",
    "no_subject": "mask",
    "empty_surface": "mask",
    "out_of_memory": "unload",
    "model_missing": "setup",
}


@dataclass(frozen=True)
class Failure:
    """A relievo.Error, or any other exception, as it is shown to a person."""

    code: str
    message: str
    hint: str
    exit_status: int
    remedy: str = ""

    def __str__(self) -> str:
        """Returns message and hint, a line each."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def with_remedy(self, remedy: str) -> Failure:
        return replace(self, remedy=remedy)

    @staticmethod
    def of(error: Any) -> Failure:
        # The package's own class of errors cannot be asked for when it is the package that failed to load.
        if all(hasattr(error, name) for name in ("code", "message", "hint", "exit_status")):
            remedy = getattr(error, "remedy", _REMEDIES.get(error.code, ""))
            return Failure(error.code, error.message, error.hint, error.exit_status, remedy)
        message = f"{type(error).__name__}: {error}"
        return Failure("internal", message, "This is a fault in Relievo; please report it with its log.", 1)


class FailedError(Exception):
    """Carries a failure that was found earlier to the caller that asks now."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.code, self.message, self.hint = failure.code, failure.message, failure.hint
        self.exit_status, self.remedy = failure.exit_status, failure.remedy
