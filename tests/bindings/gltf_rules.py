"""The rules of glTF 2.0 that a GLB file can break, as Khronos's validator checks them; each has its name there.

Left out, because Relievo writes none of them: skins, animations, cameras, morph targets, sparse accessors, buffers
outside the file, and what extensions define themselves. Left out, too: hints about speed (images whose sides are no
powers of two, triangles without an area).
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_COMPONENTS: dict[int, Any] = {
    5120: np.int8,
    5121: np.uint8,
    5122: np.int16,
    5123: np.uint16,
    5125: np.uint32,
    5126: np.float32,
}
_SIZES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_ATTRIBUTES = {  # the type, and the types of components
    "POSITION": ("VEC3", {5126}),
    "NORMAL": ("VEC3", {5126}),
    "TANGENT": ("VEC4", {5126}),
    "TEXCOORD_0": ("VEC2", {5126, 5121, 5123}),
    "COLOR_0": ("VEC4", {5126, 5121, 5123}),
}
_UNIT = 0.00674  # by which the length of a unit vector may differ, as in the validator
_COMMON = {"name", "extras", "extensions"}
_KNOWN = {
    "": {"asset", "scene", "scenes", "nodes", "meshes", "materials", "textures", "images", "samplers", "accessors",
         "bufferViews", "buffers", "extensionsUsed", "extensionsRequired"},
    "scenes": {"nodes"},
    "nodes": {"mesh", "children", "matrix", "translation", "rotation", "scale"},
    "meshes": {"primitives"},
    "materials": {"pbrMetallicRoughness", "normalTexture", "occlusionTexture", "emissiveTexture", "emissiveFactor",
                  "alphaMode", "alphaCutoff", "doubleSided"},
    "textures": {"source", "sampler"},
    "images": {"bufferView", "mimeType"},
    "samplers": {"magFilter", "minFilter", "wrapS", "wrapT"},
    "accessors": {"bufferView", "byteOffset", "componentType", "normalized", "count", "type", "min", "max"},
    "bufferViews": {"buffer", "byteOffset", "byteLength", "byteStride", "target"},
    "buffers": {"byteLength"},
}  # fmt: skip
_MAPS = ("normalTexture", "occlusionTexture", "emissiveTexture")
_FILTERS = {"magFilter": {9728, 9729}, "minFilter": {9728, 9729, 9984, 9985, 9986, 9987},
            "wrapS": {33071, 33648, 10497}, "wrapT": {33071, 33648, 10497}}  # fmt: skip


def broken_rules(glb: bytes) -> list[str]:
    """Returns a line for each rule that the file breaks, which begins with the rule's name."""
    try:
        text, binary = _chunks(glb)
        document = json.loads(text, object_pairs_hook=_without_repeats)
        return list(_Checker(document, binary).broken())
    except _BrokenError as error:
        return [str(error)]


class _BrokenError(Exception):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise _BrokenError("DUPLICATE_PROPERTY")
    return dict(pairs)


def _chunks(glb: bytes) -> tuple[bytes, bytes]:
    """Returns the JSON and the numbers of a GLB file (section 4.4 of the specification)."""
    if len(glb) < 20 or glb[:4] != b"glTF":
        raise _BrokenError("GLB_INVALID_MAGIC")
    version, length = struct.unpack_from("<II", glb, 4)
    if version != 2:
        raise _BrokenError("GLB_INVALID_VERSION")
    if length != len(glb):
        raise _BrokenError("GLB_LENGTH_MISMATCH")
    found: list[tuple[bytes, bytes]] = []
    place = 12
    while place < len(glb):
        (size,) = struct.unpack_from("<I", glb, place)
        if size % 4:
            raise _BrokenError("GLB_CHUNK_LENGTH_UNALIGNED")
        if place + 8 + size > len(glb):
            raise _BrokenError("GLB_CHUNK_TOO_BIG")
        found.append((glb[place + 4 : place + 8], glb[place + 8 : place + 8 + size]))
        place += 8 + size
    if [kind for kind, _ in found] != [b"JSON", b"BIN\0"]:
        raise _BrokenError("GLB_UNEXPECTED_FIRST_CHUNK")
    return found[0][1], found[1][1]


