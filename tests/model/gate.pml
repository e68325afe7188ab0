/* gate.pml - three threads around the gate: control, which sets and clears conditions and modes in any order and at any
 * time; the audio RT thread, which captures and delivers; the network thread, which takes, keeps and sends.
 *
 * Named after daemon/media/: gate, tx-track, transmit. Every load and store of a shared variable is a step of its own.
 * A sample carries a mark that the code does not see: the gate was shut when it was captured, or has been shut since.
 * Checked in every reachable state: no sample is sent that had this mark when the gate was asked.
 *
 * What is simplified, and why it is no loss: two conditions stand for six, as all are alike; the number of closings is
 * only ever compared with the one last seen, so a flag "there was one since" says the same; ring, look-back and what is
 * under way in the graph hold one or two samples, which is what it takes to be early or late; a wake-up only makes the
 * network thread look sooner, and here it may look at any time.
 */
#define ALL  3
#define RING 2

/* ---- shared ---- */
byte conditions;      /* capture_gate.conditions */
bool closed_since;    /* capture_gate.closings differs from what the network thread saw last */
bool wanted;          /* capture_gate.transmit: with this mode and key there is something to send */
byte fill;            /* pcm_ring: samples in it … */
bool ring[RING];      /* … and their marks, the oldest first */

byte held;            /* transmit.held … */
bool kept[2];         /* … and the marks, the oldest first */
bool sample;          /* the mark of what the network thread has in hand */
bool under_way = true; /* the mark of what is captured and not yet delivered */

inline mark_all()
{
        ring[0] = true;
        ring[1] = true;
        kept[0] = true;
        kept[1] = true;
        sample = true;
        under_way = true
}

/* ---- control: capture_gate_set(), capture_gate_shut(), capture_gate_set_transmit() ---- */

active proctype control()
{
        do
        :: conditions = conditions | 1
        :: conditions = conditions | 2
        :: atomic { conditions & 1 -> conditions = conditions - 1; mark_all() }
#ifndef MUTATION_CLOSING_IS_NOT_COUNTED
           closed_since = true
#endif
        :: atomic { conditions & 2 -> conditions = conditions - 2; mark_all() }
           closed_since = true
        :: wanted = !wanted
        od
}

/* ---- audio RT: port_capture_rt() ---- */

active proctype rt()
{
        do
        :: atomic {
                if
                :: fill < RING -> ring[fill] = under_way; fill++
                :: else /* dropped and counted */
                fi;
                under_way = (conditions != ALL)
           }
        od
}

/* ---- network: tx_track_pump() ---- */

bool t_open;       /* tx_track.open */
byte t_skip;       /* tx_track.skip */
bool open, seen, marked;

inline pcm_ring_read()
{
        atomic {
                sample = ring[0];
                ring[0] = ring[1];
                fill--
        }
}

inline capture_gate_pass()
{
        atomic { open = (conditions == ALL); marked = sample }
#ifndef MUTATION_PASS_IGNORES_CLOSINGS
        open = open && !closed_since
#endif
}

inline transmit_put()
{
        atomic {
                if
                :: held == 2 -> kept[0] = kept[1]; kept[1] = sample
                :: held < 2 -> kept[held] = sample; held++
                fi
        }
}

inline transmit_get()
{
        atomic {
                sample = kept[0];
                kept[0] = kept[1];
                held--
        }
}

inline follow_gate()
{
        atomic { seen = closed_since; closed_since = false } /* one load of the counter */
        open = (conditions == ALL);
        if
        :: open && t_open && !seen
        :: else ->
                t_open = open;
                fill = 0;                /* empty_ring() */
#ifndef MUTATION_LOOK_BACK_STAYS
                held = 0;                /* transmit_clear() */
#endif
#ifndef MUTATION_NO_SKIP
                t_skip = (open -> 1 : 0) /* frames_under_way() */
#endif
        fi
}

inline send_frames()
{
        do
        :: held > 0 && wanted ->
                transmit_get();
                capture_gate_pass();
                if
                :: open -> assert(!marked) /* voice_enc_encode(), and out */
                :: else
                fi
        :: held == 0 || !wanted -> break
        od
}

inline take_block()
{
        pcm_ring_read();
        if
        :: t_skip > 0 -> t_skip--
        :: else ->
                capture_gate_pass();
                if
                :: open -> transmit_put()
                :: else
                fi
        fi
}

active proctype network()
{
        do
        :: follow_gate();
           if
           :: t_open ->
                do
                :: fill > 0 -> take_block(); send_frames()
                :: break
                od;
                send_frames()
           :: else
           fi
        od
}
