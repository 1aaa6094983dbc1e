#!/usr/bin/env python3
"""Writes the ViT-S/14 backbone (DINOv2, 12 blocks, width 384) inside a saliency model as safetensors, in Hugging Face's names.

usage: vit_small_to_safetensors.py vit_s_focus.onnx OUT.safetensors

Matrices of linear layers have no names of their own in the ONNX file: they are found by the node that multiplies by them.
The position embeddings are there as constants of a class token and of 37 x 37 patches.
"""

import json
import struct
import sys

import numpy as np
import onnx
from onnx import numpy_helper

source, out = sys.argv[1:]
graph = onnx.load(source).graph
arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
weights = {name.removeprefix("backbone."): a for name, a in arrays.items() if name.startswith("backbone.")}
for node in graph.node:
    if node.op_type == "MatMul" and node.name.startswith("/backbone/") and node.input[1] in arrays:
        name = node.name.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
        weights[f"{name}.weight"] = arrays[node.input[1]].T
positions = {a.shape[1]: a for name, a in arrays.items() if a.ndim == 3 and name.startswith("onnx::")}
weights["embeddings.position_embeddings"] = np.concatenate([positions[1], positions[1369]], axis=1)

header, parts, at = {}, [], 0
for name in sorted(weights):
    data = np.ascontiguousarray(weights[name], dtype="<f4").tobytes()
    header[name] = {"dtype": "F32", "shape": list(weights[name].shape), "data_offsets": [at, at + len(data)]}
    parts.append(data)
    at += len(data)
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(out, "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text)
    for data in parts:
        f.write(data)
print(f"{len(weights)} tensors, {at // 4} numbers")
