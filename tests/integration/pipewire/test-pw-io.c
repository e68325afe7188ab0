/* test-pw-io.c - our streams in a real graph. Run inside audio-stack.sh: PipeWire, WirePlumber, a sink and a
 * microphone.
 *
 * The test is at the far end of the ports, where the network thread is in the daemon: it writes tones for the
 * loudspeaker and listens to what the microphone brings. Links beyond those that WirePlumber makes are made by
 * pw-link.
 */
#include <dirent.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "audio/pw-io.h"
#include "base/clock.h"
#include "base/log.h"
#include "lib/test.h"
#include "loop-event.h"

extern char **environ;

enum { RING = 4096, STREAMS = 3, HEAR = 9600 /* 0.2 s */ };

struct stream {
        struct audio_stream *stream;
        struct audio_port *port;
        bool capture, connected, from_source;
        unsigned told, unsafe; /* events; those that said "no microphone" */
        char name[800];
        uint64_t serial;
        double hz; /* of the tone to play; 0: silence */
        uint64_t phase;
        bool beside;       /* listen to what is played beside the microphone instead */
        float heard[HEAR]; /* the last 0.2 s, as a ring */
        uint64_t n_heard;
};

struct fixture {
        struct loop *loop;
        struct audio_io *io;
        struct loop_source *tick;
        struct stream streams[STREAMS];
};

/* ---- the far end of the ports ---- */

static void feed(struct stream *s)
{
        while (pcm_ring_fill(s->port->ring) < RING / 2) {
                float frame = (float)(0.5 * sin(2 * M_PI * s->hz * (double)s->phase++ / AUDIO_RATE));

                pcm_ring_write(s->port->ring, &frame, 1);
        }
}

static void listen_to(struct stream *s)
{
        float frame, beside;

        while (pcm_ring_read_pairs(s->port->ring, &frame, &beside, 1) == 1)
                s->heard[s->n_heard++ % HEAR] = s->beside ? beside : frame;
}

static void on_tick(void *ctx)
{
        struct fixture *f = ctx;

        for (int i = 0; i < STREAMS; i++) {
                if (f->streams[i].port && f->streams[i].capture)
                        listen_to(&f->streams[i]);
                else if (f->streams[i].port)
                        feed(&f->streams[i]);
        }
        ASSERT_OK(loop_set_timer(f->tick, loop_now_us(f->loop) + 5000));
        loop_event_stop(f->loop);
}

/* True when cond became true within ms of real time. */
#define RUN_UNTIL(f, ms, cond)                                           \
        ({                                                               \
                uint64_t _end = clock_monotonic_us() + (ms)*1000ull;     \
                bool _true;                                              \
                while (!(_true = (cond)) && clock_monotonic_us() < _end) \
                        ASSERT_OK(loop_event_run((f)->loop));            \
                _true;                                                   \
        })
#define RUN_FOR(f, ms) (void)RUN_UNTIL(f, ms, false)

/* Amplitude of one tone in what was heard last (Goertzel). */
static double tone_in(const struct stream *s, double hz)
{
        double w = 2 * M_PI * hz / AUDIO_RATE, c = 2 * cos(w), a = 0, b = 0;

        for (uint64_t i = 0; i < HEAR; i++) {
                double x = (double)s->heard[(s->n_heard + i) % HEAR] + c * a - b;

                b = a;
                a = x;
        }
        return 2 * sqrt(fmax(0, a * a + b * b - c * a * b)) / HEAR;
}

static bool is_silent(const struct stream *s)
{
        for (int i = 0; i < HEAR; i++)
                if (fabsf(s->heard[i]) > 1e-4f)
                        return false;
        return true;
}

/* ---- streams ---- */

static void on_state(bool connected, bool linked_to_source, const char *node_name, uint64_t serial, void *ctx)
{
        struct stream *s = ctx;

        s->told++;
        s->unsafe += !linked_to_source;
        s->connected = connected;
        s->from_source = linked_to_source;
        s->serial = serial;
        snprintf(s->name, sizeof(s->name), "%s", node_name);
}

static const struct audio_stream_events events = { .state = on_state };

