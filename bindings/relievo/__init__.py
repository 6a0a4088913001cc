"""Relievo: one picture in, one clean textured mesh out.

import relievo
relievo.generate("cup.png").save("cup.glb")
"""

from . import _runtime

_runtime.load()

from ._batch import Batch, BatchOutcome  # noqa: E402
from ._engine import Engine, Settings, close_engine, generate, shared_engine  # noqa: E402
from ._errors import (  # noqa: E402
    CancelledError,
    DeviceLostError,
    EmptySurfaceError,
    Error,
    InternalError,
    InvalidImageError,
    InvalidSettingsError,
    IoError,
    ModelCorruptError,
    ModelMismatchError,
    ModelMissingError,
    NoSubjectError,
    OutOfMemoryError,
)
from ._native import (  # noqa: E402
    BatchTask,
    DeviceInfo,
    Job,
    JobStatus,
    LogLine,
    Mesh,
    ModelInfo,
    NamedPicture,
    Preview,
    Provenance,
    Result,
    StageReport,
    SurfaceReport,
    TextureReport,
    check_weights,
    devices,
    models,
    name_results,
    picture_checksum,
    prepare_folder,
    report_of,
    report_of_failure,
    temporary_beside,
    version,
)
from ._types import PathLike, Picture  # noqa: E402

__version__ = version()

__all__ = [
    "Batch",
    "BatchOutcome",
    "BatchTask",
    "CancelledError",
    "DeviceInfo",
    "DeviceLostError",
    "EmptySurfaceError",
    "Engine",
    "Error",
    "InternalError",
    "InvalidImageError",
    "InvalidSettingsError",
    "IoError",
    "Job",
    "JobStatus",
    "LogLine",
    "Mesh",
    "ModelCorruptError",
    "ModelInfo",
    "ModelMismatchError",
    "ModelMissingError",
    "NamedPicture",
    "NoSubjectError",
    "OutOfMemoryError",
    "PathLike",
    "Picture",
    "Preview",
    "Provenance",
    "Result",
    "Settings",
    "StageReport",
    "SurfaceReport",
    "TextureReport",
    "check_weights",
    "close_engine",
    "devices",
    "generate",
    "models",
    "name_results",
    "picture_checksum",
    "prepare_folder",
    "report_of",
    "report_of_failure",
    "shared_engine",
    "temporary_beside",
]
