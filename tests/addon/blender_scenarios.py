"""What the tests of the extension do inside Blender, each in a process and a profile of its own.

    python blender_scenarios.py SCENARIO FOLDER [WORD...]

The profile is FOLDER/profile. A scenario installs the extension, does its work and leaves what it saw in
FOLDER/facts.json, for the tests to judge.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import io
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import scenarios
from inside import (
    FOLDER,
    MODULE,
    PICTURE,
    QUARTERS,
    bpy,
    drawn,
    drawn_setup,
    install,
    mask_pixels,
    names,
    quick,
    wait_for,
)


def loading() -> dict[str, Any]:
    """The first click where there is a window: LibTorch is loaded on a thread, and the jobs wait for it."""
    extension = install()
    jobs, runtime = extension.jobs, extension.runtime
    extension.pending_job.is_patient = False
    properties = importlib.import_module(f"{MODULE}.properties")
    quick()
    bpy.context.scene.relievo.picture = str(QUARTERS)
    words = properties.engine_settings(bpy.context.scene.relievo)
    facts: dict[str, Any] = {"missing_before": runtime.missing}
    for name in "abc":
        jobs.start(bpy.context, extension.pictures.Source(QUARTERS, str(QUARTERS), name), words)
    facts["engine_at_the_click"] = runtime.loaded_engine is not None
    facts["panel"] = drawn()
    extension.mask_preview.show(extension.pictures.from_file(QUARTERS), words)
    jobs.tasks()[1].job.cancel()
    jobs.start(bpy.context, QUARTERS, {"grid": 3})
    facts["shown"] = extension.mask_preview.is_shown()
    failure = jobs.finish()
    facts["made"] = names(bpy.data.objects)
    facts["failure"] = [failure.code, failure.message]
    facts["mask"] = mask_pixels()
    return facts


def setup() -> dict[str, Any]:
    """The first start: no LibTorch anywhere, then installed from the wheels of FOLDER/wheels.json."""
    find_spec = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
    extension = install()
    setup_panel, setup_runtime, runtime = extension.setup_panel, extension.setup_runtime, extension.runtime
    facts: dict[str, Any] = {"panel": drawn(), "online": bpy.app.online_access}

    def answer(operator: Any, **words: Any) -> str:
        try:
            return str(list(operator(**words)))
        except RuntimeError as error:
            return str(error)

    facts["offline"] = answer(bpy.ops.relievo.setup_online)
    facts["generate"] = answer(bpy.ops.relievo.generate, filepath=str(PICTURE))
    facts["mend"] = [extension.jobs.last_failure().remedy, drawn()]
    facts["bad_zip"] = answer(bpy.ops.relievo.setup_zip, filepath=str(PICTURE))
    facts["bad_folder"] = answer(bpy.ops.relievo.setup_folder, directory=str(FOLDER / "profile"))

    bpy.context.preferences.system.use_online_access = True
    facts["online_now"] = bpy.app.online_access
    wheels = json.loads((FOLDER / "wheels.json").read_text())
    real = setup_panel.RUNTIMES["cpu"]
    setup_panel.RUNTIMES["cpu"] = setup_runtime.Runtime(
        "cpu", real.title, real.description, real.libraries, tuple(setup_runtime.Wheel(**wheel) for wheel in wheels)
    )
    setup_panel.start(setup_runtime.install_online(setup_panel.RUNTIMES["cpu"], setup_panel.folder()))
    setup_panel.installation().wait(0.05)
    facts["installing"] = drawn()
    bpy.ops.relievo.setup_cancel()
    setup_panel.finish()
    facts["cancelled"] = [setup_panel.failure(), runtime.missing is not None]
    facts["install"] = answer(bpy.ops.relievo.setup_online)
    facts["libraries"] = sorted(file.name for file in setup_panel.folder().iterdir())
    facts["left"] = sorted(file.name for file in setup_panel.folder().parent.iterdir())
    facts["missing"] = runtime.missing
    quick()
    facts["generated"] = answer(bpy.ops.relievo.generate, filepath=str(PICTURE))
    maps = Path("/proc/self/maps").read_text()
    facts["loaded_from_there"] = str(setup_panel.folder() / "libtorch_cpu.so") in maps

    facts["preferences"] = drawn_setup()
    real = setup_panel.RUNTIMES["cuda"]
    wheels = json.loads((FOLDER / "cuda_wheels.json").read_text())
    setup_panel.RUNTIMES["cuda"] = setup_runtime.Runtime(
        "cuda", real.title, real.description, real.libraries, tuple(setup_runtime.Wheel(**wheel) for wheel in wheels)
    )
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.runtime_folder = str(setup_panel.folder())
    facts["other_runtime"] = [answer(bpy.ops.relievo.setup_online, runtime="cuda"), preferences.runtime_folder]
    facts["other_libraries"] = sorted(file.name for file in setup_panel.folder().iterdir())
    facts["preferences_then"] = drawn_setup()
    facts["remove"] = [answer(bpy.ops.relievo.remove_runtime), setup_panel.folder().exists()]
    facts["preferences_at_last"] = drawn_setup()
    (FOLDER / "own" / "lib").mkdir(parents=True)
    (FOLDER / "own" / "lib" / "libtorch_cpu.so").touch()
    facts["folder"] = [answer(bpy.ops.relievo.setup_folder, directory=str(FOLDER / "own")), preferences.runtime_folder]
    facts["allow_online"] = [answer(bpy.ops.relievo.allow_online), bpy.context.preferences.active_section]
    return facts


def clash() -> dict[str, Any]:
    """First a LibTorch that cannot be loaded, then one that another add-on has loaded."""
    extension = install()
    jobs, setup_panel = extension.jobs, extension.setup_panel

    def failing() -> dict[str, Any]:
        try:
            bpy.ops.relievo.generate(filepath=str(PICTURE))
        except RuntimeError as error:
            message = str(error)
        facts = {"message": message, "mend": jobs.last_failure().remedy, "panel": drawn()}
        return {
            **facts,
            "open_setup": str(list(bpy.ops.relievo.open_setup())),
            "setup": drawn_setup(),
        }

    broken = FOLDER / "broken"
    broken.mkdir()
    for name in setup_panel.RUNTIMES["cpu"].libraries:
        (broken / name).write_text("no library")
    os.environ["RELIEVO_RUNTIME_DIR"] = str(broken)
    facts: dict[str, Any] = {"broken": failing()}
    del os.environ["RELIEVO_RUNTIME_DIR"]
    extension.runtime.look_again()

    other = FOLDER / "other add-on" / "libtorch_cpu.so"
    other.parent.mkdir()
    subprocess.run(["cc", "-shared", "-o", str(other), "-x", "c", "/dev/null"], check=True)
    ctypes.CDLL(str(other))
    facts["other"] = failing()
    facts["other_folder"] = str(other.parent)
    facts["open_addons"] = [list(bpy.ops.relievo.open_addons()), bpy.context.preferences.active_section]
    return facts


def models() -> dict[str, Any]:
    """Models of FOLDER/catalogue.json, fetched, removed and imported by the operators."""
    os.environ["RELIEVO_CATALOGUE"] = str(FOLDER / "catalogue.json")
    os.environ["RELIEVO_MODELS"] = str(FOLDER / "models")
    extension = install()
    settings = bpy.context.scene.relievo
    properties = importlib.import_module(f"{MODULE}.properties")

    def answer(operator: Any, **words: Any) -> str:
        try:
            return str(list(operator(**words)))
        except RuntimeError as error:
            return str(error)

    def choices() -> list[list[str]]:
        return [[item[0], item[3]] for item in properties._model_items(settings, bpy.context)]

    facts: dict[str, Any] = {"choices": choices(), "default": settings.model}
    settings.model = "shape"
    facts["needed"] = drawn()
    settings.views = str(FOLDER)
    facts["needed_with_own_views"] = [text for text in drawn() if text in ("Shape", "Views")]
    settings.views = ""
    answer(bpy.ops.relievo.generate, filepath=str(PICTURE))
    facts["mend"] = extension.jobs.last_failure().remedy
    facts["offline"] = answer(bpy.ops.relievo.fetch_model, model="shape")
    asked = [bool(extension.models._asked)]
    bpy.context.preferences.system.use_online_access = True
    drawn()
    asked.append(bool(extension.models._asked))
    extension.models.is_asking(30)
    facts["sizes"] = [asked, drawn()]
    facts["fetched"] = answer(bpy.ops.relievo.fetch_model, model="shape")
    facts["choices_then"] = choices()
    facts["not_there"] = answer(bpy.ops.relievo.fetch_model, model="views")
    facts["all"] = drawn_setup()
    bpy.ops.relievo.remove_model(model="shape")
    facts["removed"] = choices()
    bpy.ops.relievo.import_model(model="shape", filepath=str(FOLDER / "server" / "shape" / "shape.ckpt"))
    facts["imported"] = choices()
    return facts


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


def paste() -> dict[str, Any]:
    """The button where nothing gives a picture, where xclip does, where Blender does, and with a path as text."""
    extension = install()
    clipboard, operators = extension.clipboard, extension.operators.picture
    settings = bpy.context.scene.relievo
    facts: dict[str, Any] = {"can": bpy.ops.relievo.paste.poll(), "temporary": str(FOLDER / "tmp")}
    (FOLDER / "tmp").mkdir()
    clipboard.tempfile.tempdir = str(FOLDER / "tmp")
    try:
        bpy.ops.relievo.paste()
    except RuntimeError as error:
        facts["nothing"] = str(error)

    xclip = Path(os.environ["PATH"]) / "xclip"
    xclip.write_text(f'#!/bin/sh\nexec /bin/cat "{QUARTERS}"\n')
    xclip.chmod(0o755)
    quick()
    bpy.ops.relievo.paste()
    facts["by_program"] = [settings.source, settings.image.name, settings.image.packed_file is not None]
    bpy.ops.relievo.generate()
    (thing,) = bpy.data.objects
    facts["generated"] = [thing.name, thing["relievo_picture"]]

    by_blender = operators._paste_by_blender
    operators._paste_by_blender = lambda context: bpy.data.images.new("Pasted", 4, 4)
    bpy.ops.relievo.paste()
    facts["by_blender"] = [settings.source, settings.image.name]
    operators._paste_by_blender = by_blender

    file_in = clipboard.file_in
    clipboard.file_in = lambda text, endings: file_in(f"file://{PICTURE}", endings)  # Blender's is empty here
    bpy.ops.relievo.paste()
    facts["by_path"] = [settings.source, settings.picture]
    return facts


def ahead() -> dict[str, Any]:
    """How many pictures the engine has been given whenever one is saved, of seven, where two compute at once."""
    extension = install()
    runtime, commands = extension.runtime, extension.commands
    runtime.options = {**runtime.options, "devices": "cpu*2"}
    engine = runtime.engine()
    given: list[str] = []
    counts: list[int] = []

    class Counting:
        slots = engine.slots

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
    return {"slots": len(engine.slots), "status": status, "counts": counts}


def without_runtime() -> dict[str, Any]:
    """No LibTorch: the extension is there and says so."""
    os.environ["RELIEVO_RUNTIME_DIR"] = str(FOLDER)
    extension = install()
    try:
        bpy.ops.relievo.generate(filepath=str(PICTURE))
    except RuntimeError as error:
        message = str(error)
    failure = extension.jobs.last_failure()
    status = extension.commands.run(["generate", str(PICTURE), "-o", str(FOLDER / "out")])
    return {"message": message, "code": failure.code, "status": status}


def status_of_process(word: str) -> int:
    """A number of /proc/self/status: VmRSS in KiB, Threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(word)).split()[1])


