"""From JoinRtcRoom to its completion, loopback, through the embedded Janus, and LiveKit also through delay; beside browsers and libwebrtc."""
import os
import time

import chromium
import livekit_rooms

ROUNDS = 20
LISTEN = "127.0.0.1:8188"


def percentile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * q / 100))]


def stages(client, path):
    """The stages of the last join, in seconds; 0: not reached."""
    return client.raw(path, "org.rtcroom.RtcRoom1.Voice", "GetStats")[0]["join"][0]


def join_rounds(desktop, client, room):
    """Joins and leaves; lists of ms: join, first audio of somebody else."""
    from harness.desktop import APP_ID
    path, token = client.create(APP_ID), desktop.token(room, "bench")
    joins, audio = [], []
    for _ in range(ROUNDS):
        start = time.monotonic()
        request = client.join(path, room, "bench", token)
        result = client.completed(path, request)
        joins.append((time.monotonic() - start) * 1e3)
        if result[1] != 0:
            raise RuntimeError(result)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            ms = stages(client, path)["firstAudio"] * 1e3
            if ms > 0:
                audio.append(ms)
                break
            time.sleep(0.005)
        client.outcome(path, "ExitRtcRoom")
        client.signals.clear()
    return joins, audio


def chromium_rounds(host, room, rounds):
    """ms from the call in a loaded page until its microphone is at the server."""
    out = []
    for i in range(rounds):
        with chromium.Chromium(host, "ws://" + LISTEN, room, "web%d" % i) as browser:
            out.append(browser.ms)
    return out


def run(build, report, cannot_run):
    from harness import sound
    from harness.bus import Client
    from harness.desktop import APP_ID, Desktop
    from harness.workspace import Workspace
    with Workspace() as ws:
        host = Desktop(ws, "a", build, {"server": "embedded:", "embedded": {"listen": LISTEN}, "log": {"level": "warning"}})
        guest = Desktop(ws, "b", build, {"server": "janus+ws://" + LISTEN, "consent": {"default": "allow"}, "log": {"level": "warning"}})
        host.join("room", "alice")
        sound.play(host, sound.tone(os.path.join(host.path, "t.wav"), 440, 300, 0.3))
        client = Client(guest)
        joins, audio = join_rounds(guest, client, "room")
        setup = "engine=janus rtt=0 n=%d" % ROUNDS
        report.add("join_ms_p50", percentile(joins, 50), "ms", setup, goal="<= 150 (60)")
        report.add("join_ms_p95", percentile(joins, 95), "ms", setup)
        if audio:
            report.add("first_audio_ms_p50", percentile(audio, 50), "ms", setup)
        client.close()
        if chromium.is_there():
            browser = chromium_rounds(host, "room", 7)
            report.add("join_ms_p50", percentile(browser, 50), "ms", "engine=janus rtt=0 n=7, page loaded", chromium.PEER)
    with Workspace() as ws:
        d = Desktop(ws, "a", build, {"server": "embedded:", "consent": {"default": "allow"}, "log": {"level": "warning"}})
        client = Client(d)
        start = time.monotonic()
        path = client.create(APP_ID)
        first = client.completed(path, client.join(path, "room", "first", d.token("room", "first")))
        cold = (time.monotonic() - start) * 1e3
        client.outcome(path, "Destroy")
        if first[1] != 0:
            raise cannot_run(first[4])
        joins, _ = join_rounds_alone(d, client)
        report.add("join_ms_p50", percentile(joins, 50), "ms", "engine=embedded rtt=0 n=%d" % ROUNDS, goal="<= 150 (60)")
        report.add("join_ms_p95", percentile(joins, 95), "ms", "engine=embedded rtt=0 n=%d" % ROUNDS)
        report.add("join_cold_ms", cold, "ms", "daemon and Janus not running")
        client.close()
    livekit_rooms.join(build, report, cannot_run)


def join_rounds_alone(desktop, client):
    from harness.desktop import APP_ID
    path, token = client.create(APP_ID), desktop.token("room", "bench")
    joins = []
    for _ in range(ROUNDS):
        start = time.monotonic()
        result = client.completed(path, client.join(path, "room", "bench", token))
        joins.append((time.monotonic() - start) * 1e3)
        if result[1] != 0:
            raise RuntimeError(result)
        client.outcome(path, "ExitRtcRoom")
        client.signals.clear()
    return joins, []