static void setup(struct fixture *f)
{
        memset(f, 0, sizeof(*f));
        log_set_debug_topics(getenv("RTCROOMD_DEBUG"));
        ASSERT_OK(loop_event_new(&f->loop));
        ASSERT_OK(pwio_new(f->loop, &f->io));
        ASSERT_OK(loop_add_timer(f->loop, 0, on_tick, f, &f->tick));
}

static void teardown(struct fixture *f)
{
        for (int i = 0; i < STREAMS; i++) {
                audio_stream_close(f->streams[i].stream);
                audio_port_unref(f->streams[i].port);
        }
        pwio_free(f->io);
        loop_remove(f->tick);
        loop_event_free(f->loop);
}

static struct stream *open_stream(struct fixture *f, int i, bool capture, const char *name, double hz)
{
        struct audio_stream_params p = {
                capture ? AUDIO_CAPTURE : AUDIO_PLAYBACK, name, "A person", "Test program", "", 256
        };
        struct stream *s = &f->streams[i];

        s->capture = capture;
        s->hz = hz;
        ASSERT_OK(audio_port_new_capture(RING, &s->port));
        ASSERT_OK(f->io->ops->open(f->io, &p, s->port, &events, s, &s->stream));
        ASSERT_EQ(s->told, 0);
        return s;
}

static struct stream *open_microphone(struct fixture *f)
{
        struct stream *s = open_stream(f, 0, true, "our-mic", 0);

        ASSERT(RUN_UNTIL(f, 3000, s->from_source));
        return s;
}

static struct stream *open_speaker(struct fixture *f, int i, const char *name, double hz)
{
        struct stream *s = open_stream(f, i, false, name, hz);

        ASSERT(RUN_UNTIL(f, 3000, s->port->frames > 0));
        return s;
}

