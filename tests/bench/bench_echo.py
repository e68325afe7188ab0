"""Echo return loss enhancement over time, double talk, noise suppression, gain; what they cost in processor and memory."""
import json
import os
import subprocess
import time

from processes import memory_mb, share

LISTEN = "127.0.0.1:8188"
FAR = "The quick brown fox jumps over the lazy dog. Many people talk about the weather, and nobody does anything about it at all. "
NEAR = "Sphinx of black quartz, judge my vow. She sells sea shells by the sea shore, while five wizards box quickly. "


def offline(build, ws, report):
    from harness import sound
    env = dict(os.environ, BENCH_FAR=sound.speak(os.path.join(ws.path, "far.wav"), FAR * 2),
               BENCH_NEAR=sound.speak(os.path.join(ws.path, "near.wav"), NEAR * 2, "en-us+f3"))
    r = subprocess.run([os.path.join(build, "tests/bench/bench-echo")], env=env, stdout=subprocess.PIPE, text=True, check=True)
    for line in r.stdout.splitlines():
        if line.startswith("{"):
            report.add(**json.loads(line))


def in_a_call(build, ws, report):
    """bob talks, alice's room gives it back: what bob hears of himself, second by second; then what it costs alice."""
    import numpy as np
    from harness import acoustics, sound
    from harness.desktop import Desktop
    from harness.workspace import wait_for
    quiet = {"log": {"level": "warning"}}
    a = Desktop(ws, "a", build, dict(quiet, server="embedded:", embedded={"listen": LISTEN}))
    b = Desktop(ws, "b", build, dict(quiet, server="janus+ws://" + LISTEN))
    for d, user in ((a, "alice"), (b, "bob")):
        joined = d.join("room", user)
    joined.wait_members("alice", "bob")
    node = wait_for(lambda: next((m["nodeName"] for m in b.ctl_json("members", check=False)
                                  if m["userId"] == "alice" and m["nodeSerial"]), None), "alice at bob's")
    acoustics.Room(a)
    mic = sound.record(a, os.path.join(a.path, "mic.wav"), "test-mic:capture_MONO", 16, "probe-mic")
    ear = sound.record(b, os.path.join(b.path, "ear.wav"), node + ":output_FL", 16, "probe-ear")
    player = sound.play(b, sound.speak(os.path.join(b.path, "far.wav"), FAR * 10))
    stamps = [p.finish(40) for p in (mic, ear)]
    pid = a.daemon_pid()
    report.add("percent_core_call", share([pid], 8)[0], "%", "echo cancellation on, bob talks")
    report.add("private_dirty_call_mb", memory_mb(pid)["Private_Dirty"], "MB", "echo cancellation on", goal="<= 8 (6)")
    a.run("busctl", "--user", "set-property", "org.rtcroom.RtcRoom1", "/org/rtcroom/RtcRoom1/context/1", "org.rtcroom.RtcRoom1.Voice",
          "EchoCancellation", "b", "false")
    time.sleep(1)
    report.add("percent_core_call", share([pid], 8)[0], "%", "echo cancellation off, bob talks")
    ws.stop(player.process)
    both = max(s["start_us"] for s in stamps)
    heard = [acoustics.cut(sound.read_wav(p.path), s["start_us"], both, 14) for p, s in zip((mic, ear), stamps)]
    first = int(np.argmax(np.abs(heard[0]) > 0.02))
    for second in range(10):
        m, e = (x[first + second * sound.RATE:first + (second + 1) * sound.RATE] for x in heard)
        report.add("erle_db", acoustics.db(m) - acoustics.db(e), "dB", "through PipeWire and Janus, second %d" % second)


def run(build, report, _cannot_run):
    from harness.workspace import Workspace
    with Workspace() as ws:
        offline(build, ws, report)
        in_a_call(build, ws, report)
