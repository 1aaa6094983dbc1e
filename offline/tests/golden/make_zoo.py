"""Writes zoo.json: what the labelling models say in plain onnxruntime, with Pillow's resizing and a decoding of its own,
for offline/src/label/zoo/golden.rs. It holds answers only, no picture and no weights.

Run in this folder: python3 make_zoo.py DATA CONVERTED [PIXELS]
  DATA       folder with MODELS.toml, models/, imagenet/labels.csv and coco/instances.json
  CONVERTED  folder with the models that scripts/zoo.sh all converts
  PIXELS     folder for the pictures as Pillow decodes them, for the tests' MIQA_PIXELS; then nothing else is made
Prints each model's top-1 accuracy or COCO average precision too.
Made with numpy 2.4.6, Pillow 13.0.0, onnxruntime 1.31.1, pycocotools 2.0.11, Python 3.11.
"""

import contextlib
import csv
import io
import json
import os
import sys
import tomllib

import numpy as np
import onnxruntime
from PIL import Image
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

DATA, CONVERTED = sys.argv[1:3]
PIXELS = sys.argv[3] if len(sys.argv) > 3 else None
PICTURES = 300  # of imagenet/labels.csv
EVERY = 5  # one COCO picture of so many is stored
STORED = 0.05  # scores from here on are stored
MASKS = 4  # masks a picture are stored
ELEMENTS = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
COCO_FILE = json.load(open(f"{DATA}/coco/instances.json"))
CATEGORIES = sorted(category["id"] for category in COCO_FILE["categories"])


def open_model(model):
    folder = DATA if model["file"].startswith("models/") else CONVERTED
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    path = os.path.join(folder, model["file"])
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def tensor(model, picture):
    values = np.asarray(picture)
    if model["colour"] == "BGR":
        values = values[..., ::-1]
    if model["mean"]:
        values = (values.astype(np.float32) - np.float32(model["mean"])) / np.float32(model["std"])
    if model["layout"] == "NCHW":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None].astype(ELEMENTS[model["input_type"]]))


