#!/usr/bin/python3
"""demo.py BUILD [--livekit] [--keep] - two desktop users talk through rtcroomd and a real SFU, on this machine, and what came out.

User A's rtcroomd starts and supervises a private Janus (`embedded:`) and lets others in; user B reaches it as
`janus+ws://`. With --livekit both are in a room of a real livekit-server. Each has a session bus, PipeWire and WirePlumber of his own; real speech goes into each virtual microphone, and
what comes out of each virtual loudspeaker is recorded and compared. Works without any network but the one it makes.

Writes build/demo/: the four WAV files, demo.png, demo.json. Status 0 only if both sides heard the other.
--keep leaves the two users running until Ctrl-C and says how to step into each.
"""
import json
import os
import shutil
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import workspace  # noqa: E402

LISTEN = "127.0.0.1:8188"
ROOM = "kitchen"
PEOPLE = [
    {"name": "a", "user": "alice", "voice": "en-gb+f3", "pitch": 60,
     "text": "Good morning. This is Alice, and I am talking from my own desktop. Can you hear every word I say? "
             "The quick brown fox jumps over the lazy dog."},
    {"name": "b", "user": "bob", "voice": "en-us+m3", "pitch": 35,
     "text": "Hello Alice, Bob here. Your voice arrives through the room without any browser. "
             "She sells sea shells by the sea shore, and the weather is fine today."},
]


def say(text):
    print(text, flush=True)


class Timeline:
    def __init__(self):
        self.start = time.monotonic()

    def add(self, text):
        say("%8.3f s  %s" % (time.monotonic() - self.start, text))


def make_desktops(ws, build):
    from harness.desktop import Desktop
    if "--livekit" in sys.argv:
        from harness.livekit import LiveKit
        server = {"server": LiveKit(ws).server}
        return [Desktop(ws, person["name"], build, server) for person in PEOPLE]
    a = Desktop(ws, "a", build, {"server": "embedded:", "embedded": {"listen": LISTEN}})
    b = Desktop(ws, "b", build, {"server": "janus+ws://" + LISTEN})
    return [a, b]


def join_all(desktops, timeline):
    from harness.livekit import token
    joined, livekit = [], "--livekit" in sys.argv
    for person, desktop in zip(PEOPLE, desktops):
        j = desktop.join(ROOM, person["user"], token=token(ROOM, person["user"]) if livekit else None)
        how = "livekit+ws://" if livekit else "embedded: with a Janus of her own" if desktop.name == "a" else "janus+ws:// to it"
        timeline.add("%s joined, %.0f ms after the call (%s)" % (person["user"], j.wait("joined")["joinMs"], how))
        joined.append(j)
    everybody = [p["user"] for p in PEOPLE]
    for person, j in zip(PEOPLE, joined):
        j.wait_members(*everybody)
        timeline.add("%s sees %s" % (person["user"], " and ".join(everybody)))
    return joined


def watch(desktops, joined, players, timeline):
    """While the speech plays: who speaks, as each side is told, and how loud."""
    seen = [0, 0]
    while any(p.process.poll() is None for p in players):
        levels = []
        for i, (person, desktop, j) in enumerate(zip(PEOPLE, desktops, joined)):
            for event in j.events("speakers")[seen[i]:]:
                seen[i] += 1
                timeline.add("%s is told who speaks: %s" % (person["user"], " ".join(event["userIdList"]) or "nobody"))
            for line in desktop.ctl_json("levels", "--count", "1", check=False):
                levels.append("at %s: %s" % (person["user"], "  ".join("%s %.3f" % kv for kv in sorted(line["levels"].items()))))
        timeline.add("levels " + " | ".join(levels))
        time.sleep(0.8)


def talk(desktops, joined, out, timeline):
    """Everybody speaks, everybody is recorded; the stamps of the players and of the recorders."""
    from harness import sound
    recorders = [sound.record(d, os.path.join(out, "heard-by-%s.wav" % p["user"])) for p, d in zip(PEOPLE, desktops)]
    players = [sound.play(d, os.path.join(out, "said-by-%s.wav" % p["user"])) for p, d in zip(PEOPLE, desktops)]
    timeline.add("both speak")
    watch(desktops, joined, players, timeline)
    sent = [p.finish() for p in players]
    time.sleep(0.7)  # the tail of the sound is still on its way
    return sent, [r.stop() for r in recorders]


