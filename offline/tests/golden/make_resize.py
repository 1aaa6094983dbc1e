"""Writes resize.json: hashes of what Pillow's Image.resize makes of pictures drawn by a formula, for
offline/src/label/pillow_resize/mod.rs.

Run in this folder: python3 make_resize.py
Made with numpy 2.4.6, Pillow 13.0.0.
"""

import hashlib
import json

import numpy as np
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
SIZES = [
    ((1, 1), (1, 1)),
    ((1, 1), (9, 5)),
    ((9, 5), (1, 1)),
    ((1, 40), (17, 3)),
    ((40, 1), (3, 17)),
    ((2, 3), (3, 2)),
    ((64, 48), (64, 48)),
    ((64, 48), (64, 31)),
    ((64, 48), (31, 48)),
    ((64, 48), (65, 49)),
    ((64, 48), (63, 47)),
    ((64, 48), (200, 150)),
    ((64, 48), (7, 5)),
    ((500, 375), (341, 256)),
    ((333, 500), (297, 446)),
    ((640, 427), (416, 416)),
    ((427, 640), (277, 416)),
    ((213, 160), (300, 300)),
    ((1500, 20), (10, 200)),
    ((20, 5000), (3, 2)),
    # Columns first, or just not.
    ((100, 100), (99, 97)),
    ((100, 100), (99, 98)),
    ((427, 640), (320, 320)),
    ((60, 40), (90, 20)),
    ((60, 40), (90, 60)),
]


def drawn(width, height, black_and_white):
    at = np.arange(3 * width * height, dtype=np.uint64)
    v = (at * np.uint64(2654435761) >> np.uint64(11)).astype(np.uint8)
    if black_and_white:
        v = np.where(v > 127, 255, 0).astype(np.uint8)
    return Image.fromarray(v.reshape(height, width, 3))


cases = []
for start, to in SIZES:
    for black_and_white in (False, True):
        for name, how in FILTERS.items():
            resized = drawn(*start, black_and_white).resize(to, how)
            case = {"from": start, "black_and_white": black_and_white, "to": to, "filter": name}
            cases.append(case | {"sha256": hashlib.sha256(resized.tobytes()).hexdigest()})
with open("resize.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
