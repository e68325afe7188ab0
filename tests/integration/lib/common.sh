# common.sh - for the shell halves of the integration tests: sourced, not run.
#
#   need CMD...           leave with 77 (skipped) when a program is missing; with 1 where RTCROOMD_TESTS_STRICT is 1
#   start LOG CMD...      run in the background, output to LOG; the process is $STARTED and is stopped at the end
#   until_true SEC CMD... repeat CMD every 20 ms until it succeeds; fails after SEC seconds, or when $STARTED is gone
#   finish_with CMD...    run CMD in the foreground of a script that has started something; its status is ours
#
# What was started is stopped in reverse order when the script ends, however it ends. Nothing is found by name: every
# signal goes to a process id of our own.
# shellcheck shell=bash disable=SC2317

STARTED=
started=()

skip() {
        echo "skipped: $*" >&2
        [ "${RTCROOMD_TESTS_STRICT:-0}" != 1 ] || exit 1
        exit 77
}

need() {
        local program
        for program; do
                command -v "$program" >/dev/null || skip "$program is not installed"
        done
}

start() {
        local log=$1
        shift
        "$@" >"$log" 2>&1 </dev/null &
        STARTED=$!
        started+=("$STARTED")
}

stop_started() {
        local i
        for ((i = ${#started[@]} - 1; i >= 0; i--)); do
                kill "${started[i]}" 2>/dev/null || continue
                wait "${started[i]}" 2>/dev/null || true
        done
        started=()
}
trap stop_started EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

until_true() {
        local tries=$(($1 * 50))
        shift
        while ! "$@" >/dev/null 2>&1; do
                ((tries-- > 0)) || { echo "not in time: $*" >&2; return 1; }
                kill -0 "$STARTED" 2>/dev/null || { echo "ended before: $*" >&2; return 1; }
                sleep 0.02
        done
}

# In the background and waited for, so that a signal to the script is acted on at once.
finish_with() {
        local status=0 child
        "$@" <&0 &
        child=$!
        started+=("$child")
        wait "$child" || status=$?
        exit "$status"
}
