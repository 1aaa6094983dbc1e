"""Writes motion_blur.png: scene.png under ImageMagick's motion blur, the twelve rows below each other.

Run in this folder, after make_distortions.py: python3 make_motion_blur.py
Made with ImageMagick 6.9.11-60 Q16 (Debian 12) and Pillow 13.0.0; the angles are those of offline/src/distort/motion_blur.rs.
"""

import subprocess

from PIL import Image

ROWS = [
    (1.4, 0.6), (1.5, 0.7), (2, 0.9), (4, 1.5), (7, 2.5), (10.5, 3.5),
    (15, 5), (20, 7), (27, 10), (35, 14), (47, 20), (60, 30),
]


def blurred(radius, sigma, angle):
    command = ["convert", "scene.png", "-motion-blur", f"{radius}x{sigma}{angle:+}", "-depth", "8", "rgb:-"]
    pixels = subprocess.run(command, check=True, capture_output=True).stdout
    return Image.frombytes("RGB", Image.open("scene.png").size, pixels)


tiles = [blurred(*row, round(-44.9 + 8.15 * i, 2)) for i, row in enumerate(ROWS)]
sheet = Image.new("RGB", (tiles[0].width, sum(tile.height for tile in tiles)))
for i, tile in enumerate(tiles):
    sheet.paste(tile, (0, i * tile.height))
sheet.save("motion_blur.png", optimize=True)
