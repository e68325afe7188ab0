"""Unshareable and proportional memory of the daemon, idle and in a call; the binary; threads."""
import os
import subprocess
import time

from harness.workspace import read

LISTEN = "127.0.0.1:8188"


def rollup(pid):
    out = {}
    for line in read("/proc/%d/smaps_rollup" % pid).splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[2] == "kB":
            out[parts[0].rstrip(":")] = int(parts[1]) / 1024
    return out


def tree_pss(root):
    """PSS of a process and all below it, MB."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = read("/proc/%s/stat" % entry)
            except OSError:
                continue
            children.setdefault(int(stat[stat.rindex(")") + 2:].split()[1]), []).append(int(entry))
    total, todo = 0.0, [root]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        try:
            total += rollup(pid).get("Pss", 0)
        except OSError:
            pass
    return total


def chromium_pss(host):
    import sys
    from harness.desktop import APP_ID
    from harness.workspace import TOP
    sys.path.insert(0, os.path.join(TOP, "tests/integration"))
    from test_chromium import Browser, signed
    secret = host.ctl("token", "janus-secret", "--app", APP_ID).stdout.strip()
    room = APP_ID + "/room"
    b = Browser(url="ws://" + LISTEN, room=room, user="web", apiToken=signed(secret, "janus", "janus.plugin.videoroom"),
                roomToken=signed(secret, "janus.plugin.videoroom", "room=" + room))
    time.sleep(3)
    node = rollup(b.process.pid)["Pss"]
    total = tree_pss(b.process.pid) - node
    b.close()
    return total


def run(build, report, _cannot_run):
    from harness import sound
    from harness.desktop import Desktop
    from harness.workspace import Workspace
    with Workspace() as ws:
        quiet = {"log": {"level": "warning"}}
        a = Desktop(ws, "a", build, dict(quiet, server="janus+ws://" + LISTEN))
        b = Desktop(ws, "b", build, dict(quiet, server="embedded:", embedded={"listen": LISTEN}))
        pid = a.activate()
        time.sleep(1)
        idle = rollup(pid)
        report.add("private_dirty_idle_mb", idle["Private_Dirty"], "MB", "", goal="<= 3")
        report.add("pss_idle_mb", idle["Pss"], "MB", "no other process shares the libraries", goal="<= 6")
        # b runs the server; its daemon would share a's pages, so a is measured beside a b of another build where there is one
        b.join("room", "bob")
        a.join("room", "alice").wait_members("alice", "bob")
        for d, hertz in ((a, 440), (b, 880)):
            sound.play(d, sound.tone(os.path.join(d.path, "t.wav"), hertz, 120, 0.3))
        time.sleep(6)
        call = rollup(pid)
        report.add("private_dirty_call_mb", call["Private_Dirty"], "MB", "one participant", goal="<= 8 (6)")
        report.add("pss_call_mb", call["Pss"], "MB", "a second rtcroomd shares pages", goal="<= 24 (12)")
        report.add("pss_alone_call_mb", alone(pid), "MB", "as if nobody shared the libraries", goal="<= 24")
        report.add("threads", len(os.listdir("/proc/%d/task" % pid)), "", "in a call")
        report.add("pss_call_mb", chromium_pss(b), "MB", "process tree", "Chromium + janus-gateway")
        before = rollup(pid)["Private_Dirty"]
        others = [a_third(ws, build, i) for i in range(3)]
        time.sleep(4)
        report.add("per_participant_kb", (rollup(pid)["Private_Dirty"] - before) * 1024 / len(others), "KB", "n=3", goal="<= 60")
    stripped = os.path.join(os.path.dirname(os.path.abspath(build)), "rtcroomd.stripped")
    subprocess.run(["strip", "-o", stripped, os.path.join(build, "daemon/rtcroomd")], check=True)
    report.add("binary_kb", os.path.getsize(stripped) / 1024, "KB", "stripped", goal="<= 600")
    os.remove(stripped)


def alone(pid):
    """PSS as it would be without another rtcroomd: pages of the daemon and of libraries that only rtcroomds map count whole."""
    total = 0.0
    for line in read("/proc/%d/smaps" % pid).splitlines():
        if line.startswith("Rss:"):
            rss = int(line.split()[1])
        elif line.startswith("Pss:"):
            pss = int(line.split()[1])
            # shared by two: whole; by more (libc, what every desktop process maps): the share it has
            total += rss if pss >= rss * 0.45 else pss
    return total / 1024


def a_third(ws, build, i):
    from harness.desktop import Desktop
    d = Desktop(ws, "c%d" % i, build, {"server": "janus+ws://" + LISTEN, "log": {"level": "warning"}})
    d.join("room", "guest%d" % i)
    return d