def soak() -> dict[str, Any]:
    """A hundred generations of a real picture with the mask's network, each object removed again."""
    import addon_utils

    extension = install()
    bpy.context.preferences.edit.undo_steps = 2
    memory: list[float] = []
    threads: list[int] = []
    threads_before = status_of_process("Threads")
    for _ in range(int(os.environ.get("RELIEVO_SOAK", "100"))):
        bpy.context.scene.relievo.grid = 64
        bpy.context.scene.relievo.texture_size = 512
        bpy.ops.relievo.generate(filepath=str(PICTURE.with_name("chicken.jpg")))
        bpy.data.batch_remove(bpy.data.objects[:])
        bpy.ops.outliner.orphans_purge(do_recursive=True)
        memory.append(round(status_of_process("VmRSS") / 1024, 1))
        threads.append(status_of_process("Threads"))
    bpy.ops.relievo.unload()
    wait_for(lambda: not extension.runtime.engine().loaded)
    unloaded = status_of_process("VmRSS") / 1024
    addon_utils.disable(MODULE)
    return {
        "memory_mib": memory,
        "threads_before": threads_before,
        "threads": threads,
        "unloaded_mib": unloaded,
        "threads_when_disabled": status_of_process("Threads"),
    }


def scenario(name: str) -> Callable[[], dict[str, Any]]:
    """Of this file or of a module in scenarios/."""
    modules = (importlib.import_module(f"scenarios.{each.name}") for each in pkgutil.iter_modules(scenarios.__path__))
    homes: list[Any] = [sys.modules["__main__"], *modules]
    found: Callable[[], dict[str, Any]] = next(getattr(home, name) for home in homes if hasattr(home, name))
    return found


if __name__ == "__main__":
    seen = scenario(sys.argv[1])()
    (FOLDER / "facts.json").write_text(json.dumps(seen))
    if sys.argv[1] == "reload_scripts":
        os._exit(0)  # a thread of bpy's own (delayed_close_thread_run) waits for ever after scripts were reloaded
