"""live_jitter.py - the same traces on real connections: our jitter buffers and NetEq (libwebrtc in Chromium and without) side by side.

Every pair of pairs.py is in a call of its own at the end of a line of its own; they talk at the same time, the same words.
Delay is what the jitter buffer adds (W3C jitterBufferDelay over jitterBufferEmittedCount), its mean over each quarter of a
second; concealed is the share of samples made up where there was something to say (concealedSamples without
silentConcealedSamples). The first seconds of each call are not counted. A conversation is of spurts and pauses, with DTX
at every pair; the other traces are speech without end, without DTX, as a browser counts its pauses as concealed.
"""
import os
import sys
import time

from pairs import each, start

TRACES = ("clean", "jitter-5", "jitter-15", "jitter-40", "wifi", "handover", "reorder", "drift-fast", "drift-slow", "loss-jitter",
          "loss-5", "loss-10", "loss-20", "burst-3")
QUICK = ("clean", "jitter-15", "wifi", "handover")
TALK = ("conversation",)
KINDS = ("janus", "livekit", "chromium", "wrtc", "rtc-node")
LEARN_S, STEP_S = 6, 0.25
TEXT = "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well. " \
       "These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of lemons makes fine punch. "


class Watch:
    """What one receiver counted from step to step."""

    def __init__(self, pair):
        self.pair, self.rows = pair, []

    def look(self):
        row = self.pair.counters()
        if row:
            self.rows.append(row)

    def figures(self):
        """(ms of delay at each step, grown counters), None where nothing came."""
        delays = [1e3 * (b["jitterBufferDelay"] - a["jitterBufferDelay"]) / (b["jitterBufferEmittedCount"] - a["jitterBufferEmittedCount"])
                  for a, b in zip(self.rows, self.rows[1:]) if b["jitterBufferEmittedCount"] > a["jitterBufferEmittedCount"]]
        if len(delays) < 4:
            return None
        return delays, {k: self.rows[-1][k] - self.rows[0][k] for k in self.rows[0]}


def watch(pairs, seconds):
    """Looks at all of them at each step; {pair: (delays, counters)}."""
    watches, end = [Watch(p) for p in pairs], time.monotonic() + seconds
    while time.monotonic() < end:
        step_end = time.monotonic() + STEP_S
        for w in watches:
            w.look()
        time.sleep(max(0.0, step_end - time.monotonic()))
    return {w.pair: w.figures() for w in watches}


def tell(report, pair, setup, figures):
    import numpy as np
    delays, grown = figures
    setup = "%s %s" % (pair.setup, setup)
    total = max(1, grown["totalSamplesReceived"])
    report.add("added_delay_ms_p50", float(np.percentile(delays, 50)), "ms", setup, pair.peer)
    report.add("added_delay_ms_p95", float(np.percentile(delays, 95)), "ms", setup, pair.peer)
    report.add("concealed_percent", 100 * (grown["concealedSamples"] - grown["silentConcealedSamples"]) / total, "%", setup, pair.peer)
    report.add("stretched_percent", 100 * (grown["insertedSamplesForDeceleration"] + grown["removedSamplesForAcceleration"]) / total, "%",
               setup, pair.peer)


def on_trace(pairs, trace, seed, wav, seconds, report, setup):
    def enter(p):
        p.line.become(trace, seed)
        p.join(trace)
    there = each(each(pairs, enter), lambda p: p.say(wav))
    time.sleep(LEARN_S)
    for p, figures in watch(there, seconds).items():
        if figures:
            tell(report, p, setup, figures)
        else:
            print("%s %s hears nothing on %s" % (p.peer or "rtcroomd", p.setup, trace), file=sys.stderr)
    each(pairs, lambda p: p.leave())


def conversation(path, seconds):
    """Words and pauses of one to three seconds."""
    import numpy as np
    from harness import sound
    words, rng = sound.read_wav(sound.speak(path, TEXT)), np.random.default_rng(5)
    pieces, length, at = [], 0, 0
    while length < seconds * sound.RATE:
        n, pause = (int(sound.RATE * s) for s in rng.uniform(1, 3, 2))
        pieces += [np.take(words, range(at, at + n), mode="wrap"), np.zeros(pause)]
        at, length = at + n, length + n + pause
    return sound.write_wav(path, np.concatenate(pieces))


def calls(build, report, cannot_run, traces, seconds, dtx):
    from harness import sound
    from harness.workspace import Workspace
    options = report.options
    with Workspace() as ws:
        found = start(ws, build, options.peers or KINDS, dtx=dtx)
        if not found:
            raise cannot_run("there is nobody to talk")
        wav, length = os.path.join(ws.path, "words.wav"), LEARN_S + seconds + 5
        wav = conversation(wav, length) if dtx else sound.speak(wav, TEXT * (1 + length // 14))
        for trace in traces:
            setup = "trace=%s%s seed=%d live %d s" % (trace, " talk dtx" if dtx else "", options.seed, seconds)
            on_trace(found, trace, options.seed, wav, seconds, report, setup)


def run(build, report, cannot_run):
    quick = report.options.quick
    calls(build, report, cannot_run, QUICK if quick else TRACES, 10 if quick else 20, False)
    calls(build, report, cannot_run, TALK, 10 if quick else 20, True)
