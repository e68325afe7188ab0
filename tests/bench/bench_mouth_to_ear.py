"""Microphone → PipeWire → daemon → Janus → daemon → PipeWire → loudspeaker, by cross-correlation; the stages of it.

What is played into a virtual microphone is looked for in what a virtual loudspeaker played. All of the bench, peers included,
runs with real-time priority where that is allowed, as a desktop gives it to its sound, so that what else the machine does
counts less. Peers have neither devices nor a server in between: two connections in one process.
"""
import json
import os
import subprocess
import sys
import time

LISTEN = "127.0.0.1:8188"
SECONDS = 24
LOOK_AHEAD_MS = 6.5  # of Opus, beyond the frame
SETTLED = 4  # windows: until the jitter buffer knows the line
PEERS = (("Chromium, direct, without devices", "delay-chromium.js", "playwright-core"),
         ("@roamhq/wrtc, direct, without devices", "delay-wrtc.js", "@roamhq/wrtc"))


def click_train(path):
    """A chirp of 40 ms every 250 ms at changing pitch: windows are told apart, and DTX never sets in for long."""
    import numpy as np
    from harness import sound
    rng = np.random.default_rng(7)
    samples = 0.01 * rng.standard_normal(SECONDS * sound.RATE)
    n = int(0.04 * sound.RATE)
    t = np.arange(n) / sound.RATE
    for at in range(sound.RATE // 4, len(samples) - n, sound.RATE // 4):
        f0 = rng.uniform(400, 1500)
        samples[at:at + n] += 0.5 * np.hanning(n) * np.sin(2 * np.pi * (f0 * t + rng.uniform(8000, 30000) * t * t))
    return sound.write_wav(path, samples)


def sources(ws):
    """(name, file) of what is said."""
    from harness import sound
    yield "clicks", click_train(os.path.join(ws.path, "clicks.wav"))
    yield "speech", sound.speak(os.path.join(ws.path, "speech.wav"), "The quick brown fox jumps over the lazy dog. " * 8)


def delays(said, said_us, heard, heard_us):
    """Of each half second of a file, in ms."""
    from harness import sound
    found = sound.delay_ms(sound.read_wav(said), said_us, sound.read_wav(heard), heard_us, 0.5)
    good = [ms for ms, c in found[SETTLED:] if c > 0.5]
    if len(good) < 0.6 * len(found[SETTLED:]):
        raise RuntimeError("only %d of %d windows recognised" % (len(good), len(found)))
    return good


def windows(speaker, listener, path):
    """From microphone to loudspeaker."""
    from harness import sound
    heard_path = os.path.join(listener.path, "heard.wav")
    recorder = sound.record(listener, heard_path)
    sent = sound.play(speaker, path).finish(SECONDS + 60)
    time.sleep(0.5)
    return delays(path, sent["start_us"], heard_path, recorder.stop()["start_us"])


def report_delays(report, found, setup, peer="", goal=()):
    import numpy as np
    for percent in (50, 95, 99):
        report.add("delay_ms_p%d" % percent, float(np.percentile(found, percent)), "ms", "%s n=%d %s" % (setup, len(found), load()), peer,
                   dict(goal).get(percent, ""))


def load():
    return "%s load=%.0f" % (real_time(), os.getloadavg()[0])


def real_time():
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return "prio=normal"
    return "prio=rt"


def graph_ms(desktop, path):
    """What the graph itself takes, from player to recorder with a wire in between: a period, and what there is beyond."""
    import numpy as np
    desktop.run("pw-link", "test-mic:capture_MONO", "test-sink:playback_FL")
    found = windows(desktop, desktop, path)
    desktop.run("pw-link", "-d", "test-mic:capture_MONO", "test-sink:playback_FL")
    return float(np.median(found))


def stats(desktop):
    """GetStats as {(section, name): number}."""
    return {(s["object"].split(".")[0], s["name"]): s["value"] for s in desktop.ctl_json("stats") if not isinstance(s["value"], str)}


class Stages:
    """Where the time goes, from the counters of both daemons; every sum there is per sample, or per packet."""

    SUMS = (("sender", "capture", "media-source", "totalCaptureDelay", "totalSamplesCaptured"),
            ("sender", "send", "outbound-rtp", "totalPacketSendDelay", "packetsSent"),
            ("listener", "jitter_buffer", "inbound-rtp", "jitterBufferDelay", "jitterBufferEmittedCount"),
            ("listener", "processing", "inbound-rtp", "totalProcessingDelay", "jitterBufferEmittedCount"),
            ("listener", "target", "inbound-rtp", "jitterBufferTargetDelay", "jitterBufferEmittedCount"),
            ("listener", "playout", "media-playout", "totalPlayoutDelay", "totalSamplesCount"))

    def __init__(self, sender, listener):
        self.ends = {"sender": sender, "listener": listener}
        self.before = {k: stats(d) for k, d in self.ends.items()}

    def ms(self, frame_ms, whole_ms, in_graph_ms):
        now = {k: stats(d) for k, d in self.ends.items()}
        mean = {}
        for end, name, section, total, count in self.SUMS:
            grown = [now[end][section, k] - self.before[end].get((section, k), 0) for k in (total, count)]
            mean[name] = 1000 * grown[0] / max(grown[1], 1)
        out = {"graph": in_graph_ms, "capture": mean["capture"], "encode_wait": frame_ms + LOOK_AHEAD_MS, "send": mean["send"],
               "jitter_buffer": mean["jitter_buffer"], "decode": mean["processing"] - mean["jitter_buffer"], "playout_ring": mean["playout"]}
        return dict(out, network=whole_ms - sum(out.values()))


def ours(build, report, frame_ms, quantum, goal):
    import numpy as np
    from harness.desktop import Desktop
    from harness.workspace import Workspace
    with Workspace() as ws:
        quiet = {"log": {"level": "warning"}, "audio": {"frameMs": frame_ms, "quantum": quantum}}
        a = Desktop(ws, "a", build, dict(quiet, server="embedded:", embedded={"listen": LISTEN}), quantum=quantum)
        b = Desktop(ws, "b", build, dict(quiet, server="janus+ws://" + LISTEN), quantum=quantum)
        for d in (a, b):
            d.run("pw-metadata", "-n", "settings", "0", "clock.force-quantum", str(quantum))
        files = dict(sources(ws))
        # captured samples count from the begin of their period, which is in what a wire takes as well
        in_graph_ms = graph_ms(b, files["clicks"]) - quantum / 48
        for name, path in files.items():
            ja, jb = a.join("room", "alice"), b.join("room", "bob")
            ja.wait_members("alice", "bob")
            jb.wait_members("alice", "bob")
            time.sleep(1)
            stages = Stages(a, b)
            found = windows(a, b, path)
            setup = "engine=embedded quantum=%d frame=%dms %s" % (quantum, frame_ms, name)
            report_delays(report, found, setup, goal=goal)
            for stage, ms in stages.ms(frame_ms, float(np.median(found)), in_graph_ms).items():
                report.add("stage_%s_ms_p50" % stage, ms, "ms", setup)
            jb.leave()
            ja.leave()


def theirs(report):
    from harness.workspace import TOP, Workspace
    folder = os.path.join(TOP, "tests/peers")
    with Workspace() as ws:
        heard = os.path.join(ws.path, "heard.wav")
        for peer, script, module in PEERS:
            if not os.path.isdir(os.path.join(folder, "node_modules", module)):
                continue
            for name, path in sources(ws):
                try:
                    done = subprocess.run(["node", os.path.join(folder, script), path, heard], stdout=subprocess.PIPE, timeout=SECONDS + 60, check=True)
                    at = json.loads(done.stdout.splitlines()[-1])
                    found = delays(path, at["said_us"], heard, at["heard_us"])
                except (RuntimeError, ValueError, IndexError, subprocess.SubprocessError) as e:  # the others may still have something to say
                    print("%s, %s: %s" % (peer, name, e), file=sys.stderr)
                    continue
                report_delays(report, found, "frame=20ms " + name, peer)


def run(build, report, _cannot_run):
    real_time()
    ours(build, report, 20, 256, {50: "<= 40", 99: "<= 50"})
    ours(build, report, 10, 256, {50: "<= 30"})
    ours(build, report, 20, 1024, {})
    theirs(report)
