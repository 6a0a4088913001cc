"""The formats for printing, read by other programs: a closed body in millimetres."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import numpy as np
import pytest
import relievo
import trimesh
from numpy.typing import NDArray
from shapes import QUICK, disc

CORE = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"


@pytest.fixture(scope="module")
def result() -> relievo.Result:
    return relievo.generate(disc(), name="cup", **QUICK)


def bodies(faces: NDArray[np.int64]) -> int:
    """The number of pieces that share no vertex."""
    label = np.arange(faces.max() + 1)
    while True:
        least = label[faces].min(axis=1, keepdims=True)
        new = label.copy()
        np.minimum.at(new, faces.ravel(), np.repeat(least, 3))
        if (new == label).all():
            return len(np.unique(label[faces]))
        label = new


def check(result: relievo.Result, body: trimesh.Trimesh) -> None:
    """The body of the result, in millimetres and the scene's axes."""
    assert body.is_watertight and body.is_winding_consistent
    assert bodies(body.faces) == 1
    assert body.volume == pytest.approx(1e9 * result.mesh.report.volume, rel=1e-3)
    vertices = 1000 * result.mesh.vertices
    assert body.bounds == pytest.approx(np.array([vertices.min(0), vertices.max(0)]), abs=0.02)
    assert len(body.faces) == len(result.mesh.faces)


def test_stl_is_one_closed_body(result: relievo.Result, tmp_path: Path) -> None:
    (file,) = result.save(tmp_path, formats=["stl"])
    body = trimesh.load(file, force="mesh")
    assert isinstance(body, trimesh.Trimesh)
    check(result, body)


def test_3mf_is_one_closed_body_with_its_unit(result: relievo.Result, tmp_path: Path) -> None:
    (file,) = result.save(tmp_path, formats=["3mf"])
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {"[Content_Types].xml", "_rels/.rels"} <= set(archive.namelist())
        relations = ElementTree.fromstring(archive.read("_rels/.rels"))
        (target,) = [each.get("Target") for each in relations if str(each.get("Type")).endswith("/3dmodel")]
        model = ElementTree.fromstring(archive.read(str(target).lstrip("/")))
    assert model.get("unit") == "millimeter"
    (mesh,) = model.iter(f"{CORE}mesh")
    (item,) = model.iter(f"{CORE}item")
    (thing,) = model.iter(f"{CORE}object")
    assert item.get("objectid") == thing.get("id")
    vertices = [[float(v.attrib[axis]) for axis in "xyz"] for v in mesh.iter(f"{CORE}vertex")]
    faces = [[int(t.attrib[name]) for name in ("v1", "v2", "v3")] for t in mesh.iter(f"{CORE}triangle")]
    # Triangles share vertices by number: nothing is welded here.
    check(result, trimesh.Trimesh(vertices, faces, process=False))
