"""An HTTP server for tests: stream_http.py FOLDER serves its files, and at /mjpeg its *.jpg one after the other.

Everything is for user "bob" with password "hunter2" only. It prints its port once it listens.
"""

import base64
import functools
import http.server
import pathlib
import sys
import time

EXPECTED = "Basic " + base64.b64encode(b"bob:hunter2").decode()
FOLDER = pathlib.Path(sys.argv[1])


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def allowed(self):
        if self.headers.get("Authorization") == EXPECTED:
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="camera"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_HEAD(self):
        if self.allowed():
            super().do_HEAD()

    def do_GET(self):
        if not self.allowed():
            return
        if self.path != "/mjpeg":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Connection", "close")
        self.end_headers()
        pictures = [path.read_bytes() for path in sorted(FOLDER.glob("*.jpg"))]
        while True:
            for picture in pictures:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(0.1)

    def log_message(self, *_arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(FOLDER)))
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
