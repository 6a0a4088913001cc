"""Enabling and disabling: without preferences, with a part that fails, over a version that is loaded."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import addon_utils
import bpy
from inside import BUILD, FOLDER, MODULE, QUARTERS, answer, install, module, names, quick


def _registered() -> list[str]:
    return [name for name in dir(bpy.types) if name.upper().startswith("RELIEVO")] + [
        handler.__name__
        for handlers in (bpy.app.handlers.load_post, bpy.app.handlers.save_pre)
        for handler in handlers
        if MODULE in handler.__module__
    ]


def without_preferences() -> dict[str, Any]:
    """Enables it as render farms do, where Blender stores no preferences."""
    install()
    bpy.ops.preferences.addon_disable(module=MODULE)
    facts: dict[str, Any] = {"left": _registered()}
    facts["enabled"] = addon_utils.enable(MODULE, default_set=False) is not None
    facts["stored"] = MODULE in bpy.context.preferences.addons
    quick()
    facts["answer"] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    facts["switched"] = answer(bpy.ops.relievo.switch_device, device="cpu")
    addon_utils.disable(MODULE)
    facts["left_then"] = _registered()
    return facts


def failing_register() -> dict[str, Any]:
    """The last part of enabling fails: what came before is taken back, and the next time works."""
    extension = install()
    bpy.ops.preferences.addon_disable(module=MODULE)
    restore = extension.machine.restore

    def fail() -> None:
        raise RuntimeError("broken")

    extension.machine.restore = fail
    facts: dict[str, Any] = {}
    try:
        extension.register()
    except RuntimeError as error:
        facts["raised"] = str(error)
    facts["left"] = _registered()
    facts["timers"] = bpy.app.timers.is_registered(extension.history.look)
    extension.machine.restore = restore
    facts["enabled"] = addon_utils.enable(MODULE, default_set=True) is not None
    return facts


def settings_survive() -> dict[str, Any]:
    """Use Folder and the other settings of the machine, over disabling and in the next Blender."""
    extension = install()
    own = FOLDER / "own" / "lib"
    own.mkdir(parents=True)
    (own / "libtorch_cpu.so").touch()
    bpy.ops.relievo.setup_folder(directory=str(FOLDER / "own"))
    bpy.context.preferences.addons[MODULE].preferences.threads = 3
    bpy.ops.preferences.addon_disable(module=MODULE)
    bpy.ops.preferences.addon_enable(module=MODULE)
    shown = bpy.context.preferences.addons[MODULE].preferences
    facts: dict[str, Any] = {
        "folder": shown.runtime_folder,
        "threads": [shown.threads, extension.runtime.options["threads"]],
    }
    shown.runtime_folder = ""
    bpy.ops.preferences.addon_disable(module=MODULE)
    bpy.ops.preferences.addon_enable(module=MODULE)
    facts["cleared"] = bpy.context.preferences.addons[MODULE].preferences.runtime_folder
    return facts


def updated() -> dict[str, Any]:
    """Another version is installed over the one that is loaded: its Python meets the old native module."""
    install()
    quick()
    facts: dict[str, Any] = {"before": answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))}
    newer = FOLDER / "newer.zip"
    with zipfile.ZipFile(BUILD / "relievo-extension.zip") as old, zipfile.ZipFile(newer, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "blender_manifest.toml":
                version = json.loads(old.read("relievo/settings.json"))["version"]
                data = data.replace(f'"{version}"'.encode(), b'"9.0.0"')
            elif entry.filename == "relievo/settings.json":
                data = json.dumps({**json.loads(data), "version": "9.0.0"}).encode()
            new.writestr(entry.filename, data)
    bpy.ops.extensions.package_install_files(filepath=str(newer), repo="user_default", enable_on_install=True)
    quick()
    before = names(bpy.data.objects)
    facts["after"] = answer(bpy.ops.relievo.generate, filepath=str(QUARTERS))
    facts["objects"] = names(bpy.data.objects) == before
    return facts


def newer_version() -> dict[str, Any]:
    """The question at a click, to repositories in folders."""
    install()
    updates = module("updates")
    facts: dict[str, Any] = {"offline": answer(bpy.ops.relievo.check_update)}
    bpy.context.preferences.system.use_online_access = True
    facts["no_repository"] = updates.ask([])
    for name, entries in {
        "newer": [{"id": "relievo", "version": "9.0.0"}, {"id": "other", "version": "99.0.0"}],
        "same": [{"id": "relievo", "version": "0.0.1"}],
        "without": [{"id": "other", "version": "99.0.0"}],
    }.items():
        index = FOLDER / name / "index.json"
        index.parent.mkdir()
        index.write_text(json.dumps({"version": "v1", "data": entries}))
        facts[name] = updates.ask([index.as_uri()])
        facts[f"{name}_folder"] = updates.ask([index.parent.as_uri() + "/"])
    (FOLDER / "damaged.json").write_text("[" * 200_000)
    facts["damaged"] = updates.ask([Path(FOLDER / "damaged.json").as_uri()])
    repository = bpy.context.preferences.extensions.repos.new(name="Releases", module="releases")
    repository.use_remote_url = True
    repository.remote_url = (FOLDER / "newer" / "index.json").as_uri()
    facts["at_a_click"] = [answer(bpy.ops.relievo.check_update), updates.answer()]
    return facts


def options_of_operators() -> dict[str, Any]:
    """Returns each operator's options, and whether it asks before it does its work."""
    extension = install()
    base = module("operators.base")
    return {
        cls.bl_idname: {"options": sorted(getattr(cls, "bl_options", ())), "asks": issubclass(cls, base.Confirmed)}
        for cls in extension.operators.CLASSES
        if hasattr(cls, "bl_idname") and issubclass(cls, bpy.types.Operator)
    }
