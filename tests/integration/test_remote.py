#!/usr/bin/python3
"""A remote Janus as its administrator sets it up: ws, and wss with certificates verified; native tokens without an AppKey."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case  # noqa: E402
from harness.desktop import APP_ID  # noqa: E402
from harness.workspace import TOP, read, wait_for  # noqa: E402

PORT = 8188


class Remote(case.Case):
    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.certificates, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make_certificates(self):
        """An authority of our own and a server certificate for 127.0.0.1."""
        self.certificates = self.ws.folder("certificates")
        with open(os.path.join(self.certificates, "san"), "w", encoding="utf-8") as f:
            f.write("subjectAltName=IP:127.0.0.1")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test authority",
                     "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "key.pem",
                     "-out", "server.csr")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san",
                     "-out", "cert.pem")

    def start_janus(self, secret):
        self.make_certificates()
        script = os.path.join(TOP, "tests/integration/lib/janus.sh")
        env = dict(os.environ, JANUS_CERT=self.certificates)
        self.janus = self.ws.start(["/bin/bash", script, self.ws.folder("janus"), str(PORT), secret, "sleep", "600"], log="janus.log", env=env)
        wait_for(lambda: self.listens(PORT) and self.listens(PORT + 1), "janus to listen")

    @staticmethod
    def listens(port):
        return subprocess.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/%d" % port], stderr=subprocess.DEVNULL, check=False).returncode == 0

    def outcome(self, desktop, room="room", user="alice", **more):
        j = desktop.join(room, user, wait=False, **more)
        event = wait_for(lambda: j.events("joined") or j.events("failed"), "an outcome", 20)[0]
        j.leave()
        return event["errMsg"]

    def test_wss(self):
        d = self.desktop("a")
        self.start_janus(d.ctl("token", "janus-secret", "--app", APP_ID).stdout.strip())
        url = "janus+wss://127.0.0.1:%d" % (PORT + 1)
        trusting = self.desktop("b", {"server": url, "tls": {"caFile": os.path.join(self.certificates, "ca.pem")}})
        self.assertEqual(self.outcome(trusting), "joinRtcRoom:ok")
        careful = self.desktop("c", {"server": url})
        self.assertEqual(self.outcome(careful), "joinRtcRoom:fail server unreachable")
        self.assertIn("certificate", careful.log().lower())
        self.assert_no_sanitizer_report()

    def test_native_tokens_without_an_app_key(self):
        from test_chromium import signed
        d = self.desktop("a", {"server": "janus+ws://127.0.0.1:%d" % PORT, "apps": {}})
        secret = "the administrator's own"
        self.start_janus(secret)
        name = APP_ID + "/room"
        api = signed(secret, "janus", "janus.plugin.videoroom")
        self.assertEqual(self.outcome(d, token="janus:%s|%s" % (api, signed(secret, "janus.plugin.videoroom", "room=" + name))), "joinRtcRoom:ok")
        for token in ("janus:%s|%s" % (api, signed(secret, "janus.plugin.videoroom", "room=other")),
                      "janus:%s|%s" % (signed("guessed", "janus", "janus.plugin.videoroom"), "x"), "janus:", "001garbage"):
            self.assertEqual(self.outcome(d, token=token), "joinRtcRoom:fail invalid token", token)

    def test_rooms_of_two_apps_never_meet(self):
        other = "76543210fedcba9876543210"
        from harness.desktop import APP_KEY
        d = self.desktop("a")
        self.start_janus(d.ctl("token", "janus-secret", "--app", APP_ID).stdout.strip())
        server = {"server": "janus+ws://127.0.0.1:%d" % PORT}
        a = self.desktop("b", server)
        j = a.join("room", "alice")
        # the other application's key gives another secret: this Janus refuses it
        stranger = self.desktop("c", dict(server, apps={other: {"appKey": APP_KEY}}))
        s = stranger.start(stranger.ctl_path, "--json", "join", "room", "--app", other, "--user", "mallory", log="s.log")
        s.wait(20)
        self.assertIn("joinRtcRoom:fail invalid token", read(os.path.join(stranger.path, "s.log")))
        time.sleep(0.5)
        self.assertEqual([m["userId"] for m in a.ctl_json("members")], ["alice"])
        j.leave()


if __name__ == "__main__":
    case.main()
