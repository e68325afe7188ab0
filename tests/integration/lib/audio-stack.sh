#!/bin/bash
# audio-stack.sh FOLDER [COMMAND [ARG...]]
#
# One desktop user's sound, made of the real parts and of nobody else's: a session bus, PipeWire and WirePlumber with
# their own home and runtime folder below FOLDER, two sinks and two microphones that are not hardware.
#
#   test-sink              Audio/Sink, the default; what it plays is recorded from its monitor
#   test-mic               Audio/Source/Virtual, the default; fed by pw-link to test-mic:input_MONO
#   loop-sink -> loop-mic  what is played to the one comes out of the other
#
# COMMAND runs in it, and its status is the script's. Without one the stack stays until it is told to go (SIGTERM).
# FOLDER/env is written when everything answers: source it to get in from elsewhere. It also holds the process ids
# STACK_BUS_PID, STACK_PIPEWIRE_PID and STACK_WIREPLUMBER_PID; COMMAND has them in its environment.
#
# STACK_QUANTUM (1024) is the graph's own quantum; STACK_KEEP=1 keeps what WirePlumber remembered in FOLDER.
# shellcheck disable=SC2317 # until_true calls functions by name
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/integration/lib/common.sh
. "$here/common.sh"
need dbus-daemon pipewire wireplumber pw-link pw-metadata pw-loopback

mkdir -p "${1:?usage: audio-stack.sh FOLDER [COMMAND...]}"
W=$(cd "$1" && pwd)
shift
[ ${#W} -le 80 ] || { echo "$W: too long for a socket's path" >&2; exit 2; }
# WirePlumber looks for logind there, and gives up if it cannot look
for folder in seats sessions users machines; do
        [ -d "/run/systemd/$folder" ] || mkdir -p "/run/systemd/$folder" || skip "/run/systemd/$folder is missing"
done

# PipeWire's tools fall back to ~/.config: without a HOME of its own the user's settings would come in
export HOME=$W/home XDG_RUNTIME_DIR=$W/run
export XDG_CONFIG_HOME=$HOME/.config XDG_STATE_HOME=$HOME/.local/state XDG_DATA_HOME=$HOME/.local/share
export XDG_CACHE_HOME=$HOME/.cache DBUS_SESSION_BUS_ADDRESS=unix:path=$W/run/bus
unset PIPEWIRE_REMOTE PIPEWIRE_RUNTIME_DIR PIPEWIRE_CONFIG_DIR DISPLAY WAYLAND_DISPLAY JOURNAL_STREAM
rm -f "$W/env"
[ "${STACK_KEEP:-0}" = 1 ] || rm -rf "$XDG_STATE_HOME/wireplumber"
install -d -m 700 "$W/run" "$HOME"
"$here/audio-config.sh" "$XDG_CONFIG_HOME"

start "$W/bus.log" dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS"
export STACK_BUS_PID=$STARTED
until_true 10 busctl --address="$DBUS_SESSION_BUS_ADDRESS" list # bound is not yet listening
start "$W/pipewire.log" pipewire
export STACK_PIPEWIRE_PID=$STARTED
until_true 10 test -S "$XDG_RUNTIME_DIR/pipewire-0"
start "$W/wireplumber.log" wireplumber
export STACK_WIREPLUMBER_PID=$STARTED
# A socket is there before anything works. Ports are made and defaults chosen by WirePlumber: that is "ready".
ports() { pw-link -io | grep -c -e '^test-sink:playback_FL' -e '^test-mic:capture_MONO' | grep -qx 2; }
defaults() { pw-metadata 0 default.audio.sink | grep -q test-sink && pw-metadata 0 default.audio.source | grep -q test-mic; }
if ! { until_true 10 ports && until_true 10 defaults; }; then
        tail "$W/wireplumber.log" >&2
        exit 1
fi
start "$W/loopback.log" pw-loopback \
        --capture-props='node.name=loop-sink media.class=Audio/Sink audio.position=[MONO] priority.session=1000' \
        --playback-props='node.name=loop-mic media.class=Audio/Source audio.position=[MONO] priority.session=3000'
loop_ports() { pw-link -io | grep -c -e '^loop-sink:playback_MONO' -e '^loop-mic:capture_MONO' | grep -qx 2; }
until_true 10 loop_ports

for name in HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_CACHE_HOME DBUS_SESSION_BUS_ADDRESS \
        STACK_BUS_PID STACK_PIPEWIRE_PID STACK_WIREPLUMBER_PID; do
        printf 'export %s=%q\n' "$name" "${!name}"
done >"$W/env.new"
mv "$W/env.new" "$W/env"

[ $# -eq 0 ] || finish_with "$@"
echo "the stack is up: . $W/env"
wait "$STACK_BUS_PID" || true # the rest may be taken away and put back by a test
exit 1
