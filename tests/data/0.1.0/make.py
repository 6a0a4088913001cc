"""Made objects.blend, history.json, the thumbnails and userpref.blend: python make.py ZIP_OF_0.1.0 FOLDER

relievo-batch.json is what that version's `batch` left of two pictures, with /studio in the place of its folders;
costs.json is its program's, after `relievo calibrate --quick`.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp()

import bpy
import numpy as np

OUT = Path(sys.argv[2])
STUDIO = Path(tempfile.gettempdir()) / "studio"  # the tests put another folder in its place

OUT.mkdir(parents=True, exist_ok=True)
STUDIO.mkdir(exist_ok=True)
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)

y, x = np.mgrid[:48, :48]
pixels = np.zeros((48, 48, 4), np.float32)
pixels[(x - 24) ** 2 + (y - 20) ** 2 < 16**2] = (0.8, 0.3, 0.2, 1)
image = bpy.data.images.new("cup", 48, 48, alpha=True)
image.pixels.foreach_set(pixels.ravel())
image.filepath_raw, image.file_format = str(STUDIO / "cup.png"), "PNG"
image.save()
bpy.data.images.remove(image)

settings = bpy.context.scene.relievo
settings.grid, settings.texture_size = 16, 64
settings.normalise, settings.size, settings.origin_at_base = True, 0.12, True
bpy.ops.relievo.generate(filepath=str(STUDIO / "cup.png"))
image = bpy.data.images.load(str(STUDIO / "cup.png"))
image.pack()
image.name = "Painting"
settings.image, settings.source = image, "IMAGE"
settings.normalise, settings.origin_at_base = False, False
bpy.context.scene.cursor.location = (2, 0, 0)
bpy.ops.relievo.generate()
settings.depth = 0.5
bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "objects.blend"), compress=True)
history = sys.modules["bl_ext.user_default.relievo.history"]
shutil.copy(history.folder() / "history.json", OUT)
for entry in history.entries():
    shutil.copy(entry.thumbnail, OUT)

preferences = bpy.context.preferences.addons["bl_ext.user_default.relievo"].preferences
preferences.runtime_folder = "/studio/libtorch"
preferences.idle_minutes, preferences.threads = 42.0, 3
preferences.strategy, preferences.policy = "data", "memory"
preferences.lossy, preferences.devices = False, "cpu*2"
for library in bpy.context.preferences.filepaths.asset_libraries:
    library.path = "/studio/assets"  # not the folder of whoever made this
bpy.ops.wm.save_userpref()
shutil.copy(Path(os.environ["BLENDER_USER_RESOURCES"]) / "config" / "userpref.blend", OUT)  # then through zstd
