"""Work on the devices that a person starts at a click, on a thread: the check and the measuring."""

from __future__ import annotations

import threading
from collections.abc import Callable

from . import messages, pending
from .failure import Failure
from .runtime import runtime


class DeviceWork:
    """One kind of such work, which runs once LibTorch is there; loading it, or the first use of a GPU, takes seconds.

    run() is called on the thread and returns what the person is told; it calls is_cancelled() now and then, and ends
    when that holds. ended() is called in Blender's thread.
    """

    def __init__(self, name: str, run: Callable[[], str], ended: Callable[[], None] = lambda: None) -> None:
        self._name, self._run, self._ended = name, run, ended
        self._answer = ""
        self._thread: threading.Thread | None = None
        self._is_on = self._is_cancelled = False

    def start(self) -> None:
        if not self._is_on:
            self._answer, self._thread, self._is_on = "", None, True
            self._is_cancelled = False
            runtime.load()
            pending.watch(self)

    @property
    def is_on(self) -> bool:
        return self._is_on

    @property
    def answer(self) -> str:
        """The last answer for the person; empty before the first."""
        return self._answer

    def stop_if_cancelled(self) -> None:
        if self._is_cancelled:
            raise RuntimeError("Blender ends.")

    def cancel(self) -> None:
        """Waits for the work that runs, and begins no more."""
        self._is_cancelled = True
        if self._thread is not None:
            self._thread.join(5)

    def look(self, turn: pending.Turn) -> bool:
        if runtime.is_loading():
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"relievo {self._name}", daemon=True)
            self._thread.start()
        if self._thread.is_alive():
            return False
        self._is_on = False
        self._ended()
        return True

    def _work(self) -> None:
        try:
            self._answer = self._run()
        except Exception as error:
            self._answer = str(messages.in_blender(Failure.of(error)))
