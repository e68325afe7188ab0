"""livekit_room.py - desktop users in rooms of a real livekit-server, and what can be done to their signalling."""
import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time

from . import case, sound
from .bus import BUS_NAME, Client, GLib
from .desktop import APP_ID
from .livekit import HOST, LiveKit, token
from .workspace import Relay, wait_for

OK = ("joinRtcRoom", 0, 0, "", "joinRtcRoom:ok")
DUPLICATE, KICKED, DISMISSED, SERVER_GONE = -1004, -1006, -1011, -1084


class Person:
    """A desktop user with a program of ours that speaks D-Bus; a tone at the microphone if one is given."""

    def __init__(self, desktop, user, hertz=None, app=APP_ID, **options):
        self.desktop, self.user = desktop, user
        self.client = Client(desktop)
        desktop.ws.closers.append(self.client.close)
        self.path = self.client.create(app, **options)
        if hertz:
            self.play(hertz)

    def play(self, hertz):
        """From now on this tone is at the microphone; the player."""
        return sound.play(self.desktop, sound.tone(os.path.join(self.desktop.path, "tone%d.wav" % hertz), hertz, 300, 0.3))

    # ---- the room ----

    def ask_to_join(self, room="room", bearer=None, **config):
        return self.client.join(self.path, room, self.user, bearer or token(room, self.user), **config)

    def try_join(self, room="room", bearer=None, seconds=60, **config):
        """The outcome of a join: (api, errNo, errorCode, errorType, errMsg)."""
        return self.client.completed(self.path, self.ask_to_join(room, bearer, **config), seconds)

    def join(self, room="room", bearer=None, **config):
        outcome = self.try_join(room, bearer, **config)
        assert outcome == OK, "%s: %r\n%s" % (self.user, outcome, self.desktop.log()[-4000:])
        return self

    def do(self, method, **options):
        """An operation that has to succeed."""
        outcome = self.client.outcome(self.path, method, **options)
        assert outcome[1] == 0, outcome

    def leave(self):
        self.do("ExitRtcRoom")

    def subscribe(self, user, on):
        self.do("ChangeStreamSubscribeState", userId=user, state=int(on), streamType="audio")

    def mute(self, on):
        self.client.set(self.path, "Voice", "Muted", on)

    # ---- what is known ----

    def get(self, name, interface="Context"):
        return self.client.get(self.path, interface, name)

    def told(self, signal):
        """Arguments of every signal of that name, in order."""
        self.client.pump()
        return [arguments for path, _, member, arguments in self.client.signals if path == self.path and member == signal]

    def wait_told(self, signal, condition=lambda a: True, seconds=30):
        return self.client.wait_signal(self.path, signal, condition, seconds)

    def states(self):
        return [a[1] for a in self.told("RtcStateChanged")]

    def wait_members(self, *users, seconds=30):
        wait_for(lambda: sorted(self.get("Members")) == sorted(users), "%s to see %s" % (self.user, users), seconds)

    def member(self, user):
        """What `rtcroomctl members` has of somebody, {} if nothing."""
        return next((m for m in self.desktop.ctl_json("members", check=False) if m["userId"] == user), {})

    def wait_member(self, user, seconds=30, **fields):
        wait_for(lambda: fields.items() <= self.member(user).items(), "%s at %s: %r" % (user, self.user, fields), seconds)

    def interrupted(self, code, seconds=40):
        """The room has ended for this reason; what was said of it."""
        text = self.wait_told("RtcChatInterrupted", lambda a: a[0] == code, seconds)[1]
        wait_for(lambda: self.get("State") == "idle", "%s to be out" % self.user)
        assert self.get("Members") == []
        return text

    # ---- sound ----

    def heard(self, user, seconds=1.0):
        """What the node of a participant plays; nothing where it has none."""
        m = self.member(user)
        if not m.get("nodeName") or not m["nodeSerial"]:
            return sound.np.zeros(0)
        path, probe = os.path.join(self.desktop.path, "ear.wav"), None
        try:
            probe = sound.record(self.desktop, path, m["nodeName"] + ":output_FL", seconds, "probe-ear")
            probe.finish(seconds + 10)
            return sound.read_wav(path)
        except (TimeoutError, subprocess.TimeoutExpired):  # the node went meanwhile: nothing comes any more
            if probe:
                self.desktop.ws.stop(probe.process)
            return sound.np.zeros(0)

    def wait_hears(self, user, hertz, seconds=40):
        wait_for(lambda: sound.power(self.heard(user), hertz) > 0.85, "%g Hz of %s at %s" % (hertz, user, self.user), seconds)

    def wait_silence(self, user, seconds=30):
        wait_for(lambda: sound.rms(self.heard(user)) < 1e-3, "silence of %s at %s" % (user, self.user), seconds)


