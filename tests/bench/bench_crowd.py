"""Many people in a room: what receiving 500 costs of whom 10 talk, or 50 who all talk; and a real room on a livekit-server."""
import json
import os
import subprocess
import time

import livekit_rooms
from processes import memory_mb, share

ROOMS = ((500, 10), (50, 50), (8, 8))  # members, of them talkers
SECONDS = 20
TALKERS, SILENT = 6, 8  # in the real room: all of them live in one process of libwebrtc beside ours


def media_path(build, report, wav):
    """The receiving ends alone, in virtual time: exact also on a busy machine, but for the processor's share."""
    tool = os.path.join(build, "tests/bench/bench-crowd")
    for members, talkers in ROOMS:
        setup = "members=%d talkers=%d, media path in virtual time" % (members, talkers)
        variables = {"BENCH_MEMBERS": members, "BENCH_TALKERS": talkers, "BENCH_SECONDS": SECONDS, "BENCH_WAV": wav}
        r = subprocess.run([tool, "run"], env=dict(os.environ, **{k: str(v) for k, v in variables.items()}), stdout=subprocess.PIPE, text=True, check=True)
        got = json.loads(r.stdout.splitlines()[0])
        report.add("percent_core", got["percent_core"], "%", setup, goal="< 25" if members == 500 else "")
        report.add("rss_mb", got["rss_mb"], "MB", setup, goal="< 30" if members == 500 else "")
        report.add("underruns", got["underruns"], "periods", setup, goal="0" if talkers == 50 else "")


def real_room(build, report, cannot_run):
    from harness.livekit import token
    from harness.workspace import Workspace
    with Workspace() as ws:
        room = livekit_rooms.Room(ws, build, cannot_run)
        guests = ["g%d" % i for i in range(TALKERS + SILENT)]
        for i, g in enumerate(guests):
            room.host.ask("join", **{"as": g}, url=room.server.url, token=token("bench", g), subscribe=False)
            room.host.ask("publish", **{"as": g}, hertz=200 + 40 * i, level=0.02 if i < TALKERS else 0.0)
        time.sleep(5)
        setup = "engine=livekit members=%d talkers=%d, the daemon with PipeWire" % (len(guests) + 2, TALKERS + 1)
        report.add("percent_core", share([room.pid], 10)[0], "%", setup)
        report.add("rss_mb", memory_mb(room.pid)["Rss"], "MB", setup)
        report.add("private_dirty_mb", memory_mb(room.pid)["Private_Dirty"], "MB", setup)
        report.add("descriptors", len(os.listdir("/proc/%d/fd" % room.pid)), "", setup)


def run(build, report, cannot_run):
    from harness import sound
    from harness.workspace import Workspace
    with Workspace() as ws:
        media_path(build, report, sound.speak(os.path.join(ws.path, "s.wav"), "The quick brown fox jumps over the lazy dog, and she sells sea shells. " * 5))
    real_room(build, report, cannot_run)
