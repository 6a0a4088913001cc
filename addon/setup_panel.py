"""The first start: what is missing, what it weighs, and getting it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import bpy

from . import machine, models, pending, setup_runtime
from .downloads import Installation, SetupError
from .failure import Failure
from .runtime import runtime

RUNTIMES = setup_runtime.runtimes()
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
        machine.choose(runtime_folder="")  # which would go before it
        runtime_changed()
    elif why is not None and why.code != "cancelled":
        _failure = why
    runtime.look_again()
    models.look_again()


def refuse_offline() -> None:
    """Raises SetupError where Blender may not go online."""
    if not bpy.app.online_access:
        raise SetupError(
            "Blender may not go online.", "Allow online access in the preferences, or install from a folder or a zip."
        )


def fail(error: Exception) -> Failure:
    global _failure
    _failure = Failure.of(error)
    return _failure


def runtime_changed() -> None:
    global _needs_restart
    _needs_restart = runtime.is_loaded
    runtime.forget()


def finish() -> Failure | None:
    """Waits for it; for where no timer fires."""
    if _installation is not None:
        _installation.wait()
        pending.poll()
    return _failure


def drop() -> None:
    """Stops what runs and waits for it: a chunk of a file at most, or the time-out of a connection."""
    global _installation, _failure
    if _installation is not None:
        _installation.cancel()
        _installation.wait(5)
    _installation = _failure = None


def is_needed() -> bool:
    """Whether something is on the way, or LibTorch is missing."""
    return _installation is not None or runtime.missing is not None


def draw(layout: bpy.types.UILayout, width: int) -> None:
    """LibTorch: is it there, and how to get it."""
    column = layout.column()
    if _installation is not None:
        draw_progress(column)
        return
    installed, is_missing = installed_runtime(), runtime.missing is not None
    if is_missing:
        column.label(text="LibTorch is missing", icon="ERROR")
        draw_lines(column, "It does the computing and is fetched once. The model Preview then works at once.", width)
    elif (failed := runtime.failure) is not None:
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
    for offered in (each for each in RUNTIMES.values() if each.wheels and each.name != installed):
        row = column.row()
        row.enabled = bpy.app.online_access
        text = f"Install {offered.title} ({size(offered.bytes)})"
        row.operator("relievo.setup_online", text=text, icon="IMPORT").runtime = offered.name
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
    if _installation is None and runtime.missing is None and _failure is not None:
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
            check = buttons.row(align=True)
            check.enabled = bpy.app.online_access
            check.operator("relievo.fetch_model", text="", icon="FILE_REFRESH").model = model.name
            buttons.operator("relievo.remove_model", text="", icon="TRASH").model = model.name
        else:
            fetch = buttons.row(align=True)
            fetch.enabled = bpy.app.online_access
            known = "size unknown" if model.bytes is None else size(model.bytes)
            fetch.operator("relievo.fetch_model", text=f"Fetch ({known})", icon="IMPORT").model = model.name
            buttons.operator("relievo.import_model", text="", icon="FILE_FOLDER").model = model.name


def _ask_sizes(wanted: Sequence[models.Model]) -> None:
    if models.ask_sizes(wanted):
        pending.watch(_Sizes())


class _Sizes:
    """Sizes that the servers are asked for: they are shown when they have come."""

    def cancel(self) -> None:
        """A thread that asks cannot be stopped, and ends by itself."""

    def look(self, turn: pending.Turn) -> bool:
        return not models.is_asking()


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