def judge_direction(out, speaker, listener, sent, heard):
    import numpy as np
    from harness import sound
    a = sound.read_wav(os.path.join(out, "said-by-%s.wav" % speaker))
    b = sound.read_wav(os.path.join(out, "heard-by-%s.wav" % listener))
    windows = sound.delay_ms(a, sent["start_us"], b, heard["start_us"], 0.4)  # short: the delay may move inside a long one
    good = [ms for ms, c in windows if c > 0.5]
    row = {"from": speaker, "to": listener, "windows": len(windows), "windows_recognised": len(good), "delay_ms_p50": None,
           "heard": False, "shift_s": (sent["start_us"] - heard["start_us"]) / 1e6}
    if not good:
        return row
    row["delay_ms_p50"], row["delay_ms_p99"] = (float(np.percentile(good, q)) for q in (50, 99))
    at = max(int((row["shift_s"] + row["delay_ms_p50"] / 1e3) * sound.RATE), 0)
    b = b[at:at + len(a)]
    row["level_difference_db"] = float(20 * np.log10((sound.rms(b) + 1e-9) / sound.rms(a)))
    row["spectral_match"] = sound.spectral_match(a, b)
    # heard: most of the speech is recognised as the other's, at about its level
    row["heard"] = len(good) >= 0.6 * len(windows) and abs(row["level_difference_db"]) < 6 and row["spectral_match"] > 0.8
    return row


def judge(out, sent, heard):
    names = [p["user"] for p in PEOPLE]
    return [judge_direction(out, names[i], names[k], sent[i], heard[k]) for i, k in ((0, 1), (1, 0))]


def picture(out, rows):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from harness import sound
    figure, axes = plt.subplots(3, 2, figsize=(14, 8), constrained_layout=True)
    for column, row in enumerate(rows):
        a = sound.read_wav(os.path.join(out, "said-by-%s.wav" % row["from"]))
        b = sound.read_wav(os.path.join(out, "heard-by-%s.wav" % row["to"]))
        top = axes[0][column]
        for samples, shift, label in ((a, 0, "said by " + row["from"]), (b, row["shift_s"], "heard by " + row["to"])):
            e = sound.envelope(samples)
            top.plot(np.arange(len(e)) / 100 - shift, e, label=label, alpha=0.8)
        top.set_xlim(0, len(a) / sound.RATE)
        top.legend(loc="upper right")
        delay = "%.1f ms" % row["delay_ms_p50"] if row["delay_ms_p50"] is not None else "not heard"
        top.set_title("%s → %s: mouth to ear %s" % (row["from"], row["to"], delay))
        for axis, samples, start, title in ((axes[1][column], a, 0, "said"), (axes[2][column], b, row["shift_s"], "heard")):
            axis.specgram(samples + 1e-6 * np.random.randn(len(samples)), NFFT=1024, Fs=sound.RATE, noverlap=512,
                          cmap="magma", vmin=-140, vmax=-30)
            axis.set_xlim(start, start + len(a) / sound.RATE)
            axis.set_ylim(0, 8000)
            axis.set_title(title)
    figure.suptitle("rtcroomd: two desktop users, one room")
    figure.savefig(os.path.join(out, "demo.png"), dpi=80)


def report(rows):
    say("")
    for row in rows:
        if row["delay_ms_p50"] is None:
            say("%(from)s → %(to)s: NOT HEARD" % row)
        else:
            say("%(from)s → %(to)s: mouth to ear %(delay_ms_p50).1f ms (p99 %(delay_ms_p99).1f), level %(level_difference_db)+.1f dB, "
                "spectral match %(spectral_match).2f, %(windows_recognised)d of %(windows)d windows recognised" % row)
    say("written: build/demo/*.wav, demo.png, demo.json")


def keep(desktops, out):
    """Scripts that step into each user's world, then wait."""
    user = "" if os.geteuid() == 0 else "--user --preserve-credentials "
    for desktop in desktops:
        path = os.path.join(out, "enter-" + desktop.name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n# Steps into the world of user %s; with arguments, runs them there.\n. %s/env\nexport PATH=%s:$PATH\n"
                    "[ $# -gt 0 ] || set -- \"${SHELL:-/bin/sh}\"\nexec nsenter --target %d %s--net -- \"$@\"\n" %
                    (desktop.name, desktop.path, os.path.dirname(desktop.ctl_path), os.getpid(), user))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        say("user %s: %s   then: rtcroomctl status, members, levels, volume USER PERCENT, …" % (desktop.name, path))
    say("Both stay in the room until Ctrl-C.")
    try:
        while all(d.stack.poll() is None for d in desktops):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass


def main():
    build, out = sys.argv[1], os.path.abspath("build/demo")
    workspace.enter_namespace()
    from harness import sound
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    for person in PEOPLE:
        sound.speak(os.path.join(out, "said-by-%s.wav" % person["user"]), person["text"], person["voice"], pitch=person["pitch"])
    timeline = Timeline()
    with workspace.Workspace() as ws:
        desktops = make_desktops(ws, build)
        timeline.add("two desktops: session bus, PipeWire and WirePlumber each")
        joined = join_all(desktops, timeline)
        rows = judge(out, *talk(desktops, joined, out, timeline))
        picture(out, rows)
        with open(os.path.join(out, "demo.json"), "w", encoding="utf-8") as f:
            json.dump({"directions": rows, "join_ms": [j.wait("joined")["joinMs"] for j in joined]}, f, indent=2)
        report(rows)
        if "--keep" in sys.argv:
            keep(desktops, out)
        for j in joined:
            j.leave()
        timeline.add("both left")
    ok = all(row["heard"] for row in rows)
    say("both sides heard the other" if ok else "FAILED: not both sides heard the other")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
