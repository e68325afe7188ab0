#!/usr/bin/python3
"""librtcroom and rtcroomctl as an application's author meets them: the README's example compiled and run, every command."""
import base64
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case  # noqa: E402
from harness.desktop import APP_ID, APP_KEY  # noqa: E402
from harness.workspace import TOP, read, wait_for  # noqa: E402


def readme_example():
    text = read(os.path.join(TOP, "README.md"))
    return re.search(r"```c\n(.*?)```", text, re.S)[1]


class ClientLib(case.Case):
    def install(self):
        prefix = self.ws.folder("prefix")
        subprocess.run(["cmake", "--install", case.BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
        return prefix

    def sanitizer_flags(self):
        cache = read(os.path.join(case.BUILD, "CMakeCache.txt"))
        return ["-fsanitize=address,undefined"] if "RTCROOMD_SANITIZE:STRING=address" in cache else []

    def pkg_config(self, prefix):
        pc = [os.path.join(f, n) for f, _, names in os.walk(prefix) for n in names if n == "librtcroom.pc"][0]
        # the file names the configured prefix; an installed copy elsewhere is relocated by --define-prefix
        env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc))
        r = subprocess.run(["pkg-config", "--define-variable=prefix=" + prefix, "--cflags", "--libs", "librtcroom"], env=env,
                           stdout=subprocess.PIPE, text=True, check=True)
        libdir = os.path.dirname(os.path.dirname(pc))
        return r.stdout.split() + ["-I" + prefix + "/include", "-L" + libdir], libdir

    def test_readme_example(self):
        source = readme_example()
        self.assertLessEqual(len(source.splitlines()), 60)
        path = os.path.join(self.ws.path, "example.c")
        with open(path, "w", encoding="utf-8") as f:
            f.write(source)
        flags, libdir = self.pkg_config(self.install())
        program = os.path.join(self.ws.path, "example")
        subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", path, "-o", program, *flags, *self.sanitizer_flags()], check=True)
        d = self.desktop("a", {"consent": {"programs": {program: "allow"}}})
        log = os.path.join(self.ws.path, "example.log")
        d.env["LD_LIBRARY_PATH"] = libdir
        process = d.start(program, APP_ID, "room", "alice", d.token("room", "alice"), log="../example.log")
        wait_for(lambda: "in the room: alice" in read(log), "the example's room", 15)
        self.assertIn("joinRtcRoom:ok", read(log))
        self.assertEqual(d.ctl_json("status")[0]["roomId"], "room")
        self.ws.stop(process, signal.SIGKILL)
        wait_for(lambda: d.ctl("status", check=False).returncode == 4, "the room to be left when the program is gone")
        refused = d.run(program, APP_ID, "room", "alice", "bad", check=False)
        self.assertEqual((refused.returncode, refused.stdout.strip()), (1, "joinRtcRoom:fail invalid token (115902)"))

    def test_cmake_package(self):
        prefix = self.install()
        folder = self.ws.folder("project")
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as f:
            f.write("cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES C)\nfind_package(rtcroom 0.1 REQUIRED)\n"
                    "add_executable(x x.c)\ntarget_link_libraries(x rtcroom::rtcroom %s)\n" % " ".join(self.sanitizer_flags()))
        with open(os.path.join(folder, "x.c"), "w", encoding="utf-8") as f:
            f.write("#include <rtcroom/rtcroom.h>\n#include <stdio.h>\nint main(void) { puts(rtcroom_version()); return 0; }\n")
        for args in (["cmake", "-G", "Ninja", "-S", folder, "-B", folder + "/b", "-DCMAKE_PREFIX_PATH=" + prefix],
                     ["cmake", "--build", folder + "/b"]):
            subprocess.run(args, check=True, stdout=subprocess.DEVNULL)
        self.assertRegex(subprocess.run([folder + "/b/x"], stdout=subprocess.PIPE, text=True, check=True).stdout, r"^\d+\.\d+\.\d+\n$")

    def test_only_public_symbols(self):
        library = os.path.join(case.BUILD, "client-lib", "librtcroom.so")
        names = re.findall(r" [A-Z] (\S+)", subprocess.run(["nm", "-D", "--defined-only", library], stdout=subprocess.PIPE, text=True, check=True).stdout)
        header = read(os.path.join(TOP, "client-lib/include/rtcroom/rtcroom.h"))
        for name in names:
            if name == "RTCROOM_0" or name.startswith("__"):
                continue
            plain, _, version = name.partition("@@")
            self.assertRegex(plain, r"^rtcroom_")
            self.assertIn(plain + "(", header)
            self.assertEqual(version, "RTCROOM_0")

    def test_tokens_on_the_command_line(self):
        d = self.desktop("a")
        token = d.token("kitchen", "alice", "--expires", "60")
        seen = d.ctl_json("token", "inspect", token)[0]
        self.assertEqual((seen["appId"], seen["roomId"], seen["userId"]), (APP_ID, "kitchen", "alice"))
        self.assertEqual(seen["expireAt"] - seen["issuedAt"], 60)
        self.assertEqual(d.ctl("token", "verify", token, "--room", "kitchen", "--user", "alice").stdout.strip(), "ok")
        self.assertEqual(d.ctl("token", "verify", token, "--room", "kitchen", "--user", "bob", check=False).returncode, 1)
        # a published vector of the token format
        vector = ("001123456781234567812345678PAAEAwIBAMphaiDmYWoGAHJvb21fMQYAdXNlcl8xBQAAACDmYWoBACDmYWoCACDmYWoDACDmYWoEACDmYWogAH2Abc2R"
                  "qGxUiKo3THh8a0VBZXtZ93pLZIvkFvs1jHOG")
        self.assertEqual(d.ctl_json("token", "inspect", vector)[0]["nonce"], 0x01020304)
        # what a stranger put into a token does not reach the terminal; the signature is not looked at here
        raw = base64.b64decode(token[27:])
        evil = token[:27] + base64.b64encode(raw.replace(b"kitchen", b"k\x1b[2J\xffn").replace(b"alice", b"a\n\xc2\x9bx")).decode()
        shown = d.ctl("token", "inspect", evil).stdout
        self.assertIn("k\\x1b[2J\\xffn\n", shown)
        self.assertIn("a\\x0a\\xc2\\x9bx\n", shown)
        self.assertEqual((d.ctl_json("token", "inspect", evil)[0]["roomId"]), "k\x1b[2J")
        key = os.path.join(self.ws.path, "key")
        with open(key, "w", encoding="utf-8") as f:
            f.write(APP_KEY + "\n")
        os.chmod(key, 0o644)
        self.assertIn("others may read it", d.ctl("token", "create", "--app", APP_ID, "--room", "r", "--user", "u", "--key-file", key, check=False).stdout)
        os.chmod(key, 0o600)
        d.ctl("token", "create", "--app", APP_ID, "--room", "r", "--user", "u", "--key-file", key)

    def test_consent_is_followed_at_once(self):
        """Without anybody who could show a dialog, the command line answers."""
        d = self.desktop("a", {"consent": {"default": "ask"}})
        j = d.join("room", "alice", wait=False)
        waiting = {"program": d.ctl_path, "policy": "ask", "source": "waiting", "askedBy": ""}
        wait_for(lambda: waiting in d.ctl_json("consent", "list"), "the question", 20)
        self.assertEqual(d.ctl_json("status")[0]["state"], "joining")
        d.ctl("consent", "deny", d.ctl_path)
        denied = j.wait("failed")
        self.assertEqual((denied["errNo"], denied["errorCode"], denied["errorType"], denied["errMsg"]), (10200, 115990, "U", "joinRtcRoom:fail auth deny"))
        d.join("room", "alice", "--no-publish").leave()  # listening is free
        d.ctl("consent", "allow", d.ctl_path)
        self.assertIn({"program": d.ctl_path, "policy": "allow", "source": "answer"}, d.ctl_json("consent", "list"))
        d.join("room", "alice").leave()
        d.ctl("consent", "reset", d.ctl_path)
        self.assertNotIn(d.ctl_path, [row["program"] for row in d.ctl_json("consent", "list")])
        self.assertEqual(d.ctl("consent", "allow", "no program", check=False).returncode, 2)

    def test_commands_and_exit_codes(self):
        d = self.desktop("a", {"server": "embedded:"})
        self.assertEqual(d.ctl("nonsense", check=False).returncode, 2)
        self.assertEqual(d.ctl("volume", "bob", check=False).returncode, 2)
        self.assertEqual(d.ctl("status", check=False).returncode, 4)
        monitor_log = os.path.join(d.path, "monitor.log")
        monitor = d.start(d.ctl_path, "--json", "monitor", log="monitor.log")
        j = d.join("room", "alice")
        status = d.ctl_json("status")[0]
        self.assertEqual((status["state"], status["roomId"], status["engine"], status["muted"]), ("joined", "room", "embedded", False))
        d.ctl("mute")
        self.assertTrue(d.ctl_json("status")[0]["muted"])
        d.ctl("unmute")
        self.assertEqual(d.ctl("volume", "nobody", "50", check=False).returncode, 4)
        self.assertEqual(d.ctl("volume", "alice", "201", check=False).returncode, 2)
        self.assertIn("alice", d.ctl_json("levels", "--count", "2")[0]["levels"])
        names = {s["name"] for s in d.ctl_json("stats")}
        self.assertTrue({"packetsSent", "bytesSent"} <= names, names)
        d.ctl("leave")
        wait_for(lambda: d.ctl("status", check=False).returncode == 4, "the room to be left")
        wait_for(lambda: "ended" in [json.loads(x)["event"] for x in read(monitor_log).splitlines()], "the monitor to tell")
        self.ws.stop(monitor, signal.SIGINT)
        j.leave()
        for page in ("client-lib/rtcroomctl.1", "client-lib/librtcroom.3", "daemon/rtcroomd.8", "daemon/rtcroomd.conf.5"):
            self.assertTrue(os.path.getsize(os.path.join(case.BUILD, page)) > 500)

    def test_echo(self):
        from harness import sound
        d = self.desktop("a", {"server": "embedded:"})
        sound.play(d, sound.tone(os.path.join(d.path, "t.wav"), 440, 30, 0.3))
        recorder = sound.record(d, os.path.join(d.path, "heard.wav"))
        out = d.ctl_json("echo-test", "--app", APP_ID, "--user", "alice", "--count", "4")
        recorder.stop()
        delays = [e for e in out if e["event"] == "delay"]
        self.assertEqual(len(delays), 4)
        self.assertGreater(delays[-1]["packetsReceived"], 50)
        self.assertTrue(10 < delays[-1]["delayMs"] < 300)
        heard = sound.read_wav(os.path.join(d.path, "heard.wav"))
        self.assertGreater(max(sound.power(heard[i:i + sound.RATE], 440) for i in range(0, len(heard) - sound.RATE, sound.RATE // 2)), 0.9)


if __name__ == "__main__":
    case.main()
