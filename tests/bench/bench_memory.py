"""Unshareable and proportional memory of the daemon, idle, in a call, per participant; the binary; threads.

PSS depends on who else maps the same libraries, so several daemons are measured, one after the other in the same room: one
as installed; one with copies of its own of what it brings along, which shares only what the PipeWire, WirePlumber and
dbus-daemon of the same desktop have mapped anyway (the figure of the goals); and one on its own copies of everything, libc
too, with which nobody shares a page. Unshareable memory is taken from the first: pages of a copied file may still wait to
be written out and would count as dirty.
"""
import os
import re
import shlex
import shutil
import subprocess
import time

import chromium
import livekit_rooms
from processes import mapped_files, memory_mb

LISTEN = "127.0.0.1:8188"
GUESTS = 4
STACK = ("STACK_BUS_PID", "STACK_PIPEWIRE_PID", "STACK_WIREPLUMBER_PID")


def private_libraries(desktop, files):
    """Makes the desktop's rtcroomd load its own copies of these shared objects."""
    copies = desktop.ws.folder(desktop.name, "lib")
    binary = shutil.copy(desktop.daemon_path, os.path.join(copies, "rtcroomd"))
    variables = {"LD_LIBRARY_PATH": copies, "SPA_PLUGIN_DIR": "spa-0.2", "PIPEWIRE_MODULE_DIR": "pipewire-0.3", "GIO_MODULE_DIR": "gio/modules"}
    for path in files:
        plugin = re.search(r"/((?:spa-0.2|pipewire-0.3|gio/modules)/.*)", path)
        to = os.path.join(copies, plugin[1] if plugin else os.path.basename(path))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(path, to)
        if not plugin:  # loaded under the name that others link against
            name = re.search(r"SONAME\s+(\S+)", subprocess.run(["objdump", "-p", path], stdout=subprocess.PIPE, text=True, check=True).stdout)
            if name and name[1] != os.path.basename(to):
                os.symlink(os.path.basename(to), os.path.join(copies, name[1]))
    launcher = os.path.join(desktop.path, "rtcroomd.sh")
    with open(launcher, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n%s exec %s\n" % (" ".join("%s=%s" % (k, shlex.quote(os.path.join(copies, v))) for k, v in variables.items()),
                                            shlex.quote(binary)))


def shared_objects(pid):
    """Those of the system; the dynamic linker cannot be copied and does not count."""
    return {p for p in mapped_files(pid) if p.startswith(("/usr/", "/lib")) and "/ld-linux" not in p}


def with_whom(pid):
    """Says who else has the network stack mapped: Janus, and rtcroomds that are none of ours."""
    others = sum(1 for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != pid and
                 any("/libnice.so" in p for p in shared_objects(int(entry))))
    return "as installed, libnice in %d more" % others


def report_idle(report, pid):
    m = memory_mb(pid)
    report.add("private_dirty_idle_mb", m["Private_Dirty"], "MB", "no join yet", goal="<= 3")
    report.add("pss_idle_mb", m["Pss"], "MB", "no join yet, " + with_whom(pid))


def report_call(report, pid):
    m = memory_mb(pid)
    report.add("private_dirty_call_mb", m["Private_Dirty"], "MB", "one participant", goal="<= 8 (6)")
    report.add("pss_call_mb", m["Pss"], "MB", "one participant, " + with_whom(pid))
    report.add("threads", len(os.listdir("/proc/%d/task" % pid)), "", "in a call")


def report_browser(report, host):
    if not chromium.is_there():
        return
    with chromium.Chromium(host, "ws://" + LISTEN, "call", "web") as browser:
        time.sleep(3)
        both = [memory_mb(pid) for pid in browser.pids()]
        for metric, key in (("pss_call_mb", "Pss"), ("private_dirty_call_mb", "Private_Dirty")):
            report.add(metric, sum(m.get(key, 0) for m in both), "MB", "all %d processes" % len(both), chromium.PEER)


