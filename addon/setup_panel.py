"""The first start: shows what is missing and its size, and installs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from . import labels, lines, machine, messages, models, pending, seen, setup_runtime
from .downloads import Installation, SetupError
from .failure import Failure
from .runtime import runtime

RUNTIMES = setup_runtime.runtimes()
# Pixels, from which on a row has room for more words.
WIDE = 500
TITLES = {"cpu": "for Any Computer", "cuda": "for NVIDIA GPU"}

_installation: Installation | None = None
_failure: Failure | None = None
# Whether it is a runtime that is being installed.
_is_runtime = False
_needs_restart = False  # LibTorch was changed after it was loaded


def folder() -> Path:
    """Returns the folder in which the package relievo looks for what was installed here."""
    return Path(bpy.utils.extension_path_user(__package__, path="runtime"))


def installation() -> Installation | None:
    return _installation


def failure() -> Failure | None:
    return _failure


def start(installation: Installation, is_runtime: bool = False) -> None:
    """Shows and watches an installation. A runtime takes effect when Blender is started again, where one is loaded
    already."""
    global _installation, _failure, _is_runtime
    _installation, _failure, _is_runtime = installation, None, is_runtime
    pending.watch(_Installing(installation))


class _Installing:
    """An installation, as the timer looks at it."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def cancel(self) -> None:
        self._installation.cancel()

    def look(self, turn: pending.Turn) -> bool:
        if not self._installation.is_over:
            return False
        _ended(self._installation.failure)
        return True


def _ended(why: Failure | None) -> None:
    global _installation, _failure
    _installation = None
    if why is None and _is_runtime:
        machine.choose(runtime_folder="")  # it would take precedence over the new one
        runtime_changed()
    elif why is not None and why.code != "cancelled":
        _failure = messages.in_blender(why)
    runtime.look_again()
    seen.look()


def refuse_offline() -> None:
    """Raises SetupError where Blender may not go online."""
    if not bpy.app.online_access:
        is_fixed = bpy.app.online_access_override
        allow = "Start Blender without --offline-mode" if is_fixed else "Allow online access in the preferences"
        raise SetupError("Blender may not go online.", f"{allow}, or install from a folder or a zip.")


def fail(error: Exception) -> Failure:
    global _failure
    _failure = messages.in_blender(Failure.of(error))
    return _failure


def runtime_changed() -> None:
    global _needs_restart
    _needs_restart = runtime.is_loaded
    runtime.forget()
    seen.look()


def finish() -> Failure | None:
    """Waits for the installation; for use where no timer fires."""
    if _installation is not None:
        _installation.wait()
        pending.poll()
    return _failure


def drop() -> None:
    """Stops what runs and waits for it to end: for a chunk of a file at most, or the time-out of a connection."""
    global _installation, _failure
    if _installation is not None:
        _installation.cancel()
        _installation.wait(5)
    _installation = _failure = None


def is_runtime_on_its_way() -> bool:
    return _installation is not None and _is_runtime


def is_needed() -> bool:
    """Returns whether something is being installed, or LibTorch is missing."""
    return _installation is not None or seen.missing() is not None


def draw(layout: bpy.types.UILayout, width: int) -> None:
    """Draws whether LibTorch is there, and how to get it."""
    column = layout.column()
    if _installation is not None:
        draw_progress(column)
        return
    installed, is_missing = seen.installed_runtime(), seen.missing() is not None
    if is_missing:
        column.label(text="One-Time Setup", icon="IMPORT")
        text = "Relievo needs its compute engine (LibTorch), once. The model Quick Relief then works at once."
        lines.draw(column, text, width)
    elif (failed := runtime.failure) is not None:
        column.label(text="The compute engine cannot be started", icon="ERROR")
        draw_failure(column, messages.in_blender(failed), width)
    else:
        row = column.row(align=True)
        kind = TITLES[installed] if installed else "ready"
        row.label(text=f"Compute engine: {kind}", icon="CHECKMARK")
        if installed:
            row.operator("relievo.remove_runtime", icon="TRASH")
    if _needs_restart:
        text = "The compute engine was changed: restart Blender; until then the old one is used."
        lines.draw(column, text, width, "INFO")
    if is_missing:
        draw_online(column, width)
    for offered in (each for each in RUNTIMES.values() if each.wheels and each.name != installed):
        row = column.row()
        row.enabled = bpy.app.online_access
        text = f"Install {TITLES[offered.name]} ({labels.size(offered.bytes)})"
        row.operator("relievo.setup_online", text=text, icon="IMPORT").runtime = offered.name
    others = column.row(align=True) if width >= WIDE else column
    others.operator("relievo.setup_zip", icon="PACKAGE")
    others.operator("relievo.setup_folder", icon="FILE_FOLDER")
    if is_missing and _failure is not None:
        draw_failure(column, _failure, width)


