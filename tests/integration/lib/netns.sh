#!/bin/bash
# netns.sh [ADDRESS/PREFIX] COMMAND [ARG...]
#
# Runs COMMAND in a network of its own: loopback, and one interface that is up and has ADDRESS (10.79.0.1/24), because
# Janus offers no candidates on loopback. The interface is one end of a veth pair whose other end stays in the same
# namespace. No privileges needed where user namespaces are allowed. Nothing is left behind.
set -eu
here=$(dirname "$(readlink -f "$0")")

if [ "${1:-}" = --inside ]; then
        ip link set lo up
        ip link add rtc0 type veth peer name rtc1
        ip address add "$2" dev rtc0
        ip link set rtc0 up
        ip link set rtc1 up
        shift 2
        exec "$@"
fi

# shellcheck source=tests/integration/lib/common.sh
. "$here/common.sh"
need ip unshare
address=10.79.0.1/24
case ${1:?usage: netns.sh [ADDRESS/PREFIX] COMMAND...} in
[0-9]*/*)
        address=$1
        shift
        ;;
esac
flags=(--net)
[ "$(id -u)" = 0 ] || flags=(--user --map-current-user --keep-caps --net)
unshare "${flags[@]}" true 2>/dev/null || skip "this machine lets us make no network namespace"
exec unshare "${flags[@]}" "$0" --inside "$address" "$@"
