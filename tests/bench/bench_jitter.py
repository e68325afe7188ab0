"""The jitter buffer on every trace of tests/traces, in virtual time: what it adds in delay, what it has to make up."""
import glob
import json
import os
import subprocess

import live_jitter

SECONDS, SEED = 600, 1
# NetEq (libwebrtc) was measured at 84 ms and 0.05 %, 131 ms and 0.32 %, 293 ms and 0.77 % on these three, 45 ms on a clean line.
GOALS = {"jitter-5": ("<= 45", "<= 0.05"), "jitter-15": ("<= 95", "<= 0.3"), "jitter-40": ("<= 220", "<= 0.7"), "clean": ("<= 45", "0")}


def run(build, report, cannot_run):
    tool = os.path.join(build, "tests/bench/bench-jitter")
    traces = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../traces/*.trace")))
    if not traces:
        raise cannot_run("there are no traces")
    seconds = 60 if report.options.quick else SECONDS
    for trace in traces:
        name = os.path.basename(trace)[:-len(".trace")]
        r = subprocess.run([tool, trace, str(seconds), str(SEED)], stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(r.stdout)
        setup = "trace=%s seed=%d, %d s" % (name, SEED, seconds)
        goals = dict(zip(("added_delay_ms_mean", "concealed_percent"), GOALS.get(name, ("", ""))))
        for metric in ("added_delay_ms_mean", "added_delay_ms_p50", "added_delay_ms_p95", "concealed_percent", "stretched_percent"):
            report.add(metric, figures[metric], metric.endswith("percent") and "%" or "ms", setup, goal=goals.get(metric, ""))
    if report.options.live:
        live_jitter.run(build, report, cannot_run)