/* A command while the loop runs on, as the daemon's does. */
static int run(struct fixture *f, const char *command)
{
        char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
        int status;
        pid_t pid;

        ASSERT_EQ(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
        ASSERT(RUN_UNTIL(f, 5000, waitpid(pid, &status, WNOHANG) == pid));
        return status;
}

static bool hears(struct fixture *f, struct stream *mic, double hz, double amplitude)
{
        return RUN_UNTIL(f, 3000, mic->n_heard > HEAR && fabs(tone_in(mic, hz) - amplitude) < 0.02);
}

/* ---- what must be true ---- */

TEST(the_default_microphone_is_heard)
{
        struct fixture f;
        struct stream *mic;

        setup(&f);
        mic = open_microphone(&f);
        open_speaker(&f, 1, "our-voice", 440);
        ASSERT_STR(mic->name, "our-mic");
        ASSERT_GT(mic->serial, 0);
        RUN_FOR(&f, 300);
        ASSERT(is_silent(mic)); /* the voice goes to the sink, and a sink is not a microphone */
        ASSERT_EQ(run(&f, "pw-link our-voice:output_FL test-mic:input_MONO"), 0);
        ASSERT(hears(&f, mic, 440, 0.5));
        ASSERT_NEAR(tone_in(mic, 880), 0, 0.01);
        ASSERT_EQ(mic->port->quantum, 256);
        ASSERT_GT(mic->port->periods, 10);
        teardown(&f);
}

TEST(the_sink_plays_us_and_gain_works)
{
        struct fixture f;
        struct stream *mic, *voice;

        setup(&f);
        mic = open_microphone(&f);
        voice = open_speaker(&f, 1, "our-voice", 440);
        ASSERT_EQ(run(&f, "pw-link test-sink:monitor_FL our-mic:input_MONO"), 0);
        ASSERT(RUN_UNTIL(&f, 1000, !mic->from_source)); /* beside the microphone, which is linked still */
        ASSERT(hears(&f, mic, 440, 0.5));
        voice->port->gain = 0.5f;
        ASSERT(hears(&f, mic, 440, 0.25));
        voice->port->gain = 0.0f;
        ASSERT(RUN_UNTIL(&f, 1000, is_silent(mic)));
        voice->port->gain = 1.5f;
        ASSERT(hears(&f, mic, 440, 0.75));
        teardown(&f);
}

TEST(two_people_are_two_nodes)
{
        struct fixture f;
        struct stream *mic, *alice, *bob;

        setup(&f);
        mic = open_microphone(&f);
        alice = open_speaker(&f, 1, "our-alice", 440);
        bob = open_speaker(&f, 2, "our-bob", 880);
        ASSERT(RUN_UNTIL(&f, 1000, alice->serial && bob->serial));
        ASSERT_NE(alice->serial, bob->serial);
        ASSERT(!alice->from_source);
        ASSERT_EQ(run(&f, "pw-link our-alice:output_FL test-mic:input_MONO"), 0);
        ASSERT(hears(&f, mic, 440, 0.5));
        ASSERT_NEAR(tone_in(mic, 880), 0, 0.01);
        ASSERT_EQ(run(&f, "pw-link -d our-alice:output_FL test-mic:input_MONO &&"
                          "pw-link our-bob:output_FL test-mic:input_MONO"),
                  0);
        ASSERT(hears(&f, mic, 880, 0.5) && hears(&f, mic, 440, 0));
        teardown(&f);
}

/* What the echo canceller is told: the sum of what we play, louder and softer as it is, whatever the microphone hears.
 */
TEST(what_is_played_lies_beside_what_is_heard)
{
        struct fixture f;
        struct stream *mic, *voice;

        setup(&f);
        mic = open_microphone(&f);
        voice = open_speaker(&f, 1, "our-voice", 440);
        open_speaker(&f, 2, "our-other-voice", 880);
        ASSERT(RUN_UNTIL(&f, 1000, is_silent(mic)));
        mic->beside = true;
        ASSERT_OK(audio_port_set_processing(mic->port, &(struct voice_proc_config){ .echo = true }));
        ASSERT(hears(&f, mic, 440, 0.5));
        ASSERT(hears(&f, mic, 880, 0.5));
        atomic_store(&voice->port->gain, 0);
        ASSERT(hears(&f, mic, 440, 0));
        ASSERT(hears(&f, mic, 880, 0.5));
        mic->beside = false;
        ASSERT(RUN_UNTIL(&f, 1000, is_silent(mic)));
        teardown(&f);
}

TEST(what_others_see_of_a_node)
{
        static const char *const want[] = { "media.role = \"Communication\"",  "media.class = \"Stream/Output/Audio\"",
                                            "node.description = \"A person\"", "application.name = \"Test program\"",
                                            "node.latency = \"256/48000\"",    "media.category = \"Playback\"" };
        struct fixture f;
        char command[256];

        setup(&f);
        open_speaker(&f, 1, "our-alice", 440);
        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
                snprintf(command, sizeof(command), "pw-cli info our-alice | grep -qF '%s'", want[i]);
                ASSERT(RUN_UNTIL(&f, 5000, run(&f, command) == 0)); /* some of it is told when it is linked */
        }
        teardown(&f);
}

/* As long as the longest that the daemon makes (tests/unit/app/test-node-name.c). */
TEST(long_names_are_told_apart)
{
        struct fixture f;
        char name[2][779], command[2048];

        setup(&f);
        for (int i = 0; i < 2; i++) {
                struct stream *s = &f.streams[i];

                snprintf(name[i], sizeof(name[i]), "rtcroomd.%0768d%d", 0, i);
                memcpy(name[i] + 20, "%40", 3);
                open_speaker(&f, i, name[i], 440);
                ASSERT(RUN_UNTIL(&f, 3000, s->connected));
                snprintf(command, sizeof(command), "pw-cli info %s | grep -qF 'node.name = \"%s\"'", name[i], s->name);
                ASSERT_EQ(run(&f, command), 0);
        }
        teardown(&f);
}

TEST(a_named_target_is_taken)
{
        struct audio_stream_params p = { AUDIO_CAPTURE, "our-mic", "Us", "Test program", "loop-mic", 256 };
        struct fixture f;
        struct stream *mic;

        setup(&f);
        mic = &f.streams[0];
        mic->capture = true;
        ASSERT_OK(audio_port_new_capture(RING, &mic->port));
        ASSERT_OK(f.io->ops->open(f.io, &p, mic->port, &events, mic, &mic->stream));
        ASSERT(RUN_UNTIL(&f, 3000, mic->from_source));
        ASSERT_EQ(run(&f, "pw-link -l our-mic:input_MONO | grep -q loop-mic:capture_MONO"), 0);
        teardown(&f);
}

