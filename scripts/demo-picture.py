#!/usr/bin/env python3
"""Draws docs/demo.png: a frame of each stretch of the demonstration clip and, below, what the gate did.

usage: demo-picture.py    (needs Pillow, gst-launch-1.0 and target/release/miqa; run from the repository's root)
"""
import glob
import json
import subprocess
import tempfile

from PIL import Image, ImageDraw, ImageFont

stretches = json.load(open("demo/traffic.json"))["stretches"]
end = stretches[-1]["end"]
run = subprocess.run(["target/release/miqa", "run", "--config", "demo/demo.toml", "--json"], capture_output=True, text=True)
events = [json.loads(line) for line in run.stdout.splitlines()]
gates = [(e["at"], e["state"]) for e in events if e["type"] == "gate"]

width, margin, strip, gap = 1400, 20, 112, 12
x = lambda t: margin + (width - 2 * margin) * t / end
sheet = Image.new("RGB", (width, 300), "#10141a")
draw = ImageDraw.Draw(sheet)
font = ImageFont.load_default(16)
with tempfile.TemporaryDirectory() as folder:
    subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", "location=demo/traffic.mp4", "!", "decodebin", "!", "videoconvert", "!",
         "video/x-raw,format=RGB", "!", "pngenc", "compression-level=1", "!", "multifilesink", f"location={folder}/%05d.png"], check=True)
    frames = sorted(glob.glob(f"{folder}/*.png"))
    for s in stretches:
        left, right = x(s["start"]), x(s["end"])
        frame = Image.open(frames[min(len(frames) - 1, int((s["start"] + s["end"]) / 2 / end * len(frames)))])
        wide = int(right - left) - 4
        scale = max(wide / frame.width, strip / frame.height)
        frame = frame.resize((int(frame.width * scale) + 1, int(frame.height * scale) + 1))
        cut = (frame.width - wide) // 2
        sheet.paste(frame.crop((cut, 0, cut + wide, strip)), (int(left) + 2, 50))
        name = "clean" if s["distortion"] == "none" else s["distortion"].split("_")[0]
        draw.text((left + 4, 22), name, fill="#e6edf3" if name == "clean" else "#ffb454", font=font)
colours = {"open": "#3fb950", "closed": "#f85149", "unknown": "#6e7681"}
moves = [(0.0, "unknown")] + gates + [(end, "unknown")]
for (start, state), (stop, _) in zip(moves, moves[1:]):
    if stop > start:
        draw.rectangle((x(start), 180, x(stop), 222), fill=colours[state])
        if x(stop) - x(start) > 70:
            draw.text((x(start) + 6, 192), state, fill="#0d1117", font=font)
draw.text((margin, 232), "gate", fill="#8b949e", font=font)
for t in range(0, int(end) + 1, 2):
    draw.line((x(t), 258, x(t), 264), fill="#8b949e")
    draw.text((x(t) - 6, 268), f"{t} s", fill="#8b949e", font=font)
sheet.save("docs/demo.png", optimize=True)
