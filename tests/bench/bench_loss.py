"""What is left of speech on lines that lose packets: our loss repair beside that of browsers and libwebrtc, in one run.

Every pair of pairs.py has a line of its own, with the same trace and seed, and says the same sentences. The receiver is at
the end of the line, the sender's way is clean. missing_percent: samples that were made up where there was something to
say, by the receiver's count; pesq_wb, stoi and word_accuracy_percent: of what it played, beside what was said (judge.py).
overhead_percent: bytes sent into the line, beside the same words said on a clean line without redundancy; where a pair
cannot do without, the copies it says it sent are taken off. DTX is off at every pair.
"""
import os
import sys
import time

from baresip import Baresip
from live_jitter import Watch
from pairs import KINDS, each, start
from speech import QUICK, SENTENCES, Missing, Speech, judge

TRACES = ("clean", "loss-5", "loss-10", "loss-20", "burst-3", "loss-jitter")
QUICK_TRACES = ("clean", "loss-20", "burst-3")
NAMES = ("janus", "livekit", "chromium", "rtc-node", "wrtc", "baresip")
MISSING = {"loss-20": "<= 0.3", "burst-3": "<= 2"}
JUDGED = (("pesq_wb", "MOS"), ("stoi", "1"), ("word_accuracy_percent", "%"))
WITHIN = {"loss-10": 0.3, "loss-20": 0.6}  # of the PESQ of the clean call
SETTLE_S, TAIL_S = 4, 1.5


class Call:
    """What one pair did on one trace."""

    def __init__(self, pair, trace, folder):
        self.pair, self.trace = pair, trace
        self.path = os.path.join(folder, "heard-%s-%s.wav" % (type(pair).__name__, trace))
        self.watch = Watch(pair)

    def begin(self):
        self.watch.look()
        self.carried, self.copies, self.began = self.pair.line.carried(), self.pair.copies(), time.monotonic()

    def end(self):
        from harness import sound
        self.watch.look()
        seconds = time.monotonic() - self.began
        self.rate = (self.pair.line.carried() - self.carried) / seconds
        self.copies = (self.pair.copies() - self.copies) / seconds
        sound.write_wav(self.path, self.pair.recorded())

    def missing_percent(self):
        if len(self.watch.rows) < 2:
            return None
        a, b = self.watch.rows
        grown = {k: b[k] - a[k] for k in b}
        return 100 * (grown["concealedSamples"] - grown["silentConcealedSamples"]) / max(1, grown["totalSamplesReceived"])


def say_all(pairs, trace, seed, speech, folder, redundancy=True):
    """Everybody says the same words on such a line; the calls that went well."""
    def enter(p):
        p.line.become(trace, seed)
        p.join("%s%d" % (trace, redundancy), **({} if redundancy or not p.can_do_without else {"red": False}))
        p.record()
    there = each(pairs, enter)
    time.sleep(SETTLE_S)
    calls = {p: Call(p, trace, folder) for p in there}
    there = each(there, lambda p: (p.say(speech.path), calls[p].begin()))
    time.sleep(speech.seconds + TAIL_S)
    there = each(there, lambda p: calls[p].end())
    each(pairs, lambda p: p.leave())
    return [calls[p] for p in there]


def goal(call, metric, clean):
    if call.pair.peer:
        return ""
    if metric == "pesq_wb" and clean and call.trace in WITHIN:
        return ">= %.2f" % (clean["pesq_wb"] - WITHIN[call.trace])
    return MISSING.get(call.trace, "") if metric == "missing_percent" else ""


def tell(report, call, scores, clean, plain, seed):
    """One call's figures; `clean` are the scores of the same pair on the clean line, `plain` its bytes a second without redundancy."""
    setup = "%s trace=%s seed=%d" % (call.pair.setup, call.trace, seed)
    found = [("missing_percent", call.missing_percent(), "%")] + [(m, scores[m], u) for m, u in JUDGED]
    if plain and call.pair.counts:
        found.append(("overhead_percent", 100 * (call.rate / plain - 1), "%"))
    for metric, value, unit in found:
        if value is not None:
            report.add(metric, value, unit, setup, call.pair.peer, goal(call, metric, clean))


def run(build, report, cannot_run):
    from harness.workspace import Workspace
    options = report.options
    KINDS["baresip"] = Baresip
    with Workspace() as ws:
        try:
            speech = Speech(ws.path, QUICK if options.quick else SENTENCES)
        except Missing as e:
            raise cannot_run(str(e)) from e
        pairs = start(ws, build, options.peers or NAMES)
        if not pairs:
            raise cannot_run("there is nobody to talk")
        plain = {c.pair: c.rate - c.copies for c in say_all(pairs, "clean", options.seed, speech, ws.path, redundancy=False)}
        calls = []
        for trace in QUICK_TRACES if options.quick else TRACES:
            print("%s …" % trace, file=sys.stderr, flush=True)
            calls += say_all(pairs, trace, options.seed, speech, ws.path)
        scores = dict(zip(calls, judge(speech, [c.path for c in calls])))
        clean = {c.pair: scores[c] for c in calls if c.trace == "clean"}
        for c in calls:
            tell(report, c, scores[c], clean.get(c.pair), plain.get(c.pair), options.seed)
