"""The authors' steps for one original, redone with numpy, OpenCV and Pillow at their settings: twelve candidates of every
distortion as optimised PNG, their PSNR and ranks, 20 fusions a distortion as PNG. Prints processor seconds of one core.

    venv/bin/python offline/benches/authors.py [picture]      (a venv as for reference.py)

benches/original.rs runs it beside ours when REFERENCE names the venv's python.
"""

import os
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import cv2
import numpy as np
from imagecorruptions import corruptions
from PIL import Image

cv2.setNumThreads(1)
if not hasattr(np, "float_"):
    np.float_ = np.float64  # imagecorruptions 1.1.2 knows numpy 1 only
RANKS = [1, 5, 8, 10, 12]
PAIRS = [(r, b) for r in range(5) for b in range(5) if r != b]


def rows(first, last, count=12):
    return np.linspace(first, last, count)


def noise(x, sigma):
    return x / 255.0 + np.random.normal(size=x.shape, scale=sigma)


def contrast(x, factor):
    v = x / 255.0
    mean = v.mean(axis=(0, 1), keepdims=True)
    return (v - mean) * factor + mean


def pixelate(x, scale):
    image = Image.fromarray(x)
    small = image.resize((int(image.width * scale), int(image.height * scale)), Image.BOX)
    return np.asarray(small.resize(image.size, Image.NEAREST)) / 255.0


