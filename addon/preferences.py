"""What belongs to the person and the machine, not to a file."""

from pathlib import Path

import bpy
from bpy.props import FloatProperty, IntProperty, StringProperty

from . import backend, setup_panel


def _apply(preferences: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    apply()


class RELIEVO_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    runtime_folder: StringProperty(
        name="Runtime Folder",
        description="A folder that holds LibTorch; empty: the one that the set-up installs",
        subtype="DIR_PATH",
        update=_apply,
    )
    idle_minutes: FloatProperty(
        name="Unload When Idle",
        description="Minutes without a job after which the memory of the models is given back; 0 keeps them",
        default=10.0,
        min=0.0,
        soft_max=120.0,
        update=_apply,
    )
    threads: IntProperty(
        name="CPU Threads",
        description="Threads of the processor that Relievo uses; 0 uses all. A change works after a restart",
        default=0,
        min=0,
        max=1024,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        setup_panel.draw(layout.box(), 600)
        layout.prop(self, "runtime_folder")
        layout.prop(self, "idle_minutes")
        layout.prop(self, "threads")


def preferences() -> "RELIEVO_AP_preferences":
    return bpy.context.preferences.addons[__package__].preferences


def apply() -> None:
    """Hands on what others must know."""
    chosen = preferences()
    folder = str(Path(bpy.path.abspath(chosen.runtime_folder))) if chosen.runtime_folder else ""
    if folder != backend.runtime_folder:
        backend.runtime_folder = folder
        backend.forget_runtime()
    backend.options = {"threads": chosen.threads, "idle_seconds": 60 * chosen.idle_minutes}
    if (engine := backend.loaded_engine()) is not None:
        engine.set_idle_seconds(60 * chosen.idle_minutes)
