#!/usr/bin/python3
"""Devices in real PipeWire and WirePlumber: chosen, unplugged, plugged, the default changed, all of it in a call."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import case, sound  # noqa: E402
from harness.bus import Client  # noqa: E402
from harness.desktop import APP_ID  # noqa: E402
from harness.workspace import wait_for  # noqa: E402

LISTEN = "127.0.0.1:8188"
VOICE = "org.rtcroom.RtcRoom1.Voice"


class Devices(case.Case):
    # ---- the graph ----

    def objects(self, d):
        return json.loads(d.run("pw-dump", check=True).stdout)

    def node_id(self, d, name):
        for o in self.objects(d):
            if o["type"].endswith(":Node") and o["info"]["props"].get("node.name") == name:
                return o["id"]
        return None

    def plug(self, d, name, description, kind="Audio/Sink", form="", position="FL FR"):
        """A device that is there until it is unplugged."""
        properties = ('factory.name=support.null-audio-sink node.name=%s node.description="%s" media.class=%s object.linger=true '
                      'monitor.channel-volumes=true monitor.passthrough=true audio.position=[%s] priority.session=100 %s'
                      % (name, description, kind, position, "device.form-factor=" + form if form else ""))
        d.run("pw-cli", "create-node", "adapter", "{ %s }" % properties)
        port = name + (":input_MONO" if kind != "Audio/Sink" else ":playback_FL")
        wait_for(lambda: port in d.run("pw-link", "-io").stdout, "the ports of " + name, 15)

    def unplug(self, d, name):
        d.run("pw-cli", "destroy", str(self.node_id(d, name)))
        wait_for(lambda: self.node_id(d, name) is None, name + " to be gone", 15)

    def heard_at(self, d, sink, seconds=1.0):
        path = os.path.join(d.path, "ear-%s.wav" % sink)
        sound.record(d, path, sink + ":monitor_FL", seconds, "ear").finish()
        return sound.read_wav(path)[sound.RATE // 4:]

    def is_heard_at(self, d, sink, hertz):
        return sound.power(self.heard_at(d, sink), hertz) > 0.9

    def wait_heard(self, d, sink, hertz, elsewhere=()):
        wait_for(lambda: self.is_heard_at(d, sink, hertz), "%d Hz at %s" % (hertz, sink), 30)
        for other in elsewhere:
            wait_for(lambda other=other: sound.rms(self.heard_at(d, other)) < 1e-3, "silence at " + other, 15)

    # ---- the call ----

    def call(self):
        """alice with a client of her own, bob with rtcroomctl; each with a tone at the default microphone."""
        self.a = self.desktop("a", {"server": "embedded:", "embedded": {"listen": LISTEN}, "consent": {"default": "allow"}})
        self.b = self.desktop("b", {"server": "janus+ws://" + LISTEN})
        self.client = Client(self.a)
        self.ws.closers.append(self.client.close)
        self.path = self.client.create(APP_ID)

    def join(self):
        token = self.a.token("room", "alice")
        self.assertEqual(self.client.completed(self.path, self.client.join(self.path, "room", "alice", token))[1], 0)
        self.jb = self.b.join("room", "bob")
        self.jb.wait_members("alice", "bob")
        sound.play(self.b, sound.tone(os.path.join(self.b.path, "t.wav"), 880, 240, 0.3))

    def person(self, user):
        return wait_for(lambda: [m for m in self.a.ctl_json("members") if m["userId"] == user and m["nodeSerial"]], user + "'s node")[0]

    def set(self, name, value):
        self.client.set(self.path, "Voice", name, value)

    def devices(self):
        return {d["name"]: d for d in self.client.raw(self.path, VOICE, "ListDevices")[0]}

    # ---- tests ----

    def test_the_list(self):
        self.call()
        self.plug(self.a, "usb-sink", "USB Headset", form="headset")
        devices = wait_for(lambda: (lambda l: l if "usb-sink" in l else None)(self.devices()), "the headset in the list")
        self.assertEqual({n: d["kind"] for n, d in devices.items()},
                         {"test-sink": "output", "test-mic": "input", "loop-sink": "output", "loop-mic": "input", "usb-sink": "output"})
        self.assertEqual([n for n, d in devices.items() if d["isDefault"]], ["test-sink", "test-mic"])
        self.assertEqual((devices["usb-sink"]["description"], devices["usb-sink"]["formFactor"]), ("USB Headset", "headset"))
        self.assertEqual(sorted(d["serial"] for d in devices.values()), [d["serial"] for d in devices.values()])
        self.assertIn("usb-sink", self.a.ctl("--context", "1", "devices").stdout)
        self.assertEqual({d["name"] for d in self.a.ctl_json("--context", "1", "devices")}, set(devices))
        self.a.run("pw-cli", "destroy", str(self.node_id(self.a, "usb-sink")))
        wait_for(lambda: "usb-sink" not in self.devices(), "the headset to be gone from the list")

    def test_chosen_in_a_call(self):
        self.call()
        self.plug(self.a, "usb-sink", "USB Speaker")
        self.plug(self.a, "usb-mic", "USB Microphone", "Audio/Source/Virtual", position="MONO")
        self.join()
        sound.play(self.a, sound.tone(os.path.join(self.a.path, "m.wav"), 440, 240, 0.3))
        sound.play(self.a, sound.tone(os.path.join(self.a.path, "u.wav"), 660, 240, 0.3), "usb-mic", "probe-usb")
        self.wait_heard(self.a, "test-sink", 880, ["usb-sink"])
        self.wait_heard(self.b, "test-sink", 440)
        before = [self.person(user)["nodeSerial"] for user in ("bob", "alice")]
        self.set("OutputDevice", "usb-sink")
        self.wait_heard(self.a, "usb-sink", 880, ["test-sink"])
        self.set("InputDevice", "usb-mic")
        self.wait_heard(self.b, "test-sink", 660)
        self.assertEqual([self.person(user)["nodeSerial"] for user in ("bob", "alice")], before, "moved, not made anew")
        self.a.ctl("device", "output", "default")
        self.a.ctl("device", "input", "test-mic")
        self.wait_heard(self.a, "test-sink", 880, ["usb-sink"])
        self.wait_heard(self.b, "test-sink", 440)
        self.assertEqual(self.client.get(self.path, "Voice", "InputDevice"), "test-mic")
        self.assertEqual(len(self.jb.events("members")), 1, "nobody left or came")
        self.assert_no_sanitizer_report()

    def test_unplugged_and_plugged(self):
        self.call()
        self.plug(self.a, "usb-sink", "USB Speaker")
        self.plug(self.a, "usb-mic", "USB Microphone", "Audio/Source/Virtual", position="MONO")
        self.set("OutputDevice", "usb-sink")  # before the room
        self.set("InputDevice", "usb-mic")
        self.join()
        sound.play(self.a, sound.tone(os.path.join(self.a.path, "m.wav"), 440, 240, 0.3))
        sound.play(self.a, sound.tone(os.path.join(self.a.path, "u.wav"), 660, 240, 0.3), "usb-mic", "probe-usb")
        self.wait_heard(self.a, "usb-sink", 880, ["test-sink"])
        self.wait_heard(self.b, "test-sink", 660)
        self.unplug(self.a, "usb-sink")
        self.unplug(self.a, "usb-mic")
        self.wait_heard(self.a, "test-sink", 880)
        self.wait_heard(self.b, "test-sink", 440)
        self.plug(self.a, "usb-sink", "USB Speaker")
        self.plug(self.a, "usb-mic", "USB Microphone", "Audio/Source/Virtual", position="MONO")
        sound.play(self.a, os.path.join(self.a.path, "u.wav"), "usb-mic", "probe-again")
        self.wait_heard(self.a, "usb-sink", 880, ["test-sink"])
        self.wait_heard(self.b, "test-sink", 660)
        self.assertEqual(len(self.jb.events("members")), 1, "nobody left or came")
        self.assert_no_sanitizer_report()

    def test_following_the_default(self):
        self.call()
        self.plug(self.a, "other-sink", "Other")
        self.join()
        self.wait_heard(self.a, "test-sink", 880, ["other-sink"])
        self.a.run("wpctl", "set-default", str(self.node_id(self.a, "other-sink")))
        self.wait_heard(self.a, "other-sink", 880, ["test-sink"])
        self.set("OutputDevice", "test-sink")  # a choice outweighs the default
        self.wait_heard(self.a, "test-sink", 880, ["other-sink"])
        self.set("OutputDevice", "")
        self.wait_heard(self.a, "other-sink", 880, ["test-sink"])

    def test_a_choice_that_is_the_default_stays(self):
        """Chosen while it was the default, known before the stream was made: it does not go with the default."""
        self.call()
        self.plug(self.a, "other-sink", "Other")
        self.assertIn("other-sink", self.devices())
        self.set("OutputDevice", "test-sink")
        self.join()
        self.wait_heard(self.a, "test-sink", 880, ["other-sink"])
        self.a.run("wpctl", "set-default", str(self.node_id(self.a, "other-sink")))
        wait_for(lambda: self.devices()["other-sink"]["isDefault"], "the other default")
        for _ in range(3):
            self.assertTrue(self.is_heard_at(self.a, "test-sink", 880))
        self.assertLess(sound.rms(self.heard_at(self.a, "other-sink")), 1e-3)

    def role_of(self, user):
        node = self.node_id(self.a, self.person(user)["nodeName"])
        return [o for o in self.objects(self.a) if o["id"] == node][0]["info"]["props"].get("media.role")

    def volume_in_the_mixer(self, user):
        node = self.node_id(self.a, self.person(user)["nodeName"])
        return [o for o in self.objects(self.a) if o["id"] == node][0]["info"]["params"]["Props"][0]["channelVolumes"][0]

    def test_turned_down_in_the_mixer_is_one_person(self):
        """What a mixer set is not carried over to whoever comes next."""
        self.call()
        self.join()
        node = self.node_id(self.a, self.person("bob")["nodeName"])
        self.a.run("pw-cli", "s", str(node), "Props", "{ channelVolumes: [ 0.1 ] }")
        wait_for(lambda: self.volume_in_the_mixer("bob") < 0.2, "bob to be turned down")
        self.jb.leave()
        wait_for(lambda: not [m for m in self.a.ctl_json("members") if m["userId"] == "bob"], "bob to have left")
        carol = self.b.join("room", "carol")
        wait_for(lambda: self.role_of("carol") == "Communication", "carol's role")
        self.assertGreater(wait_for(lambda: self.volume_in_the_mixer("carol"), "carol's volume"), 0.99)
        carol.leave()

    def test_speakerphone_and_earpiece(self):
        self.call()
        self.plug(self.a, "ear-sink", "Earpiece")
        self.plug(self.a, "spk-sink", "Built-in", form="internal")
        self.assertEqual(self.client.outcome(self.path, "SetAudioPlaybackDevice", device="earpiece")[1], 0)
        self.join()
        self.wait_heard(self.a, "ear-sink", 880, ["test-sink", "spk-sink"])
        self.assertEqual(self.client.outcome(self.path, "SetAudioPlaybackDevice", device="speakerphone")[1], 0)
        self.wait_heard(self.a, "spk-sink", 880, ["ear-sink"])
        self.plug(self.a, "head-sink", "Headset", form="headset")  # takes over
        self.wait_heard(self.a, "head-sink", 880, ["spk-sink"])
        self.unplug(self.a, "head-sink")
        self.wait_heard(self.a, "spk-sink", 880)
        self.assertEqual(self.client.outcome(self.path, "SetAudioPlaybackDevice", device="test-sink")[1], 0)
        self.wait_heard(self.a, "test-sink", 880, ["spk-sink"])

    def test_a_hundred_switches_are_flat(self):
        self.call()
        self.plug(self.a, "usb-sink", "USB Speaker")
        self.join()
        self.wait_heard(self.a, "test-sink", 880)
        pid = self.a.daemon_pid()

        def switch(times):
            for i in range(times):
                self.set("OutputDevice", "usb-sink" if i % 2 == 0 else "")
                want = "usb-sink" if i % 2 == 0 else "test-sink"
                node = self.person("bob")["nodeName"]
                wait_for(lambda: "%s:playback_FL" % want in self.links_of(node), "the link to " + want, 10)
            return len(os.listdir("/proc/%d/fd" % pid))
        first = switch(10)
        last = switch(100)
        self.assertLessEqual(last, first + 1)
        self.wait_heard(self.a, "test-sink", 880, ["usb-sink"])
        self.assert_no_sanitizer_report()

    def links_of(self, node):
        """The input ports that a node's outputs are linked to."""
        links, of = [], None
        for line in self.a.run("pw-link", "-l").stdout.splitlines():
            if not line.startswith(" "):
                of = line.split(":")[0]
            elif of == node and "|->" in line:
                links.append(line.split("|->")[1].strip())
        return links


if __name__ == "__main__":
    case.main()
