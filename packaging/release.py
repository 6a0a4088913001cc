"""Makes what is published: dist/relievo-VERSION-PLATFORM.zip, index.json of the repository that it can be installed
from, SHA256SUMS.

    .venv/bin/python packaging/release.py [--offline cpu|cuda]

The modules must be built (`make zip` does that). --offline makes dist/relievo-VERSION-PLATFORM-offline.zip instead,
with LibTorch in it, for a studio's own machines; it is not part of the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from pack import ROOT, pack

BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
DIST = ROOT / "dist"


def stage(folder: Path) -> dict[str, str]:
    """Both modules and all else of the extension into `folder`; returns its manifest's id, version and platform."""
    for component in ("extension", "extension_other"):
        command = ["cmake", "--install", BUILD, "--component", component, "--prefix", folder, "--strip"]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    with (folder / "blender_manifest.toml").open("rb") as file:
        manifest = tomllib.load(file)
    return {"id": manifest["id"], "version": manifest["version"], "platform": manifest["platforms"][0]}


def blender_ext(*words: str | Path) -> None:
    """Blender's own program for extensions and their repositories."""
    (tool,) = Path(sysconfig.get_path("purelib"), "bpy").glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    ended = subprocess.run([sys.executable, str(tool), *map(str, words)], capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"release: blender_ext {words[0]} says:\n{ended.stdout}{ended.stderr}")


def write_index(archive: Path) -> None:
    """index.json beside the zip: the folder is then a repository that Blender can be pointed to."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        os.link(archive, Path(folder) / archive.name)  # alone: a repository has a version of an extension once
        blender_ext("server-generate", "--repo-dir", folder)
        (Path(folder) / "index.json").replace(archive.parent / "index.json")


def write_checksums(folder: Path) -> None:
    """SHA256SUMS of all that is in the folder, as `sha256sum --check` reads it."""
    files = sorted(file for file in folder.iterdir() if file.suffix in (".zip", ".json", ".whl"))
    lines = [f"{_sha256(file)}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offline", choices=("cpu", "cuda"), metavar="cpu|cuda")
    runtime = parser.parse_args().offline
    folder = BUILD / "release"
    shutil.rmtree(folder, ignore_errors=True)
    of = stage(folder)
    archive = DIST / f"{of['id']}-{of['version']}-{of['platform']}{'-offline' if runtime else ''}.zip"
    try:
        pack(folder, archive, runtime, release=True)
    except (OSError, ValueError) as error:
        raise SystemExit(f"release: {error}") from error
    blender_ext("validate", archive)
    if not runtime:
        write_index(archive)
    write_checksums(DIST)
    shutil.rmtree(folder)
    print(f"{archive.relative_to(ROOT)}  {archive.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
