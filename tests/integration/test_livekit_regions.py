#!/usr/bin/python3
"""LiveKit's cloud: where its first address fails it is asked for its regions, and the nearest that works is joined."""
import contextlib
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import livekit, livekit_room  # noqa: E402
from harness.case import main  # noqa: E402
from harness.livekit import HOST, TlsFront, token  # noqa: E402
from harness.livekit_room import OK  # noqa: E402
from harness.workspace import enter_hosts, enter_namespace, wait_for  # noqa: E402

HOME, REGION, DEAD, STRANGE = "p.livekit.cloud", "p.near.production.livekit.cloud", "p.dead.livekit.run", "livekit.cloud.example"


class Address:
    """Speaks HTTP over TLS: 503 for who wants to join, `answer` (status, headers, body) for the regions; `asked` is (path, authorization)."""

    def __init__(self, workspace, context):
        self.context, self.asked, self.answer = context, [], (404, "", "")
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        workspace.closers.append(self.listener.close)

    def tell(self, regions, headers=""):
        """regions: (URL, distance)"""
        body = json.dumps({"regions": [{"region": "r", "url": url, "distance": str(distance)} for url, distance in regions]})
        self.answer = (200, headers, body)

    def count(self, path):
        return sum(1 for p, _ in self.asked if p.startswith(path))

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with contextlib.suppress(OSError), self.context.wrap_socket(near, server_side=True) as tls, tls.makefile("rb") as file:
            path, line, bearer = file.readline().decode().split()[1], b"", None
            while line not in (b"\r\n",):
                line = file.readline()
                if line.lower().startswith(b"authorization: "):
                    bearer = line[15:].decode().strip()
            self.asked.append((path, bearer))
            status, headers, body = self.answer if path == "/settings/regions" else (503, "", "node has exceeded its configured limit")
            tls.sendall(("HTTP/1.1 %d Whatever\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, headers, len(body), body)).encode())


class Regions(livekit_room.Case):
    def setUp(self):
        super().setUp()
        self.real = self.server()
        self.front = TlsFront(self.ws, self.real, (HOME, REGION, DEAD, STRANGE))
        self.home, self.strange = Address(self.ws, self.front.context), Address(self.ws, self.front.context)
        with socket.create_server((HOST, 0)) as closed:
            self.dead = "https://%s:%d" % (DEAD, closed.getsockname()[1])
        self.region = "https://%s:%s" % (REGION, self.front.server.rsplit(":", 1)[1])
        self.elsewhere = "https://%s:%d" % (STRANGE, self.strange.port)

    def tearDown(self):
        self.assert_no_sanitizer_report()
        super().tearDown()

    def user(self, name, hertz=None):
        return self.person(name, "livekit+wss://%s:%d" % (HOME, self.home.port), hertz, tls={"caFile": self.front.ca})

    def test_the_nearest_that_works(self):
        """What is not of the cloud is not gone to."""
        bearer = token("room", "bob")
        self.home.tell([(self.region, 300), (self.dead, 20), (self.elsewhere, 1)], "Cache-Control: private, max-age=600\r\n")
        bob = self.user("bob")
        bob.join(bearer=bearer)
        self.real.wait_participants("room", "bob")
        self.assertEqual(bob.states(), [])
        self.assertEqual([a for a in self.home.asked if a[0] == "/settings/regions"], [("/settings/regions", "Bearer " + bearer)])
        self.assertEqual(self.home.count("/rtc"), 1)
        self.assertEqual(self.strange.asked, [])

    def test_answers_that_do_not_help(self):
        """The failure of the first address stands, but a token that is not taken there is said to be none."""
        bob = self.user("bob")
        redirect = (302, "Location: %s/settings/regions\r\n" % self.elsewhere, "")
        for answer, number, words in ((redirect, 21102, "exceeded its configured limit"), ((500, "", ""), 21102, "exceeded"),
                                      ((200, "", "<html>"), 21102, "exceeded"), ((200, "", " " * 200000), 21102, "exceeded"),
                                      ((200, "", '{"regions":[]}'), 21102, "exceeded"), ((401, "", "invalid token"), 21101, ""),
                                      ((403, "", ""), 21101, "")):
            self.home.answer = answer
            outcome = bob.try_join()
            self.assertEqual(outcome[1], number, outcome)
            self.assertIn(words, outcome[4])
        self.home.tell([(self.elsewhere, 0), (self.dead, 0)])
        self.assertEqual(bob.try_join()[1], 21102)
        self.assertEqual(self.strange.asked, [])
        self.assertEqual(self.home.count("/settings"), 8)

    def test_leaving_while_it_is_asked(self):
        """The question is dropped, and no connection comes of it."""
        bob, answered = self.user("bob"), threading.Event()
        self.ws.closers.append(answered.set)
        self.home.tell([(self.region, 0)])
        serve = self.home._serve

        def late(near):
            if self.home.count("/rtc"):
                answered.wait(30)
            serve(near)
        self.home._serve = late
        bob.ask_to_join()
        wait_for(lambda: self.home.count("/rtc"), "the first address to be tried")
        bob.leave()
        answered.set()
        self.home._serve = serve
        self.assertEqual(bob.try_join(), OK)


if __name__ == "__main__":
    livekit.require()
    enter_namespace()
    enter_hosts((HOME, REGION, DEAD, STRANGE), HOST)
    main()
