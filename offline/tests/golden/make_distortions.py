"""Writes scene.png, darkness.png, defocus_blur.png, contrast.png, pixelate.png, glass_blur.png and distortions.json: reference values for offline/src/distort and
offline/src/label/fit.rs.

Run in this folder: python3 make_distortions.py
Made with numpy 2.4.6, Pillow 13.0.0, opencv-python-headless 5.0.0, scikit-image 0.26.0.
The scene is drawn here, so it is nobody's but ours.
"""

import colorsys
import json

import cv2
import numpy as np
from PIL import Image
from skimage.filters import gaussian

WIDTH, HEIGHT = 64, 48
SNAP = 1 / 4096  # see offline/src/distort/quantise.rs


def truncate(v):
    return np.clip(np.floor(v * 255 + SNAP), 0, 255).astype(np.uint8)


def scene():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    v = np.stack([x * 3.2, y * 4.1, 255 - x * 2.0 - y], 2)
    v[(x - 20) ** 2 + (y - 18) ** 2 < 130] = (250, 210, 40)
    v[(x - 44) ** 2 + (y - 30) ** 2 < 90] = (8, 16, 90)
    v[34:44, 4:26] = rng.integers(0, 256, (10, 22, 3))
    v[4:12, 40:60] = 128
    return np.clip(v, 0, 255).astype(np.uint8)


def darkness(v, c):
    out = np.empty_like(v)
    for i in np.ndindex(v.shape[:2]):
        h, s, value = colorsys.rgb_to_hsv(*v[i])
        out[i] = colorsys.hsv_to_rgb(h, s, max(value - c, 0))
    return out


def disk(radius, alias):
    if radius <= 8:
        grid, size = np.arange(-8, 9), (3, 3)
    else:
        grid, size = np.arange(-radius, radius + 1), (5, 5)
    x, y = np.meshgrid(grid, grid)
    kernel = np.array(x**2 + y**2 <= radius**2, dtype=np.float64)
    kernel /= kernel.sum()
    return cv2.GaussianBlur(kernel, ksize=size, sigmaX=alias)


def defocus(v, radius, alias):
    kernel = disk(radius, alias)
    return np.stack([cv2.filter2D(v[..., c], -1, kernel) for c in range(3)], 2)


def contrast(v, factor):
    mean = v.mean(axis=(0, 1), keepdims=True)
    return (v - mean) * factor + mean


def pixelate(rgb, scale):
    picture = Image.fromarray(rgb)
    width, height = picture.size
    small = picture.resize((int(width * scale), int(height * scale)), Image.BOX)
    return np.asarray(small.resize((width, height), Image.NEAREST))


def glass(rgb, sigma, max_delta, iterations, sequential, rng):
    blur = lambda x: truncate(gaussian(x / 255, sigma=sigma, mode="nearest", channel_axis=-1))
    x, d = blur(rgb), int(max_delta)
    height, width = x.shape[:2]
    for _ in range(int(iterations)):
        if sequential:
            for h in range(height - d, d, -1):
                for w in range(width - d, d, -1):
                    dx, dy = rng.integers(-d, d, 2)
                    x[[h, h + dy], [w, w + dx]] = x[[h + dy, h], [w + dx, w]]
        else:
            dy, dx = rng.integers(-d, d, (2, height, width))
            h, w = np.mgrid[:height, :width]
            x = x[np.clip(h + dy, 0, height - 1), np.clip(w + dx, 0, width - 1)]
    return blur(x)


def glass_statistics(rgb, row):
    rng, draws = np.random.default_rng(7), []
    for _ in range(60):
        x = glass(rgb, *row, rng).astype(float)
        error = ((x - rgb) ** 2).mean()
        centred = x - x.mean()
        lag = (centred[:, :-1] * centred[:, 1:]).mean() / x.var()
        draws.append([x.mean(), x.var(), lag, 10 * np.log10(255**2 / error)])
    names = ["mean", "variance", "autocorrelation", "psnr"]
    return {"row": row} | {k: round(float(v), 5) for k, v in zip(names, np.mean(draws, axis=0))}


