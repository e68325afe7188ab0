/* room.pml - the control thread: room × consent × capture × publish × mute × reconnecting, and the gate it keeps.
 *
 * Each inline is named after the function it stands for (daemon/app/). One turn of the loop is one event, carried out
 * by the control thread alone. What may be captured is written down a second time, in allowed(), straight from the
 * contract and without regard to how the code comes to it. Checked in every reachable state:
 *
 *   1. between two events the gate is open exactly if allowed(): none of the conditions can be withdrawn without it;
 *   2. it is never opened in the middle of an event that does not allow it in the end;
 *   3. a device is open only while the room is held, something is published, and capture is on with consent.
 *
 * That nothing else than an open gate lets a sample out is gate.pml's part.
 */
#define CONSENT    1
#define JOINED     2
#define CAPTURE    4
#define PUBLISHED  8
#define UNMUTED    16
#define MICROPHONE 32
#define ALL        63

mtype = { idle, joining, joined_, reconnecting, leaving };     /* enum room_state */
mtype = { ask, allow, deny };                                   /* enum consent_policy */
mtype = { unset, off, on };                                     /* enum intent */
mtype = { nothing, a_join, a_capture };                         /* what waits for the user's answer */

mtype state = idle;
bool started;               /* the join has been handed to the engine: consent was given, or not needed */
mtype policy = ask;         /* what the user or the configuration said of this program */
mtype waiting = nothing;
bool consented, auto_publish, capture_auto, muted, talking;
mtype capture = unset, publish = unset;
bool invisible, wants_seen = true; /* as the server has it; as asked of it */
bool visible_op;            /* set_visible(wants_seen) in flight */
bool published;             /* the engine publishes our audio; while joining: will */
mtype publish_op = unset;   /* an operation in flight: on, off */
bool port, is_source;       /* the device is open; what it is linked to is a source */
byte gate;
bool told_joined;           /* what the contract calls being in the room */

#define room_is_in()            (state == joined_ || state == reconnecting)
#define context_wants_capture() (consented && (capture == on || (capture == unset && capture_auto && !invisible)))
#define context_wants_publish() (!invisible && (publish == on || (publish == unset && auto_publish)))

/* The contract's words (README, "Privacy"). */
#define allowed() (policy == allow && consented && state == joined_ && published && !muted && port && is_source && \
                   !invisible && (capture == on || (capture == unset && auto_publish)))

inline capture_gate_set(c, holds)
{
        if
        :: (holds) && (gate | c) == ALL && gate != ALL ->
                gate = gate | c;
                assert(allowed())
        :: (holds) && !((gate | c) == ALL && gate != ALL) -> gate = gate | c
        :: !(holds) -> gate = gate & (ALL - c)
        fi
}

inline capture_gate_shut() { gate = 0 }

inline close_device()
{
        capture_gate_set(MICROPHONE, false);
        port = false;
        is_source = false
}

inline set_gate()
{
        capture_gate_set(CONSENT, consented);
#ifndef MUTATION_RECONNECTING_IS_OPEN
        capture_gate_set(JOINED, state == joined_);
#else
        capture_gate_set(JOINED, room_is_in());
#endif
        capture_gate_set(CAPTURE, context_wants_capture());
#ifndef MUTATION_THE_INVISIBLE_ARE_HEARD
        capture_gate_set(PUBLISHED, room_is_in() && published && !invisible);
#else
        capture_gate_set(PUBLISHED, room_is_in() && published);
#endif
#ifndef MUTATION_MUTE_IS_FORGOTTEN
        capture_gate_set(UNMUTED, !muted)
#else
        capture_gate_set(UNMUTED, true)
#endif
}

inline voice_update()
{
        set_gate();
        if
        :: !(room_is_in() && published && context_wants_capture()) && port -> close_device()
        :: room_is_in() && published && context_wants_capture() -> port = true /* open_device() */
        :: else
        fi
}

inline voice_close()
{
#ifndef MUTATION_THE_END_CLOSES_NOTHING
        capture_gate_shut();
        if
        :: port -> close_device()
        :: else
        fi
#else
        skip
#endif
}

inline context_stop_talking() { talking = false }

inline room_follow_intents()
{
        if
        :: context_wants_publish() && !published -> publish_op = on
        :: !context_wants_publish() && published -> publish_op = off
        :: else
        fi
}

inline do_close()
{
        context_stop_talking();
        voice_close();
        published = false;
        publish_op = unset;
        visible_op = false;
        capture_auto = false;
        waiting = (waiting == a_join -> nothing : waiting)
}

inline do_vacate()
{
        published = false;
        auto_publish = false;
        started = false;
        publish_op = unset;
        waiting = (waiting == a_join -> nothing : waiting)
}

/* ---- events: what programs, the user, the engine and the sound server may do, in any order ---- */

inline room_start() { started = true; published = context_wants_publish() }

