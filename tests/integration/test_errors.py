#!/usr/bin/python3
"""Every error of the contract, provoked through a real bus: both codes, the letter and the text.

The rows are data, so that the last tests can read them: every text that the daemon's sources hold is provoked by a row, or is named
in UNREACHABLE with the reason. What needs no server runs on the daemon's fake engine, whose rooms are directed by their names
(daemon/engine/fake/fake-engine.h).
"""
import collections
import os
import re
import signal
import socket
import sys
import time
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
os.environ["RTCROOMD_FAKE_ENGINE"] = "1"
from gi.repository import GLib  # noqa: E402
from harness import case, livekit  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.workspace import TOP, wait_for  # noqa: E402

NAME, ROOT = "org.rtcroom.RtcRoom1", "/org/rtcroom/RtcRoom1"
DBUS, OWN = "org.freedesktop.DBus.Error.", NAME + ".Error."
JANUS_PORT, SILENT_PORT = 8188, 8191
TOPIC_MAX = 128
ID_RULE = "should match [A-Za-z0-9_@.-]{1,128}"
STATES = "expect params.state to be one of 0, 1, but got %s"
STREAMS = 'expect params.streamType to be one of "audio", "video", "both", but got %s'
GONE = "engine has been destroyed,please invoke tt.createRtcRoomContext create new engine"
JOIN = {"roomId": "room", "token": "native", "userId": "me"}
SOLUTION = {"width": 640, "height": 360, "frameRate": 15}

# operation → key → (type, required, a good value), in the order of the contract's table
OPERATIONS = {
    "JoinRtcRoom": {"roomId": ("string", True, "room"), "token": ("string", True, "native"), "userId": ("string", True, "me"),
                    "roomConfig": ("object", False, {}), "e2eeKey": ("string", False, "secret")},
    "ExitRtcRoom": {"roomId": ("string", False, "room")},
    "ChangeAudioCapture": {"state": ("number", True, 1)},
    "ChangeVideoCapture": {"state": ("number", True, 0)},
    "SwitchCamera": {"camera": ("string", True, "front")},
    "UpdateToken": {"token": ("string", True, "native")},
    "ChangeUserVisibility": {"visible": ("boolean", True, True)},
    "SetVideoEncoderConfig": {"maxSolution": ("object", True, SOLUTION)},
    "SetAudioPlaybackDevice": {"device": ("string", True, "speakerphone")},
    "ChangeStreamPublishState": {"state": ("number", True, 1), "streamType": ("string", False, "audio")},
    "ChangeStreamSubscribeState": {"state": ("number", True, 1), "userId": ("string", True, "alice"), "streamType": ("string", False, "audio")},
    "ChangeScreenSubscribeState": {"state": ("number", True, 1), "userId": ("string", True, "alice"), "streamType": ("string", False, "both")},
    "ChangeAnsMode": {"mode": ("number", True, 0)},
    "Destroy": {},
}
EXAMPLES = {"string": "text", "number": 7, "boolean": True, "object": {"a": 1}, "array": ["a"]}


def good(method, **changes):
    options = {key: value for key, (_, required, value) in OPERATIONS[method].items() if required}
    options.update(changes)
    return {key: value for key, value in options.items() if value is not None}  # None: leave it out


def api(method):
    return method[0].lower() + method[1:]


# ---- rows: in this situation the call completes so; `text` is what follows "<api>:fail " ----

Row = collections.namedtuple("Row", "situation method options codes text")
BAD, HELD, DENIED, TOKEN, FAILED = (20000, 115999, "D"), (21100, 115901, "D"), (10200, 115990, "U"), (21101, 115902, "D"), (21102, 115903, "F")
DESTROYED, CAMERA = (115910, 115910, "D"), (20000, 172299, "D")
PARAMETERS, IN_STATES, ENGINE = [], [], []


def bad(method, text, **changes):
    PARAMETERS.append(Row("idle", method, good(method, **changes), CAMERA if method == "SwitchCamera" else BAD, text))


