"""The process that a headless command runs in: signals, standard output, numbers. Knows nothing of Blender.

It follows the native program (native/base/interruption.h, standard_output.h, numbers.h).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Self

_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_IO = 3  # the exit status of errors in writing


def number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], int | float]:
    """Makes a type for argparse: a decimal number that is the whole word and in range; the refusal names the range."""

    def read(word: str) -> int | float:
        if (_WHOLE if kind is int else _DECIMAL).fullmatch(word) and low <= float(word) <= high:
            return kind(word)
        name = "whole" if kind is int else "decimal"
        raise argparse.ArgumentTypeError(f"Invalid value '{word}'. Use a {name} number from {low} to {high}.")

    return read


class Interrupts:
    """Handles Ctrl-C, SIGTERM and a terminal that is closed, within a `with`. Signals that were ignored stay ignored.

    The first one is remembered, the second ends the process. Blender's own handler would only do the latter.
    """

    def __init__(self) -> None:
        self.number = 0
        self._is_raised = False
        self._before: dict[int, object] = {}

    @property
    def status(self) -> int:
        """The exit status of a command that was interrupted, or 0 where it was not."""
        return 128 + self.number if self.number else 0

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Lets work that would take long to end by itself be interrupted: KeyboardInterrupt is raised in it, even where
        the signal came before."""
        self._is_raised = True
        try:
            if self.number:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_raised = False

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            each = getattr(signal, name, None)  # Windows has no SIGHUP
            if each is not None and signal.getsignal(each) is not signal.SIG_IGN:
                self._before[each] = signal.signal(each, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each, before in self._before.items():
            # None means that the handler was Blender's, which cannot be put back from Python.
            signal.signal(each, signal.SIG_DFL if before is None else before)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            os._exit(128 + number)
        self.number = number
        if self._is_raised:
            raise KeyboardInterrupt


class Answers:
    """Standard output for the answers alone. A failure to write one is told once, and the work goes on."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._is_lost = False

    def print(self, text: str) -> None:
        if self._is_lost:
            return
        try:
            self._write(text + "\n")
        except OSError as error:
            self._is_lost = True
            print(f"relievo: Cannot write to standard output: {error.strerror}.", file=sys.stderr)
            print("  What would have been said there is lost.", file=sys.stderr)

    def status_after(self, status: int) -> int:
        """Returns the exit status of an error where all went well but something was not written."""
        return _IO if status == 0 and self._is_lost else status


@contextlib.contextmanager
def answers() -> Iterator[Answers]:
    """Sends to standard error what Blender and other add-ons print meanwhile."""
    # A stream of another kind belongs to a script that called run() and reads it.
    stream = sys.stdout
    if stream is not sys.__stdout__:
        with contextlib.redirect_stdout(sys.stderr):
            yield Answers(stream.write)
        return
    flush_all = ctypes.CDLL(None).fflush  # Blender's own prints wait in the buffers of the C library
    with contextlib.suppress(OSError):
        stream.flush()
    flush_all(None)
    try:
        kept = os.dup(1)
    except OSError:  # it is closed, or opened for reading only
        kept = os.open(os.devnull, os.O_RDONLY)
    os.dup2(2, 1)

    def write(text: str) -> None:
        left = text.encode(errors="surrogateescape")
        while left:
            left = left[os.write(kept, left) :]

    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield Answers(write)
    finally:
        flush_all(None)
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def native_output() -> Iterator[None]:
    """Lets native code write its answers to standard output; a script that has put a stream of its own there gets them
    when the code has ended."""
    stream = sys.stdout
    stream.flush()
    if stream is sys.__stdout__:
        yield
        return
    with tempfile.TemporaryFile() as answers:
        kept = os.dup(1)
        os.dup2(answers.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            answers.seek(0)
            stream.write(answers.read().decode(errors="surrogateescape"))
