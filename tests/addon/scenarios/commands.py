"""The headless command: in this process, as a process of its own, and how far it works ahead."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
from inside import FOLDER, MODULE, PICTURE, QUARTERS, install, names, wait_for


def command() -> dict[str, Any]:
    """The command's function, called with each list of words that the test left in FOLDER/runs.json."""
    extension = install()
    facts = {}
    for name, words in json.loads((FOLDER / "runs.json").read_text()).items():
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = extension.commands.run(words)
        facts[name] = {"status": status, "output": output.getvalue(), "errors": errors.getvalue()}
    blend = FOLDER / "out" / "chicken_cut_out.blend"
    if not blend.exists():
        return facts
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    (thing,) = bpy.context.scene.objects
    (image,) = (image for image in bpy.data.images if image.get("relievo_part"))
    facts["blend"] = {
        "scene": names(bpy.context.scene.objects),
        "collections": names(bpy.data.collections),
        "packed": image.packed_file is not None,
        "picture": thing["relievo_picture"],
        "picture_is_kept": bytes(thing["relievo_source"].packed_file.data) == PICTURE.read_bytes(),
    }
    return facts


def node() -> dict[str, Any]:
    """The commands of FOLDER/runs.json, one after the other, on a machine that has no LibTorch, and no torch beside
    Python."""
    os.environ["RELIEVO_MODELS"], os.environ["XDG_CACHE_HOME"] = str(FOLDER / "models"), str(FOLDER / "cache")
    extension = install()
    finder: Any = sys.modules[f"{MODULE}.relievo._runtime"]
    without_torch = SimpleNamespace(find_spec=lambda name: None)  # the tests' own environment has one
    finder.importlib = SimpleNamespace(util=without_torch, machinery=finder.importlib.machinery)
    extension.runtime.look_again()
    os.environ.pop("RELIEVO_RUNTIME_DIR", None)
    facts = {}
    for name, words in json.loads((FOLDER / "runs.json").read_text()).items():
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), native_errors() as told:
            status = extension.commands.run(words)
        facts[name] = {"status": status, "output": output.getvalue(), "errors": errors.getvalue() + told[0]}
    return facts


@contextlib.contextmanager
def native_errors() -> Iterator[list[str]]:
    """Gathers what native code writes to standard error."""
    told = [""]
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield told
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            told[0] = file.read().decode(errors="replace")


def checking_devices() -> dict[str, Any]:
    """The button that checks devices. In the background there is no clipboard: the report is taken on its way."""
    extension = install()
    reports: list[str] = []
    extension.gpu_check.work._ended = lambda: reports.append(extension.gpu_check._report)
    facts: dict[str, Any] = {"ended": sorted(bpy.ops.relievo.check_devices())}
    return {**facts, "answer": extension.gpu_check.work.answer, "checks": reports[0].count(" at most ")}


def measuring_devices() -> dict[str, Any]:
    """The button that measures devices: its answer, and what plans say of costs before and after."""
    os.environ["XDG_CACHE_HOME"] = str(FOLDER / "cache")  # where nothing was measured
    extension = install()
    engine = extension.runtime.engine()
    settings = {"model": "preview"}
    before = " ".join(engine.plan(1, **settings).sentences)
    ended = sorted(bpy.ops.relievo.measure_devices())
    after = " ".join(engine.plan(1, **settings).sentences)
    return {"ended": ended, "answer": extension.measuring.work.answer, "before": before, "after": after}


def command_alone() -> dict[str, Any]:
    """The command as Blender's own process runs it; ends with its exit status."""
    extension = install()
    words = sys.argv[3:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # which a shell in the background has ignored
    if words[0] == "interrupted":
        words = words[1:]
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    elif words[0].startswith("interrupted_by_"):  # while the first result is written
        number = getattr(signal, words[0].removeprefix("interrupted_by_"))
        words = words[1:]
        out = Path(words[words.index("-o") + 1])

        def interrupt() -> None:
            wait_for(lambda: any(out.glob("*.glb")))
            os.kill(os.getpid(), number)

        threading.Thread(target=interrupt, daemon=True).start()
    sys.exit(extension.commands.run(words))


def ahead() -> dict[str, Any]:
    """Counts the pictures that the engine has been given whenever one is saved, of seven, where two compute at once."""
    extension = install()
    runtime, commands = extension.runtime, extension.commands
    runtime.options = {**runtime.options, "devices": "cpu*2"}
    engine = runtime.engine()
    given: list[str] = []
    counts: list[int] = []

    class Counting:
        workers = engine.workers

        def submit(self, picture: str, **words: Any) -> Any:
            given.append(picture)
            return engine.submit(picture, **words)

    save = commands._save

    def saved(*words: Any) -> Any:
        counts.append(len(given))
        return save(*words)

    runtime.engine, commands._save = Counting, saved
    pictures = [str(QUARTERS)] * 7
    with contextlib.redirect_stdout(io.StringIO()):
        quick_words = ["--grid", "16", "--texture-size", "64", "--no-sheet", "--format", "ply"]
        status = commands.run(["generate", *pictures, "-o", str(FOLDER / "out"), *quick_words])
    return {"workers": len(engine.workers), "status": status, "counts": counts}
