#!/usr/bin/env python3
"""Reads a gate from miqa's mapped file (docs/gate.md), TIMES times over (once without): reader.py FILE STREAM [TIMES]

Prints what to obey, what was decided, the score and the stream time in nanoseconds since which it is so."""
import mmap
import struct
import sys
import time

STATES = {0: "unknown", 1: "open", 2: "degraded", 3: "closed"}


class Gate:
    def __init__(self, path, stream):
        self.path, self.name, self.map = path, stream.encode().ljust(64, b"\0"), None

    def read(self):
        """What to obey, what was decided, score, since: unknown if the daemon is gone or its lease ran out."""
        if self.map is None or self.map[12:16] != bytes(4):  # none yet, or the daemon made a new one
            try:
                with open(self.path, "rb") as file:
                    self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError):
                self.map = None
        slot = self.find() if self.map and self.map[:12] == b"MIQAGATE\1\0\0\0" else None
        if slot is None:
            return "unknown", "unknown", float("nan"), 0
        decided, enforced, when_unknown, score, since, valid_until = slot
        now, (closed, beat, limit) = time.monotonic_ns(), struct.unpack_from("<IQQ", self.map, 12)
        if closed or abs(now - beat) > limit or now >= valid_until:  # unknown, whatever the slot says
            decided, enforced = 0, enforced if enforced == 255 else when_unknown
        obey = "open" if enforced == 255 else STATES.get(enforced, "unknown")  # 255: shadow, nothing is commanded
        return obey, STATES.get(decided, "unknown"), score, since

    def find(self):
        m = self.map
        for tries in range(500):
            capacity, names, slots = struct.unpack_from("<III", m, 32)
            torn = False
            for name, at in ((names + 64 * i, slots + 64 * i) for i in range(capacity)):
                before, label, slot, after = m[at : at + 4], m[name : name + 64], m[at : at + 64], m[at : at + 4]
                if before != after or before[0] % 2:
                    torn = True  # it was being written: once more
                elif label == self.name:
                    tenancy, *content = struct.unpack("<4xI3B5xf4xQ16xQ8x", slot)
                    return content if tenancy else None
            if not torn:
                return None
            time.sleep(0.00005 if tries > 200 else 0)  # its writer is kept from running
        return None  # its writer died while writing


if __name__ == "__main__":
    gate = Gate(sys.argv[1], sys.argv[2])
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        print("%s %s %.3f %d" % gate.read())