for _method, _keys in OPERATIONS.items():
    for _key, (_type, _required, _) in _keys.items():
        for _other, _value in EXAMPLES.items():
            if _other != _type:
                bad(_method, "params.%s should be %s, but got %s" % (_key, _type, _other), **{_key: _value})
        if _required:
            bad(_method, "params.%s should be %s, but got undefined" % (_key, _type), **{_key: None})
    bad(_method, "params too large", **{"k%d" % i: 1 for i in range(65)})
    bad(_method, "params too large", padding="x" * 65536)
PARAMETERS = [row for row in PARAMETERS if row.method != "Destroy"]  # it has no options: whatever comes is skipped

for _method, _key in (("JoinRtcRoom", "roomId"), ("JoinRtcRoom", "userId"), ("ExitRtcRoom", "roomId"),
                      ("ChangeStreamSubscribeState", "userId"), ("ChangeScreenSubscribeState", "userId")):
    for _id in ("", "a b", "a/b", "ü", "x" * 129):
        bad(_method, "params.%s %s" % (_key, ID_RULE), **{_key: _id})
for _method in ("JoinRtcRoom", "UpdateToken"):
    bad(_method, "params.token should not be empty", token="")
    bad(_method, "params too large", token="x" * 16385)
bad("JoinRtcRoom", "params.e2eeKey should not be empty", e2eeKey="")
bad("JoinRtcRoom", "params.e2eeKey should have at most 256 bytes", e2eeKey="x" * 257)
for _options, _text in (
        ({}, "params.text should be string, but got undefined"), ({"text": 1}, "params.text should be string, but got number"),
        ({"text": "a", "data": GLib.Variant("ay", b"a")}, "params.data should not be given with params.text"),
        ({"data": GLib.Variant("as", ["a"])}, "params.data should be array of bytes"), ({"data": 1}, "params.data should be array, but got number"),
        ({"text": "a", "topic": "x" * (TOPIC_MAX + 1)}, "params.topic should be at most %d bytes" % TOPIC_MAX),
        ({"text": "a", "reliable": False}, "params.reliable should be true with params.text"),
        ({"text": "a", "destinations": GLib.Variant("as", ["u"] * 17)}, "params.destinations should be array of at most 16 strings"),
        ({"text": "a", "destinations": GLib.Variant("as", ["a/b"])}, "params.destinations " + ID_RULE), ({"text": "x" * 65537}, "params too large")):
    PARAMETERS.append(Row("idle", "SendMessage", _options, BAD, _text))
for _member in ("autoPublish", "autoSubscribe"):
    for _other in ("string", "number", "object", "array"):
        bad("JoinRtcRoom", "params.roomConfig.%s should be boolean, but got %s" % (_member, _other), roomConfig={_member: EXAMPLES[_other]})
for _method in ("ChangeAudioCapture", "ChangeVideoCapture", "ChangeStreamPublishState", "ChangeStreamSubscribeState", "ChangeScreenSubscribeState"):
    for _value, _shown in ((2, "2"), (-1, "-1"), (0.5, "0.5")):
        bad(_method, STATES % _shown, state=_value)
for _method in ("ChangeStreamPublishState", "ChangeStreamSubscribeState", "ChangeScreenSubscribeState"):
    bad(_method, STREAMS % "screen", streamType="screen")
bad("ChangeAnsMode", "expect params.mode to be one of 0, 1, 2, 3, 4, but got 5", mode=5)
bad("SwitchCamera", 'expect params.camera to be one of "back", "front", but got sideways', camera="sideways")
bad("SetAudioPlaybackDevice", "params.device should not be empty", device="")
bad("SetAudioPlaybackDevice", "params.device should be a node name", device="x" * 256)
for _member, _bounds in (("width", (16, 7680)), ("height", (16, 4320)), ("frameRate", (1, 120))):
    for _value in (_bounds[0] - 1, _bounds[1] + 1, _bounds[0] + 0.5):
        bad("SetVideoEncoderConfig", "params.maxSolution.%s should be between %d and %d" % (_member, *_bounds), maxSolution=dict(SOLUTION, **{_member: _value}))
    bad("SetVideoEncoderConfig", "params.maxSolution.%s should be number, but got undefined" % _member,
        maxSolution={k: v for k, v in SOLUTION.items() if k != _member})
    bad("SetVideoEncoderConfig", "params.maxSolution.%s should be number, but got string" % _member, maxSolution=dict(SOLUTION, **{_member: "x"}))
