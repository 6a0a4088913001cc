"""Preferences that belong to the person and the machine, not to a file."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import gpu_check, machine, measuring, setup_panel, updates
from .facts import VERSION
from .machine import Machine
from .paths import FILE, FOLDER
from .runtime import runtime

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


def _update(chosen: "RELIEVO_AP_preferences", context: bpy.types.Context) -> None:
    machine.changed_by_person()


class RELIEVO_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = machine.EXTENSION

    runtime_folder: StringProperty(
        name="LibTorch Folder",
        description="A folder that holds LibTorch; empty: the one that the setup installs",
        **FOLDER,
        update=_update,
    )
    models_folder: StringProperty(
        name="Models Folder",
        description="Where models are kept; empty: the folder that the program relievo has, too",
        **FOLDER,
        update=_update,
    )
    mirrors: StringProperty(
        name="Mirrors",
        description="Addresses or folders, separated by blanks, that are asked for models before the published ones",
        update=_update,
    )
    certificates: StringProperty(
        name="Certificates",
        description="A file of certificates (PEM) that downloads trust, too, as a company's proxy needs it",
        **FILE,
        update=_update,
    )
    idle_minutes: FloatProperty(
        name="Unload When Idle",
        description="Minutes without a job after which the memory of the models is given back; 0 keeps them",
        default=Machine.idle_minutes,
        min=0.0,
        soft_max=120.0,
        update=_update,
    )
    threads: IntProperty(
        name="CPU Threads",
        description="Threads of the processor that Relievo uses; 0 uses all",
        default=Machine.threads,
        min=0,
        max=1024,
        update=_update,
    )
    strategy: EnumProperty(
        name="Multi-GPU", description="How the work is shared among the devices", items=STRATEGIES, update=_update
    )
    policy: EnumProperty(name="Memory Use", description="What the plan aims at", items=POLICIES, update=_update)
    lossy: BoolProperty(
        name="Lower Quality If Memory Runs Out",
        description="Rather than fail, compute less exactly or on smaller views. The plan tells when",
        default=Machine.lossy,
        update=_update,
    )
    devices: StringProperty(
        name="Devices",
        description="What computes: cuda:0,cuda:1 for instance, or with shares cpu*2@3GiB. "
        "Empty: every GPU, or without one the CPU",
        update=_update,
    )

    allocator: StringProperty(
        name="GPU Allocator",
        description="How torch's allocator of GPUs is set: auto, expandable-segments (against fragmentation), "
        "max_split_size_mb=N (gives memory back sooner), or torch's own words",
        default=Machine.allocator,
        update=_update,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        setup_panel.draw_all(layout, 600)
        row = layout.row()
        row.label(text=updates.answer() or f"Relievo {VERSION}")
        row.operator("relievo.check_update", icon="URL")
        column = layout.column()
        column.prop(self, "runtime_folder")
        column.prop(self, "models_folder")
        column.prop(self, "mirrors")
        column.prop(self, "certificates")
        column.prop(self, "idle_minutes")
        column.prop(self, "threads")
        column.prop(self, "devices")
        column.prop(self, "allocator")
        row = layout.row()
        row.label(text=gpu_check.work.answer)
        row.operator("relievo.check_devices", icon="CHECKMARK")
        row = layout.row()
        row.label(text=measuring.work.answer)
        row.operator("relievo.measure_devices", icon="TIME")


def _parts() -> list[str]:
    """Returns the devices that are used, cpu*2@3GiB for instance."""
    if machine.chosen().devices:
        return [part.strip() for part in machine.chosen().devices.split(",") if part.strip()]
    usable = [device.device for device in runtime.devices() if not device.note]
    return [device for device in usable if device != "cpu"] or usable


def _device_of(part: str) -> str:
    return part.partition("@")[0].partition("*")[0]


def is_on(device: str) -> bool:
    return device in map(_device_of, _parts())


def switch(device: str) -> None:
    """Switches a device on or off. The last one stays on."""
    parts = [part for part in _parts() if _device_of(part) != device]
    if not is_on(device):
        parts.append(device)
    if parts:
        machine.choose(devices=",".join(parts))
