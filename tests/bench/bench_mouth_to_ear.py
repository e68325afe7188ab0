"""Virtual microphone → PipeWire → daemon → Janus → daemon → PipeWire → recorded sink, by cross-correlation of speech and clicks."""
import os
import time

LISTEN = "127.0.0.1:8188"
SECONDS = 30


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


def measure(speaker, listener, path, threshold):
    import numpy as np
    from harness import sound
    recorder = sound.record(listener, os.path.join(listener.path, "heard.wav"))
    player = sound.play(speaker, path)
    sent = player.finish(SECONDS + 30)
    time.sleep(0.5)
    heard = recorder.stop()
    windows = sound.delay_ms(sound.read_wav(path), sent["start_us"], sound.read_wav(os.path.join(listener.path, "heard.wav")),
                             heard["start_us"], 0.5)
    good = [ms for ms, c in windows[4:] if c > threshold]  # the first two seconds: the jitter buffer settles
    if len(good) < 0.6 * len(windows[4:]):
        raise RuntimeError("only %d of %d windows recognised" % (len(good), len(windows)))
    return np.percentile(good, [50, 95, 99]), len(good)


def run(build, report, _cannot_run):
    from harness import sound
    from harness.desktop import Desktop
    from harness.workspace import Workspace
    with Workspace() as ws:
        quiet = {"log": {"level": "warning"}}
        a = Desktop(ws, "a", build, dict(quiet, server="embedded:", embedded={"listen": LISTEN}))
        b = Desktop(ws, "b", build, dict(quiet, server="janus+ws://" + LISTEN))
        ja, jb = a.join("room", "alice"), b.join("room", "bob")
        ja.wait_members("alice", "bob")
        jb.wait_members("alice", "bob")
        time.sleep(1)
        clicks = click_train(os.path.join(ws.path, "clicks.wav"))
        speech = sound.speak(os.path.join(ws.path, "speech.wav"), "The quick brown fox jumps over the lazy dog. " * 9)
        for name, path, threshold in (("clicks", clicks, 0.5), ("speech", speech, 0.5)):
            (p50, p95, p99), n = measure(a, b, path, threshold)
            setup = "quantum=256 frame=20ms %s n=%d" % (name, n)
            report.add("delay_ms_p50", float(p50), "ms", setup, goal="<= 80 (40)")
            report.add("delay_ms_p95", float(p95), "ms", setup)
            report.add("delay_ms_p99", float(p99), "ms", setup)
