"""Checks whether this tree still makes the same meshes, to the bit, as the commit BASE: `make same BASE=COMMIT`.

Builds BASE in build-same/ and compares checksums of vertices, faces, UVs and textures: of 12 pictures at 3 settings,
and of the tiny pipeline under every strategy, fallback and batch size.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build-same"
PICTURES = ROOT / "tests" / "data" / "pictures"
NAMES = [
    "armchair.jpg",
    "cactus.jpg",
    "chelsea.png",
    "chicken.jpg",
    "chicken_cut_out.png",
    "coffee.jpg",
    "desk_lamp.jpg",
    "flower.jpg",
    "rocket.jpg",
    "teddy.jpg",
    "formats/rgba8.png",
    "formats/lossy.webp",
]
SETTINGS = {
    "plain": "--grid 64 --texture-size 512",
    "detailed": "--grid 96 --faces 4000 --texture-size 1024 --normal-map --vertex-colours",
    "unprojected": "--grid 48 --texture-size 256 --no-projection --depth 0.6 --debris 0.02 --open-at-box",
}
TARGETS = ["relievo", "tiny_checksums"]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, cwd=cwd)
    return done.stdout


def build(tree: Path, build_folder: Path) -> None:
    run("cmake", "-S", tree, "-B", build_folder, "-G", "Ninja")
    subprocess.run(["cmake", "--build", str(build_folder), "--target", *TARGETS], check=True, stdout=sys.stderr)


def checked_out(base: str) -> Path:
    """The tree of BASE, in a git worktree of its own that is used again the next time."""
    tree = FOLDER / "tree"
    commit = run("git", "rev-parse", "--verify", base + "^{commit}").strip()
    if tree.exists():
        run("git", "checkout", "-q", "--detach", commit, cwd=tree)
    else:
        run("git", "worktree", "prune")
        run("git", "worktree", "add", "-q", "--detach", tree, commit)
    environment = tree / ".venv"
    if not environment.is_symlink():
        environment.symlink_to(ROOT / ".venv")
    return tree


def parts_of(glb: Path) -> dict[str, str]:
    """Checksums of a GLB's arrays and pictures by what they are; names and other metadata are left out."""
    data = glb.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    scene = json.loads(data[20 : 20 + length])
    buffer = data[20 + length + 8 :]
    sums: dict[str, str] = {}

    def add(name: str, view_index: int) -> None:
        view = scene["bufferViews"][view_index]
        begin = view.get("byteOffset", 0)
        sums[name] = hashlib.sha256(buffer[begin : begin + view["byteLength"]]).hexdigest()

    for m, mesh in enumerate(scene["meshes"]):
        for p, primitive in enumerate(mesh["primitives"]):
            arrays = {"faces": primitive["indices"], **primitive["attributes"]}
            for name, accessor in arrays.items():
                add(f"{m}.{p} {name}", scene["accessors"][accessor]["bufferView"])
    for i, image in enumerate(scene.get("images", [])):
        add(f"texture {i}", image["bufferView"])
    return sums


def pictures_made(program: Path, folder: Path) -> dict[str, str]:
    sums = {}
    for setting, words in SETTINGS.items():
        out = folder / setting
        pictures = [PICTURES / name for name in NAMES]
        process = subprocess.run(
            [program, "generate", *pictures, "-o", out, "--no-sheet", "--json", *words.split()],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
        )
        reports = [json.loads(line) for line in process.stdout.splitlines()]
        if len(reports) != len(NAMES):
            raise SystemExit(f"'{program}' told of {len(reports)} of {len(NAMES)} pictures.")
        for report in reports:
            key = f"{Path(report['picture']).name}, {setting}"
            if not report["ok"]:
                sums[key] = report["error"]["code"]
                continue
            for name, checksum in parts_of(out / (Path(report["picture"]).stem + ".glb")).items():
                sums[f"{key}, {name}"] = checksum
    return sums


def tiny_made(program: Path) -> dict[str, str]:
    return dict(line.rsplit(": ", 1) for line in run(program).splitlines())


def made(build_folder: Path, folder: Path) -> dict[str, str]:
    return pictures_made(build_folder / "relievo", folder) | tiny_made(build_folder / "tiny_checksums")


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1]:
        print("Name the commit to compare with: make same BASE=COMMIT", file=sys.stderr)
        return 2
    build(checked_out(sys.argv[1]), FOLDER / "build")
    build(ROOT, ROOT / "build")
    before = made(FOLDER / "build", FOLDER / "before")
    now = made(ROOT / "build", FOLDER / "now")
    different = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    for key in different:
        print(f"{key}: {before.get(key, 'absent')} before, {now.get(key, 'absent')} now")
    print(f"{len(before)} checksums of {sys.argv[1]}, {len(different)} of them differ here.")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
