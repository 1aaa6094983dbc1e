"""COCOeval on the pictures of benches/agree.rs: nanoseconds a picture of evaluate, accumulate and summarize, of the
compiled overlaps alone (pycocotools.mask.iou per class, lists ready), and the mean of ap.

    venv/bin/python offline/benches/agree_reference.py FILE bbox|segm HEIGHT WIDTH      (numpy 2.4.6, pycocotools 2.0.11)

The data set has only the categories that occur in a picture, which is the kindest to COCOeval: it goes through all.
"""

import contextlib
import io
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/coco"))
from one_picture import prepared
from pycocotools import mask as api

file, kind, *size = sys.argv[1:]
size = [int(v) for v in size]
pictures = json.load(open(file))
whole = overlaps = ap = 0
for picture in pictures:
    found, truth = picture["found"], picture["truth"]
    evaluation = prepared(found, truth, size, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.process_time_ns()
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        whole += time.process_time_ns() - start
    ap += evaluation.stats[0]
    shape = (lambda box, mask: box) if kind == "bbox" else (lambda box, mask: dict(size=size, counts=mask.encode()))
    for category in {t[0] for t in truth}:
        a = [shape(box, mask) for c, _, box, mask in found if c == category][:100]
        b = [shape(box, mask) for c, box, mask, _ in truth if c == category]
        start = time.process_time_ns()
        if a:
            api.iou(a, b, [0] * len(b))
        overlaps += time.process_time_ns() - start
print(whole / len(pictures), overlaps / len(pictures), ap / len(pictures))