bad("ChangeScreenSubscribeState", "params.userId should be string, but got number " + STREAMS % "x", userId=1, streamType="x")

# What the situation forbids. "in ROOM": joined there as "me"; "joining", "leaving", "lost": on the way; "theirs": another program's room.
for _situation, _room in (("joining", "fake.hang"), ("in room", "room"), ("leaving", "fake.stay"), ("lost", "fake.lost"), ("theirs", "theirs")):
    IN_STATES.append(Row(_situation, "JoinRtcRoom", dict(JOIN, roomId="other", userId="you"), HELD,
                         "user me is already in the room " + _room))
for _situation in ("idle", "joining", "leaving", "theirs"):
    for _method in ("UpdateToken", "ChangeStreamSubscribeState", "ChangeScreenSubscribeState"):
        IN_STATES.append(Row(_situation, _method, good(_method), FAILED, "not in a room"))
for _situation in ("idle", "joining"):
    IN_STATES.append(Row(_situation, "SendMessage", {"text": "hello"}, FAILED, "not in a room"))
for _situation in ("idle", "in room", "lost"):
    IN_STATES.append(Row(_situation, "ChangeVideoCapture", {"state": 1}, FAILED, "no camera"))
for _method in OPERATIONS:
    IN_STATES.append(Row("destroyed", _method, good(_method), DESTROYED, GONE))
IN_STATES.append(Row("destroyed", "JoinRtcRoom", {}, DESTROYED, GONE))  # before the parameters
IN_STATES.append(Row("in room", "JoinRtcRoom", {}, BAD, "params.roomId should be string, but got undefined "
                     "params.token should be string, but got undefined params.userId should be string, but got undefined"))
IN_STATES.append(Row("denied", "JoinRtcRoom", JOIN, DENIED, "auth deny"))
IN_STATES.append(Row("denied", "ChangeAudioCapture", {"state": 1}, DENIED, "auth deny"))
IN_STATES.append(Row("crowded", "ChangeStreamSubscribeState", good("ChangeStreamSubscribeState", userId="one-more"), FAILED, "too many subscriptions"))
IN_STATES.append(Row("crowded", "ChangeScreenSubscribeState", good("ChangeScreenSubscribeState", userId="one-more"), FAILED, "too many subscriptions"))
for _token in ("garbage", "another room's", "another user's", "another app's", "forged", "expired"):
    IN_STATES.append(Row("with a key", "JoinRtcRoom", dict(JOIN, token=_token), TOKEN, "invalid token"))
    IN_STATES.append(Row("in a keyed room", "UpdateToken", {"token": _token}, TOKEN, "invalid token"))

# What engines give as reasons, of a join and of an operation in the room.
REASONS = {
    "invalid-token": (TOKEN, "invalid token"), "token-expired": (TOKEN, "invalid token"),
    "duplicate-login": (FAILED, "error code:-1004"), "kicked": (FAILED, "error code:-1006"), "room-dismissed": (FAILED, "error code:-1011"),
    "server-gone": (FAILED, "error code:-1084"), "room-full": (FAILED, "error code:-1080"), "server-error": (FAILED, "error code:42"),
    "server-unreachable": (FAILED, "server unreachable"), "timed-out": (FAILED, "timed out"),
    "janus-is-not-installed": (FAILED, "janus is not installed"), "no-network-address": (FAILED, "no network address"),
    "refused": (FAILED, "refused by the server"), "congested": (FAILED, "too much is waiting to be sent"),
    "cancelled": (FAILED, "room exited"), "protocol-error": (FAILED, "protocol error"),
    "media-connection-failed": (FAILED, "media connection failed"), "not-supported": (FAILED, "not supported"), "internal-error": (FAILED, "internal error"),
}
for _reason, (_codes, _text) in REASONS.items():
    ENGINE.append(Row("idle", "JoinRtcRoom", dict(JOIN, roomId="fake.fail." + _reason), _codes, _text))
    for _method in ("UpdateToken", "ChangeStreamPublishState", "ChangeStreamSubscribeState", "ChangeUserVisibility"):
        ENGINE.append(Row("in fake.refuse." + _reason, _method, good(_method), _codes, _text))

