#!/usr/bin/python3
"""Who may join, when, and with what words: codes and texts of both schemes, through a real bus and a real Janus."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

OTHER_APP = "76543210fedcba9876543210"
INVALID = ("joinRtcRoom", 21101, 115902, "D", "joinRtcRoom:fail invalid token")
OK = ("joinRtcRoom", 0, 0, "", "joinRtcRoom:ok")


class Rules(case.Case):
    def setUp(self):
        super().setUp()
        from harness.bus import Client
        self.d = self.desktop("a", {"consent": {"default": "allow"},
                                    "apps": {APP_ID: {"appKey": APP_KEY}, OTHER_APP: {"appKey": "another-key"},
                                             "forbidden": {"allowed": False}}})
        self.client = Client(self.d)
        self.other = Client(self.d)

    def tearDown(self):
        self.client.close()
        self.other.close()
        super().tearDown()

    def outcome(self, path, room, user, token, client=None, **config):
        client = client or self.client
        return client.completed(path, client.join(path, room, user, token, **config))

    def test_tokens(self):
        path = self.client.create(APP_ID)
        good = self.d.token("r", "u")
        self.assertEqual(self.outcome(path, "other", "u", good), INVALID, "another room")
        self.assertEqual(self.outcome(path, "r", "other", good), INVALID, "another user")
        self.assertEqual(self.outcome(path, "r", "u", good[:-5] + ("A" if good[-5] != "A" else "B") + good[-4:]), INVALID, "forged")
        self.assertEqual(self.outcome(path, "r", "u", "001" + OTHER_APP + good[27:]), INVALID, "another app")
        self.assertEqual(self.outcome(path, "r", "u", "002" + good[3:]), INVALID, "another version")
        self.assertEqual(self.outcome(path, "r", "u", good[:27]), INVALID, "nothing after the appId")
        self.assertEqual(self.outcome(path, "r", "u", "garbage"), INVALID, "malformed")
        short = self.d.token("r", "u", "--expires", "1")
        time.sleep(2.1)
        self.assertEqual(self.outcome(path, "r", "u", short), INVALID, "expired")
        self.assertEqual(self.outcome(path, "r", "u", ""), ("joinRtcRoom", 20000, 115999, "D", "joinRtcRoom:fail params.token should not be empty"))
        self.assertEqual(self.outcome(path, "r", "u", good), OK)
        self.assertEqual(self.client.outcome(path, "ExitRtcRoom"), ("exitRtcRoom", 0, 0, "", "exitRtcRoom:ok"))
        self.assertEqual(self.outcome(path, "anywhere", "u", self.d.token("*", "u")), OK, "wildcard room")

    def test_one_room_for_the_desktop_user(self):
        mine, theirs = self.client.create(APP_ID), self.other.create(OTHER_APP)
        first = self.client.join(mine, "r", "u", self.d.token("r", "u"))
        held = ("joinRtcRoom", 21100, 115901, "D", "joinRtcRoom:fail user u is already in the room r")
        token = self.d.ctl("token", "create", "--app", OTHER_APP, "--room", "r2", "--user", "u2").stdout.strip()
        self.assertEqual(self.outcome(theirs, "r2", "u2", token, self.other), held, "while the first is joining")
        self.assertEqual(self.client.completed(mine, first), OK)
        self.assertEqual(self.outcome(theirs, "r2", "u2", token, self.other), held, "while the first is in")
        self.assertEqual(self.outcome(mine, "r", "u", self.d.token("r", "u")), held, "the same client again")
        self.assertEqual(self.client.outcome(mine, "ExitRtcRoom")[1], 0)
        self.assertEqual(self.outcome(theirs, "r2", "u2", token, self.other), OK, "after the first has left")

    def test_exit_cuts_a_join(self):
        path = self.client.create(APP_ID)
        join = self.client.join(path, "r", "u", self.d.token("r", "u"))
        leave = self.client.call(path, "ExitRtcRoom")
        self.assertEqual(self.client.completed(path, join), ("joinRtcRoom", 21102, 115903, "F", "joinRtcRoom:fail room exited"))
        self.assertEqual(self.client.completed(path, leave)[1], 0)
        numbers = [a[0] for p, _, m, a in self.client.signals if p == path and m == "Completed"]
        self.assertEqual(numbers, [join, leave], "each exactly once, the join first")
        self.assertEqual(self.outcome(path, "r", "u", self.d.token("r", "u")), OK)

    def test_destroy_cuts_a_join(self):
        path = self.client.create(APP_ID)
        join = self.client.join(path, "r", "u", self.d.token("r", "u"))
        destroy = self.client.call(path, "Destroy")
        result = self.client.completed(path, join)
        self.assertEqual(result[1:4], (115910, 115910, "D"))
        self.assertEqual(self.client.completed(path, destroy)[1], 0)
        self.assertEqual(self.outcome(path, "r", "u", "x")[1], 115910)

    def test_forbidden_app(self):
        name, text = self.client.error_of("/org/rtcroom/RtcRoom1", "org.rtcroom.RtcRoom1.Manager", "CreateRtcRoomContext",
                                          self.app_options("forbidden"))
        self.assertEqual((name, text), ("org.rtcroom.RtcRoom1.Error.AuthDenied", "createRtcRoomContext:fail platform auth deny"))

    @staticmethod
    def app_options(app_id):
        from gi.repository import GLib
        return GLib.Variant("(a{sv})", ({"appId": GLib.Variant("s", app_id)},))

    def test_client_killed_while_joining_and_in_the_room(self):
        for wait in (False, True):
            j = self.d.join("r", "u", wait=wait)
            if not wait:
                wait_for(lambda: '"joining"' in self.state() or '"joined"' in self.state(), "the join to start")
            j.process.send_signal(signal.SIGKILL)
            j.process.wait()
            path = self.client.create(APP_ID)
            wait_for(lambda p=path: self.outcome(p, "r", "u", self.d.token("r", "u")) == OK, "the room to be free", 10)
            self.client.outcome(path, "Destroy")

    def state(self):
        return self.d.ctl("--json", "status", check=False).stdout

    def test_token_expires_in_the_room(self):
        path = self.client.create(APP_ID)
        self.assertEqual(self.outcome(path, "r", "u", self.d.token("r", "u", "--expires", "4")), OK)
        self.client.wait_signal(path, "RoomTokenWillExpire", seconds=2)  # less than 30 s remain: at once
        fresh = self.d.token("r", "u", "--expires", "7")
        self.assertEqual(self.client.outcome(path, "UpdateToken", token="bad"),
                         ("updateToken", 21101, 115902, "D", "updateToken:fail invalid token"))
        self.assertEqual(self.client.outcome(path, "UpdateToken", token=fresh), ("updateToken", 0, 0, "", "updateToken:ok"))
        self.client.pump(5)
        self.assertEqual(self.client.get(path, "Context", "State"), "joined", "the fresh token is in force")
        self.client.wait_signal(path, "RtcStateChanged", lambda a: a[0] == 21108, seconds=6)
        self.assertEqual(self.client.wait_signal(path, "RtcChatInterrupted")[:2], (-1009, "token expired"))
        self.client.wait_signal(path, "RtcChatMembersChanged", lambda a: a[0] == [])
        self.assertEqual(self.client.get(path, "Context", "State"), "idle")
        self.assertEqual(self.outcome(path, "r", "u", self.d.token("r", "u")), OK, "and a new token opens the room again")

    def test_janus_missing_is_named(self):
        self.d.stop_daemon()
        self.d.ctl("--version")
        hide = self.ws.folder("a", "nothing")
        self.d.env["PATH"] = hide
        process = self.d.ws.start([self.d.daemon_path], env=dict(self.d.env, RTCROOMD_JANUS=os.path.join(hide, "janus")),
                                  log="a/rtcroomd.log")
        self.d.env["PATH"] = os.environ["PATH"]
        wait_for(self.d.daemon_pid, "rtcroomd on the bus")
        path = self.client.create(APP_ID)
        self.assertEqual(self.outcome(path, "r", "u", self.d.token("r", "u")),
                         ("joinRtcRoom", 21102, 115903, "F", "joinRtcRoom:fail janus is not installed"))
        self.assertIn("janus", self.d.log())
        self.d.ws.stop(process)


if __name__ == "__main__":
    case.main()
