#!/usr/bin/python3
"""One id, one member; who is thrown out, and why; and being there unseen: on the embedded Janus and on a remote one.

A Chromium and an rtcroomd are the witnesses of who must not be seen: of neither list, nor in any message of the server.
"""
import hashlib
import hmac
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.bus import Client  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.janus import VIDEOROOM, Janus, WebSocket, secret_of, sign  # noqa: E402
from harness.workspace import TOP, wait_for  # noqa: E402
from test_chromium import Browser  # noqa: E402

ADDRESS = "127.0.0.1:8188"
URL = "janus+ws://" + ADDRESS
ROOM = APP_ID + "/room"
SECRET = secret_of(APP_ID, APP_KEY)
ROOM_SECRET = hmac.new(APP_KEY.encode(), b"rtcroomd room 1 " + ROOM.encode(), hashlib.sha256).hexdigest()
API_TOKEN = sign(SECRET, "janus", VIDEOROOM, seconds=3600)
ROOM_TOKEN = sign(SECRET, VIDEOROOM, "room=" + ROOM, seconds=3600)
OK, DUPLICATE, KICKED, DISMISSED = 0, -1004, -1006, -1011


class Person:
    """A desktop user with a program of ours in the room."""

    def __init__(self, desktop, user, hertz):
        self.desktop, self.user = desktop, user
        self.client = Client(desktop)
        desktop.ws.closers.append(self.client.close)
        self.path = self.client.create(APP_ID)
        sound.play(desktop, sound.tone(os.path.join(desktop.path, "tone.wav"), hertz, 300, 0.3))

    def join(self, **config):
        request = self.client.join(self.path, "room", self.user, self.desktop.token("room", self.user), **config)
        return self.client.completed(self.path, request)[1]

    def show(self, visible):
        return self.client.outcome(self.path, "ChangeUserVisibility", visible=visible)[1]

    def get(self, name):
        return self.client.get(self.path, "Context", name)

    def wait_members(self, *users, seconds=30):
        wait_for(lambda: self.get("Members") == list(users), "%s to see %s" % (self.user, users), seconds)

    def lists(self):
        """Every list of members that was told."""
        self.client.pump()
        return [a[0] for p, _, m, a in self.client.signals if p == self.path and m == "RtcChatMembersChanged"]

    def interrupted(self, code, text):
        assert self.client.wait_signal(self.path, "RtcChatInterrupted", lambda a: a[0] == code, 20) == (code, text)
        assert self.client.wait_signal(self.path, "RtcStateChanged", lambda a: a[0] == code)[1] == text
        assert self.get("State") == "idle", self.get("State")
        assert self.get("Members") == []

    def interruptions(self):
        self.client.pump()
        return [a for p, _, m, a in self.client.signals if p == self.path and m == "RtcChatInterrupted"]

    def node_of(self, user):
        found = [m["nodeName"] for m in self.desktop.ctl_json("members", check=False) if m["userId"] == user and m["nodeSerial"]]
        return found[0] if found else None

    def hears(self, user, hertz):
        node = self.node_of(user)
        if not node:
            return False
        return sound.power(sound.record_node(self.desktop, os.path.join(self.desktop.path, "n.wav"), node, 1.0), hertz) > 0.9

    def wait_heard(self, user, hertz):
        wait_for(lambda: self.hears(user, hertz), "%s at %s" % (user, self.user), 30)