inline start_join(automatic)
{
        if
        :: !automatic || policy == allow ->
                state = joining;
                auto_publish = automatic;
                consented = consented || (automatic && !invisible);
                room_start()
        :: automatic && policy == ask -> state = joining; auto_publish = true; waiting = a_join /* room_hold() */
        :: automatic && policy == deny
        fi
}

inline on_answer(yes)
{
        if
        :: waiting == a_join && yes -> consented = true; room_start()
        :: waiting == a_join && !yes -> state = idle; do_vacate() /* room_refuse() */
        :: waiting == a_capture && yes -> consented = true; capture = on
        :: waiting == a_capture && !yes
        :: waiting == nothing
        fi;
        waiting = nothing
}

inline update_if_inside()
{
        if
        :: room_is_in() -> voice_update()
        :: else
        fi
}

inline leave() { state = leaving; do_close() }

inline withdraw_consent()
{
        consented = false;
        if
        :: state == joining && auto_publish -> leave()
        :: else -> update_if_inside()
        fi
}

/* Whatever changes a judgement: an answer, rtcroomctl, the permission store, the configuration. */
inline judged(verdict)
{
        policy = verdict;
        if
        :: verdict == allow -> on_answer(true)
        :: verdict == deny -> on_answer(false)
        :: verdict == ask /* a question goes on */
        fi;
        if
#ifndef MUTATION_REVOKED_IS_FORGOTTEN
        :: consented && verdict != allow -> withdraw_consent()
#endif
        :: else -> update_if_inside()
        fi
}

inline start_capture(wanted)
{
        if
        :: !wanted ->
                capture = off;
                waiting = (waiting == a_capture -> nothing : waiting) /* drop_waiting_captures() */
        :: wanted && policy == allow -> consented = true; capture = on
        :: wanted && policy == ask && waiting == nothing -> waiting = a_capture
        :: else
        fi;
        update_if_inside()
}

inline finish_publish(works)
{
        if
        :: works -> published = (publish_op == on)
        :: !works
        fi;
        publish_op = unset;
        voice_update()
}

/* become(): who is not seen is not heard */
inline finish_visibility(works)
{
        if
        :: works ->
                invisible = !wants_seen;
                published = published && !invisible
        :: !works
        fi;
        visible_op = false;
        room_follow_intents();
        voice_update()
}

inline do_enter() { capture_auto = auto_publish; room_follow_intents() }

active proctype control()
{
        do
        :: atomic {
                if
                :: state == idle && waiting != a_join -> start_join(true)
                :: state == idle && waiting != a_join -> start_join(false)
                :: waiting != nothing -> on_answer(false) /* put away, or nobody answered in time */
                :: true -> start_capture(true)
                :: true -> start_capture(false)
                :: judged(allow)
                :: judged(ask)
                :: judged(deny)
                :: muted = !muted; /* context_set_muted() */
                   if
                   :: state != idle -> voice_update()
                   :: else
                   fi
                :: true ->
                   if
                   :: publish = on
                   :: publish = off
                   fi;
                   if
                   :: room_is_in() -> room_follow_intents()
                   :: else
                   fi
                :: !visible_op -> wants_seen = !wants_seen; /* ChangeUserVisibility */
                   if
                   :: room_is_in() -> visible_op = true
                   :: else -> invisible = !wants_seen
                   fi
                :: visible_op && room_is_in() -> finish_visibility(true)
                :: visible_op && room_is_in() -> finish_visibility(false)
                :: room_is_in() -> talking = true /* context_start_talking() */
                :: context_stop_talking()
                :: state == joining && started -> state = joined_; do_enter(); voice_update() /* ROOM_JOIN_OK */
                :: state == joining && started -> state = idle; do_vacate()                   /* ROOM_JOIN_FAILED */
                :: state == joined_ -> state = reconnecting; voice_update()                   /* ROOM_LOST */
                :: state == reconnecting -> state = joined_; voice_update()                   /* ROOM_BACK */
                :: room_is_in() -> state = idle; do_close(); do_vacate()                      /* ROOM_ENDED */
                :: state == joining || room_is_in() -> leave()                                /* exit, destroy, gone */
                :: state == leaving -> state = idle; do_vacate()                              /* ROOM_LEFT */
                :: publish_op != unset && room_is_in() -> finish_publish(true)
                :: publish_op != unset && room_is_in() -> finish_publish(false)
                :: port -> is_source = !is_source;
#ifndef MUTATION_A_MONITOR_IS_A_MICROPHONE
                   capture_gate_set(MICROPHONE, is_source) /* on_stream_state() */
#else
                   capture_gate_set(MICROPHONE, true)
#endif
                fi;
                assert((gate == ALL) == allowed());
                assert(!port || (room_is_in() && published && context_wants_capture()));
                assert(!talking || room_is_in())
           }
        od
}