class _Checker:
    def __init__(self, document: dict[str, Any], binary: bytes) -> None:
        self._all, self._binary = document, binary
        self._used: set[tuple[str, int]] = set()

    def broken(self) -> Iterator[str]:
        yield from self._properties()
        if self._all.get("asset", {}).get("version") != "2.0":
            yield "UNKNOWN_ASSET_MAJOR_VERSION"
        yield from self._buffers()
        yield from self._accessors()
        yield from self._scene()
        for number, mesh in enumerate(self._list("meshes")):
            if not mesh.get("primitives"):
                yield f"EMPTY_ENTITY mesh {number}"
            for primitive in mesh.get("primitives", []):
                yield from self._primitive(primitive)
        yield from self._materials()
        yield from self._images()
        yield from self._extensions()
        for kind in _KNOWN:
            for number in range(len(self._list(kind)) if kind else 0):
                if kind not in ("scenes",) and (kind, number) not in self._used:
                    yield f"UNUSED_OBJECT {kind} {number}"

    def _list(self, kind: str) -> list[Any]:
        found: list[Any] = self._all.get(kind, [])
        return found

    def _use(self, kind: str, number: Any) -> Iterator[str]:
        """Notes that an object is used, or yields that there is none."""
        if not isinstance(number, int) or not 0 <= number < len(self._list(kind)):
            yield f"UNRESOLVED_REFERENCE {kind} {number}"
        else:
            self._used.add((kind, number))

    def _properties(self) -> Iterator[str]:
        for kind, known in _KNOWN.items():
            for thing in self._list(kind) if kind else [self._all]:
                for name in thing.keys() - known - _COMMON:
                    yield f"UNEXPECTED_PROPERTY {kind} {name}"
                if not isinstance(thing.get("name", ""), str):
                    yield f"TYPE_MISMATCH {kind} name"
            if kind and kind in self._all and not self._list(kind):
                yield f"EMPTY_ENTITY {kind}"

    def _buffers(self) -> Iterator[str]:
        if len(self._list("buffers")) != 1:
            yield "BUFFER_GLB_CHUNK_TOO_BIG more than one buffer"
            return
        length = self._list("buffers")[0]["byteLength"]
        if not 0 <= len(self._binary) - length <= 3:
            yield "BUFFER_GLB_CHUNK_TOO_BIG"
        for number, view in enumerate(self._list("bufferViews")):
            yield from self._use("buffers", view.get("buffer"))
            if view.get("byteOffset", 0) + view["byteLength"] > length or view["byteLength"] < 1:
                yield f"BUFFER_VIEW_TOO_LONG {number}"
            stride = view.get("byteStride")
            if stride is not None and not (4 <= stride <= 252 and stride % 4 == 0):
                yield f"MULTIPLE_OF byteStride {number}"
            if view.get("target") not in (None, 34962, 34963):
                yield f"VALUE_NOT_IN_LIST target {number}"

    def _numbers(self, number: int) -> NDArray[Any]:
        """Returns an accessor's elements, `[count, components]`. Raises _BrokenError where its view lacks them."""
        accessor = self._list("accessors")[number]
        kind, size = _COMPONENTS.get(accessor["componentType"]), _SIZES.get(accessor["type"])
        view = self._list("bufferViews")[accessor["bufferView"]]
        if kind is None or size is None:
            raise _BrokenError(f"VALUE_NOT_IN_LIST accessor {number}")
        width = np.dtype(kind).itemsize
        stride = view.get("byteStride", width * size)
        offset, start = accessor.get("byteOffset", 0), view.get("byteOffset", 0)
        if offset % width or (offset + start) % width:
            raise _BrokenError(f"ACCESSOR_TOTAL_OFFSET_ALIGNMENT {number}")
        if accessor["count"] < 1 or offset + (accessor["count"] - 1) * stride + width * size > view["byteLength"]:
            raise _BrokenError(f"ACCESSOR_TOO_LONG {number}")
        part = np.frombuffer(self._binary, np.uint8, view["byteLength"], start)[offset:]
        rows = np.lib.stride_tricks.as_strided(part, (accessor["count"], width * size), (stride, 1))
        return np.ascontiguousarray(rows).view(kind)

    def _accessors(self) -> Iterator[str]:
        for number, accessor in enumerate(self._list("accessors")):
            yield from self._use("bufferViews", accessor.get("bufferView"))
            numbers = self._numbers(number)
            if not np.isfinite(numbers).all():
                yield f"ACCESSOR_INVALID_FLOAT {number}"
            for name, extreme in (("min", numbers.min(axis=0)), ("max", numbers.max(axis=0))):
                if name in accessor and not np.array_equal(np.array(accessor[name], numbers.dtype), extreme):
                    yield f"ACCESSOR_{name.upper()}_MISMATCH {number}"

    def _scene(self) -> Iterator[str]:
        parents: dict[int, int] = {}
        for number, node in enumerate(self._list("nodes")):
            if "mesh" in node:
                yield from self._use("meshes", node["mesh"])
            for lower in node.get("extensions", {}).get("MSFT_lod", {}).get("ids", []):
                yield from self._use("nodes", lower)
            for child in node.get("children", []):
                yield from self._use("nodes", child)
                if child in parents or child == number:
                    yield f"NODE_PARENT_OVERRIDE {child}"
                parents[child] = number
            if "matrix" in node and node.keys() & {"translation", "rotation", "scale"}:
                yield f"NODE_MATRIX_TRS {number}"
            if "rotation" in node and abs(np.linalg.norm(node["rotation"]) - 1) > _UNIT:
                yield f"ROTATION_NON_UNIT {number}"
        for start in parents:
            seen, node_number = set(), start
            while node_number in parents and node_number not in seen:
                seen.add(node_number)
                node_number = parents[node_number]
            if node_number in seen:
                yield f"NODE_LOOP {start}"
        if "scene" in self._all and not 0 <= self._all["scene"] < len(self._list("scenes")):
            yield "UNRESOLVED_REFERENCE scene"
        for scene in self._list("scenes"):
            for number in scene.get("nodes", []):
                yield from self._use("nodes", number)
                if number in parents:
                    yield f"SCENE_NON_ROOT_NODE {number}"

    def _primitive(self, primitive: dict[str, Any]) -> Iterator[str]:
        if primitive.get("mode", 4) != 4:
            yield "VALUE_NOT_IN_LIST mode"  # glTF has others, Relievo writes triangles alone
        counts = set()
        for name, number in primitive["attributes"].items():
            yield from self._use("accessors", number)
            accessor, view = self._accessor(number)
            kind, components = _ATTRIBUTES.get(name, ("", set()))
            if accessor["type"] != kind or accessor["componentType"] not in components:
                yield f"MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_INVALID_FORMAT {name}"
            if accessor.get("byteOffset", 0) % 4 or view.get("byteStride", 4) % 4:
                yield f"MESH_PRIMITIVE_ACCESSOR_UNALIGNED {name}"
            if view.get("target", 34962) != 34962:
                yield f"BUFFER_VIEW_TARGET_OVERRIDE {name}"
            counts.add(accessor["count"])
            yield from self._attribute(name, accessor, self._numbers(number))
        if "POSITION" not in primitive["attributes"]:
            yield "MESH_PRIMITIVE_NO_POSITION"
        if "TANGENT" in primitive["attributes"] and "NORMAL" not in primitive["attributes"]:
            yield "MESH_PRIMITIVE_TANGENT_WITHOUT_NORMAL"
        if len(counts) != 1:
            yield "MESH_PRIMITIVE_UNEQUAL_ACCESSOR_COUNT"
        if "indices" in primitive:
            yield from self._indices(primitive["indices"], min(counts, default=0))
        if "material" in primitive:
            yield from self._use("materials", primitive["material"])
            for name, info in _texture_infos(self._list("materials")[primitive["material"]]):
                if f"TEXCOORD_{info.get('texCoord', 0)}" not in primitive["attributes"]:
                    yield f"MESH_PRIMITIVE_TOO_FEW_TEXCOORDS {name}"

    def _accessor(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        accessor = self._list("accessors")[number]
        return accessor, self._list("bufferViews")[accessor["bufferView"]]

    @staticmethod
    def _attribute(name: str, accessor: dict[str, Any], numbers: NDArray[Any]) -> Iterator[str]:
        if name == "POSITION" and not {"min", "max"} <= accessor.keys():
            yield "MESH_PRIMITIVE_POSITION_ACCESSOR_WITHOUT_BOUNDS"
        if name in ("NORMAL", "TANGENT") and (abs(np.linalg.norm(numbers[:, :3], axis=1) - 1) > _UNIT).any():
            yield f"ACCESSOR_VECTOR3_NON_UNIT {name}"
        if name == "TANGENT" and (abs(numbers[:, 3]) != 1).any():
            yield "ACCESSOR_INVALID_SIGN"
        if name == "COLOR_0" and accessor["componentType"] == 5126 and ((numbers < 0) | (numbers > 1)).any():
            yield "ACCESSOR_ELEMENT_OUT_OF_RANGE COLOR_0"

    def _indices(self, number: int, vertices: int) -> Iterator[str]:
        yield from self._use("accessors", number)
        accessor, view = self._accessor(number)
        if accessor["type"] != "SCALAR" or accessor["componentType"] not in (5121, 5123, 5125):
            yield "MESH_PRIMITIVE_INDICES_ACCESSOR_INVALID_FORMAT"
            return
        if "byteStride" in view:
            yield "MESH_PRIMITIVE_INDICES_ACCESSOR_WITH_BYTESTRIDE"
        if view.get("target", 34963) != 34963:
            yield "BUFFER_VIEW_TARGET_OVERRIDE indices"
        indices = self._numbers(number)
        if (indices == np.iinfo(indices.dtype).max).any():
            yield "ACCESSOR_INDEX_PRIMITIVE_RESTART"
        elif int(indices.max()) >= vertices:
            yield "ACCESSOR_INDEX_OOB"
        if len(indices) % 3:
            yield "MESH_PRIMITIVE_INCOMPATIBLE_MODE"

    def _materials(self) -> Iterator[str]:
        for material in self._list("materials"):
            pbr = material.get("pbrMetallicRoughness", {})
            for value in (*pbr.get("baseColorFactor", ()), pbr.get("metallicFactor", 1), pbr.get("roughnessFactor", 1)):
                if not 0 <= value <= 1:
                    yield "VALUE_NOT_IN_RANGE material"
            for _, info in _texture_infos(material):
                yield from self._use("textures", info.get("index"))
        for texture in self._list("textures"):
            yield from self._use("images", texture.get("source"))
            if "sampler" in texture:
                yield from self._use("samplers", texture["sampler"])
        for sampler in self._list("samplers"):
            for name, allowed in _FILTERS.items():
                if name in sampler and sampler[name] not in allowed:
                    yield f"VALUE_NOT_IN_LIST {name}"

    def _images(self) -> Iterator[str]:
        for number, image in enumerate(self._list("images")):
            yield from self._use("bufferViews", image.get("bufferView"))
            view = self._list("bufferViews")[image["bufferView"]]
            if "target" in view or "byteStride" in view:
                yield f"IMAGE_BUFFER_VIEW_WITH_BYTESTRIDE {number}"
            start = view.get("byteOffset", 0)
            try:
                with Image.open(io.BytesIO(self._binary[start : start + view["byteLength"]])) as read:
                    read.load()
                    kind = {"PNG": "image/png", "JPEG": "image/jpeg"}.get(str(read.format))
            except Exception:
                yield f"IMAGE_DATA_INVALID {number}"
                continue
            if image.get("mimeType") != kind:
                yield f"IMAGE_MIME_TYPE_INVALID {number}"

    def _extensions(self) -> Iterator[str]:
        used = self._all.get("extensionsUsed", [])
        if "extensionsUsed" in self._all and (not used or len(set(used)) != len(used)):
            yield "EMPTY_ENTITY extensionsUsed"
        present = set(_extensions_in(self._all))
        for name in present - set(used):
            yield f"UNDECLARED_EXTENSION {name}"
        for name in set(used) - present:
            yield f"UNUSED_EXTENSION {name}"
        for name in set(self._all.get("extensionsRequired", [])) - set(used):
            yield f"UNUSED_EXTENSION_REQUIRED {name}"


def _texture_infos(material: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    pbr = material.get("pbrMetallicRoughness", {})
    for name in ("baseColorTexture", "metallicRoughnessTexture"):
        if name in pbr:
            yield name, pbr[name]
    for name in _MAPS:
        if name in material:
            yield name, material[name]


def _extensions_in(thing: Any) -> Iterator[str]:
    """Yields the names of extensions that are used anywhere below; what is in extras is anybody's own."""
    if isinstance(thing, dict):
        yield from thing.get("extensions", {})
        for name, value in thing.items():
            if name != "extras":
                yield from _extensions_in(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _extensions_in(value)