def plasma(side, decay, draw):
    """ImageNet-C's generator, but its random numbers come row by row from `draw`."""
    points, step, wibble = np.zeros((side, side)), side, 100.0
    while step >= 2:
        half, n = step // 2, side // step
        spread = lambda mean, u: mean / 4 + wibble * (wibble * (2 * u - 1))
        corner = points[0:side:step, 0:side:step]
        total = corner + np.roll(corner, -1, 0)
        total = total + np.roll(total, -1, 1)
        points[half:side:step, half:side:step] = spread(total, draw(n * n).reshape(n, n))
        centre = points[half:side:step, half:side:step]
        corner = points[0:side:step, 0:side:step]
        u = draw(2 * n * n).reshape(2 * n, n)
        horizontal = centre + np.roll(centre, 1, 0) + corner + np.roll(corner, -1, 1)
        vertical = centre + np.roll(centre, 1, 1) + corner + np.roll(corner, -1, 0)
        points[0:side:step, half:side:step] = spread(horizontal, u[0::2])
        points[half:side:step, 0:side:step] = spread(vertical, u[1::2])
        step, wibble = half, wibble / decay
    points -= points.min()
    return points / points.max()


def weyl():
    """u_i = fractional part of i times the golden ratio, i from 1."""
    at = 0

    def draw(count):
        nonlocal at
        i = np.arange(at + 1, at + count + 1)
        at += count
        return i * 0.6180339887498949 % 1.0

    return draw


def fit(image, size, crop, how):
    """The reference preprocessing of the classifiers."""
    if crop is None:
        return image.resize((size, size), how)
    short = round(size / crop)
    k = short / min(image.size)
    image = image.resize(tuple(max(short, round(side * k)) for side in image.size), how)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


rgb = scene()
v = rgb / 255
radii = [(0.95, 0.5), (0.99, 0.54), (0.99, 0.6), (0.99, 0.7), (0.999, 0.9), (1, 0.9)]
radii += [(2, 0.1), (3, 0.5), (5, 0.5), (7, 0.8), (9, 0.9), (12, 0.9)]
losses = np.logspace(np.log10(0.015), np.log10(0.7), 12)
stack = lambda pictures: Image.fromarray(np.concatenate([truncate(p) for p in pictures]))
Image.fromarray(rgb).save("scene.png")
stack(darkness(v, c) for c in losses).save("darkness.png", optimize=True)
stack(defocus(v, *row) for row in radii).save("defocus_blur.png", optimize=True)
factors = [0.9, 0.818, 0.736, 0.655, 0.573, 0.491, 0.409, 0.327, 0.246, 0.164, 0.082, 0.05]
stack(contrast(v, c) for c in factors).save("contrast.png", optimize=True)
scales = [0.95, 0.865, 0.78, 0.695, 0.61, 0.525, 0.44, 0.355, 0.27, 0.185, 0.1, 0.07]
Image.fromarray(np.concatenate([pixelate(rgb, c) for c in scales])).save("pixelate.png", optimize=True)
# Eight rows of recipe miqd shuffle nothing; of the others, and of ImageNet-C's, the statistics are kept.
still = [0.4, 0.42, 0.45, 0.49, 0.55, 0.65, 0.8, 1.2]
tiles = [glass(rgb, sigma, 0, 0, False, None) for sigma in still]
Image.fromarray(np.concatenate(tiles)).save("glass_blur.png", optimize=True)
moving = [[1.5, 2, 1.2, 0], [2, 2, 2, 0], [3, 3, 3, 0], [4, 5, 4, 0], [0.7, 1, 2, 1], [1.1, 3, 2, 1]]

picture = Image.fromarray(rgb)
cases = [(28, 0.875, "bicubic"), (24, 0.875, "bilinear"), (20, None, "bilinear"), (44, 0.875, "bicubic")]
filters = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
json.dump(
    {
        "darkness": losses.tolist(),
        "gaussian_noise": np.logspace(np.log10(0.01), 0, 12).tolist(),
        "glass": [glass_statistics(rgb, row) for row in moving],
        "plasma": [
            {"side": side, "decay": decay, "points": [round(p, 9) for p in plasma(side, decay, weyl()).ravel().tolist()]}
            for side, decay in [(8, 1.3), (16, 2.05)]
        ],
        "fit": [
            {"size": s, "crop": c, "interpolation": how, "pixels": fit(picture, s, c, filters[how]).tobytes().hex()}
            for s, c, how in cases
        ],
    },
    open("distortions.json", "w"),
    indent=1,
)
