"""Writes full_reference.json: MS-SSIM and VSI as piq computes them, for offline/src/evaluate.

    python3 -m venv venv
    venv/bin/pip install piq==0.8.0 torch==2.15.0 torchvision pillow==13.0.0 numpy==2.4.6
    venv/bin/python make_full_reference.py     (in this folder)

Pictures are drawn here and in the test by the same whole numbers, but one: full_reference.png, cut out of
tests/fixtures/pictures/000000229358.jpg (CC BY 2.0, see the README there) when it is missing. Distortions are whole
numbers too.
"""

import json
import pathlib

import numpy as np
import piq
import torch
from PIL import Image

PHOTO = pathlib.Path("full_reference.png")


def drawn(width, height, k):
    """Waves, texture, a disc and blocks."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    noise = ((x * 2654435761 ^ y * 40503 ^ k * 9973) & 0xFFFFFFFF) >> 13
    channels = []
    for c in range(3):
        wave = (x * (1 + (k + c) % 5) * 2 + y * (1 + (k + 2 * c) % 3) + k * 37) % 512
        value = (np.minimum(wave, 511 - wave) * (120 + 5 * k) >> 8) + (noise >> (3 * c)) % (1 + 2 * k)
        disc = (x - width // 2) ** 2 + (y - height // 3) ** 2 < (width // 5) ** 2
        value = np.where(disc, (50 * k + 90 * c) % 256, value)
        value = np.where((x // 24 + y // 36) % 7 == k % 7, (240 + 31 * k + 20 * c) % 256, value)
        channels.append(np.minimum(value, 255))
    return np.stack(channels, 2).astype(np.uint8)


def distorted(rgb, kind, k):
    height, width, _ = rgb.shape
    v = rgb.astype(np.int64)
    y, x = np.mgrid[:height, :width].astype(np.int64)
    if kind == "noise":
        add = [(((x * 668265263 ^ y * 374761393 ^ c * 2246822519) & 0xFFFFFFFF) >> 15) % (2 * k + 1) - k for c in range(3)]
        v = np.clip(v + np.stack(add, 2), 0, 255)
    elif kind == "blur":
        padded = np.pad(v, ((k, k), (k, k), (0, 0)), mode="edge")
        side = 2 * k + 1
        v = sum(padded[dy : dy + height, dx : dx + width] for dy in range(side) for dx in range(side)) // side**2
    elif kind == "dark":
        v = v * (16 - k) // 16
    elif kind == "pixelate":
        v = v[y // k * k, x // k * k]
    elif kind == "hue":
        v = (v * (8 - k) + np.roll(v, -1, axis=2) * k) // 8
    return v.astype(np.uint8)


PICTURES = [
    {"name": "photo", "distortions": [("noise", 12), ("noise", 70), ("blur", 1), ("blur", 4), ("dark", 5), ("dark", 13),
                                      ("pixelate", 3), ("pixelate", 12), ("hue", 2), ("hue", 6)]},
    {"name": "drawn", "width": 163, "height": 181, "k": 3,
     "distortions": [("noise", 40), ("blur", 2), ("dark", 8), ("pixelate", 6), ("hue", 4)]},
    {"name": "drawn", "width": 210, "height": 162, "k": 6, "distortions": [("noise", 25), ("blur", 3), ("dark", 14), ("hue", 8)]},
    {"name": "drawn", "width": 387, "height": 402, "k": 1, "distortions": [("noise", 30), ("pixelate", 9)]},
    {"name": "drawn", "width": 700, "height": 641, "k": 2, "distortions": [("blur", 2)]},
]


def main():
    if not PHOTO.exists():
        photo = Image.open("../../../tests/fixtures/pictures/000000229358.jpg").convert("RGB")
        photo.resize((256, 169), Image.Resampling.LANCZOS).save(PHOTO, optimize=True)
    cases = []
    for picture in PICTURES:
        rgb = np.array(Image.open(PHOTO)) if picture["name"] == "photo" else drawn(*(picture[key] for key in ("width", "height", "k")))
        tensor = lambda array: torch.tensor(array).permute(2, 0, 1)[None].double()
        for kind, strength in picture["distortions"]:
            x, y = tensor(rgb), tensor(distorted(rgb, kind, strength))
            case = {"picture": picture["name"], **{key: picture.get(key, 0) for key in ("width", "height", "k")}}
            case |= {"kind": kind, "strength": strength, "sum": int(y.sum().item())}
            case |= {"ms_ssim": piq.multi_scale_ssim(y, x, data_range=255).item(), "vsi": piq.vsi(y, x, data_range=255).item()}
            single = piq.vsi(y.float(), x.float(), data_range=255).item()
            print(case, single - case["vsi"])
            cases.append(case)
    with open("full_reference.json", "w", encoding="utf-8") as file:
        json.dump(cases, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
