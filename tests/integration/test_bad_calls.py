#!/usr/bin/python3
"""Calls that no program should make: every argument of the wrong type, size or charset, floods, limits, strangers, callers that
vanish. Through a real bus; the engine is the daemon's fake, so that nothing but the calls is looked at.
"""
import math
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Freed memory would be kept for reports, which no figure of growth survives.
os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")
os.environ["RTCROOMD_FAKE_ENGINE"] = "1"
from harness import case  # noqa: E402
from harness.process import grown, private_kb, settled  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

NAME, ROOT = "org.rtcroom.RtcRoom1", "/org/rtcroom/RtcRoom1"
PROPERTIES, DBUS_ERROR, OWN_ERROR = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Error.", NAME + ".Error."
ID_RULE = "should match [A-Za-z0-9_@.-]{1,128}"
GOOD_JOIN = {"roomId": "room", "token": "native", "userId": "user"}
API = {"JoinRtcRoom": "joinRtcRoom", "ExitRtcRoom": "exitRtcRoom", "ChangeAudioCapture": "changeAudioCapture",
       "ChangeStreamPublishState": "changeStreamPublishState", "ChangeStreamSubscribeState": "changeStreamSubscribeState",
       "ChangeScreenSubscribeState": "changeScreenSubscribeState", "UpdateToken": "updateToken",
       "SetAudioPlaybackDevice": "setAudioPlaybackDevice", "ChangeAnsMode": "changeAnsMode", "ChangeVideoCapture": "changeVideoCapture",
       "SwitchCamera": "switchCamera", "SetVideoEncoderConfig": "setVideoEncoderConfig", "Destroy": "destroy"}


def values():
    """(JSON type name, variant) of every kind that D-Bus has."""
    from gi.repository import GLib
    for text in ("byte 1", "int16 1", "uint16 1", "1", "uint32 1", "int64 1", "uint64 1", "1.5"):
        yield "number", GLib.Variant.parse(None, text, None, None)
    for text in ("true", "false"):
        yield "boolean", GLib.Variant.parse(None, text, None, None)
    for text in ("'text'", "objectpath '/o'", "signature 'as'"):
        yield "string", GLib.Variant.parse(None, text, None, None)
    for text in ("['a']", "[1, 2]", "@as []", "@ay []", "[['a']]"):
        yield "array", GLib.Variant.parse(None, text, None, None)
    for text in ("@a{sv} {}", "{'a': <1>}"):
        yield "object", GLib.Variant.parse(None, text, None, None)
    yield "string", GLib.Variant("v", GLib.Variant("v", GLib.Variant("s", "text")))


