"""The first start: LibTorch and models are got, and whatever stands in their way is told."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
from inside import (
    FOLDER,
    MODULE,
    PICTURE,
    QUARTERS,
    Layout,
    answer,
    drawn,
    drawn_setup,
    install,
    mask_pixels,
    names,
    quick,
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


def setup() -> dict[str, Any]:
    """The first start: no LibTorch anywhere, then installed from the wheels of FOLDER/wheels.json."""
    find_spec = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
    extension = install()
    setup_panel, setup_runtime, runtime = extension.setup_panel, extension.setup_runtime, extension.runtime
    facts: dict[str, Any] = {"panel": drawn(), "online": bpy.app.online_access}

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


def asked_before(model: str) -> list[str]:
    """The texts of the dialog before a model is fetched."""
    operator = importlib.import_module(f"{MODULE}.operators.models").RELIEVO_OT_fetch_model
    texts: list[str] = []
    dialog = SimpleNamespace(model=model, layout=Layout(texts), bl_rna=bpy.ops.relievo.fetch_model.get_rna_type())
    dialog.unaccepted = lambda: operator.unaccepted(dialog)
    operator.draw(dialog, bpy.context)
    return texts


def models() -> dict[str, Any]:
    """Models of FOLDER/catalogue.json, fetched, removed and imported by the operators."""
    os.environ["RELIEVO_CATALOGUE"] = str(FOLDER / "catalogue.json")
    os.environ["RELIEVO_MODELS"] = str(FOLDER / "models")
    extension = install()
    settings = bpy.context.scene.relievo
    properties = importlib.import_module(f"{MODULE}.properties")

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
    facts["unaccepted"] = answer(bpy.ops.relievo.fetch_model, model="views")
    facts["asked"] = " ".join(asked_before("views"))
    facts["not_there"] = answer(bpy.ops.relievo.fetch_model, model="views", accept_licence=True)
    facts["all"] = drawn_setup()
    bpy.ops.relievo.remove_model(model="shape")
    facts["removed"] = choices()
    bpy.ops.relievo.import_model(model="shape", filepath=str(FOLDER / "server" / "shape" / "shape.ckpt"))
    facts["imported"] = choices()
    return facts
