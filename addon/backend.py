"""The package relievo beside this module, loaded when it is first needed. Knows nothing of Blender.

Blender starts without LibTorch, and where LibTorch cannot be loaded the extension is still there to say so.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import relievo

_PACKAGE = f"{__package__}.relievo"
_FOLDER = Path(__file__).parent / "relievo"

_FACTS: dict[str, Any] = json.loads((_FOLDER / "settings.json").read_text())
# Default and range of each setting, as the engine has them.
SETTINGS: dict[str, dict[str, Any]] = _FACTS["settings"]
PICTURE_ENDINGS: tuple[str, ...] = tuple(_FACTS["picture_endings"])  # in lower case, with the dot
VERSION: str = _FACTS["version"]

_SECONDS_BETWEEN_LOOKS = 5.0  # at the devices

# What mends a failure of this code, by the panel's name for it.
_MENDS = {
    "invalid_image": "picture",
    "io": "picture",
    "no_subject": "mask",
    "empty_surface": "mask",
    "out_of_memory": "unload",
    "model_missing": "setup",
}

_SECONDS_BETWEEN_LOOKS_AT_MODELS = 2.0

runtime_folder = ""  # of the preferences; goes before all but the environment
options: dict[str, Any] = {}  # of the engine, when it is made
_made_with: dict[str, Any] = {}
_loading: threading.Thread | None = None
_loading_failure: Failure | None = None
_missing: Failure | None | str = "unknown"


@dataclass(frozen=True)
class Failure:
    """A relievo.Error, or any other exception, as it is shown to a person."""

    code: str
    message: str
    hint: str
    exit_status: int
    mend: str = ""

    def __str__(self) -> str:
        """Message and hint, a line each."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    @staticmethod
    def of(error: Any) -> Failure:
        # The package's own class of errors cannot be asked for when the package is what failed to load.
        if all(hasattr(error, name) for name in ("code", "message", "hint", "exit_status")):
            mend = getattr(error, "mend", _MENDS.get(error.code, ""))
            return Failure(error.code, error.message, error.hint, error.exit_status, mend)
        message = f"{type(error).__name__}: {error}"
        return Failure("internal", message, "This is a fault in Relievo; please report it with its log.", 1)


def engine() -> relievo.Engine:
    """Waits for LibTorch to be loaded: is_ready() tells whether it is. Raises relievo.Error where it is missing."""
    global _made_with
    shared: relievo.Engine | None = loaded_engine()
    if shared is not None and _made_with != options and not shared.queue():
        package().close_engine()
        shared = None
    if shared is None:
        made_with = dict(options)
        shared, _made_with = package().shared_engine(**made_with), made_with
    return shared


def package() -> Any:
    global _loading_failure
    try:
        with _runtime_in(runtime_folder):
            return importlib.import_module(_PACKAGE)
    except Exception as error:
        error.mend = "addons" if _is_other_torch_loaded() else "setup"  # type: ignore[attr-defined]
        _loading_failure = Failure.of(error)
        raise


def _is_other_torch_loaded() -> bool:
    """Whether that is why ours, which is there, cannot be loaded."""
    try:
        finder, libraries = _finder(), _libraries()
        finder.refuse_other_torch(libraries[-1], finder.loaded_files())
    except Exception as error:
        return "already loaded" in str(error)
    return False


def is_torch_loaded() -> bool:
    """Whether LibTorch is in this process: another one takes effect after a restart only."""
    return _PACKAGE in sys.modules


def is_ready() -> bool:
    """Whether the engine can be had without waiting."""
    return loaded_engine() is not None and _loading is None


def load() -> None:
    """Begins to load LibTorch and to make the engine, which takes about a second, on a thread of its own."""
    global _loading, _loading_failure
    if _loading is not None or is_ready():
        return
    if (_loading_failure := missing_runtime()) is None:
        # Looked for here: the thread must not ask Blender where its folders are.
        folder = "" if _PACKAGE in sys.modules else str(_libraries()[-1].parent)
        _loading = threading.Thread(target=_load, args=(folder,), name="relievo loading", daemon=True)
        _loading.start()


