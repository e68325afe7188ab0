#!/usr/bin/python3
"""Who gets into a room of the embedded Janus, and that it is Janus itself who refuses the others: over the WebSocket it
listens at and over its Unix socket. Strangers speak to it directly; no rtcroomd is between."""
import os
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case  # noqa: E402
from harness.desktop import APP_ID, APP_KEY, Joined  # noqa: E402
from harness.janus import ECHOTEST, VIDEOROOM, Janus, UnixSocket, WebSocket, secret_of, sign  # noqa: E402
from harness.workspace import TOP, wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"
OTHER_APP, OTHER_KEY = "fedcba98765432100123abcd", "another-key"
ROOM = APP_ID + "/room"
SECRET, FOREIGN = secret_of(APP_ID, APP_KEY), secret_of(OTHER_APP, OTHER_KEY)
FORBIDDEN, NO_PLUGIN, UNAUTHORIZED = 403, 405, 433  # of the core, and of the videoroom


class Entry(case.Case):
    def setUp(self):
        super().setUp()
        self.a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}})
        self.alice = self.a.join("room", "alice")
        self.folder = os.path.join(self.a.env["XDG_RUNTIME_DIR"], "rtcroom", "janus")

    def strangers(self):
        for make in (lambda: WebSocket(LISTEN), lambda: UnixSocket(os.path.join(self.folder, "janus.sock"))):
            janus = Janus(make())
            yield janus
            janus.close()

    def members(self):
        return [m["userId"] for m in self.a.ctl_json("members")]

    def nobody_came(self, *but):
        self.assertEqual(self.members(), ["alice"])
        seen = {user for e in self.alice.events("members") for user in e["userIdList"]}
        self.assertEqual(seen - {"alice", *but}, set())

    def wrong_api_tokens(self):
        good = sign(SECRET, "janus", VIDEOROOM, ECHOTEST)
        return {"none": None, "empty": "", "garbage": "garbage", "another secret": sign(FOREIGN, "janus", VIDEOROOM, ECHOTEST),
                "expired": sign(SECRET, "janus", VIDEOROOM, ECHOTEST, seconds=-1), "later": "9" + good,
                "another realm": sign(SECRET, VIDEOROOM, "room=" + ROOM), "unsigned": good.split(":")[0],
                "empty signature": good.split(":")[0] + ":", "cut": good[:-4]}

    def test_without_a_right_token_there_is_nothing(self):
        for janus in self.strangers():
            good = sign(SECRET, "janus", VIDEOROOM, ECHOTEST)
            member = janus.enter(good)
            session = {"session_id": member["session_id"]}
            create = {"request": "create", "room": OTHER_APP + "/room"}
            for what, token in self.wrong_api_tokens().items():
                self.assertEqual(janus.code("create", token), FORBIDDEN, what)
                # nor in a session that somebody else has opened
                self.assertEqual(janus.code("attach", token, plugin=VIDEOROOM, **session), FORBIDDEN, what)
                self.assertEqual(janus.code("attach", token, plugin=ECHOTEST, **session), FORBIDDEN, what)
                self.assertEqual(janus.code("message", token, body={"request": "listparticipants", "room": ROOM}, **member), FORBIDDEN, what)
                self.assertEqual(janus.code("message", token, body=create, **member), FORBIDDEN, "a room: " + what)
                self.assertEqual(janus.code("message", token, body={"audio": True}, **member), FORBIDDEN, what)
            exists = janus.ask("message", good, body={"request": "exists", "room": create["room"]}, **member)
            self.assertFalse(exists["plugindata"]["data"]["exists"])
            self.assertEqual(janus.code("destroy", good, **session), 0)
        self.nobody_came()

    def test_rooms_are_made_by_who_has_the_app_key(self):
        """An API token alone makes no room: it could be one that asks nobody for a token."""
        for janus in self.strangers():
            token = sign(SECRET, "janus", VIDEOROOM)
            member = janus.enter(token)
            create = {"request": "create", "room": APP_ID + "/open", "signed_tokens": False}
            for key in ({}, {"admin_key": "guessed"}, {"admin_key": SECRET}):
                data = janus.ask("message", token, body=dict(create, **key), **member)["plugindata"]["data"]
                self.assertIn(data["error_code"], (429, 433), data)
            exists = janus.ask("message", token, body={"request": "exists", "room": APP_ID + "/open"}, **member)
            self.assertFalse(exists["plugindata"]["data"]["exists"])
        self.nobody_came()

    def test_a_token_opens_the_plugins_it_names(self):
        for janus in self.strangers():
            token = sign(SECRET, "janus", VIDEOROOM)
            session = janus.ask("create", token)["data"]["id"]
            self.assertEqual(janus.code("attach", token, session_id=session, plugin=ECHOTEST), NO_PLUGIN)
            self.assertEqual(janus.code("attach", token, session_id=session, plugin=VIDEOROOM), 0)
            self.assertNotEqual(janus.code("attach", token, session_id=session, plugin="janus.plugin.streaming"), 0)

    def test_a_room_asks_for_its_own_token(self):
        api = sign(SECRET, "janus", VIDEOROOM, ECHOTEST)
        good = sign(SECRET, VIDEOROOM, "room=" + ROOM)
        wrong = {"none": None, "empty": "", "another room": sign(SECRET, VIDEOROOM, "room=" + APP_ID + "/other"),
                 "another app": sign(SECRET, VIDEOROOM, "room=" + OTHER_APP + "/room"), "all rooms": sign(SECRET, VIDEOROOM, "room="),
                 "more of a name": sign(SECRET, VIDEOROOM, "room=" + ROOM + "s"), "another secret": sign(FOREIGN, VIDEOROOM, "room=" + ROOM),
                 "expired": sign(SECRET, VIDEOROOM, "room=" + ROOM, seconds=-1), "the API token": api,
                 "another realm": sign(SECRET, "janus", "room=" + ROOM), "unsigned": good.split(":")[0]}
        for janus in self.strangers():
            handle = janus.enter(api)
            for what, token in wrong.items():
                for body in ({"request": "join", "ptype": "publisher", "id": "mallory"},
                             {"request": "joinandconfigure", "ptype": "publisher", "id": "mallory"},
                             {"request": "join", "ptype": "subscriber", "streams": [{"feed": "alice", "mid": "0"}]}):
                    body["room"] = ROOM
                    if token is not None:
                        body["token"] = token
                    self.assertEqual(janus.code("message", api, body=body, **handle), UNAUTHORIZED, what + ": " + str(body))
            for request in ("destroy", "edit", "kick", "moderate"):
                body = {"request": request, "room": ROOM, "id": "alice", "mid": "0", "mute": True, "secret": "guess"}
                self.assertEqual(janus.code("message", api, body=body, **handle), UNAUTHORIZED, request)
            rooms = janus.ask("message", api, body={"request": "list"}, **handle)["plugindata"]["data"]["list"]
            self.assertEqual(rooms, [], "rooms are not told")
            bob = "bob-" + type(janus.transport).__name__
            body = {"request": "join", "ptype": "publisher", "id": bob, "room": ROOM, "token": good}
            joined = janus.ask("message", api, body=body, **handle)
            self.assertEqual(joined["plugindata"]["data"]["videoroom"], "joined")
            self.alice.wait_members("alice", bob)
            self.assertEqual(janus.code("message", api, body={"request": "leave"}, **handle), 0)
            wait_for(lambda: self.members() == ["alice"], "alice to be alone")
        self.nobody_came("bob-WebSocket", "bob-UnixSocket")

    def test_nothing_else_is_open(self):
        for path in (os.path.dirname(self.folder), self.folder):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700, path)
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "plugins"))), ["libjanus_echotest.so", "libjanus_videoroom.so"])
        tcp = [line.split()[3] for line in self.a.run("ss", "-ltnH").stdout.splitlines()]
        self.assertEqual(tcp, [LISTEN])
        self.assertNotIn(SECRET, self.a.log(), "the secret is in no log")
        for janus in self.strangers():
            self.assertNotEqual(janus.code("list_sessions", admin_secret="janusoverlord"), 0, "no admin API")


