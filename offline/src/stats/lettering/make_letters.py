"""Makes letters.png, the lettering of contact sheets: python3 make_letters.py FONT.ttf BOLD.ttf (needs Pillow).

Characters 32 to 126 side by side in cells of 8x16 pixels, regular above bold, grey = coverage. The shipped file was drawn
from DejaVu Sans Mono 2.37 (free licence of Bitstream Vera and DejaVu: https://dejavu-fonts.github.io/License.html).
"""

import pathlib
import sys

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, SIZE = 8, 16, 13

sheet = Image.new("L", (WIDTH * 95, HEIGHT * 2))
draw = ImageDraw.Draw(sheet)
for line, path in enumerate(sys.argv[1:3]):
    font = ImageFont.truetype(path, SIZE)
    for code in range(32, 127):
        draw.text(((code - 32) * WIDTH, line * HEIGHT + 12), chr(code), fill=255, font=font, anchor="ls")
sheet.save(pathlib.Path(__file__).with_name("letters.png"), optimize=True)
