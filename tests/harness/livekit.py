"""livekit.py - a real livekit-server of a test's own, its administration, and strangers in its rooms.

The server is that of LIVEKIT_SERVER, or of build/tools (./dev puts it there). It lives in the namespace of the test on
10.79.0.1, where nothing else can be, so its ports are fixed: HTTP 7880, TCP 7881, UDP 7882, each node 10 higher. Tokens are
signed here by hand, from RFC 7519 and the list of claims, not by the code that is tested.
"""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from .workspace import TOP, read, wait_for

HOST = "10.79.0.1"
KEY = "devkey"
SECRET = "0123456789abcdef0123456789abcdef"
PEERS = os.path.join(TOP, "tests/peers")


def binary():
    """Where the server is, or None."""
    for path in (os.environ.get("LIVEKIT_SERVER"), os.path.join(TOP, "build/tools/livekit-server")):
        if path and os.access(path, os.X_OK):
            return path
    return None


def require():
    """Ends the test program where there is no server: a failure under ./dev check, else a skip."""
    if binary() is None:
        print("no livekit-server: ./dev check builds one into build/tools, LIVEKIT_SERVER names another", file=sys.stderr)
        sys.exit(1 if os.environ.get("RTCROOMD_TESTS_STRICT") else 77)


# ---- tokens ----

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, secret=SECRET):
    body = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return body + "." + base64url(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest())


def token(room, user, seconds=3600, secret=SECRET, key=KEY, claims=None, **grant):
    """What an application's server hands to its user; more claims of the token, more members of the grant."""
    now = int(time.time())
    video = dict({"roomJoin": True, "room": room, "canUpdateOwnMetadata": True}, **grant)
    return sign({"iss": key, "sub": user, "nbf": now - 10, "exp": now + seconds, "video": video, **(claims or {})}, secret)


class Refused(Exception):
    """An answer of the RoomService that is no success: (HTTP status, body)."""


# ---- servers ----

