"""Writes agree.json: detections, objects and what COCOeval says of them, for offline/src/agree/golden.rs.

Run in this folder: python3 make_agree.py [coco]
Made with numpy 2.4.6, pycocotools 2.0.11. `coco` is a folder with instances.json of COCO 2017 val; without it the real
pictures of agree.json stay as they are. Of these only annotations are used, which are licensed CC BY 4.0 by the COCO
Consortium; they are of pictures of licence 4 and 5 (CC BY 2.0, CC BY-SA 2.0).

A case: size [height, width]; found [class, score, x, y, width, height, mask]; truth [class, x, y, width, height, crowd,
mask]; boxes and masks: [ap50, ap75, ap], masks only if all objects have one. Numbers of detections are exact in 32 bits.
"""

import json
import os
import sys

import numpy as np
from pycocotools import mask as api

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../coco"))
from one_picture import precision

rng = np.random.default_rng(11)
cases = []


def number(value):
    value = float(value)
    return int(value) if value.is_integer() else value


def case(name, found, truth, size=(480, 640)):
    """found: (class, score, box[, mask]); truth: (class, box[, crowd[, mask]]); masks as text."""
    found = [(int(f[0]), number(f[1]), [number(np.float32(v)) for v in f[2]], f[3] if len(f) > 3 else None) for f in found]
    truth = [(int(t[0]), [number(v) for v in t[1]], t[3] if len(t) > 3 else None, bool(t[2]) if len(t) > 2 else False) for t in truth]
    assert all(np.float32(f[1]) == f[1] and 0 <= f[1] <= 1 for f in found)
    masked = bool(found + truth) and all(o[3] is not None for o in found) and all(o[2] is not None for o in truth)
    entry = dict(
        name=name,
        size=list(size),
        found=[[c, s, *b] + ([m] if masked else []) for c, s, b, m in found],
        truth=[[c, *b, int(crowd)] + ([m] if masked else []) for c, b, m, crowd in truth],
        boxes=precision(found, truth, size, "bbox"),
    )
    if masked:
        entry["masks"] = precision(found, truth, size, "segm")
    cases.append(entry)


def text(bitmap):
    return api.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"].decode()


def score(steps=256):
    return int(rng.integers(0, steps + 1)) / steps


def quarters(values):
    return [round(float(v) * 4) / 4 for v in values]


# Rules one by one.
box = [100, 100, 80, 60]
case("nothing and nothing", [], [])
case("nothing to find", [(3, 0.5, box)], [])
case("nothing found", [], [(3, box)])
case("another class", [(4, 0.5, box)], [(3, box)])
case("perfect", [(3, 0.5, box)], [(3, box)])
case("a false one of an absent class", [(3, 0.5, box), (9, 1, box)], [(3, box)])
case("a better false one", [(3, 0.5, box), (3, 0.75, [300, 100, 80, 60])], [(3, box)])
case("twice", [(3, 0.5, box), (3, 0.75, box)], [(3, box)])
case("two equal objects", [(3, 0.5, box), (3, 0.5, box)], [(3, box), (3, box)])
case("the first of equal scores is false", [(3, 0.5, [300, 100, 80, 60]), (3, 0.5, box)], [(3, box)])
case("the second of equal scores is false", [(3, 0.5, box), (3, 0.5, [300, 100, 80, 60])], [(3, box)])
# The first detection overlaps both equally; the later object is taken, which is the only one that the second reaches.
case("equal overlaps", [(0, 0.9375, [10, 0, 20, 10]), (0, 0.5, [14, 0, 20, 10])], [(0, [6, 0, 20, 10]), (0, [14, 0, 20, 10])])
case("equal overlaps, other order", [(0, 0.9375, [10, 0, 20, 10]), (0, 0.5, [14, 0, 20, 10])], [(0, [14, 0, 20, 10]), (0, [6, 0, 20, 10])])
# Greedy: the better score takes the object that the other one needs.
case("greedy", [(0, 0.75, [2, 0, 20, 10]), (0, 0.5, [0, 0, 20, 10])], [(0, [0, 0, 20, 10]), (0, [5, 0, 20, 10])])
for n in range(8, 21):
    case(f"overlap {n} of 20", [(0, 0.5, [0, 0, n, 10])], [(0, [0, 0, 20, 10])])
# Overlaps that round to a threshold, and to its neighbours.
thresholds = np.linspace(0.5, 0.95, 10)
for t in thresholds:
    for aim in (np.nextafter(t, 0), t, np.nextafter(t, 1)):
        for _ in range(100000):
            w, h, n = (round(float(v), 2) for v in rng.uniform(5, 90, 3))
            narrow = float(np.float32(n))
            w = round(narrow / t, 14)
            high = float(np.float32(h))
            if api.iou([[0, 0, narrow, high]], [[0, 0, w, high]], [0])[0, 0] == aim:
                case(f"overlap {float(aim)!r}", [(0, 0.5, [0, 0, narrow, high])], [(0, [0, 0, w, high])])
                break
