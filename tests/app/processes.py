"""The program as a process that is sent signals."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
PROGRAM = BUILD / "relievo"


def with_default_signals() -> None:
    """Called in a child: a shell that runs tests in the background, or nohup, has it ignore Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(
    *words: str | Path,
    stdout: int | IO[bytes] = subprocess.PIPE,
    before: Callable[[], Any] = with_default_signals,
    **options: Any,
) -> subprocess.Popen[str]:
    command = [str(PROGRAM), *map(str, words)]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, preexec_fn=before, **options)


def listens(process: subprocess.Popen[str], number: int) -> bool:
    """Returns whether it has a handler for the signal by now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def seconds_computed(process: subprocess.Popen[str]) -> float:
    """Returns the seconds that all its threads have computed, as the system counts them."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str], seconds: float = 120) -> None:
    """Waits until the condition is true, or the process has ended."""
    deadline = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