class Apps(case.Case):
    def test_rooms_of_different_apps_never_meet(self):
        """One Janus that checks nobody: what keeps them apart is the name of the room."""
        script = os.path.join(TOP, "tests/integration/lib/janus.sh")
        self.ws.start(["/bin/bash", script, self.ws.folder("janus"), "8190", "-", "sleep", "infinity"], log="janus.log")
        address = "127.0.0.1:8190"
        wait_for(lambda: self.reachable(address), "janus")
        apps = {"apps": {APP_ID: {"appKey": APP_KEY}, OTHER_APP: {"appKey": OTHER_KEY}}, "server": "janus+ws://" + address}
        a, b, c = (self.desktop(name, apps) for name in "abc")
        alice = a.join("room", "alice")
        mallory = self.join_other(b, "room", "mallory")
        bob = c.join("room", "bob")
        alice.wait_members("alice", "bob")
        bob.wait_members("alice", "bob")
        for joined, strangers in ((alice, {"mallory"}), (bob, {"mallory"}), (mallory, {"alice", "bob"})):
            for event in joined.events("members"):
                self.assertEqual(strangers & set(event["userIdList"]), set())
        self.assertEqual([m["userId"] for m in b.ctl_json("members")], ["mallory"])

    @staticmethod
    def reachable(address):
        try:
            WebSocket(address).close()
            return True
        except OSError:
            return False

    @staticmethod
    def join_other(desktop, room, user):
        token = desktop.ctl("token", "create", "--app", OTHER_APP, "--room", room, "--user", user).stdout.strip()
        process = desktop.start(desktop.ctl_path, "--json", "join", room, "--app", OTHER_APP, "--user", user, "--token", token, log="join.log")
        joined = Joined(desktop, process, os.path.join(desktop.path, "join.log"))
        joined.wait("joined", seconds=25)
        return joined


if __name__ == "__main__":
    case.main()
