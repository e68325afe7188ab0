#!/bin/bash
# room.sh - join a voice room from the shell, and print who is there and who speaks. Ctrl-C leaves.
#
#     room.sh APPID ROOM USER TOKENFILE
#
# A room belongs to the connection that joined it, and each call of busctl is a connection of its own: so rtcroomctl joins and
# stays, and busctl does what any other program of the user may do: look, mute, set volumes, leave. When the token has
# expired the room is joined again with what the file holds by then.
set -u
[ $# = 4 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
app=$1 room=$2 user=$3 token_file=$4
name=org.rtcroom.RtcRoom1 root=/org/rtcroom/RtcRoom1

# context_call MEMBER TYPES ARGUMENT…
context_call() { busctl --user -- call "$name" "$root/context/$context" "$name.Context" "$@" >/dev/null; }
# strings PROPERTY: an array of strings as words
strings() { busctl --user get-property "$name" "$root/context/$context" "$name.Context" "$1" 2>/dev/null | sed 's/^as [0-9]* *//; s/"//g'; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$2"; }

context='' pid='' expired=''
leave() {
    trap - INT TERM
    # as another program would: ExitRtcRoom with no options
    [ -n "$context" ] && context_call ExitRtcRoom 'a{sv}' 0
    [ -n "$pid" ] && kill -INT "$pid" 2>/dev/null
    echo left
    exit 0
}
trap leave INT TERM

# Prints what happens until the room ends; the words of a failure go to standard error.
follow() {
    local line
    while read -r line; do
        case $(field event "$line") in
        joined) context=$(field context "$line"); echo joined ;;
        members) echo "in the room: $(strings Members)" ;;
        speakers) echo "speaking: $(strings Speakers)" ;;
        tokenWillExpire) echo "the token will expire" ;;
        failed) echo "$(field errMsg "$line") ($(field errNo "$line"), $(field errorCode "$line"))" >&2 ;;
        interrupted)
            echo "interrupted: $(field errMsg "$line") ($(field errNo "$line"))" >&2
            [ "$(field errNo "$line")" != -1009 ] || expired=yes
            ;;
        gone) echo "the daemon has ended" >&2 ;;
        esac
    done
}

while :; do
    expired=''
    # A process substitution, not a pipe: follow runs in this shell, so that its variables and the traps are ours.
    exec 3< <(exec rtcroomctl --json join "$room" --app "$app" --user "$user" --token-file "$token_file" 2>&1)
    pid=$!
    follow <&3
    wait "$pid"
    status=$? context='' pid=''
    [ -n "$expired" ] || exit "$status"
done
