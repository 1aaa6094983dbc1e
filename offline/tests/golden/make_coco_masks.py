"""Writes coco_masks.json: polygons and what the COCO API makes of them, for offline/src/mask/coco.rs.

Run in this folder: python3 make_coco_masks.py
Made with numpy 2.4.6, pycocotools 2.0.11.
"""

import json

import numpy as np
from pycocotools import mask as api

rng = np.random.default_rng(7)
cases = []


def case(name, polygons, height, width):
    polygons = [[round(float(v), 2) for v in polygon] for polygon in polygons]
    merged = api.merge(api.frPyObjects(polygons, height, width))
    flat = api.decode(merged).flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat[0]:
        counts = [0] + counts
    text = merged["counts"].decode()
    cases.append(dict(name=name, polygons=polygons, size=[height, width], counts=counts, compressed=text))


def star(corners, centre, low, high):
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(low, high, corners)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], 1).ravel()


case("square on whole pixels", [[2, 1, 9, 1, 9, 6, 2, 6]], 10, 12)
case("square on half pixels", [[2.5, 1.5, 9.5, 1.5, 9.5, 6.5, 2.5, 6.5]], 10, 12)
case("other direction", [[2.3, 1.7, 2.3, 6.2, 9.1, 6.2, 9.1, 1.7]], 10, 12)
case("sliver", [[1, 1, 11, 1.2, 11, 1.4, 1, 1.3]], 10, 12)
case("less than a pixel", [[5.1, 5.1, 5.3, 5.1, 5.3, 5.3]], 10, 12)
case("whole picture", [[0, 0, 12, 0, 12, 10, 0, 10]], 10, 12)
case("beyond all edges", [[-4, -3, 30, -3, 30, 25, -4, 25]], 10, 12)
case("outside", [[-9, -9, -2, -9, -2, -2]], 10, 12)
case("bow tie", [[1, 1, 10, 8, 10, 1, 1, 8]], 10, 12)
case("repeated corners", [[2, 2, 2, 2, 8, 2, 8, 2, 8, 7, 2, 7]], 10, 12)
case("two that overlap", [star(9, (14, 12), 6, 11), star(7, (22, 18), 5, 9)], 36, 40)
case("down to the lower edge", [[3, 2, 9, 20, 2, 20]], 20, 12)
for i in range(12):
    height, width = (int(v) for v in rng.integers(20, 70, 2))
    case(f"star {i}", [star(int(rng.integers(3, 40)), (width / 2, height / 2), 4, 0.7 * max(width, height))], height, width)
json.dump(cases, open("coco_masks.json", "w"), separators=(",", ":"))
print(len(cases), "cases")
