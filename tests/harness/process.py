"""What a process holds: memory of its own, descriptors, threads. For tests that say "again and again, and it does not grow"."""

import contextlib
import os
import time
from collections import Counter


def private_kb(pid):
    """KB that are resident and nobody else's."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty:"))


def descriptors(pid):
    """What is open, but for a page that PipeWire's server may leave with us: one for each device, until we disconnect."""
    names = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)).split(":[")[0])
    return [n for n in names if not n.startswith("/memfd:pipewire-memfd")]


def settled(pid, seconds=2.0, pause=time.sleep):
    """(descriptors, threads), each the fewest within some seconds: a connection or a node may be on its way in or out."""
    counts = []
    end = time.monotonic() + seconds
    while not counts or time.monotonic() < end:
        counts.append((descriptors(pid), os.listdir("/proc/%d/task" % pid)))
        pause(0.1)
    return tuple(min(column, key=len) for column in zip(*counts))


def grown(before, after):
    """What became more: nothing, or the kinds of descriptors and the threads that came."""
    return [list((Counter(a) - Counter(b)).elements()) for b, a in zip(before, after) if len(a) > len(b)]
