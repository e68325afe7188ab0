#!/usr/bin/python3
"""A livekit-server that fails, is silent, or sends rubbish, at each step.

Every join ends exactly once and within its bound, the daemon lives and does not grow, and a good server is joined afterwards.
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Freed memory would be kept for reports, which no figure of growth survives.
os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import token  # noqa: E402
from harness.livekit_double import Double, authorization, good_join, pb, response  # noqa: E402
from harness.livekit_room import OK  # noqa: E402
from harness.workspace import read, wait_for  # noqa: E402

BOUND = 40  # the server itself may take 18 s for the upgrade


def answer(code, body=b""):
    """This status for whoever asks, be it for the connection or for the reason."""
    return lambda talk: talk.status(code, body)


def first(*messages, then=lambda talk: talk.hang()):
    """Accepts, says this at once."""
    def script(talk):
        talk.accept()
        for m in messages:
            talk.send(m)
        then(talk)
    return script


def text_first(talk):
    talk.accept()
    talk.send(b'{"join":{}}', 0x81)
    talk.hang()


def silent_upgrade(talk):
    while talk.file.read(1):
        pass


def wrong_key(talk):
    talk.accept("the key of somebody else")
    talk.hang()


def half_a_frame(talk):
    talk.accept()
    talk.raw(b"\x82\x7e\x10\x00abc")
    talk.near.close()


def huge(size):
    def script(talk):
        talk.accept()
        talk.raw(b"\x82\x7f" + size.to_bytes(8, "big"))
        chunk = b"\0" * 65536
        for _ in range(size // len(chunk)):
            talk.raw(chunk)
        talk.hang()
    return script


JOIN = response(join=good_join())
LEAVE = {name: response(leave=pb.LeaveRequest(action=a, reason=r)) for name, a, r in (
    ("disconnect", pb.DISCONNECT, pb.JOIN_FAILURE), ("full", pb.DISCONNECT, pb.ROOM_DELETED), ("resume", pb.RESUME, pb.UNKNOWN_REASON),
    ("reconnect", pb.RECONNECT, pb.STATE_MISMATCH))}
# mode → what it does, what a join comes to: (errNo, words in the text)
REFUSALS = {
    "status-400": (answer(400, b"identity cannot be empty"), 21102, "identity cannot be empty"),
    "status-401": (answer(401, b"invalid authorization token: of a stranger"), 21101, "invalid authorization token"),
    "status-401-grant": (answer(401, b"permissions denied"), 21101, "permissions denied"),
    "status-403": (answer(403, b"not here"), 21101, ""),
    "status-404-room": (answer(404, b"requested room does not exist"), 21102, "requested room does not exist"),
    "status-404": (answer(404), 21102, ""),
    "status-500": (answer(500, b"connection closed by media"), 21102, "error code:-1080"),
    "status-503": (answer(503, b"node has exceeded its configured limit"), 21102, "exceeded its configured limit"),
    "status-200": (answer(200, b"hello"), 21102, ""),
    "status-rubbish": (answer(500, b"\x1b[31m\r\nforged line\xff\xfe" * 5), 21102, ""),
    "status-long": (answer(500, b"long " * 40000), 21102, ""),
    "no-http": (lambda talk: talk.raw(b"\0\1\2 rubbish\r\n\r\n"), 21102, ""),
    "close-upgrade": (lambda talk: None, 21102, ""),
    "reset-upgrade": (lambda talk: talk.reset(), 21102, ""),
    "wrong-key": (wrong_key, 21102, ""),
    "close-before-join": (first(then=lambda talk: talk.close()), 21102, ""),
    "reset-before-join": (first(then=lambda talk: talk.reset()), 21102, ""),
    "half-a-frame": (half_a_frame, 21102, ""),
    "text-first": (text_first, 21102, ""),
    "rubbish-first": (first(b"\xff" * 40), 21102, ""),
    "empty-first": (first(b""), 21102, ""),
    "pong-first": (first(response(pong=5)), 21102, ""),
    "reconnect-first": (first(response(reconnect={})), 21102, ""),
    "huge-first": (huge(20 << 20), 21102, ""),
    "leave-first-disconnect": (first(LEAVE["disconnect"]), 21102, ""),
    "leave-first-full": (first(LEAVE["full"]), 21102, ""),
}
ODD_JOINS = {"nothing in it": {}, "me by another name": good_join("mallory"), "pings without a pause": good_join(ping_interval=-1, ping_timeout=-5),
             "a server for candidates": good_join(ice_servers=[pb.IceServer(urls=["turn:", "stun:\0", "x" * 9000, "turns:[::1"], username="u" * 9000)] * 300),
             "everybody twice": good_join(other_participants=[pb.ParticipantInfo(sid="PA_1", identity="bob", state=pb.ACTIVE)] * 2),
             "another address": good_join(alternative_url="gopher://x y")}
SLOW = {
    "silent-upgrade": (silent_upgrade, 21102, ""),
    "no-first-message": (first(), 21102, ""),
    "leave-first-resume": (first(LEAVE["resume"]), 21102, ""),
    "leave-first-reconnect": (first(LEAVE["reconnect"]), 21102, ""),
}


def person_info(i, **more):
    return pb.ParticipantInfo(**dict({"sid": "PA_%d" % i, "identity": "u%d" % i, "state": pb.ACTIVE, "version": 1}, **more))


def oddities():
    """Messages that are well-formed and make no sense, after a good join."""
    far = (1 << 31) - 1
    track = pb.TrackInfo(sid="TR_x", type=pb.AUDIO, source=pb.MICROPHONE)
    yield "update of nobody", response(update=pb.ParticipantUpdate())
    yield "update without names", response(update=pb.ParticipantUpdate(participants=[pb.ParticipantInfo(), person_info(1, identity=""), person_info(2, sid="")]))
    yield "update with bad names", response(update=pb.ParticipantUpdate(participants=[person_info(3, identity="a b\n\x1b[31m"), person_info(4, identity="x" * 5000)]))
    yield "the same session twice", response(update=pb.ParticipantUpdate(participants=[person_info(5), person_info(5, identity="u6")]))
    yield "the same identity twice", response(update=pb.ParticipantUpdate(participants=[person_info(7), person_info(7, sid="PA_other")]))
    yield "a crowd", response(update=pb.ParticipantUpdate(participants=[person_info(i) for i in range(5000)]))
    yield "tracks without end", response(update=pb.ParticipantUpdate(participants=[person_info(8, tracks=[track] * 5000)]))
    yield "myself gone", response(update=pb.ParticipantUpdate(participants=[pb.ParticipantInfo(sid="PA_me", identity="alice", state=pb.DISCONNECTED, version=9)]))
    yield "speakers", response(speakers_changed=pb.SpeakersChanged(speakers=[pb.SpeakerInfo(sid="PA_none", level=float("nan"), active=True)] * 3000))
    yield "quality", response(connection_quality=pb.ConnectionQualityUpdate(updates=[pb.ConnectionQualityInfo(participant_sid="PA_none", score=float("inf"))]))
    yield "mute of nothing", response(mute=pb.MuteTrackRequest(sid="TR_none", muted=True))
    yield "unpublished nothing", response(track_unpublished=pb.TrackUnpublishedResponse(track_sid="TR_none"))
    yield "published nothing", response(track_published=pb.TrackPublishedResponse(cid="none", track=track))
    yield "subscription failed", response(subscription_response=pb.SubscriptionResponse(track_sid="TR_none", err=7))
    yield "sections", response(media_sections_requirement=pb.MediaSectionsRequirement(num_audios=0xffffffff, num_videos=0xffffffff))
    yield "a request that was none", response(request_response=pb.RequestResponse(request_id=77, reason=pb.NOT_ALLOWED, message="x" * 100000))
    yield "a token that is none", response(refresh_token="rubbish\r\nX: y")
    yield "a huge token", response(refresh_token="x" * 300000)
    yield "an empty token", response(refresh_token="")
    yield "an answer to nothing", response(answer=pb.SessionDescription(type="answer", sdp="v=0\r\n", id=99))
    yield "an answer of another kind", response(answer=pb.SessionDescription(type="offer", sdp="\0", id=1))
    yield "an offer", response(offer=pb.SessionDescription(type="offer", sdp="v=0\r\n", id=1))
    for json in ("", "{", "[]", "{}", '{"candidate":5}', '{"candidate":"candidate:1 1 udp 1 1.2.3.4 99999 typ host"}', '{"candidate":"' + "x" * 70000 + '"}'):
        yield "candidate " + json[:60], response(trickle=pb.TrickleRequest(candidate_init=json))
    yield "a room of no name", response(room_update=pb.RoomUpdate())
    yield "pong of tomorrow", response(pong_resp=pb.Pong(last_ping_timestamp=-far, timestamp=far << 20))
    yield "permission", response(subscription_permission_update=pb.SubscriptionPermissionUpdate(participant_sid="x", track_sid="y"))
    yield "an unknown message", b"\xfa\x3e\x02\x08\x01"
    yield "nothing", b""


def resident_kb(pid):
    return int(next(line.split()[1] for line in read("/proc/%d/status" % pid).splitlines() if line.startswith("VmRSS")))


class BadServer(livekit_room.Case):
    def setUp(self):
        super().setUp()
        self.scripts = {}
        self.double = Double(self.ws, self.scripts)
        self.d = self.desktop("alice", {"consent": {"default": "allow"}, "log": {"level": "info"}, "reconnectSeconds": 20})
        self.pid = self.d.activate()

    def tearDown(self):
        self.assertEqual(self.d.daemon_pid(), self.pid, "the daemon lived")
        self.assertEqual(self.double.failures, [], "the scripts were right")
        self.assert_no_sanitizer_report()
        super().tearDown()

    def at(self, mode):
        return livekit_room.Person(self.d, "alice", server=self.double.server(mode))

    def fresh(self, person):
        """The end of a person, each of whose requests was completed once."""
        numbers = [a[0] for a in person.told("Completed")]
        self.assertEqual(len(numbers), len(set(numbers)), "each exactly once")
        person.do("Destroy")
        person.client.close()
        self.ws.closers.remove(person.client.close)

    def refusals(self, table):
        self.scripts.update({mode: row[0] for mode, row in table.items()})
        for mode, (_, code, words) in table.items():
            with self.subTest(mode):
                p, start = self.at(mode), time.monotonic()
                outcome = p.try_join(autoPublish=False, seconds=BOUND)
                self.assertEqual((outcome[0], outcome[1]), ("joinRtcRoom", code), outcome)
                self.assertIn(words, outcome[4])
                self.assertLess(len(outcome[4]), 600)
                self.assertTrue(outcome[4].isprintable(), outcome[4])
                self.assertEqual(p.get("State"), "idle")
                print("%s: %.1f s: %s" % (mode, time.monotonic() - start, outcome[4]), file=sys.stderr)
                self.fresh(p)

    def test_refusals_and_ends_before_the_room(self):
        self.refusals(REFUSALS)
        log = self.d.log()
        self.assertNotIn("\nforged line", log)
        self.assertNotIn("\x1b", log)
        self.good()

    def test_silence_before_the_room(self):
        self.refusals(SLOW)
        self.good()

    def good(self):
        """A server that is as it should be, for who only listens."""
        self.scripts["good"] = first(JOIN)
        p = self.at("good")
        self.assertEqual(p.try_join(autoPublish=False), OK)
        self.assertEqual(p.get("Members"), ["alice"])
        p.leave()
        self.fresh(p)

    def test_an_older_server(self):
        """Of before /rtc/v1: asked there first, with the token in the header, then as it knows it."""
        seen = []

        def old(talk):
            seen.append((talk.path, talk.query, authorization(talk)))
            if talk.path != "/rtc":
                return talk.status(404, b"404 page not found\n")
            return first(response(join=good_join(subscriber_primary=True)))(talk)
        self.scripts["old"] = old
        p = self.at("old")
        bearer = token("room", "alice")
        p.try_join(bearer=bearer, autoPublish=False, seconds=BOUND)
        self.assertEqual(seen[0][0], "/rtc/v1")
        self.assertTrue(all(s[2] == bearer for s in seen if s[0].startswith("/rtc")), "the token is always shown")
        self.assertFalse(any(bearer in s[1] for s in seen), "and not in an address, which proxies log")
        self.assertIn("/rtc", [s[0] for s in seen])
        self.assertIn("protocol=", [s[1] for s in seen if s[0] == "/rtc"][0])
        self.fresh(p)

    def test_welcomes_that_make_no_sense(self):
        """They are taken or not; a room that one is in can be left."""
        for what, join in ODD_JOINS.items():
            with self.subTest(what):
                self.scripts["odd"] = first(response(join=join))
                p = self.at("odd")
                outcome = p.try_join(autoPublish=False)
                self.assertIn(outcome[1], (0, 21102), outcome)
                if outcome == OK:
                    self.assertIn("alice", p.get("Members"), "whatever the server calls us")
                    self.assertEqual(len(p.get("Members")), len(set(p.get("Members"))))
                    p.leave()
                self.fresh(p)
        self.good()

    def test_messages_that_make_no_sense(self):
        odd = list(oddities())

        def script(talk):
            first(JOIN, then=lambda _: None)(talk)
            for _, message in odd:
                talk.send(message)
            talk.send(response(update=pb.ParticipantUpdate(participants=[person_info(90001, identity="last")])))
            talk.hang()
        self.scripts["odd"] = script
        p = self.at("odd")
        self.assertEqual(p.try_join(autoPublish=False), OK)
        wait_for(lambda: p.told("RtcChatMembersChanged") or p.get("State") != "joined", "the crowd", 30)
        p.client.pump(3)
        self.assertIn(p.get("State"), ("joined", "reconnecting", "idle"))
        self.assertFalse([u for u in p.get("Members") if not u.isprintable() or len(u) > 128], "no such names")
        self.fresh(p)
        self.assertLess(len(self.d.log()), 300000, "what is odd does not flood the log")
        self.good()

    def test_each_message_that_makes_no_sense_alone(self):
        """Whether the room goes on or is tried again, the daemon answers and leaves."""
        for what, message in oddities():
            with self.subTest(what):
                self.scripts["odd"] = first(JOIN, message)
                p = self.at("odd")
                self.assertEqual(p.try_join(autoPublish=False), OK)
                p.client.pump(0.05)
                self.assertEqual(p.client.outcome(p.path, "ExitRtcRoom")[1], 0)
                self.fresh(p)
        self.good()

    def in_the_room(self, then, seconds=40):
        """A room that something happens to at the first connection; the next ones are good. The person, and the connections."""
        before = self.double.count("room")

        def script(talk):
            if self.double.count("room") == before + 1:
                return first(JOIN, then=then)(talk)
            return first(response(reconnect={}) if talk.join_request().reconnect else JOIN)(talk)
        self.scripts["room"] = script
        p = self.at("room")
        self.assertEqual(p.try_join(autoPublish=False), OK)
        wait_for(lambda: self.double.count("room") > before + 1 or p.told("RtcChatInterrupted"), "a second connection, or the end", seconds)
        return p

    def test_connection_that_ends_in_the_room(self):
        """Closed, reset, silent, or left with "resume" or "reconnect": the room is come back to."""
        for what, then in (("close", lambda t: t.close()), ("abnormal close", lambda t: t.close(1011)), ("reset", lambda t: t.reset()),
                           ("leave resume", lambda t: (t.send(LEAVE["resume"]), t.hang())), ("no pong", lambda t: t.hang()),
                           ("leave reconnect", lambda t: (t.send(LEAVE["reconnect"]), t.hang()))):
            with self.subTest(what):
                p = self.in_the_room(then)
                self.assertEqual((p.states()[:1], p.told("RtcChatInterrupted")), (["reconnecting"], []))
                self.assertEqual(p.client.outcome(p.path, "ExitRtcRoom")[1], 0)
                self.fresh(p)

    def test_leaving_whatever_the_server_does(self):
        """Cut off at the good-bye, reset, never answered, not even read: leaving is done at once, and the daemon can come again."""
        def deaf(talk):
            gone.wait(60)

        for what, then in (("dropped", lambda t: t.receive_until("leave")), ("reset", lambda t: (t.receive_until("leave"), t.reset())),
                           ("unanswered", lambda t: (t.receive_until("leave"), gone.wait(60))), ("deaf", deaf)):
            gone = threading.Event()
            with self.subTest(what):
                self.scripts["room"] = first(JOIN, then=then)
                p = self.at("room")
                self.assertEqual(p.try_join(autoPublish=False), OK)
                start = time.monotonic()
                self.assertEqual(p.client.outcome(p.path, "ExitRtcRoom")[1], 0)
                self.assertEqual(p.get("State"), "idle")
                print("%s: left after %.2f s" % (what, time.monotonic() - start), file=sys.stderr)
                self.assertEqual(p.try_join(autoPublish=False, seconds=BOUND), OK)
                p.leave()
                gone.set()
                self.fresh(p)

    def test_leaves_for_good(self):
        for reason, code in (("DUPLICATE_IDENTITY", -1004), ("PARTICIPANT_REMOVED", -1006), ("ROOM_DELETED", -1011), ("ROOM_CLOSED", -1011)):
            with self.subTest(reason):
                leave = response(leave=pb.LeaveRequest(action=pb.DISCONNECT, reason=getattr(pb, reason)))
                before = self.double.count("room")
                p = self.in_the_room(lambda t, m=leave: (t.send(m), t.close()))
                p.interrupted(code)
                p.client.pump(1)
                self.assertEqual(self.double.count("room"), before + 1, "it is not tried again")
                self.fresh(p)

    def test_tries_are_paced(self):
        """A server that refuses at once is not hammered."""
        times = []

        def script(talk):
            times.append(time.monotonic())
            if len(times) == 1:
                return first(JOIN, then=lambda t: t.reset())(talk)
            return talk.reset()
        self.scripts["room"] = script
        p = self.at("room")
        self.assertEqual(p.try_join(autoPublish=False), OK)
        p.interrupted(-1084, 60)
        print("%d tries in %.1f s" % (len(times), times[-1] - times[0]), file=sys.stderr)
        self.assertLess(len(times), 60)
        self.assertEqual(p.states()[-1:], ["server gone"])

    def test_a_token_that_is_refused_when_resuming(self):
        def script(talk):
            if self.double.count("room") == 1:
                return first(JOIN, then=lambda t: t.reset())(talk)
            return talk.status(401, b"invalid authorization token")
        self.scripts["room"] = script
        p = self.at("room")
        self.assertEqual(p.try_join(autoPublish=False), OK)
        wait_for(lambda: p.told("RtcChatInterrupted"), "the end", 40)
        before = self.double.count("room")
        p.client.pump(2)
        self.assertEqual(self.double.count("room"), before, "it is not tried again")
        self.assertEqual(p.get("State"), "idle")

    def test_refreshed_tokens_are_used(self):
        newer, shown = token("room", "alice", seconds=7200), []

        def script(talk):
            shown.append(authorization(talk))
            first(JOIN, response(refresh_token=newer), then=lambda t: (t.receive(), t.reset()) if len(shown) == 1 else t.hang())(talk)
        self.scripts["room"] = script
        p = self.at("room")
        bearer = token("room", "alice")
        self.assertEqual(p.try_join(bearer=bearer, autoPublish=False), OK)
        wait_for(lambda: len(shown) > 1, "a second connection", 30)
        self.assertEqual(shown[:2], [bearer, newer])
        self.assertNotIn(newer[-30:], self.d.log())
        p.leave()

    def test_a_room_that_is_moved(self):
        """Who is in the room we were moved to counts, and so does its token: the next connection shows it."""
        there, shown, cut = token("elsewhere", "alice"), [], threading.Event()

        def script(talk):
            shown.append(authorization(talk))
            talk.accept()
            if len(shown) > 1:
                talk.send(response(join=good_join(room="elsewhere", other_participants=[person_info(2, identity="carol")])))
                return talk.hang()
            talk.send(response(join=good_join(other_participants=[person_info(1, identity="bob")])))
            talk.send(response(room_moved=pb.RoomMovedResponse(room=pb.Room(sid="RM_y", name="elsewhere"), token=there,
                                                               participant=pb.ParticipantInfo(sid="PA_there", identity="alice", state=pb.ACTIVE),
                                                               other_participants=[person_info(2, identity="carol")])))
            cut.wait(60)
            return talk.reset()
        self.scripts["room"] = script
        p = self.at("room")
        self.assertEqual(p.try_join(autoPublish=False), OK)
        p.wait_members("alice", "carol")
        cut.set()
        p.wait_told("RtcStateChanged", lambda a: a[1] == "rejoined", 40)
        self.assertEqual(shown[1], there)
        p.wait_members("alice", "carol")
        p.leave()

    def test_rooms_that_end_again_and_again(self):
        self.scripts["bad"] = first(JOIN, *[m for _, m in oddities()], then=lambda t: t.reset())
        marks = []
        for i in range(60):
            p = self.at("bad")
            p.try_join(autoPublish=False)
            p.client.outcome(p.path, "ExitRtcRoom")
            self.fresh(p)
            if i in (19, 59):
                marks.append(resident_kb(self.pid))
        print("after 20: %d KB, after 60: %d KB" % tuple(marks), file=sys.stderr)
        self.assertLess(marks[1] - marks[0], 4000)


if __name__ == "__main__":
    livekit.require()
    main()
