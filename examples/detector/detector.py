#!/usr/bin/env python3
"""A detector that obeys a gate, in Python: detector.py CLIP GATES STREAM [MODEL]

YOLOX-nano looks at five frames a second while the gate is open, at one while it is degraded, and rests while it is
closed or unknown. Needs numpy, opencv-python-headless and onnxruntime; ../gate/reader.py reads the gate.
"""
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "gate"))
from reader import Gates  # noqa: E402

SIDE, LEAST, SAME = 416, 0.35, 0.45
STRIDES = (8, 16, 32)
clip, gates, stream = sys.argv[1:4]
model = sys.argv[4] if len(sys.argv) > 4 else str(here / "yolox_nano.onnx")
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
gates = Gates(gates)


def detect(picture):
    """Boxes (left, top, width, height), scores and classes."""
    scale = SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((SIDE, SIDE, 3), 114, np.float32)
    canvas[: small.shape[0], : small.shape[1]] = small
    rows = session.run(None, {session.get_inputs()[0].name: canvas.transpose(2, 0, 1)[None]})[0][0]
    cells = [(x, y, s) for s in STRIDES for y in range(SIDE // s) for x in range(SIDE // s)]
    x, y, s = np.array(cells, np.float32).T
    scores = rows[:, 4:5] * rows[:, 5:]
    best = scores.max(1)
    keep = best >= LEAST
    centre = (rows[:, :2] + np.stack([x, y], 1)) * s[:, None] / scale
    size = np.exp(rows[:, 2:4]) * s[:, None] / scale
    boxes, best, classes = np.hstack([centre - size / 2, size])[keep], best[keep], scores.argmax(1)[keep]
    chosen = cv2.dnn.NMSBoxesBatched(boxes, best, classes, LEAST, SAME) if len(boxes) else []
    return [(boxes[i], float(best[i]), int(classes[i])) for i in chosen]


def main():
    capture, number, due, begun = cv2.VideoCapture(clip), 0, 0.0, time.monotonic()
    while True:
        good, picture = capture.read()
        if not good:
            return
        at = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if at < due:
            continue
        due += 0.2
        time.sleep(max(0.0, begun + at - time.monotonic()))
        obey = gates.read(stream)[0]
        look = obey == "open" or obey == "degraded" and number % 5 == 0
        number += 1
        if look:
            print(f"{at:8.2f} s  {obey:8}  {len(detect(picture))} found", flush=True)
        else:
            print(f"{at:8.2f} s  {obey:8}  rested", flush=True)


main()
