"""Writes jpeg_compression.png and jpeg.json: what libjpeg leaves of pictures, for offline/src/distort/jpeg_compression.rs.

Run in this folder, after make_distortions.py: python3 make_jpeg.py
Made with numpy 2.4.6, Pillow 13.0.0 and its libjpeg-turbo 3.2.0.

A picture is saved at a quality (4:2:0, Pillow's default) and loaded. The .png holds scene.png at recipe `miqd`'s twelve
qualities, the .json the SHA-256 of the RGB bytes of more pictures: all of libjpeg's defaults are integer arithmetic, so there
is one right answer.
"""

import hashlib
import io
import json

import numpy as np
from PIL import Image

# Whole and cut macroblocks; the narrow ones are upsampled without a filter.
SIZES = [(640, 480), (33, 7), (1, 1), (16, 16), (17, 31), (2, 3), (4, 5), (5, 4), (32, 33), (15, 64), (130, 66)]
QUALITIES = [max(int(q), 1) for q in np.linspace(100, 0.1, 12)] + [25, 15, 10, 7]


def picture(width, height):
    """Slopes that wrap, and noise; the test draws the same."""
    y, x = np.mgrid[:height, :width].astype(np.uint32)
    noise = ((x * np.uint32(2654435761)) ^ (y * np.uint32(40503))) >> 13
    rgb = [x * 7 + noise % 61, y * 5 + (noise >> 5) % 29, (x + y) * 3 + (noise >> 9) % 250]
    return np.stack(rgb, 2).astype(np.uint8)


def round_trip(rgb, quality):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def main():
    cases = []
    for width, height in SIZES:
        rgb = picture(width, height)
        hashes = [hashlib.sha256(round_trip(rgb, q).tobytes()).hexdigest() for q in QUALITIES]
        cases.append({"width": width, "height": height, "hashes": hashes})
    scene = np.asarray(Image.open("scene.png").convert("RGB"))
    tiles = [round_trip(scene, q) for q in QUALITIES[:12]]
    Image.fromarray(np.concatenate(tiles)).save("jpeg_compression.png", optimize=True)
    with open("jpeg.json", "w", encoding="utf-8") as file:
        json.dump({"qualities": QUALITIES, "cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