class BadCalls(case.Case):
    def setUp(self):
        super().setUp()
        from gi.repository import Gio, GLib
        from harness.bus import Client, variant
        self.Gio, self.GLib, self.Client, self.variant = Gio, GLib, Client, variant
        self.d = self.desktop("a", {"server": "fake:", "consent": {"default": "allow"}, "log": {"level": "warning"}})
        self.pid = self.d.activate()
        self.client = Client(self.d)
        self.clients = [self.client]
        self.path = self.client.create("app")

    def tearDown(self):
        self.assertEqual(self.d.daemon_pid(), self.pid, "the daemon lived")
        for client in self.clients:
            if not client.bus.is_closed():
                client.close()
        self.assert_no_sanitizer_report()
        super().tearDown()

    def another(self):
        self.clients.append(self.Client(self.d))
        return self.clients[-1]

    def options(self, **options):
        return self.GLib.Variant("(a{sv})", ({k: self.variant(v) for k, v in options.items()},))

    def refused(self, method, **options):
        """The detail of a parameter error, which must have the right codes."""
        outcome = self.client.outcome(self.path, method, **options)
        self.assertEqual(outcome[:4], (API[method], 20000, 115999, "D"), outcome)
        head = API[method] + ":fail "
        self.assertTrue(outcome[4].startswith(head), outcome)
        return outcome[4][len(head):]

    def create_error(self, **options):
        return self.client.error_of(ROOT, NAME + ".Manager", "CreateRtcRoomContext", self.options(**options))

    def cost(self):
        """(KB of its own, what it holds), when the last calls are over."""
        held = settled(self.pid, pause=self.client.pump)
        return private_kb(self.pid), held

    # ---- arguments ----

    def test_types(self):
        keys = [("JoinRtcRoom", k, t, GOOD_JOIN) for k, t in (("roomId", "string"), ("token", "string"), ("userId", "string"),
                                                              ("roomConfig", "object"))]
        keys += [("ExitRtcRoom", "roomId", "string", {}), ("ChangeAudioCapture", "state", "number", {}),
                 ("UpdateToken", "token", "string", {}), ("ChangeStreamPublishState", "state", "number", {}),
                 ("ChangeStreamPublishState", "streamType", "string", {"state": 1}),
                 ("ChangeStreamSubscribeState", "state", "number", {"userId": "u"}),
                 ("ChangeStreamSubscribeState", "userId", "string", {"state": 1}),
                 ("ChangeStreamSubscribeState", "streamType", "string", {"state": 1, "userId": "u"})]
        for method, key, wanted, others in keys:
            for kind, value in values():
                if kind != wanted:
                    with self.subTest(method, key=key, value=value.print_(True)):
                        self.assertEqual(self.refused(method, **dict(others, **{key: value})),
                                         "params.%s should be %s, but got %s" % (key, wanted, kind))
        for member in ("autoPublish", "autoSubscribe"):
            for kind, value in values():
                if kind != "boolean":
                    self.assertEqual(self.refused("JoinRtcRoom", **GOOD_JOIN, roomConfig={member: value}),
                                     "params.roomConfig.%s should be boolean, but got %s" % (member, kind))
        for kind, value in values():
            if kind != "string":
                self.assertEqual(self.create_error(appId=value), (OWN_ERROR + "InvalidParams",
                                 "createRtcRoomContext:fail params.appId should be string, but got " + kind))

    def test_missing_and_several(self):
        missing = "params.%s should be %s, but got undefined"
        self.assertEqual(self.refused("JoinRtcRoom"), " ".join(missing % (k, "string") for k in ("roomId", "token", "userId")))
        self.assertEqual(self.refused("JoinRtcRoom", roomId=1, userId="", token=True, roomConfig={"autoPublish": 1, "autoSubscribe": "x"}),
                         "params.roomId should be string, but got number params.token should be string, but got boolean "
                         "params.userId " + ID_RULE + " params.roomConfig.autoPublish should be boolean, but got number "
                         "params.roomConfig.autoSubscribe should be boolean, but got string")
        self.assertEqual(self.refused("ChangeStreamSubscribeState"), missing % ("state", "number") + " " + missing % ("userId", "string"))
        self.assertEqual(self.create_error(), (OWN_ERROR + "InvalidParams", "createRtcRoomContext:fail " + missing % ("appId", "string")))

    def test_charset_and_length(self):
        for text in ("", "a b", "ü", "a/b", "a\nb", "a\x1bb", "x" * 129, "日本", "a:b"):
            for key in ("roomId", "userId"):
                self.assertEqual(self.refused("JoinRtcRoom", **dict(GOOD_JOIN, **{key: text})), "params.%s %s" % (key, ID_RULE))
            self.assertEqual(self.refused("ChangeStreamSubscribeState", state=1, userId=text), "params.userId " + ID_RULE)
            self.assertEqual(self.refused("ExitRtcRoom", roomId=text), "params.roomId " + ID_RULE)
            self.assertEqual(self.create_error(appId=text)[1], "createRtcRoomContext:fail params.appId " + ID_RULE)
        self.assertEqual(self.refused("JoinRtcRoom", **dict(GOOD_JOIN, token="")), "params.token should not be empty")
        longest = "x" * 128
        self.assertEqual(self.client.outcome(self.path, "JoinRtcRoom", roomId=longest, userId=longest, token="native")[1], 0)
        self.assertEqual(self.client.get(self.path, "Context", "RoomId"), longest)

    def test_choices(self):
        for value, shown in ((2, "2"), (-1, "-1"), (0.5, "0.5"), (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"),
                             (1e300, "1e+300"), (self.GLib.Variant("t", 2 ** 64 - 1), "1.84467440737096e+19")):
            self.assertEqual(self.refused("ChangeAudioCapture", state=value), "expect params.state to be one of 0, 1, but got " + shown)
        for value in (1.0, self.GLib.Variant("y", 1), self.GLib.Variant("t", 1)):
            self.assertEqual(self.client.outcome(self.path, "ChangeAudioCapture", state=value)[1], 0)
        choice = 'expect params.streamType to be one of "audio", "video", "both", but got '
        self.assertEqual(self.refused("ChangeStreamPublishState", state=1, streamType="sound"), choice + "sound")
        for letter in ("x", "é", "€", "🎙"):
            for shift in range(4):
                shown = self.refused("ChangeStreamPublishState", state=1, streamType="y" * shift + letter * 5000)
                self.assertTrue(shown.startswith(choice + "y" * shift + letter) and len(shown) < 300, shown)

    def test_servers(self):
        for text in ("", "nonsense", "http://host", "janus+ws://", "janus+ws://host:99999", "janus+ws://user@host", "ws://" + "x" * 5000,
                     "janus+ws://ho st", "embedded:x", "janus+ws://host/\n"):
            with self.subTest(text[:40]):
                self.assertEqual(self.create_error(appId="app", server=text), (OWN_ERROR + "InvalidParams",
                                 "createRtcRoomContext:fail params.server should be a server URL"))

    def test_sizes(self):
        def deep(levels):
            value = self.GLib.Variant("s", "x")
            for _ in range(levels):
                value = self.GLib.Variant("a{sv}", {"a": value})
            return value
        many = {"k%d" % i: 1 for i in range(65)}
        self.assertEqual(self.refused("JoinRtcRoom", **dict(GOOD_JOIN, token="x" * 16385)), "params too large")
        for size, options in (("65 entries", many), ("64 KiB", {"a": "x" * 30000, "b": "x" * 36000}), ("9 levels", {"a": deep(8)}),
                              ("15 levels", {"a": deep(15)}), ("1 MiB", {"a": "x" * (1 << 20)}), ("many", {"k%d" % i: 1 for i in range(50000)}),
                              ("an array", {"a": self.GLib.Variant("au", range(100000))}),
                              ("inside roomConfig", {"roomConfig": {"k%d" % i: 1 for i in range(70)}})):
            with self.subTest(size):
                self.assertEqual(self.refused("JoinRtcRoom", **GOOD_JOIN, **options), "params too large")
                self.assertEqual(self.create_error(appId="app", **options), (OWN_ERROR + "InvalidParams", "createRtcRoomContext:fail params too large"))
        for options in ({"k%d" % i: 1 for i in range(61)}, {"a": deep(7)}, {"a": "x" * 60000}):  # within the bounds unknown keys are skipped
            self.assertEqual(self.client.outcome(self.path, "JoinRtcRoom", **GOOD_JOIN, **options)[1], 0)
            self.assertEqual(self.client.outcome(self.path, "ExitRtcRoom")[1], 0)

    def test_any_value_anywhere(self):
        """Seeded rubbish: every request is answered with a number and completes once."""
        dice = random.Random(7)
        kinds = [v for _, v in values()]

        def any_value(depth=0):
            if depth < 5 and dice.random() < 0.3:
                return self.GLib.Variant("a{sv}", {dice.choice(("state", "roomId", "x", "", "ü")): any_value(depth + 1)
                                                   for _ in range(dice.randrange(4))})
            return dice.choice(kinds)
        keys = ["roomId", "token", "userId", "roomConfig", "state", "streamType", "device", "mode", "camera", "maxSolution", "unknown", "", "ключ"]
        methods = [m for m in API if m != "Destroy"]
        requests = [self.client.call(self.path, dice.choice(methods), **{k: any_value() for k in dice.sample(keys, dice.randrange(6))})
                    for _ in range(1000)]
        self.client.completed(self.path, requests[-1])
        self.client.pump(0.2)
        numbers = [a[0] for _, _, m, a in self.client.signals if m == "Completed"]
        self.assertEqual(sorted(numbers), sorted(requests))

    # ---- calls ----

    def test_signatures(self):
        variants = [self.GLib.Variant.parse(None, text, None, None) for text in
                    ("('s',)", "({'a': 'b'},)", "({'a': <1>}, {'a': <1>})", "(5,)", "(<@a{sv} {}>,)", "([@a{sv} {}],)", "(@ay [],)")]
        for method in API:
            for arguments in variants + [None]:
                self.assertEqual(self.client.error_of(self.path, NAME + ".Context", method, arguments)[0], DBUS_ERROR + "InvalidArgs")
        for arguments in variants + [None]:
            self.assertEqual(self.client.error_of(ROOT, NAME + ".Manager", "CreateRtcRoomContext", arguments)[0], DBUS_ERROR + "InvalidArgs")
        self.assertEqual(self.client.get(self.path, "Context", "State"), "idle")

    def test_objects_and_members_that_are_not_there(self):
        for path in (ROOT + "/context/99", ROOT + "/context/0", ROOT + "/context/01", ROOT + "/context/-1".replace("-", "_"),
                     ROOT + "/context/99999999999999999999", ROOT + "/context", self.path + "/participant/1", self.path + "/x", "/", "/org"):
            name, _ = self.client.error_of(path, NAME + ".Context", "JoinRtcRoom", self.options(**GOOD_JOIN))
            self.assertIn(name, (DBUS_ERROR + "UnknownObject", DBUS_ERROR + "UnknownMethod"), path)
        for interface, member in ((".Context", "Nothing"), (".Nothing", "JoinRtcRoom"), (".Manager", "CreateRtcRoomContext"), (".Context", "joinRtcRoom")):
            name, _ = self.client.error_of(self.path, NAME + interface, member, self.options())
            self.assertIn(name, (DBUS_ERROR + "UnknownMethod", DBUS_ERROR + "UnknownInterface"))

    def set_error(self, path, interface, name, value):
        return self.client.error_of(path, PROPERTIES, "Set", self.GLib.Variant("(ssv)", (NAME + "." + interface, name, value)))[0]

    def test_properties(self):
        self.assertEqual(self.client.outcome(self.path, "JoinRtcRoom", **GOOD_JOIN)[1], 0)
        objects = wait_for(lambda: [p for p in self.client.raw(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]
                                    if "participant" in p], "participants")
        for volume in (math.nan, math.inf, -0.1, 2.1, -math.inf):
            self.assertEqual(self.set_error(objects[0], "Participant", "Volume", self.variant(volume)), DBUS_ERROR + "InvalidArgs")
        for value in (self.variant(1), self.variant("1"), self.variant(True)):
            self.assertIn(self.set_error(objects[0], "Participant", "Volume", value), (DBUS_ERROR + "InvalidArgs", DBUS_ERROR + "InvalidSignature"))
        for value in (self.variant(1), self.variant("true"), self.variant({})):
            self.assertIn(self.set_error(self.path, "Voice", "Muted", value), (DBUS_ERROR + "InvalidArgs", DBUS_ERROR + "InvalidSignature"))
        for path, interface, name in ((self.path, "Context", "State"), (objects[0], "Participant", "Speaking"), (ROOT, "Manager", "InRoom")):
            self.assertEqual(self.set_error(path, interface, name, self.variant("x")), DBUS_ERROR + "PropertyReadOnly")
        self.assertEqual(self.set_error(self.path, "Context", "Nothing", self.variant("x")), DBUS_ERROR + "UnknownProperty")
        self.assertEqual(self.client.get(objects[0], "Participant", "Volume"), 1.0)
        self.assertFalse(self.client.get(self.path, "Voice", "Muted"))

    # ---- who asks ----

    def test_another_program(self):
        other = self.another()
        self.assertEqual(self.client.outcome(self.path, "JoinRtcRoom", **GOOD_JOIN)[1], 0)
        for method in API:
            if method != "ExitRtcRoom":
                for options in ({}, GOOD_JOIN, {"state": 1}):
                    self.assertEqual(other.error_of(self.path, NAME + ".Context", method, self.options(**options))[0], DBUS_ERROR + "AccessDenied")
        self.assertEqual(self.client.get(self.path, "Context", "State"), "joined")
        self.assertEqual(other.outcome(self.path, "ExitRtcRoom")[1], 0)
        self.client.pump(0.1)
        self.assertEqual(len([s for s in self.client.signals if s[2] == "Completed"]), 1, "the other's outcome is the other's")

    # ---- limits and floods ----

    def test_context_limits(self):
        mine = [self.path] + [self.client.create("app") for _ in range(7)]
        self.assertEqual(self.create_error(appId="app")[0], OWN_ERROR + "LimitsExceeded")
        self.assertEqual(self.client.outcome(mine[3], "Destroy")[1], 0)
        mine[3] = self.client.create("app")
        others = [self.another() for _ in range(7)]
        for other in others:
            for _ in range(8):
                other.create("app")
        stranger = self.another()
        self.assertEqual(stranger.error_of(ROOT, NAME + ".Manager", "CreateRtcRoomContext", self.options(appId="app"))[0], OWN_ERROR + "LimitsExceeded")
        others[0].close()
        wait_for(lambda: self.creates(stranger), "the places of a program that left")
        self.assertEqual(self.client.outcome(mine[0], "JoinRtcRoom", **GOOD_JOIN)[1], 0)

    def creates(self, client):
        try:
            return client.create("app")
        except self.GLib.Error:
            return None

    def pipeline(self, client, path, method, arguments, n):
        """n calls at once; the numbers, and the names of the errors."""
        numbers, errors = [], []

        def on_reply(bus, result):
            try:
                numbers.append(bus.call_finish(result).unpack()[0])
            except self.GLib.Error as e:
                errors.append(self.Gio.DBusError.get_remote_error(e))
        client.context_loop.push_thread_default()
        for _ in range(n):
            client.bus.call(NAME, path, NAME + ".Context", method, arguments, None, self.Gio.DBusCallFlags.NONE, 60000, None, on_reply)
        client.context_loop.pop_thread_default()
        wait_for(lambda: client.pump() or len(numbers) + len(errors) == n, "all answers", 60)
        return numbers, errors

    def test_flood_of_20000(self):
        other = self.another()
        first = self.client.call(self.path, "JoinRtcRoom", **dict(GOOD_JOIN, roomId="fake.hang"))
        marks, total, over = [], 0, 0
        for round_ in range(20):
            client, arguments = (self.client, self.options(**GOOD_JOIN)) if round_ % 2 else (other, self.options(a="x" * 2000))
            numbers, errors = self.pipeline(client, self.path, "JoinRtcRoom" if round_ % 2 else "Destroy", arguments, 1000)
            total += len(numbers) + len(errors)
            over += errors.count(OWN_ERROR + "LimitsExceeded")
            if client is other:
                self.assertEqual(set(errors), {DBUS_ERROR + "AccessDenied"})
            else:
                self.assertLessEqual(set(errors), {OWN_ERROR + "LimitsExceeded"})
                self.client.pump(0.2)
                outcomes = [a for _, _, m, a in self.client.signals if m == "Completed"]
                self.assertEqual(sorted(a[0] for a in outcomes), sorted(numbers), "each number completes once")
                self.assertEqual({a[1:] for a in outcomes}, {("joinRtcRoom", 21100, 115901, "D",
                                 "joinRtcRoom:fail user user is already in the room fake.hang")})
            self.client.signals.clear()
            if round_ in (5, 19):
                marks.append(self.cost())
        print("private KB:", *(m[0] for m in marks), "beyond 32 pending:", over)
        self.assertEqual(total, 20000)
        self.assertGreater(over, 0)
        self.assertEqual(grown(marks[0][1], marks[1][1]), [])
        self.assertLess(marks[1][0] - marks[0][0], 1500)
        self.assertEqual(self.client.outcome(self.path, "ExitRtcRoom")[1], 0)
        self.assertEqual(self.client.completed(self.path, first)[4], "joinRtcRoom:fail room exited")

    def vanish_in_a_flood(self):
        victim = self.Client(self.d)
        path = victim.create("app")
        arguments = self.options(**dict(GOOD_JOIN, roomId="fake.hang"))
        for i in range(1000):
            victim.bus.call(NAME, path, NAME + ".Context", ("JoinRtcRoom", "ExitRtcRoom")[i % 2], arguments, None,
                            self.Gio.DBusCallFlags.NONE, -1, None, None)
        victim.bus.flush_sync(None)
        victim.bus.get_stream().get_socket().shutdown(True, True)  # as a killed program's ends: at once, answers unread

    def test_clients_vanish_in_the_middle(self):
        marks = []
        for i in range(30):
            self.vanish_in_a_flood()
            if i in (9, 29):
                wait_for(lambda: self.client.raw(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0].keys() == {self.path},
                         "the contexts of those who left to go", 20)
                marks.append(self.cost())
        print("private KB:", *(m[0] for m in marks))
        self.assertEqual(grown(marks[0][1], marks[1][1]), [])
        self.assertLess(marks[1][0] - marks[0][0], 1500)
        self.assertEqual(self.client.outcome(self.path, "JoinRtcRoom", **GOOD_JOIN)[1], 0)


if __name__ == "__main__":
    case.main()