case("box without width", [(0, 0.5, [5, 5, 0, 9])], [(0, [5, 5, 0, 9])])
case("box without area beside a right one", [(0, 0.75, [5, 5, 0, 0]), (0, 0.5, box)], [(0, box)])
case("object without area", [(0, 0.75, box)], [(0, [5, 5, 0, 0]), (0, box)])
case("negative width", [(0, 0.75, [50, 5, -20, 9]), (0, 0.5, box)], [(0, box)])
case("negative sides", [(0, 0.75, [50, 5, -20, -9]), (0, 0.5, box)], [(0, box)])
case("negative width, nothing to find", [(0, 0.75, [50, 5, -20, 9])], [])
case("larger than any picture", [(0, 0.75, [0, 0, 2e5, 1e5]), (0, 0.5, box)], [(0, box)])
crowd = [50, 50, 300, 300]
case("crowd only, nothing found", [], [(0, crowd, 1)])
case("crowd only, inside", [(0, 0.5, box)], [(0, crowd, 1)])
case("crowd only, outside", [(0, 0.5, [400, 100, 80, 60])], [(0, crowd, 1)])
case("crowd only, another class inside", [(1, 0.5, box)], [(0, crowd, 1)])
for n in range(9, 21):
    case(f"crowd only, {n} of 20 inside", [(0, 0.5, [50 - (20 - n), 60, 20, 10])], [(0, crowd, 1)])
case("crowd and one object", [(0, 0.5, box), (0, 0.75, [60, 200, 20, 20]), (0, 0.875, [90, 200, 20, 20])], [(0, crowd, 1), (0, box)])
case("the object comes before its crowd", [(0, 0.5, [98, 100, 84, 60])], [(0, crowd, 1), (0, box)])
case("the second goes to the crowd", [(0, 0.5, box), (0, 0.75, box)], [(0, crowd, 1), (0, box)])
case("crowd of another class", [(0, 0.5, box), (0, 0.75, [60, 200, 20, 20])], [(1, crowd, 1), (0, box)])
case("everything in the crowd, the object missed", [(0, 0.5, [60, 200, 20, 20])], [(0, crowd, 1), (0, [400, 100, 80, 60])])
case("130 of a class, the last 35 right", [(0, (255 - i) / 256, [0, 0, 9, 9] if i < 95 else [4 * i, 20, 3, 3]) for i in range(130)], [(0, [4 * i, 20, 3, 3]) for i in range(95, 130)])
case("130 in a crowd, one of the last 30 outside", [(0, (255 - i) / 256, [4, 4, 9, 9] if i != 120 else [90, 20, 3, 3]) for i in range(130)], [(0, [0, 0, 20, 20], 1)])
for objects, right in [(7, 3), (29, 29), (25, 7), (50, 29), (100, 57)]:
    truth = [(0, [6 * i, 0, 5, 5]) for i in range(objects)]
    found = [(0, score(), [6 * i, 0, 5, 5]) for i in range(right)] + [(0, score(), [6 * i, 300, 5, 5]) for i in range(9)]
    case(f"{right} of {objects} and nine false ones", found, truth)


