"""A small RTSP camera for tests: serves a picture at /cam to user "bob", password "hunter2".

usage: rtsp_server.py PORT [--codec h264|h265] [--size WxH] [--pattern NAME] [--bframes N] [--loss SHARE]

It prints "ready", then does what it is told on its standard input: "pattern NAME" and "size WxH" change the picture
while it is sent. 15 frames a second, a keyframe every second; --loss leaves out that share of the RTP packets.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("port")
parser.add_argument("--codec", default="h264")
parser.add_argument("--size", default="320x288")
parser.add_argument("--pattern", default="white")
parser.add_argument("--bframes", type=int, default=0)
parser.add_argument("--loss", type=float, default=0.0)
options = parser.parse_args()


def caps(size):
    width, height = size.split("x")
    return f"video/x-raw,format=I420,width={width},height={height},framerate=15/1"


if options.codec == "h265":
    encode = "x265enc speed-preset=ultrafast tune=zerolatency key-int-max=15 ! rtph265pay"
elif options.bframes:
    encode = (
        f"x264enc speed-preset=ultrafast bframes={options.bframes} b-adapt=false rc-lookahead=0 sync-lookahead=0"
        " key-int-max=15 ! rtph264pay"
    )
else:
    encode = "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=15 ! rtph264pay"
# Without aggregation and with the headers before each keyframe, as cameras send it.
payload = "config-interval=-1 mtu=1200 pt=96"
end = f"{payload} ! identity name=pay0 drop-probability={options.loss}" if options.loss else f"{payload} name=pay0"

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(options.port)

auth = GstRtspServer.RTSPAuth()
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "viewer")
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("bob", "hunter2"), token)
server.set_auth(auth)

factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f"( videotestsrc name=picture is-live=true pattern={options.pattern} ! capsfilter name=size caps={caps(options.size)}"
    f" ! {encode} {end} )"
)
factory.set_shared(True)
factory.add_role_from_structure(
    Gst.Structure.new_from_string("viewer,media.factory.access=(boolean)true,media.factory.construct=(boolean)true")
)
playing = []
factory.connect("media-configure", lambda _factory, media: playing.append(media.get_element()))
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)


def told(channel, _condition):
    line = channel.readline().split()
    if not line:
        return False
    for element in playing:
        if line[0] == "pattern":
            element.get_by_name("picture").set_property("pattern", line[1])
        elif line[0] == "size":
            element.get_by_name("size").set_property("caps", Gst.Caps.from_string(caps(line[1])))
    return True


GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, told)
print("ready", flush=True)
GLib.MainLoop().run()
