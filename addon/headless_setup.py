"""Headless commands that make a machine ready: setup, and those that the program's own command line runs.

A farm's node gets from nothing to a batch without a window: setup, models fetch, devices, batch.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import bpy

from . import console, downloads, machine, setup_panel, setup_runtime
from .console import Answers, Interrupts
from .downloads import Installation, SetupError
from .failure import FailedError, Failure
from .runtime import runtime

_DRIVER = Path("/proc/driver/nvidia/version")
_OFFLINE = SetupError(
    "Blender may not go online.", "Start Blender with --online-mode, or name a folder or a zip by --from."
)


def told(failure: Failure) -> Failure:
    """The failure as it is told without a window: what the set-up mends, this command mends."""
    if failure.remedy != "setup" or failure.code != "io":
        return failure
    hint = "Get it once: `blender -b --online-mode -c relievo setup`, or `setup --from FOLDER|ZIP` without a network."
    return replace(failure, hint=hint)


def run(options: Namespace, answers: Answers, interrupts: Interrupts) -> int:
    """Gets LibTorch, or uses the one that is there."""
    if options.again or options.source is not None or runtime.missing is not None:
        _get(options, interrupts)
        if interrupts.number:
            return interrupts.status
    package = runtime.package()
    told = {"libtorch": str(runtime.libraries()[-1].parent), "version": package._runtime.TORCH_VERSION}
    if options.json:
        answers.print(json.dumps(told))
    else:
        answers.print(f"LibTorch {told['version']} in '{told['libtorch']}' is ready.")
    return 0


def _get(options: Namespace, interrupts: Interrupts) -> None:
    name = options.runtime or ("cuda" if _DRIVER.exists() else "cpu")
    wanted = setup_panel.RUNTIMES[name]
    folder = setup_panel.folder()
    if options.source is not None and options.source.is_dir():
        found = setup_runtime.find_in_folder(options.source.absolute(), setup_panel.RUNTIMES["cpu"])
        machine.choose(runtime_folder=str(found))
        runtime.forget()
        return
    if options.source is not None:
        # The zip's whole LibTorch is wanted, with the CUDA libraries where it has any.
        installation = setup_runtime.install_zip(options.source.absolute(), setup_panel.RUNTIMES["cuda"], folder)
    elif bpy.app.online_access:
        print(f"relievo: {wanted.title}: {wanted.bytes / 1e6:.0f} MB are fetched.", file=sys.stderr)
        installation = setup_runtime.install_online(wanted, folder)
    else:
        raise _OFFLINE
    _wait(installation, interrupts)
    if installation.failure is not None and not interrupts.number:
        raise FailedError(installation.failure)
    machine.choose(runtime_folder="")  # it would take precedence over the new one
    runtime.forget()


def _wait(installation: Installation, interrupts: Interrupts) -> None:
    """Waits for it, and says on standard error what it does; Ctrl-C stops it, and what was fetched is kept."""
    doing = ""
    while not installation.wait(0.1):
        if interrupts.number:
            installation.cancel()
        if installation.doing != doing:
            doing = installation.doing
            print(f"relievo: {doing} ...", file=sys.stderr, flush=True)


def run_program(arguments: Sequence[str]) -> int:
    """Runs the program's own command line in this process, with the preferences' folder of models, mirrors and
    certificates; returns the exit status."""
    fetches = list(arguments[:2]) == ["models", "fetch"]
    try:
        if fetches and not bpy.app.online_access and not _names_source(arguments):
            raise _OFFLINE
        package = runtime.package()
    except Exception as error:
        failure = told(Failure.of(error))
        print(f"relievo: {failure}", file=sys.stderr)
        return failure.exit_status
    with _environment(), console.native_output():
        transport = functools.partial(package._web.transport, alone=True)
        status: int = package._native._run_command(list(arguments), transport)
        return status


def _names_source(arguments: Sequence[str]) -> bool:
    """Whether a folder on this machine is named as the source of a model."""
    return any(word in ("--from", "--help") or word.startswith("--from=") for word in arguments)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Sets what the program reads from the environment to the preferences, unless it is set there."""
    wanted = {
        "RELIEVO_MODEL_MIRRORS": " ".join(downloads.settings.mirrors),
        "RELIEVO_CERTIFICATES": downloads.settings.certificates,
    }
    added = [name for name, value in wanted.items() if value and name not in os.environ]
    os.environ.update({name: wanted[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
