"""Writes COUNT PNG pictures of WIDTHxHEIGHT into FOLDER, without any package: python3 pictures.py FOLDER COUNT WIDTH HEIGHT"""

import pathlib
import struct
import sys
import zlib

folder, count, width, height = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
folder.mkdir(parents=True)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


for i in range(count):
    lines = bytearray()
    for y in range(height):
        lines.append(0)
        blue = bytes((x * (y // 8 + i) // 4) % 251 for x in range(width))
        line = bytearray(3 * width)
        line[0::3] = bytes((x * 3 + i * 7) % 256 for x in range(width))
        line[1::3] = bytes([(y * 5 + i) % 256]) * width
        line[2::3] = blue
        lines += line
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(lines), 1)) + chunk(b"IEND", b"")
    (folder / f"p{i:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