# A real Janus, or none.
REAL = [
    Row("janus+ws://127.0.0.1:9", "JoinRtcRoom", dict(JOIN, token="janus:a|b"), FAILED, "server unreachable"),
    Row("janus+ws://127.0.0.1:%d" % SILENT_PORT, "JoinRtcRoom", dict(JOIN, token="janus:a|b"), FAILED, "timed out"),
    Row("livekit+ws://127.0.0.1:9", "JoinRtcRoom", JOIN, TOKEN, "invalid token"),  # not a token of LiveKit's
    Row("livekit+ws://127.0.0.1:9", "JoinRtcRoom", dict(JOIN, token=livekit.token(JOIN["roomId"], JOIN["userId"])), FAILED, "server unreachable"),
    Row("embedded:", "JoinRtcRoom", JOIN, TOKEN, "invalid token"),  # no appKey is configured for this app
]

# A request in flight, and what cuts it short.
CUT = [
    (Row("idle", "JoinRtcRoom", dict(JOIN, roomId="fake.hang"), FAILED, "room exited"), "ExitRtcRoom", {}),
    (Row("idle", "JoinRtcRoom", dict(JOIN, roomId="fake.hang"), DESTROYED, GONE), "Destroy", {}),
    (Row("asked", "ChangeAudioCapture", {"state": 1}, FAILED, "capture switched off"), "ChangeAudioCapture", {"state": 0}),
    (Row("asked", "JoinRtcRoom", JOIN, FAILED, "room exited"), "ExitRtcRoom", {}),
    (Row("asked", "ChangeAudioCapture", {"state": 1}, DESTROYED, GONE), "Destroy", {}),
]

# Events of a room that ends: fake.end.REASON → RtcStateChanged codes, RtcChatInterrupted
ENDS = {
    "duplicate-login": ([(-1004, "duplicate login")], (-1004, "duplicate login")),
    "kicked": ([(-1006, "kicked")], (-1006, "kicked")),
    "token-expired": ([(21108, "token expired"), (-1009, "token expired")], (-1009, "token expired")),
    "room-dismissed": ([(-1011, "room dismissed")], (-1011, "room dismissed")),
    "server-gone": ([(-1084, "server gone")], (-1084, "server gone")),
    "protocol-error": ([(-1084, "server gone")], (-1084, "server gone")),
}

# Errors of the bus: (who, object, interface, member, options or None for none) → name, message or None for "some"
CREATE = [
    ({}, "InvalidParams", "params.appId should be string, but got undefined"),
    ({"appId": 1}, "InvalidParams", "params.appId should be string, but got number"),
    ({"appId": "a/b"}, "InvalidParams", "params.appId " + ID_RULE),
    ({"appId": "app", "server": True}, "InvalidParams", "params.server should be string, but got boolean"),
    ({"appId": "app", "server": "http://host"}, "InvalidParams", "params.server should be a server URL"),
    ({"appId": "app", "padding": "x" * 65536}, "InvalidParams", "params too large"),
    ({"appId": "forbidden"}, "AuthDenied", "platform auth deny"),
]
LIMITS = {"too many contexts", "shutting down"}  # texts of LimitsExceeded, each with a test of its own below

# Rows of the reference that this product cannot produce.
UNREACHABLE = {
    "10101": "the component rtc-room is no part of a desktop; an app that is not allowed gets AuthDenied with the same text",
    "10201": "there is no privacy agreement between a desktop user and a program",
    "10202": "there is no privacy agreement between a desktop user and a program",
    "21105": "there is no camera in this version, so no permission for one can be withdrawn",
    "21200": "the component rtc-room is no part of a desktop",
    "21301": "the component rtc-room is no part of a desktop",
    "token invalid": "updateToken's old wording: the contract has the new one, invalid token",
    "params invalid": "joinRtcRoom's new wording: the contract names what is invalid",
    "not an operation": "the bus calls operations only",
}


