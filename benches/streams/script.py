"""What a user would write: script.py URL MODEL SECONDS scores a stream once a second with OpenCV, Pillow and onnxruntime.

Prints one JSON object: frames scored, CPU seconds in all, CPU seconds of the session.
"""

import json
import os
import sys
import threading
import time

import cv2
import numpy as np
import onnxruntime
from PIL import Image

url, model, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
newest, lock = [None], threading.Lock()
capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def read():
    while True:
        good, frame = capture.read()
        if not good:
            return
        with lock:
            newest[0] = frame


threading.Thread(target=read, daemon=True).start()
time.sleep(3)
scored, in_session = 0, 0.0
cpu, begun = time.process_time(), time.monotonic()
while time.monotonic() - begun < seconds:
    time.sleep(1)
    with lock:
        frame = newest[0]
    if frame is None:
        continue
    picture = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    width, height = picture.size
    scale = 288 / min(width, height)
    picture = picture.resize((round(width * scale), round(height * scale)), Image.BILINEAR)
    left, top = (picture.width - 288) // 2, (picture.height - 288) // 2
    view = np.asarray(picture.crop((left, top, left + 288, top + 288)), dtype=np.uint8)[None]
    before = time.thread_time()
    session.run(None, {name: view})
    in_session += time.thread_time() - before
    scored += 1
print(json.dumps({"scored": scored, "cpu": time.process_time() - cpu, "session": in_session}), flush=True)
os._exit(0)
