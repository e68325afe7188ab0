"""processes.py - what a process costs, read from /proc: memory, share of a core, wake-ups; also of a whole tree."""
import os
import time

from harness.workspace import read


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name, [] when it is gone."""
    stat = read("/proc/%d/stat" % pid, "")
    return stat[stat.rindex(")") + 2:].split() if stat else []


def tree(root):
    """root and every process below it."""
    children = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(int(entry)) if entry.isdigit() else []
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def memory_mb(pid):
    """smaps_rollup in MB: Pss, Rss, Private_Dirty …; {} when the process is gone."""
    out = {}
    for line in read("/proc/%d/smaps_rollup" % pid, "").splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[2] == "kB":
            out[parts[0].rstrip(":")] = int(parts[1]) / 1024
    return out


def mapped_files(pid):
    """Paths of the shared objects a process has mapped."""
    lines = (line.split(None, 5) for line in read("/proc/%d/maps" % pid, "").splitlines())
    return {parts[5] for parts in lines if len(parts) == 6 and ".so" in parts[5]}


def ticks(pids):
    return sum(int(f[11]) + int(f[12]) for f in map(stat_fields, pids) if f)


def wakeups(pids):
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            for line in read("/proc/%d/task/%s/status" % (pid, task), "").splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def share(pids, seconds):
    """(percent of a core, wake-ups a second) of these processes together over a while."""
    t0, w0, start = ticks(pids), wakeups(pids), time.monotonic()
    time.sleep(seconds)
    wall = time.monotonic() - start
    return 100 * (ticks(pids) - t0) / os.sysconf("SC_CLK_TCK") / wall, (wakeups(pids) - w0) / wall
