#!/bin/bash
# audio-config.sh CONFIG_HOME: PipeWire and WirePlumber with devices that are not hardware, for one user's configuration
# folder. test-sink (Audio/Sink) and test-mic (Audio/Source/Virtual) are the defaults; STACK_QUANTUM (1024) is the graph's
# own quantum.
set -eu
mkdir -p "${1:?usage: audio-config.sh CONFIG_HOME}"/{pipewire/pipewire.conf.d,wireplumber/main.lua.d}
cat >"$1/pipewire/pipewire.conf.d/test.conf" <<END
context.properties = {
    default.clock.rate = 48000
    default.clock.quantum = ${STACK_QUANTUM:-1024}
    default.clock.min-quantum = 64
    # in a virtual machine the stock file would have 1024 as the smallest
    vm.overrides = { default.clock.min-quantum = 64 }
}
context.objects = [
    { factory = adapter args = { factory.name = support.null-audio-sink node.name = test-sink
        media.class = Audio/Sink audio.position = [ FL FR ] priority.session = 2000 object.linger = true
        monitor.channel-volumes = true monitor.passthrough = true } }
    { factory = adapter args = { factory.name = support.null-audio-sink node.name = test-mic
        media.class = Audio/Source/Virtual audio.position = [ MONO ] priority.session = 4000 object.linger = true } }
]
END
cat >"$1/wireplumber/main.lua.d/90-no-devices.lua" <<END
alsa_monitor.enabled = false
v4l2_monitor.enabled = false
libcamera_monitor.enabled = false
END
