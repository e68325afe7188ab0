#!/bin/bash
# systemd-user.sh USER FOLDER COMMAND [ARG...]      (as root)
#
# A real "systemd --user" for USER on a machine whose PID 1 is something else, and COMMAND as that user in it. Units
# belong in FOLDER/home/.config/systemd/user and bus services in FOLDER/home/.local/share/dbus-1/services beforehand.
#
# All of it is in a mount namespace of its own: a fresh /run that says "systemd is here", and a part of the unified
# control group hierarchy that belongs to the user. There is no journal: units need StandardError=append:FILE.
# The user manager must not be PID 1 of a pid namespace, or it takes itself for the system's.
# shellcheck disable=SC2317 # functions are called by name, and by the trap
set -eu
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/integration/lib/common.sh
. "$here/common.sh"

# as_user COMMAND...: what a login session would set. XDG_DATA_HOME: the bus looks for services below the home of the
# password file otherwise.
as_user() {
        exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin \
                LANG=C.UTF-8 USER="$user" HOME="$folder/home" XDG_DATA_HOME="$folder/home/.local/share" \
                XDG_RUNTIME_DIR="/run/user/$uid" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"
}

if [ "${1:-}" != --inside ]; then
        user=${1:?usage: systemd-user.sh USER FOLDER COMMAND...}
        need systemctl setpriv dbus-daemon unshare
        [ -x /lib/systemd/systemd ] || skip "systemd is not installed"
        [ "$(id -u)" = 0 ] || skip "only root can start a manager for another user"
        groups=/sys/fs/cgroup
        [ ! -d $groups/unified ] || groups=$groups/unified
        grep -q "$groups cgroup2" /proc/mounts || skip "no unified control groups"
        groups=$groups$(sed -n 's/^0:://p' /proc/self/cgroup)
        export groups=${groups%/}
        exec unshare --mount --propagation private --cgroup "$0" --inside "$@"
fi

shift
user=$1 folder=$(cd "$2" && pwd)
uid=$(id -u "$user")
shift 2
install -d -o "$user" -m 700 "$folder/home"
mount -t tmpfs -o mode=755 tmpfs /run
# unit-root, credentials: the system manager has made them long before; a user manager mounts there what its units see
mkdir -p /run/systemd/{system,journal,seats,sessions,users,machines,unit-root} /run/credentials /run/user
install -d -o "$user" -m 700 "/run/user/$uid"
# sd_pid_get_user_unit() reads the unit's name out of a path of this shape
slice=user.slice/user-$uid.slice/user@$uid.service
mkdir -p "$groups/$slice/init.scope"
chown -R "$user" "$groups/$slice"
mount --bind "$groups" /sys/fs/cgroup
group=/sys/fs/cgroup/$slice

manager() {
        echo "$BASHPID" >"$group/init.scope/cgroup.procs"
        as_user /lib/systemd/systemd --user
}
start "$folder/manager.log" manager

# SIGTERM makes the manager stop its units; what stays for more than 10 s is killed by its control group, never by name.
finish() {
        local tries=500
        stop_started
        while grep -q '^populated 1' "$group/cgroup.events" && ((tries-- > 0)); do sleep 0.02; done
        echo 1 >"$group/cgroup.kill" 2>/dev/null || true
        for tries in {1..50}; do
                find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
                [ -d "$group" ] || break
                sleep 0.02
        done
        rmdir "${group%/*}" "${group%/*/*}" 2>/dev/null || true
}
trap finish EXIT

running() { (as_user systemctl --user is-system-running) | grep -qxE 'running|degraded'; }
until_true 10 running
inside() { as_user "$@"; }
finish_with inside "$@"