class Case(case.Case):
    """Tests with livekit-servers; their logs are shown when a test fails."""

    def setUp(self):
        super().setUp()
        self.servers = []

    def tearDown(self):
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.errors + outcome.failures):
            for server in self.servers:
                print("---- %s ----\n%s" % (server.name, "\n".join(line[:400] for line in server.log().splitlines()[-40:])), file=sys.stderr)
        super().tearDown()

    def server(self, number=0, **options):
        self.servers.append(LiveKit(self.ws, number, **options))
        return self.servers[-1]

    def person(self, user, server, hertz=None, network=None, **config):
        """server: a LiveKit, or the URL under which this user reaches it."""
        url = server if isinstance(server, str) else server.server
        desktop = self.desktop(user, {"server": url, "apps": {}, "consent": {"default": "allow"}, **config}, network)
        return Person(desktop, user, hertz)

    def two(self, server, **more):
        """Alice and bob in the room, who hear each other; more for bob."""
        alice = self.person("alice", server, 440).join()
        bob = self.person("bob", more.pop("reached", server), 880, **more).join()
        for p, other, hertz in ((alice, "bob", 880), (bob, "alice", 440)):
            p.wait_members("alice", "bob")
            p.wait_hears(other, hertz)
        return alice, bob

    def sid(self, server, user, room="room"):
        """Of somebody's session at the server: the same after a resume, another after a full reconnect."""
        return wait_for(lambda: server.participants(room).get(user), user + " at the server", 30)["sid"]

    # ---- messages ----

    def send(self, person, text=None, data=None, topic=None, to=None, reliable=None):
        """(errNo, errMsg) of the outcome."""
        forms = {"text": ("s", text), "data": ("ay", data), "topic": ("s", topic), "destinations": ("as", to), "reliable": ("b", reliable)}
        options = {k: GLib.Variant(form, v) for k, (form, v) in forms.items() if v is not None}
        request = person.client.raw(person.path, BUS_NAME + ".Voice", "SendMessage", GLib.Variant("(a{sv})", (options,)))[0]
        api, err_no, _code, _type, text = person.client.completed(person.path, request)
        self.assertEqual(api, "sendMessage")
        return err_no, text

    def say(self, person, *args, **more):
        self.assertEqual(self.send(person, *args, **more), (0, "sendMessage:ok"))

    def wait_message(self, person, seconds=30, **fields):
        """The first message with these members."""
        return person.wait_told("MessageReceived", lambda a: fields.items() <= a[0].items(), seconds)[0]

    def messages(self, person):
        return [a[0] for a in person.told("MessageReceived")]


# ---- signalling ----

def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    return bytes([*out, n])


def simulate(**scenario):
    """SignalRequest{simulate{NAME: value}}: what asks the server to make trouble for its sender."""
    numbers = {"speaker_update": 1, "node_failure": 2, "migration": 3, "server_leave": 4, "switch_candidate_protocol": 5,
               "subscriber_bandwidth": 6, "disconnect_signal_on_resume": 7, "disconnect_signal_on_resume_no_messages": 8,
               "leave_request_full_reconnect": 9}
    (name, value), = scenario.items()
    body = bytes([numbers[name] << 3]) + varint(int(value))
    return bytes([13 << 3 | 2]) + varint(len(body)) + body


