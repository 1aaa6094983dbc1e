"""Compares stored scores of samples with what pycocotools says of the stored predictions.

    python3 compare_ap.py --annotations instances.json --scores scores.parquet --threshold 0.3
        --predictions MODEL=predictions.parquet … [--kind bbox|segm] [--every N]

Made with numpy 2.4.6, pycocotools 2.0.11, pyarrow 26.0.1.

predictions: sample, scores (list of float), classes (list of uint16, COCO-80 order), boxes (list of float, four a
detection), masks (list of text, or null). scores: sample, and lists of a value a model, the models named in the footer:
accuracy_ap50, accuracy_ap75, accuracy_ap (empty where nothing is known) and the same of consistency. A sample is an original or `<original>_…`; the original is the stem of a file name in the annotations.
Prints the largest differences; exit code 1 if one is over 1e-6 or nothing was compared.
"""

import argparse
import json
import math
import os
import sys

import numpy as np
import pyarrow.parquet as parquet
from pycocotools import mask as api

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from one_picture import precision

LIMIT = 1e-6
NAMES = ["ap50", "ap75", "ap"]
# Detections of a class that count.
MOST = 100


def predictions(path):
    """Detections (class, score, box, mask) by sample."""
    columns = parquet.read_table(path).to_pydict()
    masks = columns.get("masks") or [None] * len(columns["sample"])
    found = {}
    for sample, scores, classes, boxes, texts in zip(columns["sample"], columns["scores"], columns["classes"], columns["boxes"], masks):
        assert len(scores) == len(classes) == len(boxes) / 4, f"lists of {sample} have different lengths"
        boxes = [boxes[i : i + 4] for i in range(0, len(boxes), 4)]
        found[sample] = list(zip(classes, scores, boxes, texts or [None] * len(scores)))
    return found


def annotations(path):
    """Size and objects (class, box, mask, crowd) by original."""
    data = json.load(open(path))
    order = {category: i for i, category in enumerate(sorted(c["id"] for c in data["categories"]))}
    pictures = {p["id"]: (os.path.splitext(os.path.basename(p["file_name"]))[0], [p["height"], p["width"]]) for p in data["images"]}
    truth = {stem: (size, []) for stem, size in pictures.values()}
    for a in data["annotations"]:
        stem, size = pictures[a["image_id"]]
        outline = a["segmentation"]
        if isinstance(outline, list):
            mask = api.merge(api.frPyObjects(outline, *size))["counts"].decode()
        elif isinstance(outline["counts"], list):
            mask = api.frPyObjects(outline, *size)["counts"].decode()
        else:
            mask = outline["counts"]
        truth[stem][1].append((order[a["category_id"]], a["bbox"], mask, bool(a.get("iscrowd"))))
    return truth


def counted(found, threshold, kind, size):
    """What takes part in consistency: over the threshold, and with an area."""
    def area(box, mask):
        if kind == "segm":
            return api.area(dict(size=size, counts=mask)) if mask is not None else 0
        return min(box[2], box[3]) if all(math.isfinite(v) for v in box) else 0
    return [d for d in found if d[1] >= threshold and area(d[2], d[3]) > 0]


def reference(clean):
    """Detections on the clean picture as objects: the best of each class."""
    objects, count = [], {}
    for category, _, box, mask in sorted(clean, key=lambda d: -d[1]):
        count[category] = count.get(category, 0) + 1
        if count[category] <= MOST:
            objects.append((category, box, mask, False))
    return objects


def original(sample, known):
    """The longest known name that the sample's starts with."""
    parts = sample.split("_")
    stems = ("_".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((stem for stem in stems if stem in known), None)


def compare(arguments):
    truth = annotations(arguments.annotations)
    found = {}
    for pair in arguments.predictions:
        model, _, path = pair.partition("=")
        # A model may be in several shards.
        found.setdefault(model, {}).update(predictions(path))
    table = parquet.read_table(arguments.scores)
    models = parquet.read_metadata(arguments.scores).metadata[b"miqa.models"].decode().split(",")
    rows = [(model, at, row) for row in table.to_pylist()[:: arguments.every] for at, model in enumerate(models)]
    worst, compared, failed = {}, 0, 0
    for model, at, row in rows:
        if model not in found:
            continue
        sample, answers = row["sample"], found[model]
        stem = original(sample, truth)
        if stem is None or sample not in answers or stem not in answers:
            print(f"{model}, {sample}: no annotations, no prediction, or none of the original")
            failed += 1
            continue
        size, objects = truth[stem]
        limit = lambda sample: counted(answers[sample], arguments.threshold, arguments.kind, size)
        # A detection without a mask overlaps nothing.
        whole = lambda d: (d[0], d[1], d[2], d[3] or api.encode(blank(size))["counts"].decode()) if arguments.kind == "segm" else d
        values = dict(
            accuracy=precision([whole(d) for d in answers[sample]], objects, size, arguments.kind),
            consistency=precision(limit(sample), reference(limit(stem)), size, arguments.kind),
        )
        for measure, three in values.items():
            for name, value in zip(NAMES, three):
                column = f"{measure}_{name}"
                if not row[column]:
                    continue
                stored = row[column][at]
                difference = abs(stored - value)
                compared += 1
                if not difference <= LIMIT:
                    failed += 1
                    print(f"{model}, {sample}: {column} is {stored}, pycocotools {value}")
                if difference >= worst.get(column, (0, None))[0]:
                    worst[column] = (difference, sample)
    for column, (difference, sample) in worst.items():
        print(f"{column}: at most {difference:.2g} apart ({sample})")
    print(f"{compared} values compared, {failed} failed")
    return 1 if failed or not compared else 0


def blank(size):
    return np.zeros(size, np.uint8, order="F")


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annotations", required=True)
    parser.add_argument("--scores", required=True)
    parser.add_argument("--predictions", required=True, nargs="+", metavar="MODEL=FILE")
    parser.add_argument("--threshold", required=True, type=float, help="lowest score that counts for consistency")
    parser.add_argument("--kind", choices=["bbox", "segm"], default="bbox")
    parser.add_argument("--every", type=int, default=1, help="only every N-th row of the scores")
    arguments = parser.parse_args(words)
    # Scores are of 32 bits, and so is what they are compared with.
    arguments.threshold = float(np.float32(arguments.threshold))
    return compare(arguments)


if __name__ == "__main__":
    sys.exit(main())