def _load(folder: str) -> None:
    global _loading_failure
    try:
        with _runtime_in(folder):
            # The engine looks at the machine when it is first asked for what computes.
            with contextlib.suppress(Exception):  # said again by the first job
                _ = engine().slots
            engine()
    except Exception as error:
        _loading_failure = Failure.of(error)


def is_loading(seconds: float = 0.0) -> bool:
    """Whether load() still works, after waiting for so long."""
    global _loading
    if _loading is not None:
        _loading.join(seconds)
        if not _loading.is_alive():
            _loading = None
    return _loading is not None


def check_weights(path: Path) -> None:
    """Reads a weight file's directory. For threads, after load(). Raises relievo.Error."""
    is_loading(seconds=60)
    if loaded_engine() is not None:
        package().check_weights(path)


def loading_failure() -> Failure | None:
    """Why load() has not made an engine."""
    return _loading_failure


def loaded_engine() -> relievo.Engine | None:
    """The engine if it was used already."""
    module = sys.modules.get(f"{_PACKAGE}._engine")
    engine: relievo.Engine | None = getattr(module, "_shared", None)
    return engine


class _Look:
    """Asks on a thread, and remembers the last answer meanwhile: a panel must not wait for it."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._answer: Any = None
        self._key: object = None
        self._thread: threading.Thread | None = None

    def answer(self, key: object, *words: Any) -> Any:
        """The last answer, None while there is none. Asks again when the key is another."""
        if key != self._key and (self._thread is None or not self._thread.is_alive()):
            self._key = key
            self._thread = threading.Thread(target=self._run, args=words, name="relievo look", daemon=True)
            self._thread.start()
            self._thread.join(0.02)  # mostly that is enough
        return self._answer

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join(5)

    def _run(self, *words: Any) -> None:
        try:
            self._answer = self._ask(*words)
        except Exception as error:
            self._answer = Failure.of(error)


_devices = _Look(lambda: package().devices())
_plan = _Look(lambda settings, pictures: package().shared_engine().explain_plan(pictures, **settings))


def devices() -> list[relievo.DeviceInfo]:
    """What can compute here, as it was last seen, every few seconds. The engine must be loaded."""
    found = _devices.answer(int(time.monotonic() / _SECONDS_BETWEEN_LOOKS))
    return found if isinstance(found, list) else []


def plan(settings: dict[str, Any], pictures: int) -> list[str] | Failure | None:
    """What would be done and why, in sentences; None while that is not known. The engine must be loaded."""
    found: list[str] | Failure | None = _plan.answer((settings, pictures, dict(options)), settings, pictures)
    return found


def close_engine() -> None:
    """Waits for what is on the way here."""
    is_loading(seconds=30)
    _devices.wait()
    _plan.wait()
    if module := sys.modules.get(_PACKAGE):
        module.close_engine()


def missing_runtime() -> Failure | None:
    """Why LibTorch cannot be found, without loading it. Remembered until forget_runtime()."""
    global _missing
    if isinstance(_missing, str):
        _missing = None
        if _PACKAGE not in sys.modules:
            try:
                _libraries()
            except Exception as error:
                error.mend = "setup"  # type: ignore[attr-defined]
                _missing = Failure.of(error)
    return _missing if isinstance(_missing, Failure) else None


def forget_runtime() -> None:
    """It may have changed."""
    global _missing
    _missing = "unknown"


def forget_loading_failure() -> None:
    """LibTorch has changed."""
    global _loading_failure
    _loading_failure = None


def _libraries() -> list[Path]:
    """LibTorch's files. Raises relievo.Error."""
    with _runtime_in(runtime_folder):
        found: list[Path] = _finder().find_libraries()
        return found


def _finder() -> Any:
    """The package's module that finds LibTorch, by itself: to import the package would load it."""
    name = f"{__package__}._relievo_unloaded"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__path__ = [str(_FOLDER)]
        sys.modules[name] = module
    return importlib.import_module(f"{name}._runtime")


@contextlib.contextmanager
def _runtime_in(folder: str) -> Iterator[None]:
    """Where the environment says nothing else."""
    variable = "RELIEVO_RUNTIME_DIR"
    if not folder or variable in os.environ:
        yield
        return
    os.environ[variable] = folder
    try:
        yield
    finally:
        del os.environ[variable]