class SignalRelay(Relay):
    """Between a client and the server: takes part in the conversation by adding WebSocket messages to what the client says.

    `requests` are the request lines seen.
    """

    def __init__(self, workspace, server):
        self.requests, self.uplink = [], None
        self.lock = threading.Lock()  # of whole frames on the way up
        super().__init__(workspace, server.port)
        self.server = "livekit+ws://127.0.0.1:%d" % self.port

    def _carry_up(self, near, far):
        with contextlib.suppress(OSError, EOFError), near.makefile("rb") as file:
            self.requests.append(self._head(file, far))
            self.uplink = far
            while True:
                frame = self._frame(file)
                with self.lock:
                    if not self.silent:
                        far.sendall(frame)
        for s in (near, far):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _head(file, far):
        lines = []
        while not lines or lines[-1] not in (b"\r\n", b""):
            lines.append(file.readline())
        far.sendall(b"".join(lines))
        return lines[0].decode("latin-1")

    @staticmethod
    def _frame(file):
        def take(n):
            data = file.read(n)
            if len(data) < n:
                raise EOFError
            return data
        head = take(2)
        size = head[1] & 0x7f
        if size >= 126:
            head += take(2 if size == 126 else 8)
            size = int.from_bytes(head[2:], "big")
        return head + take(size + 4 * (head[1] >> 7))

    def say(self, message):
        """Adds a message (below 126 bytes) in the client's name."""
        mask = os.urandom(4)
        frame = struct.pack("!BB", 0x82, 0x80 | len(message)) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(message))
        with self.lock:
            self.uplink.sendall(frame)


class Filter:
    """Packets of this network, or of a Network, that are thrown away, as nft rules say which."""

    def __init__(self, desktop, network=None):
        self.desktop, self.inside = desktop, network.inside if network else []
        desktop.ws.closers.append(self.clear)

    def drop(self, *rules):
        """Such as "udp dport 7882"."""
        text = "table inet t { chain c { type filter hook output priority 0; %s }; }" % " ".join(rule + " drop;" for rule in rules)
        self.desktop.run(*self.inside, "nft", text)

    def clear(self):
        self.desktop.run(*self.inside, "nft", "flush", "ruleset")


def over_tcp(person, server):
    """Whether media of somebody in this namespace goes to the server over TCP."""
    return bool(person.desktop.run("ss", "-tnH", "state", "established", "dst", "%s:%d" % (HOST, server.tcp_port)).stdout.strip())


def outage(case_, listener, speaker, hertz, lose, heal=lambda: None, back=("reconnecting", "rejoined"), seconds=60):
    """Loses something, waits until the speaker is back in the room and heard again; says how long the tone was away."""
    recording = sound.record(listener.desktop, os.path.join(listener.desktop.path, "outage.wav"), name="probe-outage")
    lost = time.monotonic()
    lose()
    heal()
    if back:
        wait_for(lambda: speaker.states()[-1:] == [back[-1]], "%s to be back; told %r" % (speaker.user, speaker.states()), seconds)
    told = time.monotonic() - lost
    listener.wait_hears(speaker.user, hertz, seconds)
    stamps = recording.stop()
    samples = sound.read_wav(recording.path)[max(0, int((lost - stamps["start_us"] / 1e6) * sound.RATE)):]
    loud = sound.envelope(samples, sound.RATE // 100) > 0.003
    quiet = sound.np.convolve(~loud, sound.np.ones(4), "valid") == 4
    silent = float(sound.np.sum(quiet)) / 100
    print("%s: told after %.1f s, silent for %.1f s" % (case_.id().rsplit(".", 1)[-1], told, silent), file=sys.stderr)
    return silent


__all__ = ["APP_ID", "HOST", "Case", "Client", "DISMISSED", "DUPLICATE", "Filter", "KICKED", "OK", "Person", "SERVER_GONE", "SignalRelay",
           "outage", "over_tcp", "simulate"]
