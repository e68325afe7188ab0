"""workspace.py - a folder and the processes that live in it."""
import atexit
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def enter_namespace(address="10.79.0.1/24"):
    """Runs this program again inside a network namespace of its own with one address that is not loopback.

    Janus gathers no loopback candidates, and nothing outside must be able to disturb or be disturbed. As root, or in a user
    namespace with the own uid mapped. Both ends of a veth pair live inside; the namespace goes with its last process.
    """
    if os.environ.get("RTCROOMD_NETNS"):
        return
    setup = ("ip link set lo up && ip link add veA type veth peer name veB && ip addr add %s dev veA && "
             "ip link set veA up && ip link set veB up && exec \"$@\"" % address)
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
    env = dict(os.environ, RTCROOMD_NETNS=address)
    os.execvpe(unshare[0], [*unshare, "sh", "-c", setup, "sh", sys.executable, *sys.argv], env)


def enter_hosts(names, address):
    """Runs this program again where these names are those of an address: in a mount namespace with another /etc/hosts.

    To be called inside enter_namespace().
    """
    if os.environ.get("RTCROOMD_HOSTS"):
        return
    setup = "f=$(mktemp) && echo \"$RTCROOMD_HOSTS\" >$f && mount --bind $f /etc/hosts && rm $f && exec \"$@\""
    env = dict(os.environ, RTCROOMD_HOSTS="127.0.0.1 localhost\n%s %s" % (address, " ".join(names)))
    os.execvpe("unshare", ["unshare", "--mount", "sh", "-c", setup, "sh", sys.executable, *sys.argv], env)


def wait_for(condition, what, seconds=10.0, step=0.02):
    """Returns the condition's first true value; raises when it does not come in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError("not in %g s: %s" % (seconds, what))
        time.sleep(step)


def read(path, missing=None):
    """The text of a file; `missing` (if given) where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        if missing is None:
            raise
        return missing


class Workspace:
    """A temporary folder (kept when `keep` names one) and what was started in it."""

    def __init__(self, keep=None):
        self.path = keep or tempfile.mkdtemp(prefix="rtc", dir="/tmp")  # short: socket paths end at 107 bytes
        os.makedirs(self.path, exist_ok=True)
        self.temporary = keep is None
        self.processes = []
        self.closers = []
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(143))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def folder(self, *names):
        path = os.path.join(self.path, *names)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    def start(self, args, log=None, **kw):
        """Starts a process that this workspace will end; its output goes to LOG below the folder."""
        with open(os.path.join(self.path, log) if log else os.devnull, "ab") as out:
            kw.setdefault("stdout", out if log else None)
            kw.setdefault("stderr", out if log else None)
            process = subprocess.Popen(args, stdin=subprocess.DEVNULL, start_new_session=True, **kw)
        self.processes.append(process)
        return process

    def stop(self, process, number=signal.SIGTERM, seconds=5.0):
        """Ends one process (and only it); SIGKILL if it does not go. Returns its status."""
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.processes:
            self.processes.remove(process)
        return process.returncode

    def close(self):
        while self.closers:
            self.closers.pop()()
        while self.processes:
            self.stop(self.processes[-1])
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)
        atexit.unregister(self.close)


class Network:
    """A network of one desktop's own: its only interface is a cable to ours, which can be pulled out and plugged in again.

    Ours is 10.79.1.1 on the cable. Whoever is inside reaches all of our addresses below 10.79.
    """

    def __init__(self, workspace):
        self.holder = workspace.start(["unshare", "--net", "sleep", "1000"])
        own = os.readlink("/proc/self/ns/net")
        theirs = "/proc/%d/ns/net" % self.holder.pid
        wait_for(lambda: os.readlink(theirs) != own, "a network of its own")
        self.inside = ["nsenter", "--net=" + theirs]
        self.ip("link", "add", "cable", "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        self.ip("addr", "add", "10.79.1.1/24", "dev", "cable")
        self.ip("link", "set", "cable", "up")
        self.ip("link", "set", "lo", "up", inside=True)
        self.ip("addr", "add", "10.79.1.2/16", "dev", "eth0", inside=True)
        self.plug()

    def ip(self, *args, inside=False):
        subprocess.run([*(self.inside if inside else []), "ip", *args], check=True)

    def pull(self):
        self.ip("link", "set", "eth0", "down", inside=True)

    def plug(self):
        self.ip("link", "set", "eth0", "up", inside=True)


class BadLine:
    """A network at the end of a bad line (tests/tools/bad-line.c): TRACE is the name of a file in tests/traces, or the text
    of one. What a Network can, it can; equal seeds give equal lines. A workspace can have several."""

    def __init__(self, workspace, build, trace, seed=1, signalling="delay"):
        self.ws = workspace
        self.number = sum(isinstance(getattr(c, "__self__", None), BadLine) for c in workspace.closers)
        self.holder = workspace.start(["unshare", "--net", "sleep", "10000"])
        own = os.readlink("/proc/self/ns/net")
        theirs = "/proc/%d/ns/net" % self.holder.pid
        wait_for(lambda: os.readlink(theirs) != own, "a network of its own")
        self.inside = ["nsenter", "--net=" + theirs]
        ours = "10.79.%d." % (self.number + 1)
        # pylint: disable-next=consider-using-with  # ended in close()
        self.process = subprocess.Popen([os.path.join(build, "tests/tools/bad-line"), theirs, ours + "1", ours + "2", self.file(trace), str(seed),
                                         signalling], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        workspace.closers.append(self.close)
        self.device = self.answer()
        subprocess.run([*self.inside, "ip", "link", "set", "lo", "up"], check=True)
        subprocess.run([*self.inside, "ip", "route", "add", "10.79.0.0/16", "dev", "line0"], check=True)

    def file(self, trace):
        path = os.path.join(TOP, "tests/traces", trace + ".trace")
        if not os.path.exists(path):
            path = os.path.join(self.ws.path, "line-%d.trace" % self.number)
            with open(path, "w", encoding="utf-8") as f:
                f.write(trace + "\n")
        return path

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the line did not come up")
        return line.strip()

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.answer()

    def pull(self):
        self.tell("down")

    def plug(self):
        self.tell("up")

    def become(self, trace, seed):
        """From now on it behaves like another trace, from its beginning."""
        self.tell("trace %s %d" % (self.file(trace), seed))

    def carried(self):
        """Bytes that were sent into the line towards its far end, the lost ones among them."""
        fields = next(f for f in map(str.split, read("/proc/net/dev").splitlines()) if f[0] == self.device + ":")
        return int(fields[9])

    def close(self):
        """Returns what the line counted."""
        if self.process.poll() is not None:
            return ""
        self.process.stdin.close()
        counted = self.answer()
        self.process.wait(5)
        return counted


class Relay:
    """A TCP relay to a port of this machine. Its connections can be cut, or go silent without being closed."""

    def __init__(self, workspace, to, host="127.0.0.1"):
        self.to, self.silent, self.sockets = to, False, []
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        workspace.closers.append(self.close)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self.sockets += [near, far]
            threading.Thread(target=self._carry_up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near), daemon=True).start()

    def _carry_up(self, near, far):
        self._carry(near, far)

    def _carry(self, a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                if not self.silent:
                    b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Every connection ends at once at both ends."""
        while self.sockets:
            s = self.sockets.pop()
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def close(self):
        self.listener.close()
        self.cut()
