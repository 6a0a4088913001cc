"""Helpers of programs that fork (test_fork.py)."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import relievo


def told(call: Callable[[], Any]) -> Any:
    """Returns what the call returns, or `spawn` where it raises the error that names it."""
    try:
        return call()
    except relievo.InvalidSettingsError as error:
        return "spawn" if "spawn" in error.hint else repr(error)


def in_child(use: Callable[[], Any]) -> None:
    """Runs it in a forked process, which ends as every Python does, and waits. Exits where that hangs or fails."""
    child = os.fork()
    if child == 0:
        use()
        sys.stdout.flush()
        sys.exit(0)
    deadline = time.monotonic() + 60
    ended = status = 0
    while not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sys.exit("the child hangs")
        time.sleep(0.01)
    if status:
        sys.exit(f"the child ended with {status}")


def every_call(engine: relievo.Engine, job: relievo.Job) -> list[Any]:
    """Returns the answers of all calls that are not allowed in a forked process."""
    calls: list[Callable[[], Any]] = [
        *(relievo.Engine, relievo.shared_engine, engine.queue, engine.pause, engine.resume, engine.unload),
        *(engine.explain_plan, job.take, job.cancel, job.wait),
        *(lambda: engine.submit(b"x"), lambda: engine.move(job, 0), lambda: engine.set_idle_seconds(1)),
        *(lambda: engine.workers, lambda: engine.paused, lambda: engine.loaded),
        *(lambda: job.log, lambda: job.previews, lambda: job.status, lambda: job.error, lambda: job.result),
        *(lambda: job.wait(1),),
    ]
    return [told(call) for call in calls]
