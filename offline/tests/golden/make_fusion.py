"""Writes fusion.png: reference values for offline/src/render/weight.rs and fuse.rs.

Run in this folder: python3 make_fusion.py
Made with numpy 2.4.6, opencv-python-headless 5.0.0.
Five pictures below each other: level of the region of interest, level of the background, mask, weight, fused picture.
Prints the kernel that the test in weight.rs quotes.
"""

import cv2
import numpy as np

WIDTH, HEIGHT, RADIUS = 150, 110, 32
SIGMA = 0.3 * ((2 * RADIUS) * 0.5 - 1) + 0.8


def taps():
    """The kernel in 256ths, read off a blurred edge: what OpenCV takes for 8-bit pictures."""
    exact = cv2.getGaussianKernel(2 * RADIUS + 1, SIGMA)[:, 0] * 256
    found, error = [], 0.0
    for value in exact[:RADIUS]:
        found.append(round(value + error))
        error += value - found[-1]
    found.append(256 - 2 * sum(found))
    edge = np.zeros((3, 300), np.uint8)
    edge[:, 150:] = 255
    row = cv2.GaussianBlur(edge, (2 * RADIUS + 1, 1), SIGMA, sigmaY=0)[1].astype(int)
    kernel = found + found[-2::-1]
    for x in range(300 - RADIUS):
        share = sum(kernel[i] for i in range(2 * RADIUS + 1) if x + i - RADIUS >= 150)
        assert row[x] == (255 * share + 128) // 256, x
    return found


def picture(seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    v = np.stack([x * 1.6 + seed, 255 - y * 2.2, (x + 2 * y) % 256], 2).astype(float)
    v[(x - 50) ** 2 + (y - 45) ** 2 < 500] = (245, 200, 30 + 9 * seed)
    v[70:95, 80:140] = cv2.resize(rng.integers(0, 256, (5, 12, 3)).astype(np.uint8), (60, 25)) + 0.0
    return np.clip(v, 0, 255).astype(np.uint8)


def weight(mask):
    w = cv2.GaussianBlur(mask, (2 * RADIUS + 1, 2 * RADIUS + 1), SIGMA).astype(float) / 255
    w[cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=2) > 0] = 1
    return w


def fuse(roi, background, w):
    w3 = w[..., None]
    f = w3 * roi.astype(float) + (1 - w3) * background.astype(float)
    band = (w > 0.05) & (w < 0.95)
    f[band] = ((f + cv2.GaussianBlur(f, (3, 3), 0)) / 2)[band]
    return f.astype(np.uint8)


y, x = np.mgrid[:HEIGHT, :WIDTH]
mask = ((x - 55) ** 2 / 1300 + (y - 50) ** 2 / 700 < 1) | ((x > 120) & (y < 60) & (x + y > 150))
mask |= (y > 100) & (x > 60) & (x < 75)
mask = mask.astype(np.uint8) * 255
roi = (0.7 * cv2.GaussianBlur(picture(1), (9, 9), 2)).astype(np.uint8)
background = picture(2) // 32 * 32 + 16
w = weight(mask)
grey = lambda v: np.repeat(v[..., None], 3, 2).astype(np.uint8)
stack = np.concatenate([roi, background, grey(mask), grey(np.rint(w * 255)), fuse(roi, background, w)])
cv2.imwrite("fusion.png", stack[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
print(taps())
