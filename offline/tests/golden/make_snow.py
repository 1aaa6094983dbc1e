"""Writes snow.png and snow.json: reference values for offline/src/distort/snow.rs.

Run in this folder, after make_distortions.py: python3 make_snow.py
Made with numpy 2.4.6, scipy 1.17.1, opencv-python-headless 5.0.0, Pillow 13.0.0.

snow.png holds scene.png under the twelve rows, with noise that both sides can make: a Weyl sequence instead of normal
values, and a fixed angle. snow.json holds the statistics of snow with normal noise on flat grey: many
seeds, whose angles are spread evenly over the range.
"""

import json
import math

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

SNAP = 1 / 4096  # see offline/src/distort/quantise.rs
FIRST = np.array([0.05, 0.1, 1, 0.3, 5, 2, 1])
LAST = np.array([0.6, 0.4, 5, 0.9, 15, 15, 0.5])
ROWS = FIRST + np.linspace(0, 1, 12)[:, None] * (LAST - FIRST)
SIZE = (120, 160)
SEEDS = 400
GREY = 90
LAGS = [(0, 1), (0, 3), (0, 8), (1, 0), (3, 0), (8, 0), (5, 5), (5, -5)]


def streaks(layer, radius, sigma, angle):
    """Taps at whole pixels, borders repeated; weights beyond the last whole tap count in the norm only."""
    length = 2 * radius + 1
    weights = np.exp(-(np.arange(length) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    height, width = layer.shape
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    y, x = np.mgrid[:height, :width]
    out = np.zeros_like(layer)
    for i in range(int(length)):
        dy, dx = math.ceil(i * sine - 0.5), math.ceil(i * cosine - 0.5)
        out += weights[i] * layer[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
    return out


def snow(rgb, row, draw, angle):
    loc, scale, zoom, threshold, radius, sigma, keep = row
    height, width = rgb.shape[:2]
    layer = loc + scale * draw((math.ceil(height / zoom), math.ceil(width / zoom)))
    # "nearest", since rounding may put the last coordinate outside, where the default mode has 0.
    layer = ndimage.zoom(layer, zoom, order=1, mode="nearest")
    layer[layer < threshold] = 0
    layer = streaks(np.clip(layer, 0, 1), radius, sigma, angle)
    layer = (np.round(layer * 255).astype(np.uint8) / 255)[:height, :width, None]
    v = rgb.astype(np.float32) / 255
    grey = cv2.cvtColor(v, cv2.COLOR_RGB2GRAY)[..., None]
    v = keep * v + (1 - keep) * np.maximum(v, grey * 1.5 + 0.5)
    v = v + layer + np.rot90(layer, 2)
    return np.clip(np.floor(v * 255 + SNAP), 0, 255).astype(np.uint8)


def weyl(shape):
    """Values from -2.95 to 2.95 without order: 5.9·(frac(i²·φ) − ½), i from 1; none lands on a threshold."""
    i = np.arange(1, shape[0] * shape[1] + 1, dtype=np.float64)
    return ((i * i * 0.6180339887498949 % 1.0 - 0.5) * 5.9).reshape(shape)


def statistics(row):
    """Mean, variance and autocorrelation of the levels, and PSNR, over all seeds."""
    flat = np.full((*SIZE, 3), GREY, np.uint8)
    fields, errors = [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng([20260, seed])
        out = snow(flat, row, lambda shape: rng.normal(size=shape), -135 + 90 * (seed + 0.5) / SEEDS).astype(float)
        fields.append(out[..., 0])
        errors.append(10 * np.log10(255**2 / ((out - GREY) ** 2).mean()))
    fields = np.array(fields)
    mean, variance = fields.mean(), fields.var()
    centred = fields - mean
    height, width = SIZE

    def correlation(dy, dx):
        a = centred[:, : height - dy, max(0, -dx) : width - max(0, dx)]
        b = centred[:, dy:, max(0, dx) : width - max(0, -dx)]
        return (a * b).mean() / variance

    def spread_of_products(dy, dx):
        a = centred[:, : height - dy, max(0, -dx) : width - max(0, dx)]
        b = centred[:, dy:, max(0, dx) : width - max(0, -dx)]
        return (a * b).mean(axis=(1, 2)).std()

    means = fields.mean(axis=(1, 2))
    return {
        "mean": round(float(mean), 3),
        "spread_of_means": round(float(means.std()), 3),
        "variance": round(float(variance), 3),
        "autocorrelation": [round(float(correlation(*lag)), 4) for lag in LAGS],
        "psnr": round(float(np.mean(errors)), 3),
        # Between pictures: about the mean of all, so that means over pictures are what both sides compare.
        "spread_of_variance": round(float((centred**2).mean(axis=(1, 2)).std()), 3),
        "spread_of_products": [round(float(spread_of_products(*lag)), 3) for lag in LAGS],
        "spread_of_psnr": round(float(np.std(errors)), 4),
    }


def main():
    scene = np.asarray(Image.open("scene.png").convert("RGB"))
    angles = [-133.7 + 7.9 * i for i in range(12)]
    tiles = [snow(scene, row, weyl, angle) for row, angle in zip(ROWS, angles)]
    Image.fromarray(np.concatenate(tiles)).save("snow.png", optimize=True)
    reference = {
        "parameters": ROWS.tolist(), "height": SIZE[0], "width": SIZE[1], "grey": GREY, "seeds": SEEDS, "lags": LAGS,
        "rows": [statistics(row) for row in ROWS],
    }
    with open("snow.json", "w", encoding="utf-8") as file:
        json.dump(reference, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