def jpeg(x, quality):
    data = cv2.imencode(".jpg", x[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return cv2.imdecode(data, 1)[..., ::-1] / 255.0


def darkness(x, c):
    hsv = cv2.cvtColor((x / 255.0).astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.maximum(hsv[..., 2] - c, 0)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def defocus(x, radius, alias):
    reach, size = (8, 3) if radius <= 8 else (int(radius), 5)
    grid = np.arange(-reach, reach + 1)
    i, j = np.meshgrid(grid, grid)
    disk = np.array(i**2 + j**2 <= radius**2, dtype=np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), ksize=(size, size), sigmaX=alias)
    v = x / 255.0
    return np.stack([cv2.filter2D(v[..., c], -1, kernel) for c in range(3)], -1)


def glass(x, sigma, delta, iterations):
    blur = lambda v: cv2.GaussianBlur(v, (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE)
    v, (h, w) = np.uint8(blur(x / 255.0) * 255), x.shape[:2]
    d = int(delta)
    y, z = np.mgrid[:h, :w]
    for _ in range(int(iterations)):
        dy, dx = np.random.randint(-d, d, (2, h, w))
        v = v[np.clip(y + dy, 0, h - 1), np.clip(z + dx, 0, w - 1)]
    return blur(v / 255.0)


def motion(x, radius, sigma):
    return corruptions._motion_blur(x, int(np.ceil(radius)), sigma, np.random.uniform(-45, 45)) / 255.0


def fog(x, amplitude, decay):
    v = x / 255.0
    peak = v.max()
    side = 1 << (max(x.shape[:2]) - 1).bit_length()
    plasma = corruptions.plasma_fractal(mapsize=side, wibbledecay=decay)[: x.shape[0], : x.shape[1], None]
    return (v + amplitude * plasma) * peak / (peak + amplitude)


def snow(x, loc, scale, zoom, threshold, radius, sigma, keep):
    v = x / 255.0
    layer = np.random.normal(size=x.shape[:2], loc=loc, scale=scale)[..., None]
    layer = corruptions.clipped_zoom(layer, zoom)
    layer[layer < threshold] = 0
    layer = np.uint8(np.clip(layer.squeeze(), 0, 1) * 255)
    layer = corruptions._motion_blur(layer, int(np.ceil(radius)), sigma, np.random.uniform(-135, -45))
    layer = np.round(layer).astype(np.uint8)[: x.shape[0], : x.shape[1]] / 255.0
    grey = cv2.cvtColor(v.astype(np.float32), cv2.COLOR_RGB2GRAY)[..., None]
    v = keep * v + (1 - keep) * np.maximum(v, grey * 1.5 + 0.5)
    return v + layer[..., None] + np.rot90(layer, 2)[..., None]


ROWS = {
    "gaussian_noise": (noise, [(s,) for s in np.logspace(-2, 0, 12)]),
    "contrast": (contrast, [(c,) for c in (0.9, 0.818, 0.736, 0.655, 0.573, 0.491, 0.409, 0.327, 0.246, 0.164, 0.082, 0.05)]),
    "pixelate": (pixelate, [(c,) for c in (0.95, 0.865, 0.78, 0.695, 0.61, 0.525, 0.44, 0.355, 0.27, 0.185, 0.1, 0.07)]),
    "jpeg_compression": (jpeg, [(q,) for q in rows(100, 0.1)]),
    "darkness": (darkness, [(c,) for c in np.geomspace(0.015, 0.7, 12)]),
    "defocus_blur": (defocus, [(0.95, 0.5), (0.99, 0.54), (0.99, 0.6), (0.99, 0.7), (0.999, 0.9), (1, 0.9), (2, 0.1), (3, 0.5),
                               (5, 0.5), (7, 0.8), (9, 0.9), (12, 0.9)]),
    "glass_blur": (glass, [(0.4, 1, 0.4), (0.42, 1.5, 0.8), (0.45, 1.5, 0.9), (0.49, 1.5, 0.9), (0.55, 1.5, 0.9), (0.65, 2, 0.9),
                           (0.8, 2.5, 0.9), (1.2, 2.5, 0.99), (1.5, 2, 1.2), (2, 2, 2), (3, 3, 3), (4, 5, 4)]),
    "motion_blur": (motion, [(1.4, 0.6), (1.5, 0.7), (2, 0.9), (4, 1.5), (7, 2.5), (10.5, 3.5), (15, 5), (20, 7), (27, 10),
                             (35, 14), (47, 20), (60, 30)]),
    "fog": (fog, [(0.1, 3), (0.13, 2.85), (0.2, 2.5), (0.25, 2.2), (0.3, 2.05), (0.34, 1.89), (0.45, 1.7), (0.7, 1.6), (0.9, 1.5),
                  (1.5, 1.5), (2.9, 1.3), (5, 1.3)]),
    "snow": (snow, list(zip(rows(0.05, 0.6), rows(0.1, 0.4), rows(1, 5), rows(0.3, 0.9), rows(5, 15), rows(2, 15), rows(1, 0.5)))),
}


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255.0**2 / error)


def fuse(weight, roi, background):
    mixed = weight * roi.astype(np.float64) + (1 - weight) * background.astype(np.float64)
    band = (weight > 0.05) & (weight < 0.95)
    soft = cv2.GaussianBlur(mixed, (3, 3), 0)
    return np.where(band, (mixed + soft) / 2, mixed).astype(np.uint8)


def main():
    if len(sys.argv) > 1:
        rgb = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
    else:
        y, x = np.mgrid[:480, :640].astype(np.uint32)
        hashed = (x * np.uint32(2654435761) ^ y * np.uint32(40503)) >> 13
        edge = np.where((x // 80 + y // 60) % 2 == 0, 40, 0)
        rgb = np.stack([x // 4 + hashed % 17 + edge, y // 3 + (hashed >> 5) % 29, (x + y) // 6 + (hashed >> 9) % 60], 2).astype(np.uint8)
    h, w = rgb.shape[:2]
    y, x = np.mgrid[:h, :w]
    mask = (((x - w / 2) / (w / 4)) ** 2 + ((y - h / 2) / (h / 3)) ** 2 <= 1).astype(np.uint8) * 255
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        soft = cv2.GaussianBlur(mask, (65, 65), 0).astype(np.float64) / 255
        soft[cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=2) > 0] = 1
        weight = soft[..., None]
        split = {"candidates": 0.0, "png": 0.0, "psnr": 0.0, "fusions": 0.0}

        def part(name, work):
            begun = time.process_time()
            made = work()
            split[name] += time.process_time() - begun
            return made

        for name, (work, parameters) in ROWS.items():
            candidates = []
            for row, values in enumerate(parameters):
                made = part("candidates", lambda: (np.clip(work(rgb, *values), 0, 1) * 255).astype(np.uint8))
                part("png", lambda: Image.fromarray(made).save(f"{folder}/c{row}.png", optimize=True))
                candidates.append((-part("psnr", lambda: psnr(rgb, made)), row, made))
            candidates.sort(key=lambda c: c[:2])
            levels = [candidates[rank - 1][2] for rank in RANKS]
            for r, b in PAIRS:
                fused = part("fusions", lambda: fuse(weight, levels[r], levels[b]))
                part("png", lambda: Image.fromarray(fused).save(f"{folder}/f.png"))
    print(f"{time.process_time() - start:.3f} " + " ".join(f"{k}={v:.2f}" for k, v in split.items()))


main()
