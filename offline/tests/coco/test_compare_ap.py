"""Tests compare_ap.py on tables made here: python3 test_compare_ap.py (the same packages)."""

import json
import os
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from pycocotools import mask as api

import compare_ap

BOX, FAR = [10, 10, 40, 20], [60, 40, 20, 20]
SIZE = [80, 100]


def text(box):
    bitmap = np.zeros(SIZE, np.uint8, order="F")
    x, y, w, h = box
    bitmap[y : y + h, x : x + w] = 1
    return api.encode(bitmap)["counts"].decode()


def predictions(path, answers, masked):
    floats, uints, texts = pa.list_(pa.float32()), pa.list_(pa.uint16()), pa.list_(pa.string())
    columns = list(answers.values())
    parquet.write_table(
        pa.table(
            dict(
                sample=pa.array(list(answers)),
                scores=pa.array([[d[1] for d in found] for found in columns], floats),
                classes=pa.array([[d[0] for d in found] for found in columns], uints),
                boxes=pa.array([[v for d in found for v in d[2]] for found in columns], floats),
                masks=pa.array([[text(d[2]) for d in found] if masked else None for found in columns], texts),
            )
        ),
        path,
    )


def scores(path, rows):
    names = [f"{measure}_{name}" for measure in ("accuracy", "consistency") for name in compare_ap.NAMES]
    wide = [dict(sample=row[0]) | {name: [value] for name, value in zip(names, row[2:])} for row in rows]
    table = pa.Table.from_pylist(wide)
    parquet.write_table(table.replace_schema_metadata({"miqa.models": rows[0][1]}), path)


with tempfile.TemporaryDirectory() as folder:
    at = lambda name: os.path.join(folder, name)
    polygon = [10, 10, 50, 10, 50, 30, 10, 30]
    json.dump(
        dict(
            categories=[dict(id=1), dict(id=13)],
            images=[dict(id=5, file_name="a_b.jpg", height=80, width=100), dict(id=6, file_name="c.jpg", height=80, width=100)],
            annotations=[
                dict(id=1, image_id=5, category_id=13, bbox=BOX, area=800, iscrowd=0, segmentation=[polygon]),
                dict(id=2, image_id=5, category_id=1, bbox=FAR, area=400, iscrowd=0, segmentation=dict(size=SIZE, counts=text(FAR))),
            ],
        ),
        open(at("instances.json"), "w"),
    )
    answers = {
        "a_b": [(1, 0.9, BOX), (0, 0.2, FAR)],
        "a_b_fog_3": [(0, 0.8, FAR), (0, 0.2, BOX)],
        "c": [],
        "c_fog_3": [(1, 0.1, BOX)],
    }
    # With the threshold 0.3 the second answer has lost all that the clean one found; c has no objects.
    right = [
        ("a_b", "m", 1, 1, 1, 1, 1, 1),
        ("a_b_fog_3", "m", 0.5, 0.5, 0.5, 0, 0, 0),
        ("c", "m", 1, 1, 1, 1, 1, 1),
        ("c_fog_3", "m", 0, 0, 0, 1, 1, 1),
    ]
    right = [(s, m, *map(float, values)) for s, m, *values in right]
    for kind in ("bbox", "segm"):
        predictions(at("p.parquet"), answers, kind == "segm")
        words = ["--annotations", at("instances.json"), "--scores", at("s.parquet"), "--predictions", f"m={at('p.parquet')}", "--threshold", "0.3", "--kind", kind]
        scores(at("s.parquet"), right)
        assert compare_ap.main(words) == 0, kind
        for row in range(len(right)):
            for column in range(2, 8):
                wrong = [list(values) for values in right]
                wrong[row][column] += 2e-6
                scores(at("s.parquet"), wrong)
                assert compare_ap.main(words) == 1, (kind, row, column)
        scores(at("s.parquet"), [("d_fog_3", *right[0][1:])])
        assert compare_ap.main(words) == 1, "a sample that nothing is known of"
print("passed")