def certificates(folder, names=()):
    """Files in this folder: of an authority of its own, of a certificate for HOST and names by it, of the key to that."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    with open(os.path.join(folder, "san"), "w", encoding="ascii") as f:
        f.write(",".join(["subjectAltName=IP:" + HOST, *("DNS:" + name for name in names)]))
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=" + HOST, "-keyout", "key.pem", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san",
            "-out", "cert.pem")
    return tuple(os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem"))


class LiveKit:
    """One node. Options go into the configuration; those of `rtc` and `room` are merged into what is there. `turn` is the way to its
    TURN server: "udp", "tls" (its certificate's authority is `ca`), or "tcp" for what a load balancer in front would make of TLS."""

    def __init__(self, workspace, number=0, redis=None, turn=None, rtc=None, room=None, **options):
        self.ws, self.name = workspace, "livekit%d" % number
        self.port = 7880 + 10 * number
        self.tcp_port, self.udp_port, self.turn_port = self.port + 1, self.port + 2, 443 if turn == "tls" else self.port + 3
        self.http = "http://%s:%d" % (HOST, self.port)
        self.url = "ws://%s:%d" % (HOST, self.port)
        self.server = "livekit+" + self.url
        self.folder = workspace.folder(self.name)
        self.config = {
            "port": self.port, "bind_addresses": [HOST, "127.0.0.1"], "log_level": "debug", "keys": {KEY: SECRET},
            "rtc": {"udp_port": self.udp_port, "tcp_port": self.tcp_port, "node_ip": HOST, "use_external_ip": False,
                    "interfaces": {"includes": ["veA"]}, "stun_servers": ["127.0.0.1:9"], **(rtc or {})},  # nothing of the outside
            "room": {"auto_create": True, "empty_timeout": 300, "departure_timeout": 20, **(room or {})}, **options}
        if redis:
            self.config["redis"] = {"address": redis}
        if turn:
            self.config["turn"] = {"enabled": True, "udp_port" if turn == "udp" else "tls_port": self.turn_port, "domain": HOST,
                                   "bind_addresses": [HOST], "external_tls": turn == "tcp",
                                   "relay_range_start": 30000 + 1000 * number, "relay_range_end": 30999 + 1000 * number,
                                   "allow_restricted_peer_cidrs": ["10.79.0.0/16"]}
        if turn == "tls":
            self.ca, self.config["turn"]["cert_file"], self.config["turn"]["key_file"] = certificates(self.folder)
        self.process = None
        self.start()

    def start(self):
        path = os.path.join(self.folder, "config.yaml")
        with open(path, "w", encoding="ascii") as f:
            json.dump(self.config, f, indent=1)  # which is YAML, too
        self.process = self.ws.start([binary(), "--config", path], log=self.name + "/log")
        wait_for(self.is_up, "livekit-server to serve", 30)

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError("livekit-server ended:\n" + self.log()[-3000:])
        with contextlib.suppress(OSError), urllib.request.urlopen(self.http + "/", timeout=2) as answer:
            return answer.status == 200
        return False

    def log(self):
        return read(os.path.join(self.folder, "log"), "")

    def stop(self, number=signal.SIGTERM):
        """SIGTERM once lets it wait for its participants; see terminate()."""
        return self.ws.stop(self.process, number)

    def kill(self):
        return self.stop(signal.SIGKILL)

    def terminate(self, times=1):
        """So many SIGTERMs: at the second it sends everybody away."""
        for _ in range(times):
            self.process.send_signal(signal.SIGTERM)

    # ---- RoomService ----

    def call(self, method, room=None, **members):
        """RoomService by its JSON; the answer. Members as in the protocol's messages, in snake_case."""
        video = {"roomCreate": True, "roomList": True, "roomAdmin": True}
        if room is not None:
            video["room"] = room
            members.setdefault("name" if method == "CreateRoom" else "room", room)
        now = int(time.time())
        bearer = sign({"iss": KEY, "sub": "admin", "nbf": now - 10, "exp": now + 600, "video": video})
        request = urllib.request.Request(self.http + "/twirp/livekit.RoomService/" + method, json.dumps(members).encode(),
                                         {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise Refused(e.code, e.read().decode()) from None

    def create_room(self, room, **members):
        return self.call("CreateRoom", room, **members)

    def delete_room(self, room):
        self.call("DeleteRoom", room)

    def rooms(self):
        return [r["name"] for r in self.call("ListRooms").get("rooms", [])]

    def participants(self, room):
        """identity → ParticipantInfo of those who are in, not on the way."""
        try:
            all_of_them = self.call("ListParticipants", room).get("participants", [])
        except Refused:
            return {}
        return {p["identity"]: p for p in all_of_them if p.get("state") == "ACTIVE"}

    def tracks(self, room, user):
        """The audio tracks of somebody, as the server has them."""
        p = self.participants(room).get(user, {})
        return [t for t in p.get("tracks", []) if t.get("type", "AUDIO") == "AUDIO"]

    def wait_participants(self, room, *users, seconds=20):
        return wait_for(lambda: sorted(self.participants(room)) == sorted(users) or None, "%s in %s" % (" ".join(users), room), seconds)

    def remove(self, room, user):
        self.call("RemoveParticipant", room, identity=user)

    def mute(self, room, user, muted=True):
        for t in wait_for(lambda: self.tracks(room, user), "a track of " + user):
            self.call("MutePublishedTrack", room, identity=user, track_sid=t["sid"], muted=muted)

    def permit(self, room, user, **permission):
        """New permissions: can_publish, can_subscribe, can_publish_data, can_update_metadata, all true unless told."""
        full = {"can_publish": True, "can_subscribe": True, "can_publish_data": True, "can_update_metadata": True}
        self.call("UpdateParticipant", room, identity=user, permission={**full, **permission})

    def update(self, room, user, **members):
        self.call("UpdateParticipant", room, identity=user, **members)

    def send_data(self, room, data, to=(), topic=None, lossy=False):
        self.call("SendData", room, data=base64.b64encode(data).decode(), destination_identities=list(to),
                  kind="LOSSY" if lossy else "RELIABLE", **({"topic": topic} if topic else {}))


def start_redis(workspace, port=6379):
    """A Redis of the test's own; its address."""
    folder = workspace.folder("redis")
    process = workspace.start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"],
                              log="redis/log")

    def answers():
        if process.poll() is not None:
            raise RuntimeError(read(os.path.join(folder, "log")))
        return subprocess.run(["redis-cli", "-p", str(port), "ping"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout == "PONG\n"
    wait_for(answers, "redis")
    return "127.0.0.1:%d" % port


class TlsFront:
    """A TLS front of a server, as a proxy would be; `url` and the authority's certificate `ca` for who is to trust it."""

    def __init__(self, workspace, server, names=()):
        self.ca, *chain = certificates(workspace.folder("tls"), names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*chain)
        self.context, self.to = context, server.port
        self.listener = socket.create_server((HOST, 0))
        self.server = "livekit+wss://%s:%d" % self.listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()
        workspace.closers.append(self.listener.close)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        """One thread both ways: an SSL socket is not for two."""
        with contextlib.suppress(OSError), near, socket.create_connection((HOST, self.to)) as far:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.context.wrap_socket(near, server_side=True) as tls:
                while True:
                    ready = [tls] if tls.pending() else select.select([tls, far], [], [])[0]
                    for a, b in ((tls, far), (far, tls)):
                        if a in ready:
                            data = a.recv(65536)
                            if not data:
                                return
                            b.sendall(data)


class Proxy:
    """A proxy for HTTP that only knows CONNECT; whoever is made while `with proxy.named()` lasts is told of it. `asked` is for what."""

    def __init__(self, workspace):
        self.asked = []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        workspace.closers.append(self.listener.close)

    @contextlib.contextmanager
    def named(self):
        os.environ["https_proxy"] = "http://%s:%d" % (HOST, self.port)
        try:
            yield
        finally:
            del os.environ["https_proxy"]

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with contextlib.suppress(OSError, ValueError), near, near.makefile("rb") as file:
            method, target, _ = file.readline().decode("latin-1").split()
            while file.readline() not in (b"\r\n", b""):
                pass
            self.asked.append((method, target))
            with socket.create_connection(target.rsplit(":", 1), 5) as far:
                near.sendall(b"HTTP/1.1 200 Go ahead\r\n\r\n")
                while True:
                    for a in select.select([near, far], [], [])[0]:
                        data = a.recv(65536)
                        if not data:
                            return
                        (far if a is near else near).sendall(data)


# ---- peers ----

class Peer:
    """A participant of tests/peers, steered by lines of JSON. `events` is all it told, in order."""

    def __init__(self, workspace, script, user, inside=()):
        self.user, self.events, self.answers = user, [], []
        self.errors = os.path.join(workspace.path, "peer-%s.log" % user)
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen([*inside, "node", os.path.join(PEERS, script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        workspace.closers.append(self.close)
        self.wait("ready", seconds=60)

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):  # a library may have something to say as well
                message = json.loads(line)
                if "answer" in message or "event" in message:
                    (self.answers if "answer" in message else self.events).append(message)

    def look(self):
        if self.process.poll() is not None:
            raise RuntimeError("the peer %s ended: %r\n%s" % (self.user, self.events[-5:], read(self.errors, "")[-3000:]))

    def ask(self, order, seconds=40, **more):
        """Carries out an order; its value. RuntimeError with the peer's text where it fails."""
        count = len(self.answers)
        self.look()
        self.process.stdin.write(json.dumps(dict(more, do=order)) + "\n")
        self.process.stdin.flush()
        wait_for(lambda: self.answers[count:] or self.look(), "%s of %s; told: %r" % (order, self.user, self.events[-6:]), seconds)
        answer = self.answers[count]
        if "error" in answer:
            raise RuntimeError("%s of %s: %s" % (order, self.user, answer["error"]))
        return answer["value"]

    def wait(self, event, condition=lambda e: True, seconds=20, since=0):
        def look():
            hits = [e for e in self.events[since:] if e["event"] == event and condition(e)]
            return hits or self.look()
        try:
            return wait_for(look, event, seconds)[0]
        except TimeoutError:
            raise TimeoutError("no %s at %s in %g s; told: %r" % (event, self.user, seconds, self.events[-12:])) from None

    def join(self, livekit, room, url=None, bearer=None, **more):
        """Enters; ms it took by the peer's own clock."""
        return self.ask("join", url=url or livekit.url, token=bearer or token(room, self.user), **more)["ms"]

    def hears(self, user, hertz, share=0.5):
        """Whether somebody's track holds this tone now; 0: whether it is silent."""
        ear = self.ask("heard").get(user, {"hertz": 0, "share": 0, "rms": 0})
        if not hertz:
            return ear["rms"] < 1e-3
        return abs(ear["hertz"] - hertz) < 12 and ear["share"] > share

    def wait_hears(self, user, hertz, seconds=20):
        what = "%g Hz of %s at %s" % (hertz, user, self.user)
        try:
            wait_for(lambda: self.hears(user, hertz), what, seconds, 0.1)
        except TimeoutError:
            raise TimeoutError("%s; heard: %r; told: %r" % (what, self.ask("heard"), self.events[-8:])) from None

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()


class NodePeer(Peer):
    """@livekit/rtc-node: LiveKit's Rust library with libwebrtc."""

    def __init__(self, workspace, user="node", inside=()):
        super().__init__(workspace, "livekit-node.js", user, inside)


class BrowserPeer(Peer):
    """livekit-client in a headless Chromium."""

    def __init__(self, workspace, user="web", inside=()):
        super().__init__(workspace, "livekit-chromium.js", user, inside)
