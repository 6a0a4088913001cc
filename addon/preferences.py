"""What belongs to the person and the machine, not to a file."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import downloads, models, setup_panel
from .runtime import runtime

EXTENSION = __package__
STRATEGIES = (
    ("auto", "Automatic", "Whatever is quickest for the pictures that wait"),
    ("single", "Single", "Everything on one device"),
    ("data", "A Picture Each", "Each device makes pictures of its own"),
    ("stage", "A Stage Each", "Each device does some of the stages, for one picture after the other"),
    ("guidance", "Guidance", "The two halves of each diffusion step on two devices"),
    ("split", "Split", "The layers of a model on several devices"),
    ("offload", "Offload", "Models wait in the computer's memory until it is their turn"),
)
POLICIES = (
    ("fastest", "Fastest", "Use all the memory that helps"),
    ("balanced", "Balanced", "Leave some memory to Blender"),
    ("memory", "Little Memory", "Use as little memory as can be; takes longer"),
)


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
    models_folder: StringProperty(
        name="Models Folder",
        description="Where models are kept; empty: the folder that the program relievo has, too",
        subtype="DIR_PATH",
        update=_apply,
    )
    mirrors: StringProperty(
        name="Mirrors",
        description="Addresses or folders, separated by blanks, that are asked for models before the published ones",
        update=_apply,
    )
    certificates: StringProperty(
        name="Certificates",
        description="A file of certificates (PEM) that downloads trust, too, as a company's proxy needs it",
        subtype="FILE_PATH",
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
        description="Threads of the processor that Relievo uses; 0 uses all",
        default=0,
        min=0,
        max=1024,
        update=_apply,
    )
    strategy: EnumProperty(
        name="Strategy", description="How the work is shared among the devices", items=STRATEGIES, update=_apply
    )
    policy: EnumProperty(name="Policy", description="What the plan aims at", items=POLICIES, update=_apply)
    lossy: BoolProperty(
        name="Allow Lossy",
        description="Where memory runs out, compute less exactly or on smaller views rather than fail; the plan tells",
        default=True,
        update=_apply,
    )
    devices: StringProperty(
        name="Devices",
        description="What computes, as on the command line: cuda:0,cuda:1 or with shares cpu*2@3GiB. "
        "Empty: every GPU, or without one the CPU",
        update=_apply,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        setup_panel.draw_all(layout, 600)
        column = layout.column()
        column.prop(self, "runtime_folder")
        column.prop(self, "models_folder")
        column.prop(self, "mirrors")
        column.prop(self, "certificates")
        column.prop(self, "idle_minutes")
        column.prop(self, "threads")
        column.prop(self, "devices")


def preferences() -> "RELIEVO_AP_preferences":
    chosen: RELIEVO_AP_preferences = bpy.context.preferences.addons[EXTENSION].preferences
    return chosen


def _parts() -> list[str]:
    """Of the devices that are used, cpu*2@3GiB for instance."""
    if chosen := preferences().devices:
        return [part.strip() for part in chosen.split(",") if part.strip()]
    usable = [device.slot for device in runtime.devices() if not device.note]
    return [slot for slot in usable if slot != "cpu"] or usable


def _slot_of(part: str) -> str:
    return part.partition("@")[0].partition("*")[0]


def is_on(slot: str) -> bool:
    return slot in map(_slot_of, _parts())


def switch(slot: str) -> None:
    """On or off. The last one stays on."""
    parts = [part for part in _parts() if _slot_of(part) != slot]
    if not is_on(slot):
        parts.append(slot)
    if parts:
        preferences().devices = ",".join(parts)


def _absolute(path: str) -> str:
    return str(Path(bpy.path.abspath(path))) if path else ""


def apply() -> None:
    """Hands on what others must know."""
    chosen = preferences()
    runtime.folder = _absolute(chosen.runtime_folder)
    downloads.settings.mirrors = chosen.mirrors.split()
    downloads.settings.certificates = _absolute(chosen.certificates)
    models.use_folder(_absolute(chosen.models_folder))
    runtime.options = {
        "threads": chosen.threads,
        "idle_seconds": 60 * chosen.idle_minutes,
        "devices": chosen.devices,
        "strategy": chosen.strategy,
        "policy": chosen.policy,
        "lossy": chosen.lossy,
    }
    if (engine := runtime.loaded_engine) is not None:
        engine.set_idle_seconds(60 * chosen.idle_minutes)