def draw_all(layout: bpy.types.UILayout, width: int) -> None:
    """Draws everything that can be installed, for the preferences."""
    draw(layout.box(), width)
    box = layout.box()
    box.label(text="Models", icon="MESH_MONKEY")
    if seen.missing() is None and not all(map(seen.is_installed, models.catalogue())):
        draw_online(box, width)
    draw_models(box, models.catalogue(), width)
    if _installation is None and seen.missing() is None and _failure is not None:
        draw_failure(box, _failure, width)


def draw_missing(layout: bpy.types.UILayout, name: str, missing: Sequence[models.Model], width: int) -> None:
    """Draws how to get what is missing for the model of this name."""
    layout.label(text="Not on this computer yet:", icon="INFO")
    if seen.missing() is None:  # else the set-up, which stands above, has said it
        draw_online(layout, width)
    draw_sets(layout, name, width)
    draw_models(layout, missing, width)


def draw_sets(layout: bpy.types.UILayout, name: str, width: int) -> None:
    """Draws the sets that work together with the model of this name: one click for each."""
    for together, told in seen.sets_with(name):
        if all(seen.is_installed(model) for model in together.models):
            continue
        column = layout.column(align=True)
        lines.draw(column, told, width)
        row = column.row()
        row.enabled = bpy.app.online_access and _installation is None
        names = " ".join(model.name for model in together.models)
        row.operator("relievo.fetch_model", text="Download All of It", icon="IMPORT").model = names


def draw_models(layout: bpy.types.UILayout, wanted: Sequence[models.Model], width: int) -> None:
    """Draws a row a model: whether it is there, its size, and how to get or remove it."""
    for model in wanted:
        row = layout.split(factor=0.3) if width >= WIDE else layout.column(align=True)
        row.enabled = _installation is None  # only one thing is fetched at a time
        row.label(text=model.label, icon="CHECKMARK" if seen.is_installed(model) else "BLANK1")
        if width >= WIDE:
            row = row.split(factor=0.4)
            row.label(text=labels.needed_for(model.stages, model.embedded))
        buttons = row.row(align=True)
        if model.embedded:
            buttons.label(text="Comes with Relievo")
        elif seen.is_installed(model):
            buttons.label(text="Installed")
            check = buttons.row(align=True)
            check.enabled = bpy.app.online_access
            check.operator("relievo.fetch_model", text="", icon="FILE_REFRESH").model = model.name
            buttons.operator("relievo.remove_model", text="", icon="TRASH").model = model.name
        else:
            fetch = buttons.row(align=True)
            fetch.enabled = bpy.app.online_access
            known = seen.size(model)
            text = "Download" if known is None else f"Download ({labels.size(known)})"
            fetch.operator("relievo.fetch_model", text=text, icon="IMPORT").model = model.name
            buttons.operator("relievo.import_model", text="", icon="FILE_FOLDER").model = model.name
            lines.draw(layout, model.terms, width)


def draw_progress(layout: bpy.types.UILayout) -> None:
    assert _installation is not None
    done, total = _installation.done, _installation.total
    told = f": {labels.size(done)} of {labels.size(total)}" if total else f": {labels.size(done)}" if done else ""
    row = layout.row(align=True)
    row.progress(factor=_installation.fraction, type="BAR", text=_installation.doing + told)
    row.operator("relievo.setup_cancel", text="", icon="X")


def draw_online(layout: bpy.types.UILayout, width: int) -> None:
    if bpy.app.online_access:
        return
    if bpy.app.online_access_override:  # which takes precedence over the preferences
        text = "Blender was started offline (--offline-mode): start it without, or install from a folder or a zip."
        lines.draw(layout, text, width)
    else:
        lines.draw(layout, "Blender may not go online: allow it, or install from a folder or a zip.", width)
        layout.operator("relievo.allow_online", icon="INTERNET")


def draw_failure(layout: bpy.types.UILayout, failure: Failure, width: int) -> bpy.types.UILayout:
    """Draws a failure; returns the box, for the buttons that mend it."""
    box = layout.box().column(align=True)
    lines.draw(box, failure.message, width, "ERROR")
    lines.draw(box, failure.hint, width)
    return box