def classes(model, session):
    size, filter = model["size"], {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}[model["interpolation"]]
    rows = list(csv.DictReader(open(f"{DATA}/imagenet/labels.csv")))[:PICTURES]
    best = []
    for row in rows:
        picture = Image.open(f"{DATA}/imagenet/{row['file']}").convert("RGB")
        if model["resize"].startswith("squash"):
            picture = picture.resize((size, size), filter)
        else:
            short = round(size / 0.875)
            factor = short / min(picture.size)
            picture = picture.resize([max(short, round(side * factor)) for side in picture.size], filter)
            left, top = ((side - size) // 2 for side in picture.size)
            picture = picture.crop((left, top, left + size, top + size))
        scores = session.run(None, {model["input_name"]: tensor(model, picture)})[0].reshape(-1)
        best.append(int(np.argmax(scores[model["class_offset"] :])))
    hits = sum(found == int(row["class_index"]) for found, row in zip(best, rows))
    print(model["name"], f"top-1 {hits / len(rows):.4f} on {len(rows)}", flush=True)
    return best


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def centred(centre, sides):
    return np.concatenate([centre - sides / 2, centre + sides / 2], 1)


def grid(n):
    row, column = np.divmod(np.arange(n * n), n)
    return np.stack([column, row], 1)


def suppress(boxes, scores):
    """Rows and classes that are left, the best first."""
    rows, found = np.where(scores > 0.02)
    values = scores[rows, found]
    order = np.lexsort((found, rows, -values))[:2000]
    kept = []
    for at in order:
        box = boxes[rows[at]]
        free = True
        for other in kept:
            if found[other] == found[at]:
                rival = boxes[rows[other]]
                low, high = np.maximum(box[:2], rival[:2]), np.minimum(box[2:], rival[2:])
                inner = np.prod(np.maximum(high - low, 0))
                union = np.prod(box[2:] - box[:2]) + np.prod(rival[2:] - rival[:2]) - inner
                if union > 0 and inner / union > 0.6:
                    free = False
                    break
        if free:
            kept.append(at)
            if len(kept) == 100:
                break
    kept = np.array(kept, int)
    return rows[kept], found[kept]


def interpolation(pixels, scale, cells, covered):
    """[pixels, cells]: weights of the cells' values at the pixels' centres."""
    position = np.clip((np.arange(pixels) + 0.5) * scale * cells / covered - 0.5, 0, cells - 1)
    low = np.minimum(position.astype(int), cells - 2)
    weights = np.zeros((pixels, cells))
    weights[np.arange(pixels), low] = 1 - (position - low)
    weights[np.arange(pixels), low + 1] += position - low
    return weights


def detect(model, session, picture):
    """Boxes (left, top, right, bottom in the picture), scores, classes, masks or None; the best first."""
    name, size = model["name"], model["size"]
    width, height = picture.size
    if model["resize"].startswith("none"):
        fitted, scale = picture, (1, 1)
        size = None
    elif model["resize"].startswith("letterbox"):
        factor = size / max(width, height)
        small = picture.resize((int(width * factor), int(height * factor)), Image.BILINEAR)
        fitted = Image.new("RGB", (size, size), (114,) * 3)
        fitted.paste(small, (0, 0))
        scale = (small.width / width, small.height / height)
    else:
        fitted, scale = picture.resize((size, size), Image.BILINEAR), (size / width, size / height)
    names = [output.name for output in session.get_outputs()]
    out = dict(zip(names, session.run(None, {model["input_name"]: tensor(model, fitted)})))
    back = np.array(scale * 2)
    masks = None
    if name == "centernet_mbv3":
        rows = out["tower_0/detections"][0].astype(np.float64)
        rows = rows[rows[:, 4] > 0.02]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        boxes, scores, found = rows[:, :4], rows[:, 4], rows[:, 5].astype(int)
    else:
        if name.startswith("ssd"):
            boxes = out["Postprocessor/ExpandDims_1:0"].reshape(-1, 4)[:, [1, 0, 3, 2]] * [width, height, width, height]
            scores = out["Postprocessor/Slice:0"][0][:, np.array(CATEGORIES) - 1]
        elif name in ("nanodet_416", "picodet_s_416"):
            boxes, scores = [], []
            for stride in (8, 16, 32, 64)[: 3 if name == "nanodet_416" else 4]:
                n = -(-size // stride)
                level = [values[0] for values in out.values() if values.shape[1] == n * n]
                bins = next(values for values in level if values.shape[1] != 80).reshape(n * n, 4, -1).astype(np.float64)
                weights = np.exp(bins - bins.max(2, keepdims=True))
                sides = (weights / weights.sum(2, keepdims=True)) @ np.arange(bins.shape[2])
                centre = grid(n) + 0.5
                boxes.append(np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], 1) * stride)
                scores.append(next(values for values in level if values.shape[1] == 80))
            boxes, scores = np.concatenate(boxes), np.concatenate(scores)
        elif name == "yolox_nano":
            rows = out["output"][0].astype(np.float64)
            cells = np.concatenate([grid(size // stride) for stride in (8, 16, 32)])
            strides = np.concatenate([np.full((size // stride) ** 2, stride) for stride in (8, 16, 32)])[:, None]
            boxes = centred((rows[:, :2] + cells) * strides, np.exp(rows[:, 2:4]) * strides)
            scores = rows[:, 5:] * rows[:, 4:5]
        elif name == "fastestdet":
            rows = out["758"][0]
            n = rows.shape[1]
            rows = rows.reshape(85, -1).T.astype(np.float64)
            boxes = centred((np.tanh(rows[:, 1:3]) + grid(n)) * size / n, sigmoid(rows[:, 3:5]) * size)
            scores = rows[:, 5:] ** 0.4 * rows[:, :1] ** 0.6
        elif name == "yolov8n_seg":
            rows = out["output0"][0].T.astype(np.float64)
            boxes, scores = centred(rows[:, :2] * size, rows[:, 2:4] * size), rows[:, 4:84]
        kept, found = suppress(boxes, scores)
        boxes, scores = boxes[kept], scores[kept, found]
        if name == "yolov8n_seg":
            prototypes = out["output1"][0].astype(np.float64)
            down = interpolation(height, scale[1], prototypes.shape[0], size)
            across = interpolation(width, scale[0], prototypes.shape[1], size)
            masks = [down @ (prototypes @ rows[row, 84:]) @ across.T > 0 for row in kept]
    boxes = np.clip(boxes / back, 0, [width, height, width, height])
    if masks is not None:
        for mask, (left, top, right, bottom) in zip(masks, boxes):
            x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
            mask &= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]
    seen = np.where((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))[0]
    masks = masks and [run_lengths.encode(np.asfortranarray(masks[at].astype(np.uint8))) for at in seen]
    return boxes[seen], scores[seen], found[seen], masks


def precision(name, found, masks):
    for kind in ("bbox", "segm") if masks else ("bbox",):
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = COCO_FILE
            truth.createIndex()
            test = COCOeval(truth, truth.loadRes([dict(item) for item in found]), kind)
            test.evaluate(), test.accumulate(), test.summarize()
        print(name, f"{kind} AP {test.stats[0]:.4f} AP50 {test.stats[1]:.4f}", flush=True)


def objects(model, session):
    answers, all_found = {}, []
    for number, image in enumerate(COCO_FILE["images"]):
        picture = Image.open(f"{DATA}/coco/val2017/{image['file_name']}").convert("RGB")
        boxes, scores, found, masks = detect(model, session, picture)
        rows = []
        for at, (left, top, right, bottom) in enumerate(boxes.tolist()):
            item = {"image_id": image["id"], "category_id": CATEGORIES[int(found[at])], "score": float(scores[at])}
            item["bbox"] = [left, top, right - left, bottom - top]
            if masks:
                item["segmentation"] = masks[at]
            all_found.append(item)
            if scores[at] >= STORED:
                # Class, score in thousandths, box in tenths of a pixel, the first masks as COCO's compressed text.
                row = [int(found[at]), round(float(scores[at]) * 1000), *(round(side * 10) for side in item["bbox"])]
                rows.append(row + [masks[at]["counts"].decode()] if masks and len(rows) < MASKS else row)
        if number % EVERY == 0:
            answers[image["file_name"].split(".")[0]] = rows
    precision(model["name"], all_found, masks)
    return answers


if PIXELS:
    os.makedirs(PIXELS, exist_ok=True)
    rows = list(csv.DictReader(open(f"{DATA}/imagenet/labels.csv")))[:PICTURES]
    files = [f"imagenet/{row['file']}" for row in rows]
    files += [f"coco/val2017/{image['file_name']}" for image in COCO_FILE["images"][::EVERY]]
    for file in files:
        stem = os.path.splitext(os.path.basename(file))[0]
        Image.open(f"{DATA}/{file}").convert("RGB").save(f"{PIXELS}/{stem}.png", compress_level=1)
    sys.exit()

golden = {"classes": {}, "objects": {}}
for model in tomllib.load(open(f"{DATA}/MODELS.toml", "rb"))["model"]:
    if model["task"] == "classification":
        golden["classes"][model["name"]] = classes(model, open_model(model))
    elif model["task"] in ("detection", "instance segmentation"):
        golden["objects"][model["name"]] = objects(model, open_model(model))
json.dump(golden, open("zoo.json", "w"), separators=(",", ":"))
print(os.path.getsize("zoo.json"), "bytes")
