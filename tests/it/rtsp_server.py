"""A small RTSP camera for tests: rtsp_server.py PORT serves a white picture at /cam to user "bob", password "hunter2"."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])

auth = GstRtspServer.RTSPAuth()
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "viewer")
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("bob", "hunter2"), token)
server.set_auth(auth)

factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=white ! video/x-raw,width=320,height=288,framerate=15/1"
    " ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15 ! rtph264pay name=pay0 pt=96 )"
)
factory.set_shared(True)
factory.add_role_from_structure(
    Gst.Structure.new_from_string("viewer,media.factory.access=(boolean)true,media.factory.construct=(boolean)true")
)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
