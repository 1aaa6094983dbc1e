#!/usr/bin/env python3
"""Reads a gate from miqa's mapped file as docs/gate.md describes it, TIMES times over (once without):

    reader.py FILE STREAM [TIMES]

Prints what to obey, what was decided, the score and the stream time in nanoseconds since which it is so.
"""
import mmap
import struct
import sys
import time

STATES = {0: "unknown", 1: "open", 2: "degraded", 3: "closed"}


class Gate:
    def __init__(self, path, stream):
        self.path, self.stream, self.map, self.mine = path, stream.encode(), None, 0

    def read(self):
        """What to obey, what was decided, score, since: unknown if the daemon is gone or its lease ran out."""
        if self.map is None or self.number(12):  # none yet, or the daemon made a new one
            self.open()
        slot = self.find() if self.map else None
        if slot is None:
            return "unknown", "unknown", float("nan"), 0
        decided, enforced, when_unknown, _reason, _flaps, score, _smoothed, since, _at, _changed, until, _ = slot
        now, (beat, limit) = time.monotonic_ns(), struct.unpack_from("<QQ", self.map, 16)
        if self.number(12) or abs(now - beat) > limit or now >= until:  # unknown, whatever the slot says
            decided, enforced = 0, enforced if enforced == 255 else when_unknown
        obey = "open" if enforced == 255 else STATES.get(enforced, "unknown")  # 255: shadow, nothing is commanded
        return obey, STATES.get(decided, "unknown"), score, since

    def open(self):
        self.map = None
        try:
            with open(self.path, "rb") as file:
                self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return
        if self.map[:8] != b"MIQAGATE" or self.number(8) != 1:
            self.map = None

    def number(self, at):
        return struct.unpack_from("<I", self.map, at)[0]

    def find(self):
        for i in [self.mine, *range(self.number(32))]:
            tenancy, slot = self.look(self.number(36) + 64 * i, self.number(40) + 64 * i)
            if tenancy:
                self.mine = i
                return slot
        return None

    def look(self, name, slot):
        for tries in range(500):
            if tries > 200:
                time.sleep(0.00005)  # its writer is kept from running
            before = self.number(slot)
            if before % 2 == 0:  # else it is being written
                names, content = self.map[name : name + 64], self.map[slot : slot + 64]
                if self.number(slot) == before:
                    _, tenancy, *content = struct.unpack("<IIBBBBIffQQQQQ", content)
                    return tenancy if names.rstrip(b"\0") == self.stream else 0, content
        return 0, None  # its writer died while writing


if __name__ == "__main__":
    gate = Gate(sys.argv[1], sys.argv[2])
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        print("%s %s %.3f %d" % gate.read())
