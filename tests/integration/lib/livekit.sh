#!/bin/bash
# livekit.sh FOLDER COMMAND [ARG...]
#
# A livekit-server of its own on 10.79.0.1 (run it under netns.sh): HTTP 7880, TCP 7881, UDP 7882. The server is that of
# LIVEKIT_SERVER, or of build/tools. LIVEKIT_RTC=OPTION and LIVEKIT_TOP=OPTION add lines of YAML (under `rtc:`; at the
# top), LIVEKIT_ROOM=OPTION a member of `room:`. COMMAND runs once it serves, with LIVEKIT_URL and LIVEKIT_PID in its
# environment and the pair devkey / 0123456789abcdef twice, and its status is the script's. FOLDER/livekit.log tells more.
# shellcheck disable=SC2317 # until_true calls functions by name
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/integration/lib/common.sh
. "$here/common.sh"
server=${LIVEKIT_SERVER:-$here/../../../build/tools/livekit-server}
[ -x "$server" ] || skip "no livekit-server: ./dev check builds one into build/tools, LIVEKIT_SERVER names another"

mkdir -p "${1:?usage: livekit.sh FOLDER COMMAND...}"
W=$(cd "$1" && pwd)
shift
cat >"$W/livekit.yaml" <<END
port: 7880
bind_addresses: [10.79.0.1]
log_level: debug
rtc:
  udp_port: 7882
  tcp_port: 7881
  node_ip: 10.79.0.1
  use_external_ip: false
  interfaces: { includes: [rtc0] }
  stun_servers: ["127.0.0.1:9"]
  ${LIVEKIT_RTC:-}
keys: { devkey: "0123456789abcdef0123456789abcdef" }
room: { auto_create: true, empty_timeout: 300, departure_timeout: 20${LIVEKIT_ROOM:+, $LIVEKIT_ROOM} }
${LIVEKIT_TOP:-}
END

serves() { (exec 3<>/dev/tcp/10.79.0.1/7880) 2>/dev/null; }
start "$W/livekit.log" "$server" --config "$W/livekit.yaml"
export LIVEKIT_PID=$STARTED LIVEKIT_URL=ws://10.79.0.1:7880
trap 'kill -KILL "$LIVEKIT_PID" 2>/dev/null || true; stop_started' EXIT # else it waits for who took no leave
until_true 30 serves
finish_with "$@"