class Errors(case.Case):
    def setUp(self):
        super().setUp()
        from harness.bus import Client
        self.Client = Client
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            if not client.bus.is_closed():
                client.close()
        self.assert_no_sanitizer_report()
        super().tearDown()

    def client_of(self, desktop):
        self.clients.append(self.Client(desktop))
        return self.clients[-1]

    def fake_desktop(self, consent="allow", name="a"):
        return self.desktop(name, {"server": "fake:", "consent": {"default": consent}, "log": {"level": "warning"},
                                   "apps": {APP_ID: {"appKey": APP_KEY}, "forbidden": {"allowed": False}}})

    def check(self, client, path, row):
        with self.subTest(row.situation, method=row.method, text=row.text[:80]):
            outcome = client.outcome(path, row.method, **row.options)
            self.assertEqual(outcome, (api(row.method), *row.codes, "%s:fail %s" % (api(row.method), row.text)))

    # ---- situations: each gives (client, path), and is left again by destroy() ----

    def joined(self, client, room, app="app", **options):
        path = client.create(app)
        request = client.call(path, "JoinRtcRoom", **dict(JOIN, roomId=room, **options))
        return path, request

    def enter(self, desktop, situation):
        client, room = self.client_of(desktop), None
        if situation in ("idle", "denied"):
            return client, client.create("app")
        if situation == "destroyed":
            path = client.create("app")
            self.assertEqual(client.outcome(path, "Destroy")[1], 0)
            return client, path
        if situation == "theirs":
            owner = self.client_of(desktop)
            path, request = self.joined(owner, "theirs")
            self.assertEqual(owner.completed(path, request)[1], 0)
            return client, client.create("app")
        if situation == "with a key":
            return client, client.create(APP_ID)
        if situation == "in a keyed room":
            path, request = self.joined(client, "room", APP_ID, token=desktop.token("room", "me"))
            self.assertEqual(client.completed(path, request)[1], 0)
            return client, path
        room = {"joining": "fake.hang", "leaving": "fake.stay", "lost": "fake.lost", "crowded": "room"}.get(situation) or situation[3:]
        path, request = self.joined(client, room)
        if situation == "joining":
            wait_for(lambda: client.get(path, "Context", "State") == "joining", "the join")
            return client, path
        self.assertEqual(client.completed(path, request)[1], 0)
        if situation == "leaving":
            client.call(path, "ExitRtcRoom")
            wait_for(lambda: client.get(path, "Context", "State") == "leaving", "the leave")
        if situation == "lost":
            wait_for(lambda: client.get(path, "Context", "State") == "reconnecting", "the loss")
        for i in range(256 if situation == "crowded" else 0):
            self.assertEqual(client.outcome(path, "ChangeStreamSubscribeState", state=1, userId="u%d" % i)[1], 0)
        return client, path

    def token_of(self, desktop, what):
        token = desktop.token("room", "me")
        if what == "expired":
            token = desktop.token("room", "me", "--expires", "1")
            time.sleep(2.1)
        return {"another room's": lambda: desktop.token("other", "me"), "another user's": lambda: desktop.token("room", "you"),
                "another app's": lambda: "001" + "f" * 24 + token[27:],
                "forged": lambda: token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]}.get(what, lambda: token if what == "expired" else what)()

    def run_rows(self, desktop, rows):
        """Each situation once, in the order of its first row; then all its rows."""
        tokens = {}
        for situation in dict.fromkeys(row.situation for row in rows):
            client, path = self.enter(desktop, situation)
            for row in (r for r in rows if r.situation == situation):
                if situation in ("with a key", "in a keyed room"):
                    if row.options["token"] not in tokens:
                        tokens[row.options["token"]] = self.token_of(desktop, row.options["token"])
                    row = row._replace(options=dict(row.options, token=tokens[row.options["token"]]))
                self.check(client, path, row)
            for each in self.clients:  # whoever leaves the bus leaves its room
                if not each.bus.is_closed():
                    each.close()
            other = self.client_of(desktop)
            wait_for(lambda: other.raw(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0] == {}, "the contexts to go")
            wait_for(lambda: self.is_free(other), "the room to be free", 15)
            other.close()

    @staticmethod
    def is_free(client):
        path = client.create("app")
        free = client.outcome(path, "JoinRtcRoom", **dict(JOIN, roomConfig={"autoPublish": False}))[1] == 0
        client.outcome(path, "ExitRtcRoom")
        client.outcome(path, "Destroy")
        return free

    # ---- completions ----

    def test_parameters(self):
        self.run_rows(self.fake_desktop(), PARAMETERS)

    def test_states(self):
        allowed = [row for row in IN_STATES if row.situation != "denied"]
        self.run_rows(self.fake_desktop(), allowed)
        self.run_rows(self.fake_desktop("deny", "b"), [row for row in IN_STATES if row.situation == "denied"])

    def test_engine_reasons(self):
        self.run_rows(self.fake_desktop(), ENGINE)

    def test_real_servers(self):
        d = self.desktop("a", {"consent": {"default": "allow"}})
        listener = socket.create_server(("127.0.0.1", SILENT_PORT))
        self.ws.closers.append(listener.close)
        client = self.client_of(d)
        for row in REAL:
            self.check(client, client.create("app", row.situation), row)

    def test_janus_refuses(self):
        """A real Janus says no: to a token of its own that it did not sign, and to one more in a room that is full."""
        host = self.desktop("a", {"server": "embedded:", "embedded": {"listen": "127.0.0.1:%d" % JANUS_PORT}})
        host.join("room", "alice")
        guest = self.desktop("b", {"server": "janus+ws://127.0.0.1:%d" % JANUS_PORT, "consent": {"default": "allow"}})
        client = self.client_of(guest)
        self.check(client, client.create("app"), Row("of the server's own", "JoinRtcRoom", dict(JOIN, token="janus:wrong|wrong"), TOKEN, "invalid token"))

    def test_a_full_room_of_a_real_janus(self):
        from harness.janus import VIDEOROOM, Janus, WebSocket
        script = os.path.join(TOP, "tests/integration/lib/janus.sh")
        self.ws.start(["/bin/bash", script, self.ws.folder("janus"), "8190", "-", "sleep", "infinity"], log="janus.log")

        def reach():
            try:
                return Janus(WebSocket("127.0.0.1:8190"))
            except OSError:
                return None
        janus = wait_for(reach, "janus")
        handle = janus.enter(None, VIDEOROOM)
        code = janus.code("message", body={"request": "create", "room": APP_ID + "/full", "publishers": 1}, **handle)
        self.assertEqual(code, 0)
        self.desktop("b", {"server": "janus+ws://127.0.0.1:8190"}).join("full", "alice")
        d = self.desktop("a", {"server": "janus+ws://127.0.0.1:8190", "consent": {"default": "allow"}})
        client = self.client_of(d)
        path = client.create(APP_ID)
        self.check(client, path, Row("a full room", "JoinRtcRoom", {"roomId": "full", "userId": "me", "token": d.token("full", "me")}, FAILED, "error code:-1080"))
        janus.close()

    def test_no_janus_and_no_network(self):
        with mock.patch.dict(os.environ, RTCROOMD_JANUS="/nonexistent/janus"):
            d = self.desktop("a", {"consent": {"default": "allow"}, "server": "embedded:"})
        client = self.client_of(d)
        row = Row("embedded", "JoinRtcRoom", dict(JOIN, token=d.token("room", "me")), FAILED, "janus is not installed")
        self.check(client, client.create(APP_ID), row)
        d = self.desktop("b", {"consent": {"default": "allow"}, "server": "embedded:"})
        client = self.client_of(d)
        d.run("ip", "link", "set", "veA", "down")
        try:
            self.check(client, client.create(APP_ID), row._replace(text="no network address"))
        finally:
            d.run("ip", "link", "set", "veA", "up")

    def test_cut_short(self):
        """Requests in flight when the room or the context ends, or the daemon."""
        d = self.fake_desktop()
        clients = {"idle": self.client_of(d), "asked": self.client_of(self.fake_desktop("ask", "b"))}
        for row, method, options in CUT:
            with self.subTest(row.situation, method=row.method, by=method):
                client = clients[row.situation]
                path = client.create("app")
                request = client.call(path, row.method, **row.options)
                self.assertEqual(client.outcome(path, method, **options), (api(method), 0, 0, "", api(method) + ":ok"))
                self.assertEqual(client.completed(path, request), (api(row.method), *row.codes, "%s:fail %s" % (api(row.method), row.text)))
        client = clients["idle"]
        path, join = self.joined(client, "fake.hang")
        os.kill(d.daemon_pid(), signal.SIGTERM)
        self.assertEqual(client.completed(path, join), ("joinRtcRoom", *DESTROYED, "joinRtcRoom:fail " + GONE))

    def test_a_join_that_hangs_times_out(self):
        client = self.client_of(self.fake_desktop())
        path, join = self.joined(client, "fake.hang")
        self.assertEqual(client.completed(path, join, 40), ("joinRtcRoom", *FAILED, "joinRtcRoom:fail timed out"))
        self.assertEqual(client.get(path, "Context", "State"), "idle")

    # ---- events ----

    def test_rooms_that_end(self):
        client = self.client_of(self.fake_desktop())
        for reason, (states, interrupted) in ENDS.items():
            with self.subTest(reason):
                path, join = self.joined(client, "fake.end." + reason)
                self.assertEqual(client.completed(path, join)[1], 0)
                self.assertEqual(client.wait_signal(path, "RtcChatInterrupted"), interrupted)
                self.assertEqual([a[:2] for p, _, m, a in client.signals if p == path and m == "RtcStateChanged"], states)
                client.wait_signal(path, "RtcChatMembersChanged", lambda a: a[0] == [])
                self.assertEqual(client.get(path, "Context", "State"), "idle")
                self.assertEqual(client.outcome(path, "Destroy")[1], 0)

    def test_the_microphone_taken_away(self):
        d = self.fake_desktop()
        client = self.client_of(d)
        path, join = self.joined(client, "room")
        self.assertEqual(client.completed(path, join)[1], 0)
        d.config["consent"]["default"] = "deny"
        d.write_config()
        os.kill(d.daemon_pid(), signal.SIGHUP)
        self.assertEqual(client.wait_signal(path, "RtcStateChanged")[:2], (21106, "microphone permission denied"))
        self.assertEqual(client.get(path, "Context", "State"), "joined")
        self.assertFalse(client.get(path, "Context", "AudioCapture"))

    # ---- errors of the bus ----

    def dictionary(self, **options):
        from gi.repository import GLib
        from harness.bus import variant
        return GLib.Variant("(a{sv})", ({k: variant(v) for k, v in options.items()},))

    def test_create(self):
        client = self.client_of(self.fake_desktop())
        for options, name, text in CREATE:
            with self.subTest(text):
                self.assertEqual(client.error_of(ROOT, NAME + ".Manager", "CreateRtcRoomContext", self.dictionary(**options)),
                                 (OWN + name, "createRtcRoomContext:fail " + text))
        for _ in range(8):
            client.create("app")
        self.assertEqual(client.error_of(ROOT, NAME + ".Manager", "CreateRtcRoomContext", self.dictionary(appId="app")),
                         (OWN + "LimitsExceeded", "createRtcRoomContext:fail too many contexts"))

    def test_create_while_the_daemon_ends(self):
        d = self.fake_desktop()
        client = self.client_of(d)
        path, join = self.joined(client, "fake.stay")
        self.assertEqual(client.completed(path, join)[1], 0)
        os.kill(d.daemon_pid(), signal.SIGTERM)
        wait_for(lambda: client.get(path, "Context", "State") == "destroyed", "the end to begin", step=0.005)
        self.assertEqual(client.error_of(ROOT, NAME + ".Manager", "CreateRtcRoomContext", self.dictionary(appId="app")),
                         (OWN + "LimitsExceeded", "createRtcRoomContext:fail shutting down"))

    def test_calls_that_are_none(self):
        d = self.fake_desktop()
        client, other = self.client_of(d), self.client_of(d)
        path, join = self.joined(client, "fake.hang")
        for method in OPERATIONS:
            with self.subTest(method):
                self.assertEqual(client.error_of(path, NAME + ".Context", method, None)[0], DBUS + "InvalidArgs")
                self.assertEqual(client.error_of(ROOT + "/context/99", NAME + ".Context", method, self.dictionary())[0], DBUS + "UnknownObject")
                if method != "ExitRtcRoom":
                    self.assertEqual(other.error_of(path, NAME + ".Context", method, self.dictionary())[0], DBUS + "AccessDenied")

    def test_too_many_requests(self):
        client = self.client_of(self.fake_desktop())
        path, join = self.joined(client, "fake.stay")
        self.assertEqual(client.completed(path, join)[1], 0)
        exits = [client.call(path, "ExitRtcRoom") for _ in range(32)]  # all wait for the room to be left
        self.assertEqual(client.error_of(path, NAME + ".Context", "ExitRtcRoom", self.dictionary()),
                         (OWN + "LimitsExceeded", "32 requests are pending on this context"))
        for request in exits:
            self.assertEqual(client.completed(path, request)[1], 0)

    # ---- the table itself ----

    def test_every_row_of_the_contract_is_there(self):
        """Each operation on the bus has rows, and each key of each operation a row for every other type."""
        client = self.client_of(self.fake_desktop())
        path = client.create("app")
        xml = client.raw(path, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
        interface = re.search(r'<interface name="%s.Context">(.*?)</interface>' % re.escape(NAME), xml, re.S)[1]
        self.assertEqual(set(re.findall(r'<method name="(\w+)"', interface)), set(OPERATIONS))
        for method, keys in OPERATIONS.items():
            for key, (kind, required, _) in keys.items():
                wrong = (set(EXAMPLES) | ({"undefined"} if required else set())) - {kind}
                self.assertLessEqual({"params.%s should be %s, but got %s" % (key, kind, w) for w in wrong},
                                     {row.text for row in PARAMETERS if row.method == method})

    def test_every_text_of_the_sources_is_provoked(self):
        """What app/ can say is said by a row, or cannot be: then UNREACHABLE has the reason."""
        said = {row.text for row in PARAMETERS + IN_STATES + ENGINE + REAL + [cut for cut, _, _ in CUT]} | {text for _, _, text in CREATE} | LIMITS
        said |= {text for states, end in ENDS.values() for _, text in [*states, end]} | {"microphone permission denied"}
        codes = {str(code) for row in PARAMETERS + IN_STATES + ENGINE for code in row.codes[:2]}
        codes |= {str(code) for states, end in ENDS.values() for code, _ in [*states, end]} | {"21106"}
        for text in self.texts_of_the_sources():
            pattern = re.compile(re.sub(r"%\\?\.?\\?\*?[a-z]+", ".*", re.escape(text)))
            self.assertTrue(text in UNREACHABLE or any(pattern.search(t) for t in said), "no row provokes %r" % text)
        for code in self.codes_of_the_sources():
            self.assertTrue(code in codes or any(code in t for t in said), "no row provokes %s" % code)

    @staticmethod
    def source(name):
        with open(os.path.join(TOP, "daemon/app", name), encoding="utf-8") as f:
            return f.read()

    def texts_of_the_sources(self):
        """String literals that reach a client: of result.c all but names and letters; of the others what is handed to result_…"""
        result = self.source("result.c")
        body = result[result.index("static const struct reason"):]
        texts = {t for t in re.findall(r'"([^"\n]*)"', body) if re.search("[a-z] ", t) and ":fail" not in t}
        for name in sorted(os.listdir(os.path.join(TOP, "daemon/app"))):
            if name.endswith(".c"):
                for call in re.findall(r"(?:request_complete_failed|result_failed|context_fail_ops)\(([^;]*)\);", self.source(name)):
                    texts |= set(re.findall(r'"([^"]+)"', call))
        for call in re.findall(r'add_violation\((.*?)\);', self.source("params.c"), re.S):
            texts.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', call)).replace('\\"', '"'))
        self.assertGreater(len(texts), 25)
        return texts

    def codes_of_the_sources(self):
        return set(re.findall(r"(?<![\w])-?\d{4,6}(?![\w])", re.sub(r"/\*.*?\*/", "", self.source("result.c"), flags=re.S)))


if __name__ == "__main__":
    case.main()
