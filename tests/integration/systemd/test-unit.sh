#!/bin/bash
# test-unit.sh UNIT BUS_SERVICE RTCROOMD: the installed files in a real user manager. Verified, started by the first call,
# reloaded, restarted after a crash and after a hang, stopped; all of it under the unit's hardening.
#
# The daemon under test is RTCROOMD, wherever the files say it is; without a journal its log goes to a file.
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/integration/lib/common.sh
. "$here/../lib/common.sh"
need busctl systemctl systemd-analyze

if [ "$1" != --inside ]; then
        folder=${TEST_FOLDER:?}
        chmod 755 "$folder"
        install -d "$folder/home/.config/systemd/user/rtcroomd.service.d" "$folder/home/.local/share/dbus-1/services"
        sed "s|^ExecStart=.*|ExecStart=$folder/rtcroomd|" "$1" >"$folder/home/.config/systemd/user/rtcroomd.service"
        cp "$2" "$folder/home/.local/share/dbus-1/services/"
        install -m 755 "$3" "$folder/rtcroomd"
        cp "$1" "$folder/installed.service"
        # the tests' own conditions: a log, a short watchdog, and no leak check, which needs ptrace
        cat >"$folder/home/.config/systemd/user/rtcroomd.service.d/test.conf" <<END
[Service]
WatchdogSec=2s
StandardError=append:$folder/home/log
Environment=RTCROOMD_AUDIO=null RTCROOMD_DEBUG=bus/* ASAN_OPTIONS=detect_leaks=0
END
        chown -R nobody "$folder/home"
        exec "$here/../lib/systemd-user.sh" nobody "$folder" "$here/test-unit.sh" --inside
fi

fail() {
        echo "FAIL: $*" >&2
        systemctl --user status --no-pager rtcroomd >&2 || true
        cat "$HOME/log" >&2
        exit 1
}
show() { systemctl --user show rtcroomd -p "$1" --value; }
is() { [ "$(show "$1")" = "$2" ]; }
version() { busctl --user --timeout=10 get-property org.rtcroom.RtcRoom1 /org/rtcroom/RtcRoom1 org.rtcroom.RtcRoom1.Manager Version; }
STARTED=$$ # for until_true: what must be alive meanwhile

verdict=$(systemd-analyze --user verify --man=no rtcroomd.service 2>&1) || fail "verify: $verdict"
[ -z "$verdict" ] || fail "verify: $verdict"
# the activation file has no such tool: what it says has to be what the unit says
unit=$HOME/../installed.service
bus=$XDG_DATA_HOME/dbus-1/services/org.rtcroom.RtcRoom1.service
value() { sed -n "s/^$2=//p" "$1"; }
[ "$(head -n 1 "$bus")" = '[D-BUS Service]' ] || fail "the activation file does not begin with its section"
[ "$(value "$bus" Name)" = "$(value "$unit" BusName)" ] || fail "unit and activation file name two bus names"
[ "$(value "$bus" Exec)" = "$(value "$unit" ExecStart)" ] || fail "unit and activation file name two programs"
[ "$(value "$bus" SystemdService)" = rtcroomd.service ] || fail "the activation file names another unit"
echo "ok verified"

is ActiveState inactive || fail "it runs before anybody called"
version | grep -q '^s "' || fail "the first call is not answered"
is ActiveState active || fail "answered, but not by the unit"
is StatusText Idle || fail "the status line is \"$(show StatusText)\""
[ "$(stat -c %a "$XDG_RUNTIME_DIR/rtcroom")" = 700 ] || fail "the runtime folder is open"
pid=$(show MainPID)
grep -q '^NoNewPrivs:.1' "/proc/$pid/status" || fail "new privileges are possible"
grep -q '^Seccomp:.2' "/proc/$pid/status" || fail "no system call filter"
busctl=$(readlink -f "$(command -v busctl)")
until_true 2 grep -q "bus-caller: .*($busctl)" "$HOME/log" || fail "it cannot tell who calls"
! grep "bus-caller: .*($busctl)" "$HOME/log" | grep -q sandboxed || fail "it takes the caller for a sandboxed program"
echo "ok started by the first call"

mkdir -p "$HOME/.config/rtcroom"
echo '{ "audio": { "bitrate": "much" } }' >"$HOME/.config/rtcroom/rtcroomd.json"
systemctl --user reload rtcroomd
until_true 5 grep -q 'audio.bitrate: should be integer, but got string' "$HOME/log" || fail "the fault is not named"
version >/dev/null
echo '{ "log": { "level": "debug" } }' >"$HOME/.config/rtcroom/rtcroomd.json"
systemctl --user reload rtcroomd
until_true 5 grep -q 'configuration reloaded' "$HOME/log" || fail "not reloaded"
is MainPID "$pid" || fail "a reload is not a restart"
echo "ok reloaded, and a bad configuration refused"

kill -SEGV "$pid"
until_true 5 is NRestarts 1 || fail "not restarted after a crash"
until_true 5 is ActiveState active || fail "not back after a crash"
version >/dev/null || fail "does not answer after a crash"
echo "ok restarted after a crash"

kill -STOP "$(show MainPID)"
until_true 8 is NRestarts 2 || fail "not restarted by the watchdog"
until_true 5 is ActiveState active || fail "not back after the watchdog"
version >/dev/null || fail "does not answer after the watchdog"
echo "ok restarted by the watchdog"

before=$(date +%s%N)
systemctl --user stop rtcroomd
took=$((($(date +%s%N) - before) / 1000000))
is Result success || fail "stopped with $(show Result)"
((took < 2000)) || fail "stopping took $took ms"
version | grep -q '^s "' || fail "a call after the stop does not start it again"
echo "ok stopped in $took ms, and started again"