/* When the last microphone goes, WirePlumber links a capture stream to the monitor of the sink: what the user hears
 * would be sent. It is heard here, and the stream says all the while that it comes from no microphone. */
TEST(no_microphone_left_is_no_source)
{
        struct fixture f;
        struct stream *mic;

        setup(&f);
        mic = open_microphone(&f);
        open_speaker(&f, 1, "our-voice", 440);
        ASSERT_EQ(run(&f, "pw-cli destroy test-mic"), 0);
        ASSERT(RUN_UNTIL(&f, 3000, mic->from_source));
        ASSERT_EQ(run(&f, "pw-cli destroy loop-mic"), 0);
        ASSERT(RUN_UNTIL(&f, 3000, !mic->from_source));
        ASSERT(hears(&f, mic, 440, 0.5));
        ASSERT(!mic->from_source);
        ASSERT(mic->connected);
        ASSERT_EQ(run(&f, "pw-cli create-node adapter '{ factory.name=support.null-audio-sink node.name=test-mic "
                          "media.class=Audio/Source/Virtual object.linger=true audio.position=[MONO] "
                          "priority.session=4000 }' >/dev/null"),
                  0);
        ASSERT(RUN_UNTIL(&f, 3000, mic->from_source));
        ASSERT(RUN_UNTIL(&f, 1000, is_silent(mic)));
        teardown(&f);
}

/* The session manager refuses a stream for which there is no device; a device that comes later must do. */
TEST(no_device_at_all_is_waited_for)
{
        struct fixture f;
        struct stream *mic, *voice;
        uint64_t frames;

        setup(&f);
        mic = open_microphone(&f);
        voice = open_speaker(&f, 1, "our-voice", 440);
        ASSERT_EQ(run(&f, "pw-cli destroy test-mic; pw-cli destroy loop-mic; pw-cli destroy test-sink; pw-cli destroy "
                          "loop-sink"),
                  0);
        ASSERT(RUN_UNTIL(&f, 3000, !mic->from_source));
        RUN_FOR(&f, 1500);
        frames = voice->port->frames;
        RUN_FOR(&f, 300);
        ASSERT_EQ(voice->port->frames, frames);
        ASSERT_EQ(run(&f, "pw-cli create-node adapter '{ factory.name=support.null-audio-sink node.name=test-mic "
                          "media.class=Audio/Source/Virtual object.linger=true audio.position=[MONO] }' >/dev/null"),
                  0);
        ASSERT_EQ(run(&f, "pw-cli create-node adapter '{ factory.name=support.null-audio-sink node.name=test-sink "
                          "media.class=Audio/Sink object.linger=true audio.position=[FL FR] }' >/dev/null"),
                  0);
        ASSERT(RUN_UNTIL(&f, 3000, mic->from_source));
        ASSERT(RUN_UNTIL(&f, 3000, voice->port->frames > frames));
        teardown(&f);
}

/* But for the memory that the server shares with us: it keeps a page for a device or two until we disconnect. */
static unsigned open_descriptors(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;
        char target[64];

        ASSERT(d);
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                ssize_t len = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

                target[len > 0 ? len : 0] = '\0';
                n += strncmp(target, "/memfd:pipewire-memfd", 21) != 0;
        }
        closedir(d);
        return n;
}

/* RT is out of the ports at once, whatever the server does. */
static void close_streams(struct fixture *f)
{
        for (int i = 0; i < 2; i++) {
                audio_stream_close(f->streams[i].stream);
                ASSERT_EQ(f->streams[i].port->refs, 1);
                audio_port_unref(f->streams[i].port);
                f->streams[i] = (struct stream){ 0 };
        }
}

/* The server sends descriptors to a stream as it is set up and linked: a stream that is closed meanwhile must not
 * leave them behind. The time between is swept, as what is under way depends on it. */
