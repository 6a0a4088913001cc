"""The first start: what is missing, what it weighs, and getting it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import bpy

from . import backend, models, setup_runtime
from .backend import Failure
from .downloads import Installation

RUNTIMES = setup_runtime.runtimes()
INTERVAL = 0.1
WIDE = 500  # pixels, from which on a row has room for more words
STAGES = {"foreground": "Mask", "multiview": "Views", "reconstruct": "Shape and color"}

_installation: Installation | None = None
_failure: Failure | None = None
_is_runtime = False  # what is being installed
_needs_restart = False  # LibTorch was changed after it was loaded


def folder() -> Path:
    """Where the package relievo looks for what was installed here."""
    return Path(bpy.utils.extension_path_user(__package__, path="runtime"))


def installation() -> Installation | None:
    return _installation


def failure() -> Failure | None:
    return _failure


def installed_runtime() -> str:
    """The name of the runtime that the set-up has put into its folder; empty where there is none."""
    if not (folder() / setup_runtime.TORCH).exists():
        return ""
    return "cuda" if (folder() / setup_runtime.TORCH_CUDA).exists() else "cpu"


def start(installation: Installation, is_runtime: bool = False) -> None:
    """Shows and watches it. A runtime takes effect when Blender is started again, where one is loaded already."""
    global _installation, _failure, _is_runtime
    _installation, _failure, _is_runtime = installation, None, is_runtime
    if not bpy.app.timers.is_registered(poll):
        bpy.app.timers.register(poll, first_interval=INTERVAL, persistent=True)


def fail(error: Exception) -> Failure:
    global _failure
    _failure = Failure.of(error)
    return _failure


def poll() -> float | None:
    global _installation, _failure
    _redraw()
    if _installation is None:
        return None
    if not _installation.is_over:
        return INTERVAL
    ended, _installation = _installation, None
    if ended.failure is not None and ended.failure.code != "cancelled":
        _failure = ended.failure
    if _is_runtime and ended.failure is None:
        bpy.context.preferences.addons[__package__].preferences.runtime_folder = ""  # which would go before it
        runtime_changed()
    backend.forget_runtime()
    return None


def runtime_changed() -> None:
    global _needs_restart
    _needs_restart = backend.is_torch_loaded()
    backend.forget_runtime()
    backend.forget_loading_failure()


def finish() -> Failure | None:
    """Waits for it; for where no timer fires."""
    if _installation is not None:
        _installation.wait()
        poll()
    return _failure


def drop() -> None:
    """Stops what runs and waits for it: a chunk of a file at most, or the time-out of a connection."""
    global _installation, _failure
    if _installation is not None:
        _installation.cancel()
        _installation.wait(5)
    _installation = _failure = None
    for timer in (poll, _await_sizes):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


def is_needed() -> bool:
    """Whether something is on the way, or LibTorch is missing."""
    return _installation is not None or backend.missing_runtime() is not None


def draw(layout: bpy.types.UILayout, width: int) -> None:
    """LibTorch: is it there, and how to get it."""
    column = layout.column()
    if _installation is not None:
        draw_progress(column)
        return
    installed, is_missing = installed_runtime(), backend.missing_runtime() is not None
    if is_missing:
        column.label(text="LibTorch is missing", icon="ERROR")
        draw_lines(column, "It does the computing and is fetched once. The model Preview then works at once.", width)
    elif (failed := backend.loading_failure()) is not None:
        column.label(text="LibTorch is there and cannot be loaded", icon="ERROR")
        draw_failure(column, failed, width)
    else:
        row = column.row(align=True)
        row.label(text=f"LibTorch is there{f': {RUNTIMES[installed].title}' if installed else ''}", icon="CHECKMARK")
        if installed:
            row.operator("relievo.remove_runtime", icon="TRASH")
    if _needs_restart:
        draw_lines(column, "LibTorch was changed: start Blender again, until then the old one is used.", width, "INFO")
    if is_missing:
        draw_online(column, width)
    for runtime in (runtime for runtime in RUNTIMES.values() if runtime.wheels and runtime.name != installed):
        row = column.row()
        row.enabled = bpy.app.online_access
        text = f"Install {runtime.title} ({size(runtime.bytes)})"
        row.operator("relievo.setup_online", text=text, icon="IMPORT").runtime = runtime.name
    row = column.row(align=True)
    row.operator("relievo.setup_zip", icon="PACKAGE")
    row.operator("relievo.setup_folder", icon="FILE_FOLDER")
    if is_missing and _failure is not None:
        draw_failure(column, _failure, width)


def draw_all(layout: bpy.types.UILayout, width: int) -> None:
    """Everything that can be installed, for the preferences."""
    draw(layout.box(), width)
    box = layout.box()
    box.label(text="Models", icon="MESH_MONKEY")
    draw_models(box, models.catalogue(), width)
    if _installation is None and backend.missing_runtime() is None and _failure is not None:
        draw_failure(box, _failure, width)


def draw_models(layout: bpy.types.UILayout, wanted: Sequence[models.Model], width: int) -> None:
    """A row a model: is it there, what it weighs, and how to get it or to be rid of it."""
    if any(not model.is_installed for model in wanted):
        draw_online(layout, width)
        if bpy.app.online_access:
            _ask_sizes(wanted)
    for model in wanted:
        row = layout.split(factor=0.3) if width >= WIDE else layout.column(align=True)
        row.enabled = _installation is None  # two at once are not fetched
        row.label(text=model.label, icon="CHECKMARK" if model.is_installed else "BLANK1")
        if width >= WIDE:
            row = row.split(factor=0.4)
            row.label(text=", ".join(STAGES.get(stage, stage) for stage in model.stages))
        buttons = row.row(align=True)
        if model.embedded:
            buttons.label(text="Comes with Relievo")
        elif model.is_installed:
            buttons.label(text="Installed")
            buttons.operator("relievo.remove_model", text="", icon="TRASH").model = model.name
        else:
            fetch = buttons.row(align=True)
            fetch.enabled = bpy.app.online_access
            known = "size unknown" if model.bytes is None else size(model.bytes)
            fetch.operator("relievo.fetch_model", text=f"Fetch ({known})", icon="IMPORT").model = model.name
            buttons.operator("relievo.import_model", text="", icon="FILE_FOLDER").model = model.name


def _ask_sizes(wanted: Sequence[models.Model]) -> None:
    models.ask_sizes(wanted)
    if models.is_asking() and not bpy.app.timers.is_registered(_await_sizes):
        bpy.app.timers.register(_await_sizes, first_interval=INTERVAL)


def _await_sizes() -> float | None:
    """Shows them when they have come."""
    if models.is_asking():
        return INTERVAL
    _redraw()
    return None


def draw_progress(layout: bpy.types.UILayout) -> None:
    assert _installation is not None
    done, total = _installation.done, _installation.total
    told = f": {size(done)} of {size(total)}" if total else f": {size(done)}" if done else ""
    row = layout.row(align=True)
    row.progress(factor=_installation.fraction, type="BAR", text=_installation.doing + told)
    row.operator("relievo.setup_cancel", text="", icon="X")


def draw_online(layout: bpy.types.UILayout, width: int) -> None:
    if not bpy.app.online_access:
        draw_lines(layout, "Blender may not go online: allow it, or install from a folder or a zip.", width)
        layout.operator("relievo.allow_online", icon="INTERNET")


def size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def draw_failure(layout: bpy.types.UILayout, failure: Failure, width: int) -> bpy.types.UILayout:
    """Returns the box, for what mends it."""
    box = layout.box().column(align=True)
    draw_lines(box, failure.message, width, "ERROR")
    draw_lines(box, failure.hint, width)
    return box


def draw_lines(layout: bpy.types.UILayout, text: str, width: int, icon: str = "BLANK1") -> None:
    # Labels do not wrap by themselves; a letter takes about 7 pixels, the box's border and icon 50.
    scale = bpy.context.preferences.system.ui_scale or 1.0  # 0 where Blender has no window
    letters = max(20, int((width / scale - 50) / 7))
    column = layout.column(align=True)
    for i, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=icon if i == 0 else "BLANK1")


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
