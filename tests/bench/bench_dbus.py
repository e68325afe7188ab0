"""Round trips on the session bus beside a bare sd-bus echo; joins that are refused."""
import json
import os

from harness.workspace import read

CALLS = 5000


def private_dirty_kb(pid):
    for line in read("/proc/%d/smaps_rollup" % pid).splitlines():
        if line.startswith("Private_Dirty"):
            return int(line.split()[1])
    return 0


def run(build, report, _cannot_run):
    from harness.desktop import Desktop
    from harness.workspace import Workspace, wait_for
    tool = os.path.join(build, "tests/bench/bench-dbus")
    with Workspace() as ws:
        d = Desktop(ws, "a", build, {"log": {"level": "warning"}, "consent": {"default": "allow"}})
        pid = d.activate()
        d.start(tool, "echo", log="echo.log")
        wait_for(lambda: d.run("busctl", "--user", "status", "org.rtcroom.BenchEcho", check=False).returncode == 0, "the echo")
        r = json.loads(d.run(tool, "compare", str(CALLS), timeout=120).stdout)
        setup = "n=%d" % CALLS
        for what in ("get", "call"):
            report.add("roundtrip_%s_us_p50" % what, r["daemon_%s_p50_us" % what], "us", setup)
            report.add("roundtrip_%s_us_p50" % what, r["echo_%s_p50_us" % what], "us", setup, "bare sd-bus echo")
        report.add("roundtrip_ratio", r["daemon_call_p50_us"] / r["echo_call_p50_us"], "x", setup, goal="<= 1.3")
        d.run(tool, "flood", "1")
        before = private_dirty_kb(pid)
        f = json.loads(d.run(tool, "flood", "3", timeout=60).stdout)
        report.add("refused_joins_per_s", f["refused_joins"] / f["seconds"], "1/s", "16 in flight", goal=">= 5000")
        report.add("growth_after_flood_kb", private_dirty_kb(pid) - before, "KB", "%d joins" % f["refused_joins"], goal="0")
