"""Writes random_statistics.json: what gaussian_noise, fog, glass_blur and snow do on average, for
offline/src/distort/random_statistics.rs.

    python3 -m venv venv
    venv/bin/pip install numpy==1.26.4 pillow==10.4.0 opencv-python-headless==4.9.0.80 scikit-image==0.21.0 \
        scipy==1.11.4 imagecorruptions==1.1.2 'setuptools<81'
    venv/bin/python make_random_statistics.py     (in this folder; some minutes)

The plasma of fog is imagecorruptions' own; the blurs of glass are scikit-image's; snow is make_snow.py's; all random
numbers are numpy's. The twenty pictures are drawn here and in the test by the same whole numbers.

For each distortion and row, over all pictures and draws: what is added (result less picture) by its mean, variance and
autocorrelation, the contrast that is left (what a step from a pixel to the next one has become), and the PSNR; for each level the PSNR of the candidate that takes it. Of each figure the mean, and the
deviation from one draw to the next of the same picture, from which the test knows how far chance may take it.
"""

import json

import numpy as np

if not hasattr(np, "float_"):
    np.float_ = np.float64  # imagecorruptions 1.1.2 knows numpy 1 only
from imagecorruptions.corruptions import plasma_fractal
from skimage.filters import gaussian

import make_snow

WIDTH, HEIGHT, PICTURES, DRAWS = 96, 72, 20, 100
SNAP = 1 / 4096  # see offline/src/distort/quantise.rs
RANKS = [1, 5, 8, 10, 12]
LAGS = [(0, 1), (1, 0), (0, 6), (6, 0), (4, 4)]


def picture(number):
    """Slopes, texture, a disc and a block; dark and bright ones."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint32)
    k = np.uint32(number)
    noise = (x * np.uint32(2654435761) ^ y * np.uint32(40503) ^ k * np.uint32(9973)) >> np.uint32(13)
    channels = []
    for c in range(3):
        wave = (x * np.uint32(1 + (number + c) % 5) * 2 + y * np.uint32(1 + (number + 2 * c) % 3) + k * 37) % 512
        wave = np.minimum(wave, 511 - wave)
        value = (wave * np.uint32(120 + number * 5) >> np.uint32(8)) + (noise >> np.uint32(3 * c)) % (1 + k * 2)
        disc = (x - np.uint32(20 + number * 2)) ** 2 + (y - 30) ** 2 < 100 + 40 * k
        value = np.where(disc, np.uint32((number * 50 + c * 90) % 256), value)
        block = (x // 12 + y // 18) % 7 == k % 7
        value = np.where(block, np.uint32((240 + number * 31 + c * 20) % 256), value)
        channels.append(np.minimum(value, 255))
    return np.stack(channels, 2).astype(np.uint8)


def truncate(v):
    return np.clip(np.floor(v * 255 + SNAP), 0, 255).astype(np.uint8)


def gaussian_noise(rgb, row, rng):
    return truncate(rgb / 255 + rng.normal(0, row[0], rgb.shape))


def fog(rgb, row, rng):
    amplitude, decay = row
    v, side = rgb / 255, 1 << (max(rgb.shape) - 1).bit_length()
    np.random.seed(rng.integers(1 << 32))
    plasma = plasma_fractal(mapsize=side, wibbledecay=decay)[: rgb.shape[0], : rgb.shape[1], None]
    return truncate((v + amplitude * plasma) * v.max() / (v.max() + amplitude))


def glass_blur(rgb, row, rng):
    sigma, reach, times = row[0], int(row[1]), int(row[2])
    blur = lambda x: truncate(gaussian(x / 255, sigma=sigma, mode="nearest", channel_axis=-1))
    x = blur(rgb)
    for _ in range(times):
        dy, dx = rng.integers(-reach, reach, (2, HEIGHT, WIDTH))
        h, w = np.mgrid[:HEIGHT, :WIDTH]
        x = x[np.clip(h + dy, 0, HEIGHT - 1), np.clip(w + dx, 0, WIDTH - 1)]
    return blur(x)


def snow(rgb, row, rng):
    return make_snow.snow(rgb, row, lambda shape: rng.normal(size=shape), rng.uniform(-135, -45))


ROWS = {
    "gaussian_noise": (gaussian_noise, [[s] for s in np.logspace(-2, 0, 12)]),
    "fog": (fog, [(0.1, 3), (0.13, 2.85), (0.2, 2.5), (0.25, 2.2), (0.3, 2.05), (0.34, 1.89), (0.45, 1.7), (0.7, 1.6),
                  (0.9, 1.5), (1.5, 1.5), (2.9, 1.3), (5, 1.3)]),
    "glass_blur": (glass_blur, [(0.4, 1, 0.4), (0.42, 1.5, 0.8), (0.45, 1.5, 0.9), (0.49, 1.5, 0.9), (0.55, 1.5, 0.9),
                                (0.65, 2, 0.9), (0.8, 2.5, 0.9), (1.2, 2.5, 0.99), (1.5, 2, 1.2), (2, 2, 2), (3, 3, 3),
                                (4, 5, 4)]),
    "snow": (snow, make_snow.ROWS),
}


def figures(rgb, out):
    """Mean, variance, autocorrelations (of one channel with itself) of what was added, the contrast left, and the PSNR."""
    added = out.astype(float) - rgb
    centred = added - added.mean()
    variance = (centred**2).mean()
    lags = [(centred[: HEIGHT - dy, : WIDTH - dx] * centred[dy:, dx:]).mean() / variance for dy, dx in LAGS]
    steps, left = np.diff(rgb.astype(float), axis=1), np.diff(out.astype(float), axis=1)
    contrast = (steps * left).sum() / (steps**2).sum()
    return [added.mean(), variance, *lags, contrast, 10 * np.log10(255**2 / (added**2).mean())]


def summary(values):
    """Values by picture, draw and figure: means, and deviations between draws of the same picture."""
    spread = np.sqrt(values.var(axis=1, ddof=1).mean(axis=0))
    return {"mean": [float(f"{v:.6g}") for v in values.mean(axis=(0, 1))], "spread": [float(f"{v:.3g}") for v in spread]}


def main():
    result = {"width": WIDTH, "height": HEIGHT, "pictures": PICTURES, "draws": DRAWS, "lags": LAGS, "distortions": []}
    pictures = [picture(k) for k in range(PICTURES)]
    # So that the test knows that it draws the same.
    result["sums"] = [int(p.astype(np.int64).ravel() @ (np.arange(p.size) % 251)) for p in pictures]
    for name, (work, rows) in ROWS.items():
        values = np.empty((PICTURES, DRAWS, len(rows), 4 + len(LAGS)))
        for at in np.ndindex(values.shape[:3]):
            rng = np.random.default_rng([20261, *at])
            values[at] = figures(pictures[at[0]], work(pictures[at[0]], rows[at[2]], rng))
        ranked = -np.sort(-values[..., -1], axis=2)
        levels = summary(ranked[..., [rank - 1 for rank in RANKS]])
        each = [summary(values[:, :, row]) for row in range(len(rows))]
        result["distortions"].append({"name": name, "rows": each, "levels": levels})
        print(name, levels, flush=True)
    with open("random_statistics.json", "w", encoding="utf-8") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
