import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "python"))

# No test may touch a person's own Blender profile. Read when bpy is imported.
profile = tempfile.TemporaryDirectory(prefix="relievo-blender-")
os.environ["BLENDER_USER_RESOURCES"] = profile.name

# Nor learn from what a person's own jobs have cost, or add to it.
cache = tempfile.TemporaryDirectory(prefix="relievo-cache-")
os.environ.setdefault("XDG_CACHE_HOME", cache.name)
