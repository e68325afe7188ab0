"""pairs.py - a sender and a receiver of one kind, the receiver (or both) at the end of a bad line: ours and its rivals.

All pairs of a run have the same network (equal traces and seeds, a line for each) and are given the same file to say. Each
has a room of its own and stays up from trace to trace; what is counted is what each receiver counts itself, under the names
of the W3C statistics model. A pair whose programs are not installed is left out, and that is said.
"""
import base64
import os
import subprocess
import sys

import numpy as np

QUIET = {"log": {"level": "warning"}, "consent": {"default": "allow"}}
JANUS = "10.79.0.1:8188"
MODULES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers/node_modules")
COUNTERS = ("jitterBufferDelay", "jitterBufferEmittedCount", "concealedSamples", "silentConcealedSamples", "totalSamplesReceived",
            "packetsReceived", "packetsLost", "insertedSamplesForDeceleration", "removedSamplesForAcceleration")


class Missing(Exception):
    """A pair that cannot be: what it lacks."""


class Pair:
    """Of one kind. `line` is where the receiver lives; the sender does, too, if `both`."""

    peer = ""  # whose figures these are; empty: ours
    setup = ""
    can_do_without = False  # redundancy, which join(red=False) turns off
    counts = True           # what it receives, and how much of it was made up

    def __init__(self, ws, build, dtx=False, both=False):
        from harness.workspace import BadLine
        self.ws, self.build, self.dtx = ws, build, dtx
        self.line = BadLine(ws, build, "clean")
        self.near = self.line if both else None  # of the sender
        self.prepare()

    def counters(self):
        """What the receiver counts for the one whom it hears; {} before the first packet."""
        s = self.inbound()
        return {k: s.get(k, 0) for k in COUNTERS} if s.get("jitterBufferEmittedCount") else {}

    def copies(self):
        """Bytes of redundancy that the sender says it has sent."""
        return 0


# ---- ours ----

class Ours(Pair):
    player = None

    def desktop(self, name, server, network=None):
        from harness.desktop import Desktop
        from harness.livekit_room import Person
        p = Person(Desktop(self.ws, name, self.build, dict(QUIET, **server, audio={"dtx": self.dtx}), network), name)
        p.client.set(p.path, "Voice", "EchoCancellation", False)  # nor do the rivals work on the sound of the microphone
        return p

    def enter(self, room):
        for p in (self.sender, self.receiver):
            p.join(room, self.token(room, p))

    def join(self, room):
        self.enter(room)
        self.receiver.wait_members(self.sender.user, self.receiver.user)

    def leave(self):
        if self.player:
            self.ws.stop(self.player.process)
        for p in (self.receiver, self.sender):
            p.leave()
            p.client.signals.clear()

    def say(self, path):
        from harness import sound
        self.player = sound.play(self.sender.desktop, path)

    def record(self):
        from harness import sound
        self.recorder = sound.record(self.receiver.desktop, os.path.join(self.receiver.desktop.path, "heard.wav"))

    def recorded(self):
        from harness import sound
        self.recorder.stop()
        return sound.read_wav(self.recorder.path)

    @staticmethod
    def stats(person, kind):
        return (person.client.raw(person.path, "org.rtcroom.RtcRoom1.Voice", "GetStats")[0].get(kind) or [{}])[0]

    def inbound(self):
        return self.stats(self.receiver, "inbound-rtp")

    def copies(self):
        return self.stats(self.sender, "outbound-rtp").get("fecBytesSent", 0)


class OursJanus(Ours):
    setup = "engine=janus"

    def prepare(self):
        self.sender = self.desktop("ja", {"server": "embedded:", "embedded": {"listen": JANUS}}, self.near)
        self.receiver = self.desktop("jb", {"server": "janus+ws://" + JANUS}, self.line)

    def token(self, room, person):
        return self.sender.desktop.token(room, person.user)


class OursLiveKit(Ours):
    setup = "engine=livekit"

    def prepare(self):
        server = {"server": livekit_server(self.ws).server}
        self.sender, self.receiver = self.desktop("la", server, self.near), self.desktop("lb", server, self.line)

    def token(self, room, person):
        from harness.livekit import token
        return token(room, person.user)


