"""Instructions for one 20 ms frame up and one down (callgrind), beside bare libopus + libsrtp2; the daemon's share of a core."""
import json
import os
import re
import subprocess
import time

import chromium
import livekit_rooms
from processes import share

LISTEN = "127.0.0.1:8188"
FRAMES = (200, 700)
QUIET_S = 22  # until all streams have come to rest


def instructions(tool, mode, frames, wav, folder):
    out = os.path.join(folder, "callgrind.out")
    r = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, tool, mode],
                       env=dict(os.environ, BENCH_FRAMES=str(frames), BENCH_WAV=wav), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    decoded = json.loads(r.stdout.splitlines()[0])["frames_decoded"]
    if decoded < frames * 0.95:
        raise RuntimeError("only %d of %d frames came out" % (decoded, frames))
    return int(re.search(r"Collected : (\d+)", r.stderr)[1])


def per_frame(tool, mode, wav, folder):
    few, many = (instructions(tool, mode, n, wav, folder) for n in FRAMES)
    return (many - few) / (FRAMES[1] - FRAMES[0])


def run(build, report, cannot_run):
    from harness import sound
    from harness.desktop import Desktop
    from harness.workspace import Workspace
    tool = os.path.join(build, "tests/bench/bench-cpu")
    if subprocess.run(["which", "valgrind"], stdout=subprocess.DEVNULL, check=False).returncode:
        raise cannot_run("valgrind is not installed")
    with Workspace() as ws:
        text = "The quick brown fox jumps over the lazy dog, and she sells sea shells. "
        wav = sound.speak(os.path.join(ws.path, "s.wav"), text * 3)
        talk = sound.speak(os.path.join(ws.path, "talk.wav"), text * 20)  # longer than all that is measured while they talk
        setup = "complexity=5 32 kbit/s speech"
        report.add("instructions_per_20ms", per_frame(tool, "path", wav, ws.path), "instructions", setup, goal="<= 3.5 M (2.6 M)")
        report.add("instructions_per_20ms", per_frame(tool, "copies", wav, ws.path), "instructions", setup + ", two copies of each frame")
        report.add("instructions_per_20ms", per_frame(tool, "encrypted", wav, ws.path), "instructions", setup + ", encrypted end to end")
        report.add("instructions_per_20ms", per_frame(tool, "floor", wav, ws.path), "instructions", setup, "libopus + libsrtp2")
        quiet = {"log": {"level": "warning"}}
        a = Desktop(ws, "a", build, dict(quiet, server="embedded:", embedded={"listen": LISTEN}))
        b = Desktop(ws, "b", build, dict(quiet, server="janus+ws://" + LISTEN))
        ja = a.join("room", "alice")
        b.join("room", "bob")
        ja.wait_members("alice", "bob")
        pid = b.daemon_pid()
        for d in (a, b):
            sound.play(d, talk)
        time.sleep(1)
        percent, per_s = share([pid], 8)
        report.add("percent_core_call", percent, "%", "both talk, quantum=256")
        report.add("wakeups_per_s", per_s, "1/s", "both talk, quantum=256")
        if chromium.is_there():
            with chromium.Chromium(a, "ws://" + LISTEN, "room", "web", wav=talk) as browser:
                time.sleep(2)
                report.add("percent_core_call", share(browser.pids(), 8)[0], "%", "all talk, 2 others, process tree", chromium.PEER)
                report.add("percent_core_call", share([pid], 8)[0], "%", "all talk, 2 others")
        for d in (a, b):
            d.ctl("mute")
        time.sleep(QUIET_S)
        percent, per_s = share([pid], 20)
        report.add("percent_core_muted", percent, "%", "both muted", goal="< 0.1")
        report.add("wakeups_per_s", per_s, "1/s", "both muted")
    livekit_rooms.cpu(build, report, cannot_run)
