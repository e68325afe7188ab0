#!/usr/bin/python3
"""A lost connection is not the end: every way to lose a room, on real components, until the tone is heard again.

Nothing is asserted of the times; they are printed, and RECONNECT_FIGURES=FILE collects them.
"""
import contextlib
import os
import signal
import socket
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.bus import Client  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.janus import secret_of  # noqa: E402
from harness.process import grown, private_kb, settled  # noqa: E402
from harness.workspace import TOP, Network, Relay, read, wait_for  # noqa: E402

PORT = 8188
TONE = 880


class RemoteJanus:
    """A Janus that is killed and started again; its rooms are gone then."""

    def __init__(self, workspace, session_s=60):
        self.ws, self.folder, self.session_s = workspace, workspace.folder("janus"), session_s
        self.start()

    def start(self):
        pid_file = os.path.join(self.folder, "pid")
        with contextlib.suppress(FileNotFoundError):
            os.remove(pid_file)
        self.script = self.ws.start(["/bin/bash", os.path.join(TOP, "tests/integration/lib/janus.sh"), self.folder, str(PORT), secret_of(APP_ID, APP_KEY),
                                     "sh", "-c", "echo $JANUS_PID >%s.new; mv %s.new %s; exec sleep 900" % ((pid_file,) * 3)],
                                    log="janus.log", env=dict(os.environ, JANUS_SESSION=str(self.session_s)))
        wait_for(lambda: os.path.exists(pid_file), "janus to listen", 20)
        self.pid = int(read(pid_file))

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.ws.stop(self.script)