def scene(objects, classes, detections, crowds, size, unit, steps):
    """Objects on a grid of `unit` pixels, so that overlaps are often equal, and detections that are mostly near one."""
    height, width = size
    truth, found = [], []
    def draw():
        w, h = (int(v) * unit for v in rng.integers(1, 9, 2))
        return [unit * int(rng.integers(0, max(1, (width - w) // unit + 1))), unit * int(rng.integers(0, max(1, (height - h) // unit + 1))), w, h]
    for _ in range(objects):
        truth.append((int(rng.integers(0, classes)), draw(), 0))
    for _ in range(crowds):
        x, y, w, h = draw()
        truth.append((int(rng.integers(0, classes)), [x, y, 2 * w, 2 * h], 1))
    for _ in range(detections):
        c, b = int(rng.integers(0, classes)), draw()
        if truth and rng.random() < 0.8:
            near = truth[int(rng.integers(0, len(truth)))]
            c = near[0] if rng.random() < 0.9 else c
            b = [v + unit / 2 * int(rng.integers(-1, 2)) for v in near[1]]
        found.append((c, score(steps), quarters(b)))
    return found, truth


for i in range(170):
    found, truth = scene(int(rng.integers(0, 14)), int(rng.choice([1, 2, 5, 40])), int(rng.integers(0, 24)), int(rng.choice([0, 0, 1, 2])), (96, 128), int(rng.choice([1, 4])), int(rng.choice([3, 256])))
    case(f"scene {i}", found, truth)


def pixels(box, size):
    """An ellipse or a rectangle with holes."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    left, top, w, h = box
    inside = (x >= left) & (x < left + w) & (y >= top) & (y < top + h)
    kind = rng.integers(0, 4)
    if kind == 0:
        inside &= ((x - left - w / 2) / (w / 2)) ** 2 + ((y - top - h / 2) / (h / 2)) ** 2 <= 1
    elif kind == 1:
        inside &= rng.random(size) < 0.8
    return inside


for i in range(90):
    size = (int(rng.integers(8, 40)), int(rng.integers(8, 40)))
    found, truth = scene(int(rng.integers(0, 7)), int(rng.choice([1, 2, 5])), int(rng.integers(0, 12)), int(rng.choice([0, 0, 1])), size, int(rng.choice([1, 2])), int(rng.choice([3, 256])))
    shapes = {}
    def shape(box):
        # Equal boxes often have equal pixels.
        key = tuple(box)
        if key not in shapes or rng.random() < 0.3:
            shapes[key] = text(pixels(box, size))
        return shapes[key]
    truth = [(c, b, crowd, shape(b)) for c, b, crowd in truth]
    masks = [t[3] for t in truth]
    found = [(c, s, b, masks[int(rng.integers(0, len(masks)))] if masks and rng.random() < 0.3 else shape(b)) for c, s, b in found]
    case(f"masks {i}", found, truth, size)
size = (20, 30)
blank = text(np.zeros(size))
square = np.zeros(size); square[4:12, 5:15] = 1
case("empty masks", [(0, 0.75, [5, 4, 10, 8], blank), (0, 0.5, [5, 4, 10, 8], text(square))], [(0, [5, 4, 10, 8], 0, text(square)), (0, [0, 0, 4, 4], 0, blank)], size)
case("empty masks in a crowd", [(0, 0.75, [5, 4, 10, 8], blank)], [(0, [5, 4, 10, 8], 1, text(square))], size)
whole = text(np.ones(size))
case("the whole picture", [(0, 0.75, [0, 0, 30, 20], whole)], [(0, [0, 0, 30, 20], 0, whole), (0, [5, 4, 10, 8], 0, text(square))], size)


def real(folder):
    """Annotations of COCO with detections that miss them by some pixels."""
    data = json.load(open(os.path.join(folder, "instances.json")))
    order = {c: i for i, c in enumerate(sorted(c["id"] for c in data["categories"]))}
    pictures = [p for p in data["images"] if p["license"] in (4, 5)]
    by_picture = {p["id"]: [a for a in data["annotations"] if a["image_id"] == p["id"]] for p in pictures}
    some = lambda p: 2 <= len(by_picture[p["id"]]) <= 14
    with_crowd = [p for p in pictures if any(a["iscrowd"] for a in by_picture[p["id"]])][:2]
    for picture in with_crowd + [p for p in pictures if some(p) and p not in with_crowd][:9]:
        size = (picture["height"], picture["width"])
        truth, found = [], []
        for a in by_picture[picture["id"]]:
            outline = a["segmentation"]
            if isinstance(outline, list):
                runs = api.merge(api.frPyObjects(outline, *size))
            else:
                runs = api.frPyObjects(outline, *size)
            truth.append((order[a["category_id"]], a["bbox"], a["iscrowd"], runs["counts"].decode()))
            for _ in range(int(rng.choice([0, 1, 1, 2]))):
                bitmap = np.roll(api.decode(runs), [int(v) for v in rng.integers(-3, 4, 2)], (0, 1))
                scale = 1 + rng.normal(0, 0.06, 4)
                box = [a["bbox"][j] + a["bbox"][2 + j % 2] * (scale[j] - 1) if j < 2 else a["bbox"][j] * scale[j] for j in range(4)]
                category = order[a["category_id"]] if rng.random() < 0.9 else int(rng.integers(0, 80))
                # Every other column of blocks is lost now and then, as by a coarse prototype.
                if rng.random() < 0.3:
                    bitmap[:, :: int(rng.integers(5, 9))] = 0
                found.append((category, score(), quarters(box), text(bitmap)))
        case(f"COCO {picture['id']}", found, truth, size)


if len(sys.argv) > 1:
    real(sys.argv[1])
else:
    cases += [c for c in json.load(open("agree.json")) if c["name"].startswith("COCO ")]
lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
open("agree.json", "w").write(f"[\n{lines}\n]\n")
print(len(cases), "cases,", sum("masks" in c for c in cases), "with masks,", os.path.getsize("agree.json") // 1000, "kB")