class Presence(case.Case):
    remote = False

    def setUp(self):
        super().setUp()
        if self.remote:
            script = os.path.join(TOP, "tests/integration/lib/janus.sh")
            self.ws.start(["/bin/bash", script, self.ws.folder("janus"), "8188", SECRET, "sleep", "900"], log="janus.log")
            wait_for(self.listens, "janus to listen", 20)

    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    @staticmethod
    def listens():
        return subprocess.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8188"], stderr=subprocess.DEVNULL, check=False).returncode == 0

    def person(self, name, user, hertz):
        host = not self.remote and not self.desktops
        config = {"server": "embedded:", "embedded": {"listen": ADDRESS}} if host else {"server": URL}
        return Person(self.desktop(name, dict(config, consent={"default": "allow"})), user, hertz)

    def browser(self, user="web", hertz=880, **more):
        wav = sound.tone(os.path.join(self.ws.folder("web"), user + ".wav"), hertz, 10, 0.3)
        b = Browser(url="ws://" + ADDRESS, room=ROOM, user=user, apiToken=API_TOKEN, roomToken=ROOM_TOKEN, wav=wav, **more)
        self.ws.closers.append(b.close)
        self.assertEqual(b.first["event"], "joined", b.first)
        return b

    def administer(self, **body):
        janus = Janus(WebSocket(ADDRESS))
        answer = janus.ask("message", API_TOKEN, body=dict(body, room=ROOM, secret=ROOM_SECRET), **janus.enter(API_TOKEN))
        janus.close()
        data = answer["plugindata"]["data"]
        self.assertNotIn("error", data)
        return data

    def listed(self):
        return sorted(p["id"] for p in self.administer(request="listparticipants")["participants"])

    # ---- one id, one member ----

    def test_the_later_login_wins(self):
        first, witness, second = self.person("a", "alice", 440), self.person("b", "bob", 700), self.person("c", "alice", 1000)
        self.assertEqual(first.join(), OK)
        self.assertEqual(witness.join(), OK)
        witness.wait_members("alice", "bob")
        self.assertEqual(second.join(), OK)
        first.interrupted(DUPLICATE, "duplicate login")
        witness.wait_members("bob", "alice")  # she came anew
        witness.wait_heard("alice", 1000)
        self.assertEqual(first.join(), OK)  # because the user wants to
        second.interrupted(DUPLICATE, "duplicate login")
        witness.wait_heard("alice", 440)
        self.assertEqual(self.listed(), ["alice", "bob"])
        self.assertEqual(len(first.interruptions()), 1)
        self.assertEqual(witness.interruptions(), [])

    def test_a_browser_first(self):
        host = self.person("a", "bob", 700)
        self.assertEqual(host.join(), OK)
        web = self.browser("alice")
        host.wait_members("bob", "alice")
        alice = self.person("b", "alice", 440)
        self.assertEqual(alice.join(), OK)
        wait_for(lambda: [m for m in web.ask("news") if m.get("reason") == "kicked"], "the browser to be told", 15)
        host.wait_heard("alice", 440)
        self.assertEqual(self.listed(), ["alice", "bob"])

    def test_a_browser_second(self):
        alice = self.person("a", "alice", 440)
        self.assertEqual(alice.join(), OK)
        self.browser("alice", roomSecret=ROOM_SECRET)
        alice.interrupted(DUPLICATE, "duplicate login")
        self.assertEqual(self.listed(), ["alice"])

    # ---- the administrator ----

    def test_kicked_and_dismissed(self):
        alice, bob = self.person("a", "alice", 440), self.person("b", "bob", 700)
        self.assertEqual((alice.join(), bob.join()), (OK, OK))
        alice.wait_members("alice", "bob")
        self.administer(request="kick", id="bob")
        bob.interrupted(KICKED, "kicked")
        alice.wait_members("alice")
        self.assertEqual(bob.join(), OK)
        alice.wait_members("alice", "bob")
        self.administer(request="destroy")
        alice.interrupted(DISMISSED, "room dismissed")
        bob.interrupted(DISMISSED, "room dismissed")
        self.assertEqual([code for code, _ in bob.interruptions()], [KICKED, DISMISSED])

    # ---- unseen ----

    def assert_no_trace(self, user, web, *people):
        """None of these was ever told of this user."""
        self.assertNotIn(user, json.dumps(web.ask("news")))
        for p in people:
            for members in p.lists():
                self.assertNotIn(user, members)
        self.assertNotIn(user, self.listed())

    def test_unseen_seen_and_unseen_again(self):
        bob, alice = self.person("a", "bob", 700), self.person("b", "alice", 440)
        self.assertEqual(bob.join(), OK)
        web = self.browser(video=True)
        bob.wait_members("bob", "web")

        self.assertEqual(alice.show(False), OK)
        self.assertEqual(alice.join(), OK)
        wait_for(lambda: sorted(alice.get("Members")) == ["alice", "bob", "web"], "alice to see everybody", 20)
        self.assertEqual(alice.get("Members")[-1], "alice", "the others were there before")
        alice.wait_heard("bob", 700)
        alice.wait_heard("web", 880)
        self.assertFalse(alice.get("Visible") or alice.get("AudioPublished") or alice.get("AudioCapture"))
        self.assertEqual(alice.client.outcome(alice.path, "ChangeAudioCapture", state=1)[1], OK)
        self.assertEqual(alice.client.outcome(alice.path, "ChangeStreamPublishState", state=1, streamType="audio")[1], OK)
        self.assertFalse(alice.get("AudioPublished"))
        self.assert_no_trace("alice", web, bob)

        self.assertEqual(alice.show(True), OK)
        bob.wait_members("bob", "web", "alice")
        bob.wait_heard("alice", 440)
        wait_for(lambda: abs(web.ask("heard").get("alice", {"hertz": 0})["hertz"] - 440) < 12, "alice in the browser", 30)
        alice.wait_heard("bob", 700)
        self.assertTrue(alice.get("Visible") and alice.get("AudioPublished"))
        self.assertEqual(self.listed(), ["alice", "bob", "web"])

        self.assertEqual(alice.show(False), OK)
        bob.wait_members("bob", "web")
        self.assertFalse(alice.get("AudioPublished"))
        alice.wait_heard("web", 880)
        self.assertEqual(sorted(alice.get("Members")), ["alice", "bob", "web"])
        self.assertEqual(self.listed(), ["bob", "web"])

        self.assertEqual(alice.client.outcome(alice.path, "ExitRtcRoom")[1], OK)
        self.assertEqual(alice.join(), OK)  # remembered
        self.assertFalse(alice.get("Visible"))
        self.assertEqual(self.listed(), ["bob", "web"])

    def test_the_unseen_keep_the_room(self):
        alice, bob = self.person("a", "alice", 440), self.person("b", "bob", 700)
        self.assertEqual(alice.show(False), OK)
        self.assertEqual(alice.join(), OK)
        for _ in range(2):
            self.assertEqual(bob.join(), OK)
            bob.wait_members("bob")
            alice.wait_members("alice", "bob")
            alice.wait_heard("bob", 700)
            self.assertEqual(bob.client.outcome(bob.path, "ExitRtcRoom")[1], OK)
            alice.wait_members("alice")
        self.assertEqual(alice.interruptions(), [])
        self.administer(request="destroy")
        alice.interrupted(DISMISSED, "room dismissed")

    def test_a_stream_that_comes_anew_is_heard_unseen(self):
        bob, alice = self.person("a", "bob", 700), self.person("b", "alice", 440)
        self.assertEqual(alice.show(False), OK)
        self.assertEqual((bob.join(), alice.join()), (OK, OK))
        alice.wait_heard("bob", 700)
        for state in (0, 1, 0, 1):  # faster than anybody looks
            self.assertEqual(bob.client.outcome(bob.path, "ChangeStreamPublishState", state=state, streamType="audio")[1], OK)
        alice.wait_heard("bob", 700)


class PresenceOnARemoteJanus(Presence):
    remote = True


if __name__ == "__main__":
    case.main()
