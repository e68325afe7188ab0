#!/bin/bash
# in-folder.sh COMMAND [ARG...]: runs COMMAND with FOLDER in its arguments replaced by a fresh temporary folder, which is
# also $TEST_FOLDER, and removes it unless COMMAND fails (77 is no failure).
set -eu
TEST_FOLDER=$(mktemp -d /tmp/rtcroomd-test.XXXXXX)
export TEST_FOLDER
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null || true' TERM INT
"${@//FOLDER/$TEST_FOLDER}" <&0 &
child=$!
status=0
wait "$child" || status=$?
while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done # a signal ended the first wait
case $status in
0 | 77) rm -rf "$TEST_FOLDER" ;;
*) echo "status $status; left behind: $TEST_FOLDER" >&2 ;;
esac
exit "$status"
