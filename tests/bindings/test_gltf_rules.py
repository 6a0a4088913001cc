"""GLB files keep the rules of glTF, and the rules find files that break them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import relievo
from gltf_rules import broken_rules
from shapes import QUICK, disc

Change = Callable[[dict[str, Any], bytearray], None]


@pytest.fixture(scope="module")
def glb(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A result with all that a GLB of Relievo's can have."""
    settings: Any = {**QUICK, "grid": 48, "faces": 1500, "normal_map": True}
    (file,) = relievo.generate(disc(), name="cup", **settings).save(tmp_path_factory.mktemp("glb"), formats=["glb"])
    return Path(file).read_bytes()


def parts(glb: bytes) -> tuple[dict[str, Any], bytearray]:
    (size,) = struct.unpack_from("<I", glb, 12)
    return json.loads(glb[20 : 20 + size]), bytearray(glb[28 + size :])


def joined(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary


def test_a_result_breaks_none(glb: bytes) -> None:
    document, _ = parts(glb)
    assert "normalTexture" in document["materials"][0]
    assert broken_rules(glb) == []


@pytest.mark.parametrize("settings", [{}, {"vertex_colours": True}], ids=["plain", "colours"])
def test_other_results_break_none(settings: dict[str, Any], tmp_path: Path) -> None:
    words: Any = {**QUICK, **settings}
    (file,) = relievo.generate(disc(), name="my 'red' cup ü", **words).save(tmp_path, formats=["glb"])
    assert broken_rules(Path(file).read_bytes()) == []


def accessor_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    primitive = document["meshes"][0]["primitives"][0]
    number = primitive["indices"] if name == "indices" else primitive["attributes"][name]
    found: dict[str, Any] = document["accessors"][number]
    return found


def put(document: dict[str, Any], binary: bytearray, name: str, value: bytes) -> None:
    """Overwrites the beginning of an accessor's numbers."""
    accessor = accessor_of(document, name)
    view = document["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    binary[start : start + len(value)] = value


def setting(path: str, value: Any) -> Change:
    """A change of one value of the JSON; the path's parts have dots between them."""

    def change(document: dict[str, Any], binary: bytearray) -> None:
        *before, last = (int(part) if part.isdigit() else part for part in path.split("."))
        thing: Any = document
        for part in before:
            thing = thing[part]
        thing[last] = value

    return change


def of_position(name: str, change: Callable[[Any], Any]) -> Change:
    def changed(document: dict[str, Any], binary: bytearray) -> None:
        accessor = accessor_of(document, "POSITION")
        accessor[name] = change(accessor.get(name))

    return changed


def without_bounds(document: dict[str, Any], binary: bytearray) -> None:
    del accessor_of(document, "POSITION")["min"]


def with_tangents(document: dict[str, Any], binary: bytearray) -> None:
    """Tangents whose handedness is no sign."""
    count = accessor_of(document, "POSITION")["count"]
    start = len(binary)
    binary += np.tile(np.array([1, 0, 0, 0.5], np.float32), (count, 1)).tobytes()
    document["buffers"][0]["byteLength"] = len(binary)
    document["bufferViews"].append({"buffer": 0, "byteOffset": start, "byteLength": 16 * count})
    tangents = {"bufferView": len(document["bufferViews"]) - 1, "componentType": 5126, "count": count, "type": "VEC4"}
    document["accessors"].append(tangents)
    document["meshes"][0]["primitives"][0]["attributes"]["TANGENT"] = len(document["accessors"]) - 1


def with_a_used_extension(document: dict[str, Any], binary: bytearray) -> None:
    document["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}


def with_a_damaged_image(document: dict[str, Any], binary: bytearray) -> None:
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    binary[view["byteOffset"] : view["byteOffset"] + 4] = b"none"


WIDE = struct.pack("<f", 9e9)
BROKEN: dict[str, tuple[str, Change]] = {
    "bounds": ("ACCESSOR_MAX_MISMATCH", of_position("max", lambda most: [most[0] + 1, *most[1:]])),
    "place": ("ACCESSOR_MAX_MISMATCH", lambda d, b: put(d, b, "POSITION", WIDE)),
    "no bounds": ("MESH_PRIMITIVE_POSITION_ACCESSOR_WITHOUT_BOUNDS", without_bounds),
    "alignment": ("ACCESSOR_TOTAL_OFFSET_ALIGNMENT", of_position("byteOffset", lambda _: 2)),
    "length": ("ACCESSOR_TOO_LONG", of_position("count", lambda count: count + 1)),
    "component": ("VALUE_NOT_IN_LIST", of_position("componentType", lambda _: 5124)),
    "not a number": ("ACCESSOR_INVALID_FLOAT", lambda d, b: put(d, b, "TEXCOORD_0", struct.pack("<f", float("nan")))),
    "long normal": ("ACCESSOR_VECTOR3_NON_UNIT", lambda d, b: put(d, b, "NORMAL", struct.pack("<fff", 1, 1, 0))),
    "index": ("ACCESSOR_INDEX_OOB", lambda d, b: put(d, b, "indices", struct.pack("<I", 10**8))),
    "restart": ("ACCESSOR_INDEX_PRIMITIVE_RESTART", lambda d, b: put(d, b, "indices", b"\xff" * 4)),
    "tangent": ("ACCESSOR_INVALID_SIGN", with_tangents),
    "unused accessor": ("UNUSED_OBJECT accessors", lambda d, b: d["accessors"].append(dict(d["accessors"][0]))),
    "unused material": ("UNUSED_OBJECT materials", lambda d, b: d["materials"].append({})),
    "no such material": ("UNRESOLVED_REFERENCE materials", setting("meshes.0.primitives.0.material", 0 - 1)),
    "no such texture": ("UNRESOLVED_REFERENCE textures", setting("materials.0.normalTexture.index", 7)),
    "mime type": ("IMAGE_MIME_TYPE_INVALID", setting("images.0.mimeType", "image/jpeg")),
    "image": ("IMAGE_DATA_INVALID", with_a_damaged_image),
    "version": ("UNKNOWN_ASSET_MAJOR_VERSION", setting("asset.version", "1.0")),
    "property": ("UNEXPECTED_PROPERTY", setting("nodes.0.colour", 1)),
    "factor": ("VALUE_NOT_IN_RANGE", setting("materials.0.pbrMetallicRoughness.roughnessFactor", 1.5)),
    "undeclared": ("UNDECLARED_EXTENSION", with_a_used_extension),
    "declared": ("UNUSED_EXTENSION", setting("extensionsUsed", ["FB_ngon_encoding"])),
    "loop": ("NODE_PARENT_OVERRIDE", setting("nodes.0.children", [0])),
    "two transforms": ("NODE_MATRIX_TRS", lambda d, b: d["nodes"][0].update(matrix=[1.0] * 16, scale=[1, 1, 1])),
    "buffer": ("BUFFER_GLB_CHUNK_TOO_BIG", setting("buffers.0.byteLength", 8)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_breaks_a_rule_is_found(glb: bytes, name: str) -> None:
    rule, change = BROKEN[name]
    document, binary = parts(glb)
    change(document, binary)
    assert any(line.startswith(rule) for line in broken_rules(joined(document, bytes(binary)))), name


def test_a_file_that_is_damaged_is_found(glb: bytes) -> None:
    assert broken_rules(b"glTX" + glb[4:]) == ["GLB_INVALID_MAGIC"]
    assert broken_rules(glb[:-4]) == ["GLB_LENGTH_MISMATCH"]
    (size,) = struct.unpack_from("<I", glb, 12)
    unaligned = glb[:12] + struct.pack("<I", size - 1) + glb[16:]
    assert broken_rules(unaligned) == ["GLB_CHUNK_LENGTH_UNALIGNED"]
    twice = b'{"asset": {}, "asset": {}}  '
    binary = struct.pack("<I4s", 4, b"BIN\0") + b"\0" * 4
    whole = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(twice) + len(binary), len(twice), b"JSON") + twice + binary
    assert broken_rules(whole) == ["DUPLICATE_PROPERTY"]
