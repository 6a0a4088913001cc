"""Work on the devices that a person starts at a click, on a thread: the check and the measuring."""

from __future__ import annotations

import threading
from collections.abc import Callable

from . import machine, messages, pending
from .failure import Failure
from .runtime import runtime


class DeviceWork:
    """One kind of such work, which runs once LibTorch is there; loading it, or the first use of a GPU, takes seconds.

    run() is called with this on the thread and returns what the person is told; it calls tell() now and then. ended()
    is called in Blender's thread.
    """

    def __init__(
        self, name: str, doing: str, run: Callable[[DeviceWork], str], ended: Callable[[], None] = lambda: None
    ) -> None:
        self._name, self._doing, self._run, self._ended = name, doing, run, ended
        self._told = ""
        self._thread: threading.Thread | None = None
        self._is_on = self._is_cancelled = False
        self.devices = ""  # those that were chosen when it was started

    def start(self) -> None:
        """Starts it on the chosen devices. The answer is there when is_on no longer holds."""
        if not self._is_on:
            self._told, self._thread, self._is_on = self._doing, None, True
            self._is_cancelled = False
            self.devices = machine.chosen().devices
            runtime.load()
            pending.watch(self)

    @property
    def is_on(self) -> bool:
        return self._is_on

    @property
    def answer(self) -> str:
        """How far it is or, when it has ended, the answer for the person; empty before the first."""
        return self._told

    def tell(self, doing: str) -> None:
        """Says how far it is. Raises RuntimeError where Blender ends."""
        if self._is_cancelled:
            raise RuntimeError("Blender ends.")
        self._told = doing

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
            self._told = self._run(self)
        except Exception as error:
            self._told = str(messages.in_blender(Failure.of(error)))
