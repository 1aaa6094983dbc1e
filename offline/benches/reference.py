"""Milliseconds of one core for the distortions of `imagecorruptions` (five severities, then their mean) and of Pillow
(JPEG and pixelation at the rows of recipe miqd) on the picture of benches/distort.rs.

    python3 -m venv venv
    venv/bin/pip install numpy==1.26.4 pillow==10.4.0 opencv-python-headless==4.9.0.80 scikit-image==0.21.0 \
        scipy==1.11.4 imagecorruptions==1.1.2 'setuptools<81'
    venv/bin/python offline/benches/reference.py

Processor time counts, with one thread. imagecorruptions 1.1.2 uses names that numpy 2 lacks; hence the versions. Its glass
blur is a loop in Python.
"""

import io
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import cv2
import numpy as np
from imagecorruptions import corruptions
from PIL import Image

cv2.setNumThreads(1)
# imagecorruptions passes `multichannel`, which scikit-image now calls `channel_axis`.
plain_gaussian = corruptions.gaussian
corruptions.gaussian = lambda x, sigma, multichannel: plain_gaussian(x, sigma=sigma, channel_axis=-1)


def picture(width=640, height=480):
    y, x = np.mgrid[:height, :width].astype(np.uint32)
    noise = (x * np.uint32(2654435761) ^ y * np.uint32(40503)) >> 13
    edge = np.where((x // 80 + y // 60) % 2 == 0, 40, 0)
    channels = [x // 4 + noise % 17 + edge, y // 3 + (noise >> 5) % 29, (x + y) // 6 + (noise >> 9) % 60]
    return np.stack(channels, 2).astype(np.uint8)


def milliseconds(work, runs):
    """The median."""
    work()
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1e3)
    return float(np.median(times))


def show(name, times):
    print(f"{name:34}" + "".join(f"{t:9.2f}" for t in times) + f"   mean {np.mean(times):9.2f} ms", flush=True)


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(file))


def pixelate(image, scale):
    small = image.resize((int(image.width * scale), int(image.height * scale)), Image.BOX)
    return np.asarray(small.resize(image.size, Image.NEAREST))


rgb = picture()
image = Image.fromarray(rgb)
to_bytes = lambda result: np.uint8(result)
names = ["gaussian_noise", "defocus_blur", "motion_blur", "fog", "snow", "contrast", "glass_blur"]
for name in names:
    runs = 1 if name == "glass_blur" else 5
    work = lambda severity: to_bytes(getattr(corruptions, name)(image, severity))
    try:
        show(f"imagecorruptions {name}", [milliseconds(lambda: work(s), runs) for s in range(1, 6)])
    except Exception as error:  # one that these versions can't run must not hide the others
        print(f"imagecorruptions {name}: {error!r}", flush=True)
qualities = [max(int(q), 1) for q in np.linspace(100, 0.1, 12)]
show("Pillow jpeg_compression", [milliseconds(lambda: jpeg(image, q), 10) for q in qualities])
scales = [0.95, 0.865, 0.78, 0.695, 0.61, 0.525, 0.44, 0.355, 0.27, 0.185, 0.1, 0.07]
show("Pillow pixelate", [milliseconds(lambda: pixelate(image, c), 10) for c in scales])
