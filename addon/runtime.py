"""Loads the package relievo beside this module when it is first needed. Knows nothing of Blender.

Blender starts without LibTorch, and where LibTorch cannot be loaded the extension is still there to say so.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .facts import PACKAGE_FOLDER, VERSION
from .failure import FailedError, Failure

if TYPE_CHECKING:
    import relievo

_PACKAGE = f"{__package__}.relievo"
_FOLDER_VARIABLE = "RELIEVO_RUNTIME_DIR"
_SECONDS_BETWEEN_LOOKS = 5.0  # between two looks at the devices


class Look:
    """Asks on a thread, and remembers the last answer meanwhile, so that nobody must wait for it."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._key: object = None
        self._thread: threading.Thread | None = None
        self.answer: Any = None  # the last one; None while there is none; a Failure where asking failed

    def ask(self, key: object, *words: Any) -> None:
        """Asks again when the key has changed and the last question was answered."""
        if key != self._key and (self._thread is None or not self._thread.is_alive()):
            self._key = key
            self._thread = threading.Thread(target=self._run, args=words, name="relievo look", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join(5)

    def _run(self, *words: Any) -> None:
        try:
            self.answer = self._ask(*words)
        except Exception as error:
            self.answer = Failure.of(error)


class Runtime:
    """LibTorch, the package on top of it, and the engine that Blender shares."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}  # the engine's options, for when it is made
        self._folder = ""
        self._engine: relievo.Engine | None = None
        self._made_with: dict[str, Any] = {}
        self._loading: threading.Thread | None = None
        self._failure: Failure | None = None
        self.looks_at_devices = Look(lambda: self.package().devices())
        self.looks_at_plan = Look(lambda settings, pictures: self.engine().plan(pictures, **settings))

    # Finding LibTorch

    @property
    def folder(self) -> str:
        """The preferences' own folder of LibTorch, which takes precedence over all but the environment's; empty where
        there is none."""
        return self._folder

    @folder.setter
    def folder(self, folder: str) -> None:
        if folder != self._folder:
            self._folder = folder
            self.forget()

    @functools.cached_property
    def missing(self) -> Failure | None:
        """Says why LibTorch cannot be found, without loading it. The answer is remembered until look_again()."""
        if self.is_loaded:
            return None
        try:
            self.libraries()
        except Exception as error:
            return Failure.of(error).with_remedy("setup")
        return None

    def look_again(self) -> None:
        """Forgets the last answer, because what is installed may have changed."""
        self.__dict__.pop("missing", None)

    def forget(self) -> None:
        """Forgets what was found and what failed, because what is installed has changed."""
        self.look_again()
        self._failure = None

    def libraries(self) -> list[Path]:
        """Finds LibTorch's files. Raises relievo.Error."""
        with self._environment():
            found: list[Path] = _finder().find_libraries()
            return found

    @contextlib.contextmanager
    def _environment(self, folder: str = "") -> Iterator[None]:
        """Sets the variable for LibTorch's folder where the environment does not."""
        folder = folder or self._folder
        if not folder or _FOLDER_VARIABLE in os.environ:
            yield
            return
        os.environ[_FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER_VARIABLE]

    # Loading it

    @property
    def is_loaded(self) -> bool:
        """True when LibTorch is in this process: another one takes effect after a restart only."""
        return f"{_PACKAGE}._native" in sys.modules

    @property
    def is_ready(self) -> bool:
        """True when the engine can be had without waiting."""
        return self._engine is not None and self._loading is None

    @property
    def failure(self) -> Failure | None:
        """Says why LibTorch could not be loaded."""
        return self._failure

    def package(self, folder: str = "") -> Any:
        """Loads the package. Raises relievo.Error, with what mends it, where LibTorch cannot be loaded."""
        if (loaded := sys.modules.get(_PACKAGE)) is not None and self._engine is not None:
            return loaded
        with self._environment(folder):
            was_updated = not self.is_loaded and _is_old_module_loaded()
            try:
                if not self.is_loaded:
                    _refuse_other_torch()
                package = importlib.import_module(_PACKAGE)
                package.load()
                if package.__version__ == VERSION:
                    return package
                self._failure = _restart_needed(package.__version__)
            except Exception as error:
                remedy = "addons" if isinstance(error, _finder().OtherTorchError) else "setup"
                failure = Failure.of(error).with_remedy(remedy)
                self._failure = _restart_needed("another version") if was_updated and remedy != "addons" else failure
                raise FailedError(self._failure) from error
        raise FailedError(self._failure)

    def load(self) -> None:
        """Begins to load LibTorch and to make the engine, which takes about a second, on a thread of its own."""
        if self._loading is not None or self.is_ready:
            return
        self._failure = self.missing
        if self._failure is None:
            # LibTorch is found here, because the thread must not ask Blender where its folders are.
            folder = "" if self.is_loaded else str(self.libraries()[-1].parent)
            self._loading = threading.Thread(target=self._load, args=(folder,), name="relievo loading", daemon=True)
            self._loading.start()

    def _load(self, folder: str) -> None:
        try:
            self.package(folder)
            # The engine looks at the machine when its devices are first asked for; the first job reports a failure of
            # that.
            with contextlib.suppress(Exception):
                _ = self.engine().workers
            self.engine()
        except Exception as error:
            self._failure = Failure.of(error)

    def is_loading(self, seconds: float = 0.0) -> bool:
        """Returns whether load() still works, after waiting for so many seconds."""
        if self._loading is not None:
            self._loading.join(seconds)
            if not self._loading.is_alive():
                self._loading = None
        return self._loading is not None

    # The engine

    def engine(self) -> relievo.Engine:
        """Returns the engine, and waits for LibTorch to be loaded; is_ready tells whether it is. Raises relievo.Error
        where it is missing."""
        if self._engine is not None and self._made_with != self.options and not self._engine.queue():
            self._close()
        if self._engine is None:
            made_with = dict(self.options)
            self._engine, self._made_with = self.package().shared_engine(**made_with), made_with
        return self._engine

    @property
    def loaded_engine(self) -> relievo.Engine | None:
        """Returns the engine if it was used already."""
        return self._engine

    def close(self) -> None:
        """Waits for the threads here to end, then closes the engine."""
        self.is_loading(seconds=30)
        self.looks_at_devices.wait()
        self.looks_at_plan.wait()
        self._close()

    def _close(self) -> None:
        self._engine = None
        if self.is_loaded:
            sys.modules[_PACKAGE].close_engine()

    def ask_devices(self) -> None:
        """Looks at the machine again, at most every few seconds. The engine must be loaded."""
        self.looks_at_devices.ask(int(time.monotonic() / _SECONDS_BETWEEN_LOOKS))

    def devices(self) -> list[relievo.DeviceInfo]:
        """The devices of this machine, as they were last seen."""
        found = self.looks_at_devices.answer
        return found if isinstance(found, list) else []

    def ask_plan(self, settings: dict[str, Any], pictures: int) -> None:
        """Asks for the plan of a job. The engine must be loaded."""
        self.looks_at_plan.ask((settings, pictures, dict(self.options)), settings, pictures)

    def plan(self) -> relievo.PlanReport | Failure | None:
        """The plan in sentences, for what was last asked; None while that is not known."""
        found: relievo.PlanReport | Failure | None = self.looks_at_plan.answer
        return found


def _finder() -> Any:
    """The package's module that finds LibTorch. Importing it loads nothing."""
    return importlib.import_module(f"{_PACKAGE}._runtime")


def _is_old_module_loaded() -> bool:
    """Returns whether this process holds one of our native modules already: the extension was updated or enabled
    again."""
    return any(file.name.startswith("_native.") and file.parent == PACKAGE_FOLDER for file in _finder().loaded_files())


def _restart_needed(old: str) -> Failure:
    message = f"Relievo was updated from {old} to {VERSION} while the old one was loaded."
    return Failure("io", message, "Save your work and restart Blender.", 3)


def _refuse_other_torch() -> None:
    """Raises the finder's OtherTorchError where another add-on has loaded a LibTorch that is not ours."""
    finder = _finder()
    finder.refuse_other_torch(finder.find_libraries()[-1], finder.loaded_files())


runtime = Runtime()
