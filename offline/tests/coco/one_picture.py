"""What COCOeval of pycocotools says of one picture: for make_agree.py, compare_ap.py and benches/agree_reference.py.

Made with numpy 2.4.6, pycocotools 2.0.11.
"""

import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def prepared(found, truth, size, kind, classes=None):
    """COCOeval over one picture, with its default parameters, not yet run.

    found: (class, score, [x, y, width, height], mask or None); truth: (class, bbox, mask or None, crowd); a mask is COCO's
    compressed text; size: height and width; kind: "bbox" or "segm"; classes: categories of the data set, by default those
    that occur. Classes are numbered from 0, categories from 1.
    """
    runs = lambda text: {"size": list(size), "counts": text}
    annotations, results = [], []
    for number, (category, box, mask, crowd) in enumerate(truth, 1):
        entry = dict(id=number, image_id=1, category_id=category + 1, bbox=list(box), iscrowd=int(crowd), area=box[2] * box[3])
        if mask is not None:
            entry["segmentation"] = runs(mask)
        annotations.append(entry)
    for category, score, box, mask in found:
        entry = dict(image_id=1, category_id=category + 1, score=score, bbox=list(box))
        if kind == "segm":
            del entry["bbox"]
            entry["segmentation"] = runs(mask)
        results.append(entry)
    if classes is None:
        classes = {entry["category_id"] - 1 for entry in annotations + results}
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO()
        data.dataset = dict(
            info={},
            images=[dict(id=1, height=size[0], width=size[1])],
            annotations=annotations,
            categories=[dict(id=category + 1) for category in sorted(classes)],
        )
        data.createIndex()
        # loadRes refuses an empty list.
        answers = data.loadRes(results) if results else COCO()
        return COCOeval(data, answers, kind)


def evaluation(found, truth, size, kind):
    """As above, run and summarised."""
    evaluation = prepared(found, truth, size, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def precision(found, truth, size, kind):
    """[ap50, ap75, ap] as COCOeval has them; where it has none (no object but crowds), [1, 1, 1] if it matches every
    detection with a crowd at every threshold, else the share of thresholds at which it does."""
    if any(not crowd for _, _, _, crowd in truth):
        ap, ap50, ap75 = evaluation(found, truth, size, kind).stats[:3]
        return [float(ap50), float(ap75), float(ap)]
    right = [True] * 10
    if found:
        for picture in evaluation(found, truth, size, kind).evalImgs:
            # Objects of all sizes come with the range up to 1e10.
            if picture is not None and picture["aRng"] == [0, 1e10]:
                right = [r and bool(ignored.all()) for r, ignored in zip(right, picture["dtIgnore"])]
    return [float(right[0]), float(right[5]), sum(right) / 10]