class Reconnect(case.Case):
    def two(self, server_a, server_b, network=None, **config):
        """Alice, who listens, and bob, who makes the tone; bob's network may be his own."""
        a = self.desktop("a", {**server_a, **config})
        b = self.desktop("b", {**server_b, **config}, network)
        ja, jb = a.join("room", "alice"), b.join("room", "bob")
        for j in (ja, jb):
            j.wait_members("alice", "bob")
        sound.play(b, sound.tone(os.path.join(b.path, "tone.wav"), TONE, 300, 0.3))
        self.hear(a)
        return a, b, ja, jb

    def remote(self, session_s=60, port=PORT, **more):
        janus = RemoteJanus(self.ws, session_s)
        return (janus, *self.two({"server": "janus+ws://127.0.0.1:%d" % PORT}, {"server": "janus+ws://127.0.0.1:%d" % port}, **more))

    def embedded(self, **more):
        listen = "127.0.0.1:%d" % PORT
        return self.two({"server": "embedded:", "embedded": {"listen": listen}}, {"server": "janus+ws://" + listen}, **more)

    def node(self, desktop, user="bob"):
        def look():
            return [m["nodeName"] for m in desktop.ctl_json("members", check=False) if m["userId"] == user and m["nodeSerial"]]
        return wait_for(look, "the node of " + user, 20)[0]

    def hear(self, desktop, user="bob", seconds=30):
        path = os.path.join(desktop.path, "ear.wav")
        wait_for(lambda: sound.power(sound.record_node(desktop, path, self.node(desktop, user), 0.6), TONE) > 0.9, "the tone of " + user, seconds)

    def outage(self, what, listener, lose, back, heal=lambda: None):
        """Loses the room, waits until it is back, and says how long the tone was away, counted from the loss."""
        path = os.path.join(listener.path, "outage.wav")
        recording = sound.record(listener, path, name="probe-outage")  # of the loudspeaker: a node may come and go
        time.sleep(0.5)
        lost = time.monotonic()
        lose()
        heal()
        for joined in back:
            joined.wait("state", lambda e: e["errMsg"] == "rejoined", 60)
        told = time.monotonic() - lost
        self.hear(listener)
        start = recording.stop()["start_us"] / 1e6
        self.figure(what, told, *self.silence(sound.read_wav(path), lost - start))

    @staticmethod
    def silence(samples, at_s):
        """Of silences of at least 40 ms after a moment: when the last ended, and how long they were together, in seconds."""
        loud = sound.envelope(samples[max(0, int(at_s * sound.RATE)):], sound.RATE // 100) > 0.003
        quiet = np.convolve(~loud, np.ones(4), "valid") == 4
        return ((int(np.flatnonzero(quiet)[-1]) + 4) / 100 if quiet.any() else 0.0), float(np.mean(~loud)) * len(loud) / 100

    @staticmethod
    def figure(what, told_s, heard_s, silent_s):
        line = "%s: rejoined after %.1f s, heard after %.1f s, silent for %.1f s" % (what, told_s, heard_s, silent_s)
        print(line, file=sys.stderr)
        if os.environ.get("RECONNECT_FIGURES"):
            with open(os.environ["RECONNECT_FIGURES"], "a", encoding="utf-8") as f:
                f.write(line + "\n")

    def states(self, joined):
        return [e["errMsg"] for e in joined.events("state")]

    def assert_nobody_left(self, *joins):
        """All the time the lists were of both."""
        for j in joins:
            lists = [sorted(e["userIdList"]) for e in j.events("members")]
            first = lists.index(["alice", "bob"])
            self.assertEqual(lists[first:], [["alice", "bob"]] * len(lists[first:]))
            self.assertEqual(j.events("interrupted"), [])

    # ---- losses ----

    def test_remote_janus_restarted(self):
        janus, a, _, ja, jb = self.remote()
        self.outage("remote Janus killed and started again", a, janus.kill, (ja, jb), janus.start)
        for j in (ja, jb):
            self.assertEqual(self.states(j), ["reconnecting", "rejoined"])
        time.sleep(11)  # who is missed would be told of by now
        self.assert_nobody_left(ja, jb)
        self.assert_no_sanitizer_report()

    def test_embedded_janus_killed(self):
        a, _, ja, jb = self.embedded()
        daemon = a.daemon_pid()
        janus = [pid for pid, name in a.children(daemon).items() if name == "janus"][0]
        self.outage("embedded Janus killed", a, lambda: os.kill(janus, signal.SIGKILL), (ja, jb))
        for j in (ja, jb):  # now and then Janus has to be started more than once, and a guest may be in the wrong one for a while
            self.assertEqual(self.states(j), ["reconnecting", "rejoined"] * (len(self.states(j)) // 2))
        self.assertEqual(a.daemon_pid(), daemon)
        self.assert_nobody_left(ja, jb)
        self.assert_no_sanitizer_report()

    def test_embedded_janus_frozen(self):
        a, _, ja, jb = self.embedded()
        janus = [pid for pid, name in a.children(a.daemon_pid()).items() if name == "janus"][0]
        self.outage("embedded Janus frozen", a, lambda: os.kill(janus, signal.SIGSTOP), (ja, jb))
        self.assertFalse(os.path.exists("/proc/%d" % janus), "it was replaced")
        self.assert_nobody_left(ja, jb)

    def test_websocket_cut(self):
        relay = Relay(self.ws, PORT)
        _, a, b, ja, jb = self.remote(port=relay.port)
        self.outage("WebSocket of who speaks cut", a, relay.cut, (jb,))
        self.assertEqual((self.states(ja), self.states(jb)), ([], ["reconnecting", "rejoined"]))
        self.assert_nobody_left(jb)
        self.assertEqual(sorted(m["userId"] for m in a.ctl_json("members")), ["alice", "bob"])
        self.assert_no_sanitizer_report()
        self.assertTrue([m for m in b.ctl_json("members") if m["userId"] == "alice" and m["audioSubscribed"]])

    def test_websocket_silent(self):
        """The connection is not closed, it carries nothing any more; the server keeps our session and our member."""
        relay = Relay(self.ws, PORT)
        _, a, _, ja, jb = self.remote(port=relay.port)

        def lose():
            relay.silent = True
            jb.wait("state", lambda e: e["errMsg"] == "reconnecting", 40)
            relay.silent = False
        self.outage("WebSocket of who speaks silent", a, lose, (jb,))
        self.assertEqual(self.states(jb), ["reconnecting", "rejoined"])
        self.assert_nobody_left(jb)
        self.assertEqual(ja.events("interrupted"), [])

    def test_cable_pulled(self):
        network = Network(self.ws)
        RemoteJanus(self.ws)
        a, b, ja, jb = self.two({"server": "janus+ws://127.0.0.1:%d" % PORT}, {"server": "janus+ws://10.79.1.1:%d" % PORT}, network=network)

        def lose():
            network.pull()
            jb.wait("state", lambda e: e["errMsg"] == "reconnecting", 40)
        self.outage("cable pulled, noticed, plugged in", a, lose, (jb,), network.plug)
        self.assertEqual(self.states(jb), ["reconnecting", "rejoined"])
        self.assert_nobody_left(jb)
        self.assertEqual(self.states(ja), [])
        self.assertTrue([m for m in b.ctl_json("members") if m["userId"] == "alice" and m["audioSubscribed"]])

    def test_daemon_asleep(self):
        """Stopped for longer than the server keeps a session, as by a laptop that is closed."""
        janus, a, b, ja, jb = self.remote(session_s=10)
        pid = b.daemon_pid()

        def lose():
            before = len(ja.events("members"))
            os.kill(pid, signal.SIGSTOP)
            try:
                wait_for(lambda: ["alice"] in [e["userIdList"] for e in ja.events("members")[before:]], "the server to give bob up", 60)
            finally:
                os.kill(pid, signal.SIGCONT)
            self.woken = time.monotonic()
        self.outage("daemon of who speaks stopped until the server gave it up", a, lose, (jb,))
        print("rejoined %.1f s after the awakening" % (time.monotonic() - self.woken), file=sys.stderr)
        self.assertEqual(self.states(jb), ["reconnecting", "rejoined"])
        self.assert_nobody_left(jb)
        self.assertTrue(janus.pid)

    # ---- meanwhile ----

    def lost_for_long(self, **config):
        """A room whose server is dead."""
        janus = RemoteJanus(self.ws)
        d = self.desktop("a", {"server": "janus+ws://127.0.0.1:%d" % PORT, "consent": {"default": "allow"}, **config})
        client = Client(d)
        path = client.create(APP_ID)
        self.assertEqual(client.completed(path, client.join(path, "room", "alice", d.token("room", "alice")))[1], 0)
        janus.kill()
        client.wait_signal(path, "RtcStateChanged", lambda s: s[1] == "reconnecting", 20)
        self.assertEqual(client.get(path, "Context", "State"), "reconnecting")
        return janus, d, client, path

    def test_joining_meanwhile_is_refused(self):
        _, d, client, path = self.lost_for_long()
        other = client.create(APP_ID)
        for where in (path, other):
            outcome = client.completed(where, client.join(where, "other", "bob", d.token("other", "bob")))
            self.assertEqual(outcome[1:4], (21100, 115901, "D"))
            self.assertIn("room", outcome[4])
        self.assertEqual(client.outcome(path, "ExitRtcRoom")[1], 0)
        client.close()

    def test_wishes_meanwhile_hold_afterwards(self):
        janus, d, client, path = self.lost_for_long()
        self.assertEqual(client.outcome(path, "ChangeStreamPublishState", state=0, streamType="audio")[1], 0)
        self.assertEqual(client.outcome(path, "ChangeStreamSubscribeState", userId="bob", state=0, streamType="audio")[1], 0)
        self.assertEqual(client.outcome(path, "UpdateToken", token=d.token("room", "alice"))[1], 0)
        client.set(path, "Voice", "Muted", True)
        janus.start()
        state = client.wait_signal(path, "RtcStateChanged", lambda s: s[1] == "rejoined", 30)
        self.assertEqual((state[0], state[2]["joinType"]), (0, 1))
        self.assertGreater(state[2]["elapsed"], 0)
        self.assertFalse(client.get(path, "Context", "AudioPublished"))
        self.assertTrue(client.get(path, "Voice", "Muted"))
        b = self.desktop("b", {"server": "janus+ws://127.0.0.1:%d" % PORT})
        b.join("room", "bob").wait_members("alice", "bob")
        client.wait_signal(path, "RtcChatMembersChanged", lambda s: "bob" in s[0], 20)
        self.assertFalse([m for m in b.ctl_json("members") if m["userId"] == "alice" and m["audioPublished"]])
        self.assertFalse([m for m in d.ctl_json("members") if m["userId"] == "bob" and m["audioSubscribed"]])
        self.assertEqual(client.outcome(path, "ChangeStreamPublishState", state=1, streamType="audio")[1], 0)
        wait_for(lambda: [m for m in b.ctl_json("members") if m["userId"] == "alice" and m["audioPublished"]], "alice's stream")
        client.close()

    def test_exit_and_destroy_meanwhile(self):
        _, d, client, path = self.lost_for_long()
        self.assertEqual(client.outcome(path, "ExitRtcRoom")[1:], (0, 0, "", "exitRtcRoom:ok"))
        self.assertEqual(client.get(path, "Context", "State"), "idle")
        self.assertEqual(client.outcome(path, "Destroy")[1], 0)
        client.close()
        self.assertTrue(d.daemon_pid())

    def test_sigterm_meanwhile(self):
        _, d, client, _ = self.lost_for_long()
        print("SIGTERM while reconnecting: ended after %.2f s" % d.stop_daemon(signal.SIGTERM), file=sys.stderr)
        self.assert_no_sanitizer_report()
        client.close()

    def test_gone_for_good(self):
        _, d, client, path = self.lost_for_long(reconnectSeconds=3)
        self.assertEqual(client.wait_signal(path, "RtcChatInterrupted", seconds=30), (-1084, "server gone"))
        self.assertEqual([s[3][:2] for s in client.signals if s[2] == "RtcStateChanged"], [(0, "reconnecting"), (-1084, "server gone")])
        self.assertEqual(client.get(path, "Context", "State"), "idle")
        self.assertFalse(client.raw("/org/rtcroom/RtcRoom1", "org.freedesktop.DBus.Properties", "Get",
                                    client_get("org.rtcroom.RtcRoom1.Manager", "InRoom"))[0])
        client.close()
        self.assertTrue(d.daemon_pid())

    # ---- again and again ----

    def test_30_reconnects_are_flat(self):
        relay = Relay(self.ws, PORT)
        RemoteJanus(self.ws)
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        a = self.desktop("a", {"server": "janus+ws://127.0.0.1:%d" % PORT})
        b = self.desktop("b", {"server": "janus+ws://127.0.0.1:%d" % relay.port, "log": {"level": "warning"}})
        ja, jb = a.join("room", "alice"), b.join("room", "bob")
        jb.wait_members("alice", "bob")
        pid, marks = b.daemon_pid(), []
        for i in range(1, 31):
            relay.cut()
            wait_for(lambda: self.states(jb).count("rejoined") == i, "the room to be back", 30)  # noqa: B023
            wait_for(lambda: [m for m in b.ctl_json("members") if m["userId"] == "alice" and m["audioSubscribed"]], "alice")
            if i in (10, 30):
                marks.append((private_kb(pid), settled(pid)))
        (kb0, held0), (kb1, held1) = marks
        print("reconnect 10: %d KB, %d fds; reconnect 30: %d KB, %d fds" % (kb0, len(held0[0]), kb1, len(held1[0])), file=sys.stderr)
        self.assertEqual(grown(held0, held1), [])
        self.assertLess(kb1 - kb0, 2000)
        self.assertEqual(ja.events("interrupted") + jb.events("interrupted"), [])
        b.stop_daemon()
        self.assert_no_sanitizer_report()


def client_get(interface, name):
    from gi.repository import GLib
    return GLib.Variant("(ss)", (interface, name))


if __name__ == "__main__":
    socket.setdefaulttimeout(None)
    case.main()