# ---- rivals ----

def livekit_server(ws):
    """The one that all pairs of this workspace share."""
    from harness import livekit
    if livekit.binary() is None:
        raise Missing("there is no livekit-server")
    if not hasattr(ws, "livekit"):
        ws.livekit = livekit.LiveKit(ws, log_level="warn")
    return ws.livekit


def require(module):
    if not os.path.isdir(os.path.join(MODULES, module)):
        raise Missing("%s is not in tests/peers/node_modules" % module)


class Steered(Pair):
    """Two processes of tests/peers."""

    def start(self, script):
        from harness.livekit import Peer
        kind = type(self).__name__.lower()
        self.sender = Peer(self.ws, script, kind + "-a", self.near.inside if self.near else ())
        self.receiver = Peer(self.ws, script, kind + "-b", self.line.inside)
        self.whom = {"user": self.sender.user}

    def say(self, path):
        self.sender.ask("say", path=path)

    def record(self):
        self.receiver.ask("record", **self.whom)

    def recorded(self):
        return np.frombuffer(base64.b64decode(self.receiver.ask("recorded", **self.whom)), "<i2").astype(float) / 32768

    def inbound(self):
        return next((s for s in self.receiver.ask("stats", **self.whom) if s["type"] == "inbound-rtp"), {})


class LiveKitClients(Steered):
    setup = "engine=livekit"
    can_do_without = True

    def prepare(self):
        require(self.module)
        self.server = livekit_server(self.ws)
        self.start(self.script)

    def join(self, room, red=True):
        from harness.workspace import wait_for
        room = "%s-%s" % (type(self).__name__, room)
        for p in (self.sender, self.receiver):
            p.join(self.server, room)
        count = len(self.receiver.events)
        self.sender.ask("publish", hertz=0, red=red, dtx=self.dtx)
        wait_for(lambda: self.sender.user in self.receiver.ask("heard"), "a track at %s" % self.receiver.user, 30, 0.1)
        del self.receiver.events[:count]

    def leave(self):
        for p in (self.receiver, self.sender):
            p.ask("leave")


class Browser(LiveKitClients):
    peer, module, script = "Chromium + livekit-client", "livekit-client", "livekit-chromium.js"


class RtcNode(LiveKitClients):
    peer, module, script = "@livekit/rtc-node", "@livekit/rtc-node", "livekit-node.js"


class Wrtc(Steered):
    """libwebrtc without a browser, straight from one end to the other."""

    peer, setup = "@roamhq/wrtc", "direct"

    def prepare(self):
        require("@roamhq/wrtc")
        self.start("wrtc-node.js")

    def join(self, _room):
        from harness.workspace import wait_for
        answer = self.receiver.ask("answer", sdp=self.sender.ask("offer"), dtx=self.dtx)
        self.sender.ask("accept", sdp=answer, dtx=self.dtx)
        wait_for(lambda: self.sender.ask("state") in ("connected", "completed"), "a connection of libwebrtc", 30)

    def leave(self):
        pass  # the next offer ends this call


KINDS = {"janus": OursJanus, "livekit": OursLiveKit, "chromium": Browser, "rtc-node": RtcNode, "wrtc": Wrtc}


def each(pairs, do):
    """Does it with each pair; those with which it went well. A rival that fails is named, and the others go on."""
    well = []
    for p in pairs:
        try:
            do(p)
            well.append(p)
        except (RuntimeError, TimeoutError, AssertionError) as e:
            print("%s %s: %s" % (p.peer or "rtcroomd", p.setup, str(e)[-2000:]), file=sys.stderr)
    return well


def start(ws, build, names, **options):
    """The pairs of that name that can be; what the others lack goes to standard error."""
    found = []
    for name in names:
        try:
            found.append(KINDS[name](ws, build, **options))
        except (Missing, OSError, subprocess.SubprocessError) as e:
            print("without %s: %s" % (name, e), file=sys.stderr)
    return found
