"""The exceptions of Relievo, one class for each code."""

from __future__ import annotations

from typing import ClassVar


class Error(Exception):
    """An error: `message` says what happened, `hint` what one can do about it (it may be empty)."""

    code: ClassVar[str]
    exit_status: ClassVar[int]  # of a program that ends with this error

    def __init_subclass__(cls, code: str = "", exit_status: int = 0) -> None:
        super().__init_subclass__()
        if code:  # otherwise it has those of its base class
            cls.code, cls.exit_status = code, exit_status

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidImageError(Error, code="invalid_image", exit_status=2): ...


class NoSubjectError(Error, code="no_subject", exit_status=2): ...


class InvalidSettingsError(Error, code="invalid_settings", exit_status=2): ...


class EmptySurfaceError(Error, code="empty_surface", exit_status=2): ...


class OutOfMemoryError(Error, code="out_of_memory", exit_status=3): ...


class DeviceLostError(Error, code="device_lost", exit_status=3): ...


class IoError(Error, code="io", exit_status=3): ...


class ModelMissingError(Error, code="model_missing", exit_status=4): ...


class ModelCorruptError(Error, code="model_corrupt", exit_status=4): ...


class ModelMismatchError(Error, code="model_mismatch", exit_status=4): ...


class CancelledError(Error, code="cancelled", exit_status=130): ...


class InternalError(Error, code="internal", exit_status=1): ...


_CLASSES = {cls.code: cls for cls in Error.__subclasses__()}


def make_error(code: str, message: str, hint: str) -> Error:
    """Makes the exception for a code; the native module raises through this."""
    return _CLASSES[code](message, hint)