def report_growth(report, pid, make):
    """More people come, who say nothing, and go again."""
    before, guests = memory_mb(pid)["Private_Dirty"], [make("c%d" % i) for i in range(GUESTS)]
    joined = [g.join("call", "guest-" + g.name) for g in guests]
    time.sleep(4)
    report.add("per_participant_kb", (memory_mb(pid)["Private_Dirty"] - before) * 1024 / GUESTS, "KB", "n=%d silent" % GUESTS, goal="<= 60")
    for j in joined:
        j.leave()
        j.desktop.stop_daemon()


def report_after(report, pid):
    """What stays when the room has been left and PipeWire given back."""
    time.sleep(15)
    report.add("private_dirty_idle_mb", memory_mb(pid)["Private_Dirty"], "MB", "15 s after a call", goal="<= 3")


def report_alone(report, desktop, files, with_stack, talk):
    """PSS of a daemon on its own copies of `files`, or of those that the desktop's processes have not mapped."""
    stack = set().union(*(shared_objects(int(desktop.env[name])) for name in STACK)) if with_stack else set()
    setup = "shares only with its desktop's PipeWire" if with_stack else "nobody shares even libc"
    private_libraries(desktop, files - stack)
    pid = desktop.activate()
    time.sleep(1)
    report.add("pss_idle_mb", memory_mb(pid)["Pss"], "MB", "no join yet, " + setup, goal="<= 6" if with_stack else "")
    joined = talk(desktop)
    if shared_objects(pid) - stack:
        raise RuntimeError("still shared: %s" % sorted(shared_objects(pid) - stack))
    report.add("pss_call_mb", memory_mb(pid)["Pss"], "MB", "one participant, " + setup, goal="<= 24 (12)" if with_stack else "")
    joined.leave()
    desktop.stop_daemon()


def report_binary(report, ws, build):
    stripped = os.path.join(ws.path, "stripped")
    subprocess.run(["strip", "-o", stripped, os.path.join(build, "daemon/rtcroomd")], check=True)
    report.add("binary_kb", os.path.getsize(stripped) / 1024, "KB", "stripped", goal="<= 600")


def settle(path):
    """Pages of a file that was just written count as dirty where they are mapped, until they are on the disk."""
    with open(path, "rb") as f:
        os.fsync(f)


def run(build, report, cannot_run):
    from harness import sound
    from harness.desktop import Desktop
    from harness.workspace import Workspace
    quiet = {"log": {"level": "warning"}}

    def talk(d):
        """A call with the host, both talking."""
        joined = d.join("call", d.name)
        joined.wait_members(d.name, "host")
        sound.play(d, sound.tone(os.path.join(d.path, "t.wav"), 440, 120, 0.3))
        time.sleep(5)
        return joined

    settle(os.path.join(build, "daemon/rtcroomd"))
    with Workspace() as ws:
        def make(name):
            return Desktop(ws, name, build, dict(quiet, server="janus+ws://" + LISTEN))
        host = Desktop(ws, "h", build, dict(quiet, server="embedded:", embedded={"listen": LISTEN}))
        host.join("call", "host")
        files = mapped_files(host.daemon_pid())
        host.stop_daemon()
        private_libraries(host, files)  # so that the host shares with nobody either
        host.join("call", "host")
        sound.play(host, sound.tone(os.path.join(host.path, "t.wav"), 880, 300, 0.3))
        a = make("a")
        pid = a.activate()
        time.sleep(1)
        report_idle(report, pid)
        joined = talk(a)
        report_call(report, pid)
        report_growth(report, pid, make)
        joined.leave()
        report_after(report, pid)
        report_alone(report, make("b"), files, True, talk)
        report_alone(report, make("s"), files, False, talk)
        report_browser(report, host)
        report_binary(report, ws, build)
    livekit_rooms.memory(build, report, cannot_run)
