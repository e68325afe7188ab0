"""livekit_rooms.py - the benchmarks in a room of a real livekit-server, beside LiveKit's own clients in the same run."""
import os
import time

from processes import memory_mb, share, tree

ROUNDS, PEER_ROUNDS = 10, 3
RTTS = (0, 50, 100, 200)
QUIET = {"log": {"level": "warning"}, "consent": {"default": "allow"}}
BROWSER, NODE = "Chromium + livekit-client", "@livekit/rtc-node"


def require(cannot_run):
    from harness import livekit
    if livekit.binary() is None:
        raise cannot_run("there is no livekit-server; ./dev check builds it")


def median(values):
    return sorted(values)[len(values) // 2]


def strangers(ws, inside=()):
    """(name, peer) of LiveKit's own clients, in that network."""
    from harness.livekit import BrowserPeer, NodePeer
    yield BROWSER, BrowserPeer(ws, "web", inside)
    yield NODE, NodePeer(ws, "node", inside)


# ---- join ----

def our_joins(ws, build, report, server, name, network, setup, rounds):
    """Joins that publish and subscribe; ms until the microphone is at the server, until the first sound; the stages."""
    from harness.desktop import Desktop
    from harness.livekit import token
    from harness.livekit_room import Person
    config = dict(QUIET, server=server.server, **({"tls": {"caFile": server.ca}} if hasattr(server, "ca") else {}))
    person = Person(Desktop(ws, name, build, config, network), name)
    bearer, joins, audio, stages = token("bench", name), [], [], []
    for _ in range(rounds + 1):
        start = time.monotonic()
        person.join("bench", bearer)
        joins.append((time.monotonic() - start) * 1e3)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            stage = person.client.raw(person.path, "org.rtcroom.RtcRoom1.Voice", "GetStats")[0]["join"][0]
            if stage["firstAudio"] > 0:
                break
            time.sleep(0.005)
        audio.append(stage["firstAudio"] * 1e3)
        stages.append(stage)
        person.leave()
        person.client.signals.clear()
    joins, audio, stages = joins[1:], [ms for ms in audio[1:] if ms], stages[1:]  # the first starts the network stack
    report.add("join_ms_p50", median(joins), "ms", setup, goal=goal(setup))
    report.add("join_ms_p95", sorted(joins)[int(len(joins) * 0.95)], "ms", setup)
    if audio:
        report.add("first_audio_ms_p50", median(audio), "ms", setup)
    for stage in ("connected", "joined", "publisherUp"):
        report.add("stage_%s_ms_p50" % stage, median([s[stage] * 1e3 for s in stages]), "ms", setup)
    return median(joins)


def goal(setup):
    rtt = int(setup.split("rtt=")[1].split()[0])
    return "<= %d" % ((5 if "wss" in setup else 4) * rtt + 30 if rtt else 40)


def their_joins(ws, report, server, inside, rtt):
    """The same of LiveKit's clients, processes and page ready beforehand; ms of the join with the microphone published."""
    from harness.livekit import token
    out = {}
    for i, (name, peer) in enumerate(strangers(ws, inside)):
        user = "peer%d-%d" % (i, rtt)
        times = []
        for _ in range(PEER_ROUNDS + 1):
            times.append(peer.ask("enter", url=server.url, token=token("bench", user), hertz=660))
            peer.ask("leave")
        times = times[1:]
        setup = "engine=livekit ws rtt=%d n=%d, ready beforehand" % (rtt, PEER_ROUNDS)
        for metric, key in (("connect_ms_p50", "connected"), ("join_ms_p50", "published"), ("first_audio_ms_p50", "heard")):
            report.add(metric, median([t[key] for t in times]), "ms", setup, name)
        out[name] = median([t["published"] for t in times])
        peer.close()
    return out


def join(build, report, cannot_run):
    """Through a line of each delay; `round_trips` is by how many RTT the join grows with the RTT."""
    from harness.livekit import LiveKit, NodePeer, TlsFront
    from harness.workspace import BadLine, Workspace
    require(cannot_run)
    found = {}
    for rtt in RTTS:
        with Workspace() as ws:
            server = LiveKit(ws, log_level="warn")
            front = TlsFront(ws, server)
            host = NodePeer(ws, "host")
            host.join(server, "bench")
            host.ask("publish", hertz=440)
            line = BadLine(ws, build, "at 0 delay %g" % (rtt / 2)) if rtt else None
            for kind, to in (("ws", server), ("wss", front)):
                setup = "engine=livekit %s rtt=%d n=%d" % (kind, rtt, ROUNDS)
                found.setdefault((kind, ""), {})[rtt] = our_joins(ws, build, report, to, "u" + kind, line, setup, ROUNDS)
            for peer, ms in their_joins(ws, report, server, line.inside if line else (), rtt).items():
                found.setdefault(("ws", peer), {})[rtt] = ms
    for (kind, peer), by_rtt in found.items():
        report.add("round_trips", (by_rtt[RTTS[-1]] - by_rtt[0]) / RTTS[-1], "RTT", "engine=livekit %s, from RTT 0 and %d" % (kind, RTTS[-1]), peer)


# ---- memory and cpu ----

class Room:
    """Somebody who talks, and one of ours who talks back."""

    def __init__(self, ws, build, cannot_run):
        from harness import sound
        from harness.desktop import Desktop
        from harness.livekit import LiveKit, NodePeer
        from harness.livekit_room import Person
        require(cannot_run)
        self.ws, self.build, self.server = ws, build, LiveKit(ws, log_level="warn")
        self.host = NodePeer(ws, "host")
        self.host.join(self.server, "bench")
        self.host.ask("publish", hertz=440)
        self.desktop = Desktop(ws, "a", build, dict(QUIET, server=self.server.server))
        self.person = Person(self.desktop, "alice")
        self.person.join("bench")
        sound.play(self.desktop, sound.tone(os.path.join(self.desktop.path, "t.wav"), 880, 200, 0.3))
        self.pid = self.desktop.daemon_pid()

    def strangers(self):
        """(name, pids) of LiveKit's clients in the same call, one after the other."""
        for i, (name, peer) in enumerate(strangers(self.ws)):
            peer.user = "peer%d" % i
            peer.join(self.server, "bench")
            peer.ask("publish", hertz=660)
            time.sleep(3)
            whole = tree(peer.process.pid)
            yield name, whole[1:] if name == BROWSER else whole  # without the node that steers the browser
            peer.close()


def memory(build, report, cannot_run):
    from harness.livekit import token
    from harness.workspace import Workspace
    with Workspace() as ws:
        room = Room(ws, build, cannot_run)
        time.sleep(5)
        m = memory_mb(room.pid)
        report.add("private_dirty_call_mb", m["Private_Dirty"], "MB", "engine=livekit, one participant", goal="<= 8 (6)")
        report.add("pss_call_mb", m["Pss"], "MB", "engine=livekit, one participant")
        guests, at_hand = [], 8  # who has a node at hand although he is silent: PipeWire takes 290 KB each
        for total, setup in ((4, "n=4 silent, with nodes"), (at_hand - 1, ""), (at_hand + 5, "n=6 silent, beyond the nodes at hand")):
            before, n = memory_mb(room.pid)["Private_Dirty"], len(guests)
            for g in ["g%d" % i for i in range(n, total)]:
                room.host.ask("join", **{"as": g}, url=room.server.url, token=token("bench", g), subscribe=False)
                room.host.ask("publish", **{"as": g}, hertz=300, level=0.0)
                guests.append(g)
            time.sleep(40 if total > at_hand else 4)  # they begin with a little sound; then their nodes rest, and are given back
            if setup:
                grown_kb = (memory_mb(room.pid)["Private_Dirty"] - before) * 1024
                report.add("per_participant_kb", grown_kb / (total - n), "KB", "engine=livekit " + setup, goal="<= 60")
        for g in guests:
            room.host.ask("leave", **{"as": g})
        for name, pids in room.strangers():
            both = [memory_mb(pid) for pid in pids]
            for metric, key in (("pss_call_mb", "Pss"), ("private_dirty_call_mb", "Private_Dirty")):
                report.add(metric, sum(x.get(key, 0) for x in both), "MB", "engine=livekit, all %d processes" % len(both), name)


def cpu(build, report, cannot_run):
    from harness.workspace import Workspace
    with Workspace() as ws:
        room = Room(ws, build, cannot_run)
        time.sleep(2)
        percent, per_s = share([room.pid], 8)
        report.add("percent_core_call", percent, "%", "engine=livekit, both talk, quantum=256")
        report.add("wakeups_per_s", per_s, "1/s", "engine=livekit, both talk, quantum=256")
        for name, pids in room.strangers():
            report.add("percent_core_call", share(pids, 8)[0], "%", "engine=livekit, all talk, 2 others, process tree", name)
            report.add("percent_core_call", share([room.pid], 8)[0], "%", "engine=livekit, all talk, 2 others")
        room.host.ask("mute", on=True)
        room.person.mute(True)
        time.sleep(22)  # until all streams have come to rest
        percent, per_s = share([room.pid], 20)
        report.add("percent_core_muted", percent, "%", "engine=livekit, both muted", goal="< 0.1")
        report.add("wakeups_per_s", per_s, "1/s", "engine=livekit, both muted")
