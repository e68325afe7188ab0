"""desktop.py - one desktop user: session bus, PipeWire, WirePlumber, configuration, and rtcroomd by D-Bus activation."""
import json
import os
import re
import shlex
import signal
import subprocess
import time

from .workspace import TOP, read, wait_for

BUS_NAME = "org.rtcroom.RtcRoom1"
APP_ID = "0123456789abcdef01234567"
APP_KEY = "0123456789abcdef0123456789abcdef"


class Desktop:
    def __init__(self, workspace, name, build, config=None, network=None, quantum=256):
        self.ws, self.name, self.build, self.quantum = workspace, name, os.path.abspath(build), quantum
        self.network = network  # workspace.Network: where rtcroomd runs; the rest of the desktop needs none
        self.path = workspace.folder(name)
        self.ctl_path = os.path.join(self.build, "client-lib", "rtcroomctl")
        self.daemon_path = os.path.join(self.build, "daemon", "rtcroomd")
        self.config = {"apps": {APP_ID: {"appKey": APP_KEY}},
                       "consent": {"programs": {self.ctl_path: "allow"}}, "log": {"level": "debug"}}
        self.config.update(config or {})
        self.start_stack()

    # ---- the stack ----

    def start_stack(self):
        self.write_config()
        self.write_service()
        script = os.path.join(TOP, "tests/integration/lib/audio-stack.sh")
        env = dict(os.environ, STACK_QUANTUM=str(self.quantum))
        self.stack = self.ws.start(["/bin/bash", script, self.path], log=self.name + "/stack.log", env=env)
        env_file = os.path.join(self.path, "env")
        wait_for(lambda: os.path.exists(env_file) or self.stack.poll() is not None, "the sound of " + self.name, 20)
        if self.stack.poll() is not None:
            raise RuntimeError(read(os.path.join(self.path, "stack.log")))
        self.env = dict(os.environ)
        for line in read(env_file).splitlines():
            for word in shlex.split(line):
                if "=" in word:
                    key, value = word.split("=", 1)
                    self.env[key] = value
        self.ws.closers.append(self.stop_daemon)

    def write_config(self):
        path = self.ws.folder(self.name, "home", ".config", "rtcroom")
        file = os.path.join(path, "rtcroomd.json")
        with open(file, "w", encoding="utf-8") as f:
            json.dump(self.config, f, indent=2)
        os.chmod(file, 0o600)
        return file

    def write_service(self):
        """The activation file an installed rtcroomd has, for the binary of this build."""
        path = self.ws.folder(self.name, "home", ".local", "share", "dbus-1", "services")
        log = os.path.join(self.path, "rtcroomd.log")
        launcher = os.path.join(self.path, "rtcroomd.sh")
        with open(launcher, "w", encoding="utf-8") as f:
            # GCC 12's LeakSanitizer trips over the thread-local storage of GIO's TLS module unless told not to look
            f.write("#!/bin/sh\nexport ASAN_OPTIONS=intercept_tls_get_addr=0:$ASAN_OPTIONS\nexec %s >>%s 2>&1\n" % (
                shlex.join([*(self.network.inside if self.network else []), self.daemon_path]), shlex.quote(log)))
        os.chmod(launcher, 0o700)
        with open(os.path.join(path, BUS_NAME + ".service"), "w", encoding="utf-8") as f:
            f.write("[D-BUS Service]\nName=%s\nExec=%s\n" % (BUS_NAME, launcher))

    def log(self):
        return read(os.path.join(self.path, "rtcroomd.log"), "")

    # ---- processes in this user's environment ----

    def run(self, *args, check=True, timeout=30, **kw):
        r = subprocess.run(args, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                           stdin=subprocess.DEVNULL, check=False, **kw)
        if check and r.returncode:
            raise RuntimeError("%s: status %d\n%s\n%s" % (" ".join(args), r.returncode, r.stdout, self.log()[-3000:]))
        return r

    def start(self, *args, log=None, **kw):
        return self.ws.start(args, log=log and self.name + "/" + log, env=self.env, **kw)

    def ctl(self, *args, check=True, timeout=30):
        return self.run(self.ctl_path, *args, check=check, timeout=timeout)

    def ctl_json(self, *args, check=True):
        return [json.loads(line) for line in self.ctl("--json", *args, check=check).stdout.splitlines() if line.startswith("{")]

    def token(self, room, user, *more):
        return self.ctl("token", "create", "--app", APP_ID, "--room", room, "--user", user, *more).stdout.strip()

    def join(self, room, user, *more, token=None, wait=True):
        """rtcroomctl join --json; returns the Joined object."""
        args = ["--json", "join", room, "--app", APP_ID, "--user", user, "--token", token or self.token(room, user), *more]
        name = "join-%s-%d.log" % (user, len(os.listdir(self.path)))
        j = Joined(self, self.start(self.ctl_path, *args, log=name), os.path.join(self.path, name))
        if wait:
            j.wait("joined", seconds=25)
        return j

    # ---- the daemon ----

    def daemon_pid(self):
        r = self.run("busctl", "--user", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                     "GetConnectionUnixProcessID", "s", BUS_NAME, check=False)
        m = re.match(r"u (\d+)", r.stdout)
        return int(m[1]) if m else None

    def activate(self):
        """Starts rtcroomd as the bus does, by the first call; returns its pid."""
        self.run("busctl", "--user", "get-property", BUS_NAME, "/org/rtcroom/RtcRoom1", BUS_NAME + ".Manager", "Version")
        return self.daemon_pid()

    def stop_daemon(self, number=signal.SIGTERM, seconds=5.0):
        pid = self.daemon_pid() if self.stack.poll() is None else None
        if not pid:
            return None
        start = time.monotonic()
        os.kill(pid, number)
        wait_for(lambda: not os.path.exists("/proc/%d" % pid) or is_zombie(pid), "rtcroomd to end", seconds)
        return time.monotonic() - start

    def children(self, pid):
        """Pids below pid, with their names."""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                stat = read("/proc/%s/stat" % entry, "")
                if not stat:
                    continue
                name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
                if int(rest[1]) == pid:
                    found[int(entry)] = name
        return found


def is_zombie(pid):
    stat = read("/proc/%d/stat" % pid, "")
    return not stat or stat[stat.rindex(")") + 2] == "Z"


class Joined:
    """A running `rtcroomctl --json join`: its events, one object a line."""

    def __init__(self, desktop, process, log):
        self.desktop, self.process, self.log = desktop, process, log

    def events(self, name=None):
        found = []
        for line in read(self.log, "").splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                event = json.loads(line)
                if name is None or event.get("event") == name:
                    found.append(event)
        return found

    def wait(self, name, condition=lambda e: True, seconds=10.0):
        def look():
            hits = [e for e in self.events(name) if condition(e)]
            if hits:
                return hits
            if name == "joined" and self.process.poll() is not None:
                raise RuntimeError("the join ended:\n%s\n%s" % (read(self.log), self.desktop.log()[-4000:]))
            return None
        return wait_for(look, "event %s of %s" % (name, self.log), seconds)[0]

    def wait_members(self, *users, seconds=10.0):
        return self.wait("members", lambda e: sorted(e["userIdList"]) == sorted(users), seconds)

    def leave(self):
        return self.desktop.ws.stop(self.process, signal.SIGINT)