static void come_and_go(struct fixture *f, unsigned times)
{
        for (unsigned i = 0; i < times; i++) {
                open_stream(f, 0, true, "our-mic", 0);
                open_stream(f, 1, false, "our-voice", 440);
                (void)RUN_UNTIL(f, i % 25, false);
                close_streams(f);
        }
        RUN_FOR(f, 300);
}

TEST(streams_that_come_and_go_leave_no_descriptor)
{
        struct fixture f;
        unsigned before;

        setup(&f);
        come_and_go(&f, 50);
        RUN_FOR(&f, 2500); /* the last ones wait for the server's word */
        before = open_descriptors();
        come_and_go(&f, 150);
        ASSERT(RUN_UNTIL(&f, 5000, open_descriptors() <= before));
        ASSERT_EQ(run(&f, "! pw-cli ls Node | grep -q our-"), 0);
        teardown(&f);
}

static pid_t pid_in(const char *variable)
{
        const char *text = getenv(variable);

        ASSERT(text);
        return (pid_t)atoi(text);
}

/* A server that does not answer gets its time and no more; and sound is back when it is. */
TEST(a_server_that_hangs_is_not_waited_for)
{
        struct fixture f;
        unsigned before;

        setup(&f);
        open_microphone(&f);
        open_speaker(&f, 1, "our-voice", 440);
        before = open_descriptors();
        ASSERT_OK(kill(pid_in("STACK_PIPEWIRE_PID"), SIGSTOP));
        close_streams(&f);
        ASSERT(RUN_UNTIL(&f, 3000, open_descriptors() < before));
        ASSERT_OK(kill(pid_in("STACK_PIPEWIRE_PID"), SIGCONT));
        open_microphone(&f);
        teardown(&f);
}

static pid_t spawn(const char *program)
{
        char *argv[] = { (char *)program, NULL };
        pid_t pid;

        ASSERT_EQ(posix_spawnp(&pid, program, NULL, NULL, argv, environ), 0);
        return pid;
}

static void end(pid_t *pid)
{
        if (*pid > 0 && kill(*pid, SIGTERM) == 0)
                waitpid(*pid, NULL, 0);
        *pid = 0;
}

TEST(a_restarted_server_brings_the_sound_back)
{
        struct fixture f;
        struct stream *mic;
        pid_t pipewire, wireplumber;
        uint64_t frames;

        setup(&f);
        mic = open_microphone(&f);
        open_speaker(&f, 1, "our-voice", 440);
        ASSERT_OK(kill(pid_in("STACK_PIPEWIRE_PID"), SIGKILL)); /* WirePlumber goes with it */
        ASSERT(RUN_UNTIL(&f, 2000, !mic->connected));
        ASSERT(!mic->from_source);
        ASSERT_STR(mic->name, "");
        ASSERT(!f.io->ops->is_available(f.io));
        RUN_FOR(&f, 300);
        pipewire = spawn("pipewire");
        RUN_FOR(&f, 300);
        wireplumber = spawn("wireplumber");
        ASSERT(RUN_UNTIL(&f, 5000, mic->from_source));
        ASSERT_STR(mic->name, "our-mic");
        frames = mic->port->frames;
        ASSERT_EQ(run(&f, "pw-link our-voice:output_FL test-mic:input_MONO"), 0);
        ASSERT(hears(&f, mic, 440, 0.5));
        ASSERT_GT(mic->port->frames, frames);
        teardown(&f);
        end(&wireplumber);
        end(&pipewire);
}

/* The last test has left nothing running. */
TEST(an_absent_server_is_waited_for)
{
        struct fixture f;
        struct stream *mic;
        pid_t pipewire, wireplumber;

        setup(&f);
        mic = open_stream(&f, 0, true, "our-mic", 0);
        RUN_FOR(&f, 1500);
        ASSERT_EQ(mic->told, 0);
        ASSERT(!f.io->ops->is_available(f.io));
        pipewire = spawn("pipewire");
        wireplumber = 0;
        ASSERT(RUN_UNTIL(&f, 3000, f.io->ops->is_available(f.io)));
        wireplumber = spawn("wireplumber");
        ASSERT(RUN_UNTIL(&f, 5000, mic->from_source));
        teardown(&f);
        end(&wireplumber);
        end(&pipewire);
}
