#!/usr/bin/python3
"""bench.py BUILD [--json] [NAME…] - the measured figures: cpu, memory, join, mouth-to-ear, dbus, echo, jitter (default: all).

Each benchmark runs on the real thing in a network namespace of its own, prints a table, and with --json one object a line:
{"bench", "metric", "value", "unit", "setup", "peer"}; `peer` names whose figure it is, empty for ours. A benchmark that
cannot run says so, and the exit status is then 77. Figures of peers are taken in the same run.
"""
import json
import os
import sys
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import workspace  # noqa: E402

NAMES = ["cpu", "memory", "join", "mouth-to-ear", "dbus", "echo", "jitter"]


class Report:
    """Collects figures of one benchmark; a table for people or JSON lines for programs."""

    def __init__(self, bench, as_json):
        self.bench, self.as_json, self.rows = bench, as_json, []

    def add(self, metric, value, unit, setup="", peer="", goal=""):
        row = {"bench": self.bench, "metric": metric, "value": value, "unit": unit, "setup": setup, "peer": peer}
        self.rows.append(row)
        if self.as_json:
            print(json.dumps(row), flush=True)
        else:
            shown = "%d" % value if value >= 1e5 else "%.4g" % value
            print("  %-22s %10s %-12s %-50s %-25s %s" % (metric, shown, unit, setup, peer, goal and "goal " + goal), flush=True)


class CannotRun(Exception):
    pass


def run_one(name, build, as_json):
    module = __import__("bench_" + name.replace("-", "_"))
    if not as_json:
        print("\n%s: %s" % (name, module.__doc__.strip().splitlines()[0]), flush=True)
    try:
        module.run(build, Report(name, as_json), CannotRun)
        return 0
    except CannotRun as e:
        print("%s cannot run: %s" % (name, e), file=sys.stderr)
        return 77
    except Exception:  # the others may still have something to say
        traceback.print_exc()
        print("%s failed" % name, file=sys.stderr)
        return 1


def main():
    workspace.enter_namespace()
    build, arguments = os.path.abspath(sys.argv[1]), sys.argv[2:]
    as_json = "--json" in arguments
    names = [a for a in arguments if not a.startswith("-")] or NAMES
    unknown = [n for n in names if n not in NAMES]
    if unknown:
        print("no benchmark of that name: %s; there are %s" % (" ".join(unknown), " ".join(NAMES)), file=sys.stderr)
        return 2
    status = [run_one(name, build, as_json) for name in names]
    return 1 if 1 in status else max(status)


if __name__ == "__main__":
    sys.exit(main())
