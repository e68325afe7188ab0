#!/usr/bin/python3
"""lint.py - what a reviewer would check by hand: the layer law, homes of third-party headers, headers that stand alone,
sizes, format, static analysis, XML and shell. Prints each fault as FILE:LINE: text; status 1 if there was any.

Run from the top of the tree, after `./dev build dev` (compile_commands.json is used).
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys

# Who may include whom: the same law as the link graph in daemon/*/CMakeLists.txt.
LAYERS = {
    "base": set(),
    "net": {"base"},
    "wire": {"base"},
    "media": {"wire", "base"},
    "transport": {"net", "wire", "base"},
    "signal": {"net", "wire", "base"},
    "engine": {"transport", "media", "signal", "net", "wire", "base"},
    "audio": {"media", "base"},
    "app": {"engine", "media", "wire", "base"},
    "bus": {"app", "engine", "media", "wire", "base"},
}
# Inside engine/: janus and livekit do not know each other; embedded may use janus, never the reverse.
ENGINE_FORBIDDEN = {"janus": {"embedded", "livekit", "fake"}, "fake": {"janus", "embedded", "livekit"},
                    "livekit": {"janus", "embedded", "fake"}, "embedded": {"livekit", "fake"}}
# Third-party headers and the only files that may include them.
HOMES = [
    (r"systemd/sd-(bus|login|id128)", r"daemon/bus/|client-lib/"),
    (r"systemd/", r"daemon/bus/|client-lib/|daemon/(service|log-journal)\.c"),
    (r"(pipewire|spa)/", r"daemon/audio/"),
    (r"nice/|agent\.h", r"daemon/transport/ice-nice\.c"),
    (r"glib|gio/|glib-unix", r"daemon/transport/(ice-nice|turns-bridge)\.c|daemon/net/|daemon/signal/(sigconn-ws|https-get)"),
    (r"libsoup/", r"daemon/signal/(sigconn-ws|https-get)"),
    (r"openssl/", r"daemon/media/e2ee|daemon/transport/dtls|daemon/wire/((room|janus)-token|jwt|livekit-msg)\.c"),
    (r"srtp2?/", r"daemon/transport/srtpctx\.c"),
    (r"usrsctp", r"daemon/transport/sctpctx\.c"),
    (r"opus", r"daemon/media/voice-"),
    (r"speex/", r"daemon/media/(echo|voice-proc)\.c"),
    (r"json", r"daemon/wire/(janus-msg|jwt|livekit-(msg|regions))|daemon/app/config|daemon/app/consent-answers|client-lib/rtcroomctl|client-lib/ctl/"),
    (r"(livekit\.pb-c|protobuf-c/)", r"daemon/wire/livekit-msg|daemon/engine/livekit/"),
    (r"event2/", r"daemon/(main|loop-event)\.c"),
]
FILE_MAX, FUNCTION_MAX = 800, 100
faults = []


def fault(path, line, text):
    faults.append(f"{path}:{line}: {text}")


def files(*suffixes, under=("daemon", "client-lib", "tests", "examples")):
    for top in under:
        for folder, _, names in os.walk(top):
            if "node_modules" in folder:
                continue
            yield from (os.path.join(folder, n) for n in sorted(names) if n.endswith(suffixes))


def check_includes(path):
    parts = path.split("/")
    layer = parts[1] if parts[0] == "daemon" and len(parts) > 2 else None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not m:
            continue
        kind, name = m.groups()
        if kind == "<":
            if path.startswith(("tests/", "examples/")):
                continue
            for pattern, home in HOMES:
                if re.match(pattern, name):
                    if not re.match(home, path):
                        fault(path, number, f"<{name}> has its home elsewhere")
                    break
            continue
        if layer is None:
            continue
        top = name.split("/")[0]
        if "/" not in name:
            fault(path, number, f'include "{name}" does not name its folder')
        elif top in LAYERS and top != layer and top not in LAYERS.get(layer, set()):
            fault(path, number, f"{layer}/ may not use {top}/")
        if layer == "engine" and len(parts) == 4 and name.startswith("engine/"):
            if name.split("/")[1] in ENGINE_FORBIDDEN.get(parts[2], set()):
                fault(path, number, f"engine/{parts[2]} may not use {name}")


def check_sizes(path):
    lines = open(path, encoding="utf-8").read().split("\n")
    if len(lines) > FILE_MAX:
        fault(path, len(lines), f"{len(lines)} lines; split at {FILE_MAX}")
    if not path.endswith(".c"):
        return
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start > FUNCTION_MAX:
                fault(path, start, f"function of {number - start} lines; {FUNCTION_MAX} is the most")
            start = None
        if len(line) > 140:
            fault(path, number, f"line of {len(line)} characters")


def check_top_block(path):
    if not open(path, encoding="utf-8").read(2).startswith("/*"):
        fault(path, 1, "no block at the top that says what this file is")


def run(args, **kw):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kw)


def header_alone(path):
    flags = run(["pkg-config", "--cflags", "libpipewire-0.3", "libsystemd", "json-c", "libevent_core", "opus"]).stdout.split()
    r = run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Idaemon", "-Itests",
             "-Iclient-lib/include", "-Iclient-lib", "-Ibuild/dev/daemon", "-isystem", "build/dev/daemon/wire", *flags, "-x", "c", "-"], input=f'#include "{path}"\n')
    return (path, r.stdout) if r.returncode else None


def check_headers():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for r in pool.map(lambda p: header_alone(os.path.abspath(p)), files(".h", under=("daemon", "client-lib"))):
            if r:
                fault(os.path.relpath(r[0]), 1, "does not compile alone:\n" + r[1])


def check_format():
    r = run(["clang-format", "--dry-run", "-Werror", *files(".c", ".h")])
    for line in r.stdout.split("\n"):
        m = re.match(r"(\S+?):(\d+):\d+: (?:error|warning): (.*)", line)
        if m:
            fault(m[1], m[2], "clang-format: " + m[3])


def check_cppcheck():
    with open("build/dev/compile_commands.json", encoding="utf-8") as f:
        sources = sorted({os.path.relpath(e["file"]) for e in json.load(f)})
    r = run(["cppcheck", "-q", f"-j{os.cpu_count()}", "--std=c11", "--enable=warning,portability", "--inline-suppr",
             "--error-exitcode=1", "--suppress=missingIncludeSystem", "--suppressions-list=tests/lint/cppcheck.supp",
             "--template={file}:{line}: {id}: {message}", "-Idaemon", "-Iclient-lib/include", "-D_GNU_SOURCE", "-D__cppcheck__",
             *[s for s in sources if s.startswith(("daemon/", "client-lib/"))]])
    faults.extend(line for line in r.stdout.split("\n") if re.match(r"\S+:\d+: ", line))


def check_xml():
    xml = list(files(".xml", under=("dbus-interfaces",)))
    r = run(["xmllint", "--noout", "--nonet", *xml])
    if r.returncode:
        fault("dbus-interfaces", 0, r.stdout)


def check_shell():
    scripts = ["dev", ".ci/run", *files(".sh", under=("tests", "systemd", "examples"))]
    scripts += files(".bash", under=("client-lib",))
    r = run(["shellcheck", "-x", "-f", "gcc", *scripts])
    faults.extend(line for line in r.stdout.split("\n") if line)


def main():
    for path in files(".c", ".h"):
        check_includes(path)
        check_sizes(path)
        check_top_block(path)
    for step in (check_headers, check_format, check_cppcheck, check_xml, check_shell):
        step()
    for text in faults:
        print(text)
    print(f"lint: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
