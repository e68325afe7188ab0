#!/usr/bin/python3
"""bench.py BUILD [--json] [--seed N] [--quick] [--live] [--peers NAME,…] [NAME…] - the measured figures (default: all).

Each benchmark runs on the real thing in a network namespace of its own, prints a table, and with --json one object a line:
{"bench", "metric", "value", "unit", "setup", "peer"}; `peer` names whose figure it is, empty for ours. A benchmark that
cannot run says so, and the exit status is then 77. Figures of peers are taken in the same run. --seed: of bad lines and
the like; --quick: fewer and shorter rounds; --live: `jitter` also on real connections beside its rivals; --peers: only
those (pairs.py names them). "all" is every one, live, and a page with pictures at build/bench/report.html.
"""
import argparse
import json
import os
import platform
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import picture  # noqa: E402
from harness import workspace  # noqa: E402

NAMES = ["cpu", "memory", "crowd", "join", "mouth-to-ear", "dbus", "echo", "jitter", "loss", "speaking"]


class Report:
    """Collects figures of one benchmark, and their goals by the row's number; a table for people or JSON lines for programs."""

    def __init__(self, bench, options):
        self.bench, self.options, self.as_json, self.rows, self.goals = bench, options, options.json, [], {}

    def add(self, metric, value, unit, setup="", peer="", goal=""):
        row = {"bench": self.bench, "metric": metric, "value": value, "unit": unit, "setup": setup, "peer": peer}
        if goal:
            self.goals[len(self.rows)] = goal
        self.rows.append(row)
        if self.as_json:
            print(json.dumps(row), flush=True)
        else:
            shown = "%d" % value if value >= 1e5 else "%.4g" % value
            print("  %-22s %10s %-12s %-50s %-25s %s" % (metric, shown, unit, setup, peer, goal and "goal " + goal), flush=True)


class CannotRun(Exception):
    pass


def run_one(name, build, report):
    module = __import__("bench_" + name.replace("-", "_"))
    if not report.as_json:
        print("\n%s: %s" % (name, module.__doc__.strip().splitlines()[0]), flush=True)
    try:
        module.run(build, report, CannotRun)
        return 0
    except CannotRun as e:
        print("%s cannot run: %s" % (name, e), file=sys.stderr)
        return 77
    except Exception:  # the others may still have something to say
        traceback.print_exc()
        print("%s failed" % name, file=sys.stderr)
        return 1


def read_arguments():
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES))
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--peers", type=lambda text: text.split(","))
    for name in ("json", "quick", "live"):
        p.add_argument("--" + name, action="store_true")
    options = p.parse_intermixed_args()
    options.report = options.names == ["all"]
    if options.report:
        options.names, options.live = [], True
    unknown = [n for n in options.names if n not in NAMES]
    if unknown:
        p.error("no benchmark of that name: %s; there are %s" % (" ".join(unknown), " ".join(NAMES)))
    return options


def write_report(reports, took):
    """build/bench/: the page with pictures, and every figure as a line of JSON."""
    rows, goals = [], {}
    for r in reports:
        goals.update({len(rows) + i: goal for i, goal in r.goals.items()})
        rows += r.rows
    folder = os.path.join(workspace.TOP, "build/bench")
    os.makedirs(folder, exist_ok=True)
    notes = ["%s, %s, %d cores; load %.1f %.1f %.1f at the end" % (time.strftime("%Y-%m-%d %H:%M"), platform.platform(), os.cpu_count(), *os.getloadavg()),
             "; ".join("%s %.0f s" % pair for pair in took)]
    for name, text in (("report.html", picture.page(rows, goals, notes)), ("figures.json", "".join(json.dumps(r) + "\n" for r in rows))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    print("the report is %s/report.html" % folder, file=sys.stderr)


def main():
    workspace.enter_namespace()
    options = read_arguments()
    reports, status, took = [], [], []
    for name in options.names or NAMES:
        start = time.monotonic()
        reports.append(Report(name, options))
        status.append(run_one(name, os.path.abspath(options.build), reports[-1]))
        took.append((name, time.monotonic() - start))
    if options.report:
        write_report(reports, took)
    return 1 if 1 in status else max(status)


if __name__ == "__main__":
    sys.exit(main())
