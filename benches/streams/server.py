"""Many cameras on loopback: server.py PORT FILE serves a raw H.264 file, over and over in real time, at /cam."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

port, file = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
# Encoded once, so that the senders take as little of the machine as can be; one parser and payloader for all readers.
factory.set_launch(
    f"( multifilesrc location={file} loop=true caps=video/x-h264,stream-format=byte-stream,framerate=25/1"
    " ! h264parse config-interval=-1 ! identity sync=true ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
