#!/bin/bash
# janus.sh FOLDER PORT SECRET COMMAND [ARG...]
#
# A private Janus in signed mode, as an administrator who serves rtcroomd sets it up: VideoRoom and EchoTest, string ids,
# WebSocket on PORT of every address (JANUS_CERT=FOLDER: also wss on PORT + 1, with cert.pem and key.pem of that folder).
# SECRET is what wire/janus-token.h derives from the AppKey, or "-": it then checks nobody. COMMAND runs once it listens,
# with JANUS_URL and JANUS_PID in its environment, and its status is the script's. FOLDER/janus.log tells more.
# JANUS_SESSION=SECONDS: how long it keeps a session that is silent.
# shellcheck disable=SC2317 # until_true calls functions by name
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/integration/lib/common.sh
. "$here/common.sh"
need janus

mkdir -p "${1:?usage: janus.sh FOLDER PORT SECRET COMMAND...}"
W=$(cd "$1" && pwd)
port=$2 secret=$3
shift 3
auth="token_auth = true  token_auth_secret = \"$secret\""
[ "$secret" != - ] || auth=
lib=$(echo /usr/lib/*/janus)
mkdir -p "$W"/{cfg,plugins,transports,none}
ln -sf "$lib"/plugins/libjanus_{videoroom,echotest}.so "$W/plugins/"
ln -sf "$lib/transports/libjanus_websockets.so" "$W/transports/"
cat >"$W/cfg/janus.jcfg" <<END
general: {
  configs_folder = "$W/cfg"
  plugins_folder = "$W/plugins"
  transports_folder = "$W/transports"
  events_folder = "$W/none"
  loggers_folder = "$W/none"
  debug_level = ${JANUS_DEBUG:-4}
  debug_colors = false
  session_timeout = ${JANUS_SESSION:-60}
  $auth
}
media: { rtp_port_range = "20000-20500" }
END
wss=false certificates=
if [ -n "${JANUS_CERT:-}" ]; then
        wss=true certificates="cert_pem = \"$JANUS_CERT/cert.pem\" cert_key = \"$JANUS_CERT/key.pem\""
fi
cat >"$W/cfg/janus.transport.websockets.jcfg" <<END
general: {
  json = "compact"  ws = true  ws_port = $port
  wss = $wss  wss_port = $((port + 1))
}
certificates: { $certificates }
admin: { admin_ws = false  admin_wss = false }
END
echo 'general: { string_ids = true }' >"$W/cfg/janus.plugin.videoroom.jcfg"
echo 'general: { }' >"$W/cfg/janus.plugin.echotest.jcfg"

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
# Janus goes on without a port that is taken, and somebody else would answer us
! listens || { echo "port $port is taken" >&2; exit 1; }
start "$W/janus.log" janus -F "$W/cfg" -o
export JANUS_PID=$STARTED JANUS_URL=janus+ws://127.0.0.1:$port
until_true 10 listens
finish_with "$@"
