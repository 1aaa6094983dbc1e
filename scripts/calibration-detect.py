#!/usr/bin/env python3
"""Runs a detector on pictures as a stranger would, and writes what it saw as JSON lines for `miqa calibrate`.

Usage: calibration-detect.py MODELS.toml NAME OUT.jsonl FOLDER...
Knows two ways to decode, those of PicoDet and NanoDet (distributions over distances) and of YOLOX; MODELS.toml says how
each model wants its picture."""
import json
import pathlib
import sys
import tomllib

import numpy as np
import onnxruntime
from PIL import Image

LEAST, OVERLAP = 0.3, 0.6


def fitted(picture, model):
    """The model's input, and by what its boxes are multiplied to be the picture's, across and down."""
    size, (width, height) = model["size"], picture.size
    if model["resize"].startswith("letterbox"):
        r = min(size / height, size / width)
        small = picture.resize((round(width * r), round(height * r)), Image.BILINEAR)
        whole = Image.new("RGB", (size, size), (114, 114, 114))
        whole.paste(small, (0, 0))
        picture, scale = whole, (1 / r, 1 / r)
    else:
        picture, scale = picture.resize((size, size), Image.BILINEAR), (width / size, height / size)
    pixels = np.asarray(picture, np.float32)
    if model["colour"] == "BGR":
        pixels = pixels[:, :, ::-1]
    pixels = (pixels - np.float32(model["mean"])) / np.float32(model["std"])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), scale


def grid(n):
    y, x = np.mgrid[:n, :n]
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)


def by_distances(outputs, size):
    """Scores [n*n, 80] and distributions [n*n, 4R] by stride → scores, corners."""
    scores, corners = [], []
    of = {}
    for output in outputs:
        of.setdefault(output.shape[1], {})[output.shape[2] == 80] = output[0]
    for places, pair in sorted(of.items(), reverse=True):
        n = int(places**0.5)
        stride = {52: 8, 26: 16, 13: 32, 7: 64}[n]
        bins = pair[False].reshape(places, 4, -1)
        weights = np.exp(bins - bins.max(2, keepdims=True))
        distance = (weights / weights.sum(2, keepdims=True) * np.arange(bins.shape[2])).sum(2) * stride
        centre = (grid(n) + 0.5) * stride
        corners.append(np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], 1))
        scores.append(pair[True])
    return np.concatenate(scores), np.concatenate(corners)


def by_cells(outputs, size):
    """YOLOX: [places, 85] → scores, corners."""
    out = outputs[0][0]
    cells = np.concatenate([np.concatenate([grid(size // s), np.full((size // s) ** 2, s)[:, None]], 1) for s in (8, 16, 32)])
    stride = cells[:, 2:]
    centre, half = (out[:, :2] + cells[:, :2]) * stride, np.exp(out[:, 2:4]) * stride / 2
    return out[:, 4:5] * out[:, 5:], np.concatenate([centre - half, centre + half], 1)


def distinct(boxes, scores):
    """Non-maximum suppression within a class."""
    order, kept = list(np.argsort(-scores)), []
    while order:
        best = order.pop(0)
        kept.append(best)
        a = boxes[best]

        def overlap(i):
            b = boxes[i]
            w = max(0, min(a[2], b[2]) - max(a[0], b[0]))
            h = max(0, min(a[3], b[3]) - max(a[1], b[1]))
            both = w * h
            return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both + 1e-9)

        order = [i for i in order if overlap(i) < OVERLAP]
    return kept


def main():
    listed, name, out, *folders = sys.argv[1:]
    models = tomllib.loads(pathlib.Path(listed).read_text())["model"]
    model = next(m for m in models if m["name"] == name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    file = pathlib.Path(listed).parent / model["file"]
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    decode = by_cells if "YOLOX" in model["arch"] else by_distances
    with open(out, "w") as lines:
        for path in sorted(p for folder in folders for p in pathlib.Path(folder).iterdir()):
            if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
                continue
            pixels, (across, down) = fitted(Image.open(path).convert("RGB"), model)
            scores, corners = decode(session.run(None, {model["input_name"]: pixels}), model["size"])
            seen = []
            for kind in range(scores.shape[1]):
                which = np.flatnonzero(scores[:, kind] >= LEAST)
                for i in distinct(corners[which], scores[which, kind]) if len(which) else []:
                    left, top, right, bottom = corners[which[i]] * [across, down, across, down]
                    box = [round(float(v), 1) for v in (left, top, right - left, bottom - top)]
                    seen.append({"class": str(kind), "score": round(float(scores[which[i], kind]), 4), "box": box})
            lines.write(json.dumps({"image": path.name, "detections": seen}) + "\n")


main()
