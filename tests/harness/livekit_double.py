"""livekit_double.py - what a real livekit-server cannot be made to do: a double of its signalling, alone or before a real one.

A conversation runs in a thread of its own, by a script: a function that is given a Talk. Which one is said by the first
segment of the path, as rtcroomd keeps the path of a server: livekit+ws://127.0.0.1:PORT/MODE. The messages are those of
daemon/wire/livekit.proto, compiled here by protoc; the real server of the other tests sees to it that its numbers are right.
"""
import base64
import contextlib
import gzip
import hashlib
import importlib
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from .livekit import HOST
from .workspace import TOP


def _compile():
    """The Python module of livekit.proto."""
    with tempfile.TemporaryDirectory() as folder:
        wire = os.path.join(TOP, "daemon/wire")
        subprocess.run(["protoc", "-I", wire, "--python_out", folder, os.path.join(wire, "livekit.proto")], check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("livekit_pb2")
        finally:
            sys.path.remove(folder)


pb = _compile()


class Gone(Exception):
    """The other side has closed."""


def read_frame(file):
    """(first byte, payload) of a WebSocket frame, unmasked."""
    def take(n):
        data = file.read(n)
        if len(data) < n:
            raise Gone
        return data
    first, size = take(2)
    masked, size = size >> 7, size & 0x7f
    if size >= 126:
        size = int.from_bytes(take(2 if size == 126 else 8), "big")
    mask = take(4) if masked else b""
    data = take(size)
    return first, bytes(b ^ mask[i & 3] for i, b in enumerate(data)) if masked else data


def frame(data, first=0x82, masked=False):
    n, bit = len(data), 0x80 if masked else 0
    size = struct.pack("!B", bit | n) if n < 126 else struct.pack("!BH", bit | 126, n) if n < 65536 else struct.pack("!BQ", bit | 127, n)
    mask = os.urandom(4) if masked else b""
    return bytes([first]) + size + mask + (bytes(b ^ mask[i & 3] for i, b in enumerate(data)) if masked else data)


def response(**member):
    """SignalResponse{NAME: message}: the value may be a message or a dict of its fields."""
    (name, value), = member.items()
    if isinstance(value, dict):
        return pb.SignalResponse(**{name: pb.SignalResponse.DESCRIPTOR.fields_by_name[name].message_type._concrete_class(**value)})
    return pb.SignalResponse(**{name: value})


def good_join(user="alice", room="room", **more):
    """A JoinResponse as a server sends it to who is alone."""
    return dict({"room": pb.Room(sid="RM_x", name=room), "participant": pb.ParticipantInfo(
        sid="PA_me", identity=user, state=pb.JOINED, version=1,
        permission=pb.ParticipantPermission(can_subscribe=True, can_publish=True, can_publish_data=True)),
        "ping_timeout": 3, "ping_interval": 1, "server_info": pb.ServerInfo(version="1.13.5", protocol=17)}, **more)


class Talk:
    """One connection of a client."""

    def __init__(self, double, near):
        self.double, self.near, self.far = double, near, None
        self.file = near.makefile("rb")
        self.lock = threading.Lock()  # of whole frames to the client
        lines = []
        while not lines or lines[-1] not in (b"\r\n", b""):
            lines.append(self.file.readline())
        words = lines[0].decode("latin-1").split() + ["", "/"]
        target = urllib.parse.urlsplit(words[1])
        self.headers = dict(line.decode("latin-1").rstrip().split(": ", 1) for line in lines[1:] if b": " in line)
        self.mode, _, rest = target.path.strip("/").partition("/")
        self.path, self.query = "/" + rest, target.query
        self.wants_upgrade = "websocket" in self.headers.get("Upgrade", "").lower()
        with contextlib.suppress(ValueError, KeyError):
            self.headers = {k.title(): v for k, v in self.headers.items()}

    def join_request(self):
        """What the client wants, of the v1 path; None on the older one."""
        values = urllib.parse.parse_qs(self.query).get("join_request")
        if not values:
            return None
        wrapped = pb.WrappedJoinRequest.FromString(base64.urlsafe_b64decode(values[0]))
        packed = wrapped.join_request
        return pb.JoinRequest.FromString(gzip.decompress(packed) if wrapped.compression == pb.GZIP else packed)

    # ---- HTTP ----

    def raw(self, data):
        self.near.sendall(data)

    def status(self, code, body=b"", words="Whatever"):
        self.raw(b"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (code, words.encode(), len(body)) + body)

    def accept(self, key=None):
        key = key or self.headers.get("Sec-Websocket-Key", "")
        digest = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + digest + b"\r\n\r\n")

    # ---- messages ----

    def send(self, message, first=0x82):
        """A message, or bytes as they are."""
        data = message if isinstance(message, bytes) else message.SerializeToString()
        with self.lock:
            self.near.sendall(frame(data, first))

    def receive(self):
        """The client's next message; pings of WebSocket are skipped."""
        while True:
            first, data = read_frame(self.file)
            if first & 15 == 8:
                raise Gone
            if first & 15 == 2:
                return pb.SignalRequest.FromString(data)

    def receive_until(self, kind):
        """The client's next message of that kind; the rest is dropped."""
        while True:
            message = self.receive()
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    def hang(self):
        """Says nothing more, until the client goes."""
        with contextlib.suppress(Gone):
            while True:
                self.receive()

    def close(self, code=1000):
        self.send(struct.pack("!H", code), 0x88)

    def reset(self):
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.near.close()

    # ---- a real server behind ----

    def through(self, down=None, up=None):
        """Carries everything to and from the real server. down(message, bytes) says what the client gets instead of a message of
        the server, as a list of messages or bytes; up(message) whether the server gets it. None: as it is."""
        self.far = socket.create_connection((HOST, self.double.backend), 5)
        keep = {k: v for k, v in self.headers.items() if k not in ("Sec-Websocket-Extensions", "Host")}
        head = "GET %s?%s HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n" % (self.path, self.query, HOST, self.double.backend,
                                                               "".join("%s: %s\r\n" % kv for kv in keep.items()))
        self.far.sendall(head.encode("latin-1"))
        thread = threading.Thread(target=self._carry_up, args=(up,), daemon=True)
        thread.start()
        try:
            self._carry_down(down)
        finally:
            with contextlib.suppress(OSError):
                self.far.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                self.near.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            self.far.close()

    def _carry_up(self, up):
        with contextlib.suppress(Gone, OSError):
            while True:
                first, data = read_frame(self.file)
                if first & 15 != 2 or not up or up(pb.SignalRequest.FromString(data)):
                    self.far.sendall(frame(data, first, True))
        with contextlib.suppress(OSError):
            self.far.shutdown(socket.SHUT_WR)

    def _carry_down(self, down):
        file = self.far.makefile("rb")
        status = line = file.readline()
        while line not in (b"\r\n", b""):
            self.raw(line)
            line = file.readline()
        self.raw(line)
        if b" 101 " not in status:
            self.raw(file.read())
            return
        while True:
            first, data = read_frame(file)
            if first & 15 != 2 or not down:
                self.send(data, first)
                continue
            instead = down(pb.SignalResponse.FromString(data), data)
            for message in [data] if instead is None else instead:
                self.send(message)


class Double:
    """Listens; `scripts` are mode → function(Talk), `talks` all that came, as (mode, path, join request or None)."""

    def __init__(self, workspace, scripts, backend=None, host="127.0.0.1"):
        self.scripts, self.backend, self.talks, self.failures = scripts, backend, [], []
        self.listener = socket.create_server((host, 0))
        self.host, self.port = self.listener.getsockname()[:2]
        self.sockets = set()
        threading.Thread(target=self._accept, daemon=True).start()
        workspace.closers.append(self.close)

    def server(self, mode):
        return "livekit+ws://%s:%d/%s" % (self.host, self.port, mode)

    def count(self, mode):
        return sum(1 for t in self.talks if t[0] == mode)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.add(near)
            threading.Thread(target=self._talk, args=(near,), daemon=True).start()

    def _talk(self, near):
        try:
            with contextlib.suppress(Gone, OSError), near:
                talk = Talk(self, near)
                self.talks.append((talk.mode, talk.path, talk.join_request()))
                self.scripts[talk.mode](talk)
        except Exception as e:  # a script that is wrong would look like a server that closes
            self.failures.append(repr(e))
            raise
        finally:
            self.sockets.discard(near)

    def close(self):
        self.listener.close()
        for s in list(self.sockets):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


def authorization(talk):
    """The token a client shows, in the header or the query."""
    bearer = re.match("Bearer (.*)", talk.headers.get("Authorization", ""))
    return bearer[1] if bearer else urllib.parse.parse_qs(talk.query).get("access_token", [""])[0]
